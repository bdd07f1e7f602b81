/* A synthesizer from second moments: label mean + low-rank Gaussian + noise, one covariance for all
   labels (RESEARCH section 1, linear-Gaussian generator). Threads: read-only while sampling. */
#ifndef CN_MOMENTS_H
#define CN_MOMENTS_H

#include "common/base/rng.h"
#include "common/model/pack.h"
#include "common/model/stats.h"

struct cn_moments {
    uint32_t n_labels, dim, rank;
    float *mean;   /* (n_labels, dim), row i belongs to the owner's i-th label */
    float *factor; /* (rank, dim) */
    float *noise;  /* (dim) standard deviations */
};

/* Zero-filled arrays; free with cn_moments_fini. {0} is empty. */
void cn_moments_init(struct cn_moments *m, uint32_t n_labels, uint32_t dim, uint32_t rank);
void cn_moments_fini(struct cn_moments *m);

/* The moments of the labels[0..n) of s, in that order; a label without statistics gets the mean of
   all (and is best not sampled: has, (n), says which have their own; may be NULL). */
enum cn_err cn_moments_from_stats(struct cn_moments *ret, const struct cn_stats *s,
                                  const uint32_t *labels, uint32_t n, uint32_t rank, bool *has,
                                  struct cn_error *err) CN_NODISCARD;

/* out (n, dim) = max(0, mean[row] + z factor + e * noise), z and e standard normal: features are
   pooled ReLUs and never negative. */
void cn_moments_sample(const struct cn_moments *m, uint32_t row, uint32_t n, struct cn_rng *rng,
                       float *out);

/* Tensors "synth.mean" (by_label, the pack's labels), "synth.factor", "synth.noise", as f32. */
void cn_moments_put(const struct cn_moments *m, struct cn_pack_writer *w);
/* CN_E_NOTFOUND when the pack has none of them; CN_E_SHAPE, CN_E_NUMERIC. */
enum cn_err cn_moments_open(struct cn_moments *ret, const struct cn_pack *p,
                            struct cn_error *err) CN_NODISCARD;

#endif
