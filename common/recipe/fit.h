/* Trains rows of a linear head on a handful of examples, in the fleet's metric: milliseconds for
   one correction. Threads: reentrant. */
#ifndef CN_FIT_H
#define CN_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/recipe/metric.h"

enum { CN_FIT_MAX_SAMPLES = 1024 };

/* A head's rows, borrowed. */
struct cn_head {
    uint32_t n_rows, dim;
    float *w; /* (n_rows, dim) */
    float *b; /* (n_rows) */
    const bool
        *absent; /* (n_rows) rows that nothing was learnt for yet: never predicted; or NULL */
};

struct cn_fit_sample {
    const float *phi; /* (dim) */
    uint32_t row;     /* the right one, not an absent one */
    float weight;     /* of its loss; the weights are normalized to the sum 1 */
    bool firm;        /* should be right with the margin at the end */
};

struct cn_fit_conf {
    uint32_t max_steps;
    bool until_firm;   /* stop as soon as every firm sample is right with the margin */
    bool promise;      /* and put right what is not after the steps */
    float margin;      /* between the right logit and the best other */
    const bool *still; /* (n_rows) rows that must not change, or NULL; not with a promise */
    const float *soft; /* (n, n_rows) probabilities of a teacher at `temperature`, or NULL */
    float soft_weight, temperature;
};

struct cn_fit_report {
    uint32_t n_steps;
    uint32_t n_wrong; /* firm samples without the margin afterwards */
    float loss;       /* of the last step */
};

/* n <= CN_FIT_MAX_SAMPLES. Deterministic. CN_E_NUMERIC leaves the head as it was. */
enum cn_err cn_fit_rows(const struct cn_head *head, const struct cn_metric *metric,
                        const struct cn_fit_sample *samples, uint32_t n,
                        const struct cn_fit_conf *conf, struct cn_fit_report *report,
                        struct cn_error *err) CN_NODISCARD;

/* phi[i] (dim) -> z (n, n_rows) logits; an absent row's is CN_FIT_ABSENT. */
void cn_fit_logits(const struct cn_head *head, const float *const *phi, uint32_t n, float *z);
#define CN_FIT_ABSENT (-1e30f)

#endif
