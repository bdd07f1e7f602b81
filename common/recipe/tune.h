/* Fine-tuning on synthesized, class-balanced data: what makes a merged model treat labels alike
   that no device has seen side by side. One owner, one thread. */
#ifndef CN_TUNE_H
#define CN_TUNE_H

#include "common/recipe/weights.h"

struct cn_tune_report {
    uint32_t n_steps;
    uint32_t per_label; /* samples synthesized of each known label */
};

/* Trains w for its recipe's consolidate_steps. Targets are the labels together with what the
   teachers say: the release before on labels that it knew, w as it came on the others (Hinton et
   al., arXiv 1503.02531; Li & Hoiem, arXiv 1606.09282). Nothing is done, and n_steps is 0, when w's
   synthesizer knows fewer than two labels. */
enum cn_err cn_tune(struct cn_weights *w, struct cn_weights *before, uint64_t seed,
                    struct cn_tune_report *report, struct cn_error *err) CN_NODISCARD;

#endif
