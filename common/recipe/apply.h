/* A round's sums put onto the release: the merged model, before anything is balanced.
   Threads: reentrant. */
#ifndef CN_APPLY_H
#define CN_APPLY_H

#include "common/recipe/consolidate.h"
#include "common/recipe/weights.h"

/* Where a label of the release or the round ends up; CN_LABEL_NONE: nowhere. */
uint32_t cn_apply_resolve(const struct cn_label_move *moves, uint32_t n, uint32_t label);

/* The release's model with the round's mean deltas, for the labels that there are now: those of the
   release in their order, then new ones by id. Rows of labels that became one are averaged,
   weighted by the images behind them. The placeholder goes with the first real label. Moments stay
   the release's. */
enum cn_err cn_apply_round(const struct cn_consolidate_in *in, struct cn_weights **ret,
                           struct cn_error *err) CN_NODISCARD;

#endif
