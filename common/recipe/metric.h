/* Whitening: coordinates in which the features of one label scatter alike in every direction, so
   that a step for one image moves the others as little as it can. One owner; reading is
   thread-safe. */
#ifndef CN_METRIC_H
#define CN_METRIC_H

#include <stdint.h>

#include "common/base/err.h"

struct cn_metric {
    uint32_t dim, rank;
    float *centre; /* (dim) */
    float *scale;  /* (dim) 1 / residual standard deviation, times one overall factor that makes
                      the mean |u|^2 about 1 */
    float *axis;   /* (rank, dim) orthonormal, in scaled coordinates */
    float *shrink; /* (rank) what is added along an axis: 1/sqrt(1 + eigenvalue) - 1 */
};

/* From a covariance F^T F + diag(noise^2): centre (dim), factor (rank, dim), noise (dim). */
enum cn_err cn_metric_new(struct cn_metric **ret, uint32_t dim, uint32_t rank, const float *centre,
                          const float *factor, const float *noise,
                          struct cn_error *err) CN_NODISCARD;
/* When the fleet has no statistics yet: centre and one common scale from the examples themselves,
   phi[i] (dim) each. */
struct cn_metric *cn_metric_from_examples(uint32_t dim, const float *const *phi,
                                          uint32_t n) CN_NODISCARD;
void cn_metric_destroy(struct cn_metric **m);

/* phi[i] (dim) -> u (n, dim): A^-1/2 (phi - centre). */
void cn_metric_whiten(const struct cn_metric *m, const float *const *phi, uint32_t n, float *u);
/* Rows v (n, dim) and offsets c (n) that act on u become rows and offsets that act on phi, in
   place: v.u + c = w.phi + b. */
void cn_metric_pull_back(const struct cn_metric *m, float *v, float *c, uint32_t n);

#endif
