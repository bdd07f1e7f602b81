/* Inside of a round's sums, for the consolidation. */
#ifndef CN_MERGE_H
#define CN_MERGE_H

#include "common/model/stats.h"
#include "common/model/sums.h"
#include "common/recipe/update.h"
#include "common/recipe/weights.h"

struct cn_merge {
    struct cn_weights *base; /* the release that the round starts from, its generator included */
    bool has_base_gan;       /* the release brought it; else it is as born */
    struct cn_sums *rows;    /* deltas of every tensor */
    struct cn_stats *stats;  /* features; else NULL */
    struct cn_label_count *counts; /* (n_counts) ascending */
    uint32_t n_counts, cap_counts;
    uint32_t n_updates;
};

#endif
