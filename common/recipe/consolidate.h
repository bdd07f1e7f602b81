/* From a round's sums to candidates for the next release: apply the merged deltas row by row, add
   up the statistics, balance with synthesized data. Threads: reentrant; a job of seconds. */
#ifndef CN_CONSOLIDATE_H
#define CN_CONSOLIDATE_H

#include "common/recipe/update.h"

enum { CN_MAX_CANDIDATES = 3 };

struct cn_consolidate_in {
    struct cn_blob *model; /* the current release */
    struct cn_blob *stats; /* its statistics, NULL for genesis */
    const struct cn_merge *merge;
    const struct cn_label_move *moves; /* from cn_registry_moves: rows to merge, rows to drop */
    uint32_t n_moves;
    uint64_t seed;
};

struct cn_candidate {
    char name[24];         /* "solve", "tuned", "merged", ... */
    struct cn_blob *model; /* owned */
    /* Right answers on synthesized data, balanced, the same samples for every candidate and for the
       release before: the gate's fallback while held-out evidence is thin. */
    struct cn_label_tally *synthetic; /* owned; n_synthetic entries, right/wrong filled */
    uint32_t n_synthetic;
};

struct cn_consolidation {
    struct cn_candidate candidate[CN_MAX_CANDIDATES];
    uint32_t n_candidates;
    struct cn_label_tally *before; /* the current release on the same synthesized data */
    uint32_t n_before;
    struct cn_blob *stats; /* statistics of the next release, owned (NULL: recipe has none) */
    char synth[16];        /* which synthesizer was used */
    struct cn_label_count *n_synthesized; /* samples per label, owned */
    uint32_t n_synthesized_labels;
    uint32_t n_steps; /* of fine-tuning */
    uint64_t ms_solve, ms_tune;
};

enum cn_err cn_consolidate(const struct cn_consolidate_in *in, struct cn_consolidation *ret,
                           struct cn_error *err) CN_NODISCARD;
void cn_consolidation_fini(struct cn_consolidation *c);

/* Scores a model blob on examples: tallies (one per label present, ascending id; right/wrong only),
 *ret_tallies owned by the caller. What a device runs on its held-out examples. */
enum cn_err cn_score(struct cn_blob *model, const struct cn_example *examples, uint32_t n,
                     struct cn_label_tally **ret_tallies, uint32_t *ret_n,
                     struct cn_error *err) CN_NODISCARD;

#endif
