/* Right and wrong answers of weights, per label. One owner, one thread. */
#ifndef CN_SCORE_H
#define CN_SCORE_H

#include "common/recipe/balance.h"
#include "common/recipe/weights.h"

/* Tallies of w's answers to phi[i], whose right label is labels[i]: one per label present,
   ascending by id, right/wrong only; owned by the caller. */
void cn_score_weights(const struct cn_weights *w, const float *const *phi, const uint32_t *labels,
                      uint32_t n, struct cn_label_tally **ret, uint32_t *ret_n);

#endif
