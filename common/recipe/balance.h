/* Synthesized samples of every known label, in equal numbers: what keeps a batch balanced when a
   device has seen only a few labels. One owner, one thread. */
#ifndef CN_BALANCE_H
#define CN_BALANCE_H

#include "common/recipe/weights.h"

struct cn_balance {
    uint32_t n;
    float *phi;     /* (n, phi_size) */
    uint32_t *rows; /* (n) */
};

/* How many labels w's synthesizer can draw; 0 with synth `none`. */
uint32_t cn_balance_labels(const struct cn_weights *w);
/* per_label samples of each of them, but at most n_max in all (then of labels chosen by seed). Free
   with cn_balance_fini. */
void cn_balance_draw(struct cn_weights *w, uint32_t per_label, uint32_t n_max, uint64_t seed,
                     struct cn_balance *ret);
void cn_balance_fini(struct cn_balance *b);

#endif
