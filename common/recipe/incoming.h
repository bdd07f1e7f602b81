/* One update under inspection: opened, checked against a round's release, and made ready to be
   added. One owner, one thread. */
#ifndef CN_INCOMING_H
#define CN_INCOMING_H

#include "common/recipe/merge.h"

struct cn_incoming {
    const struct cn_merge *m;
    struct cn_pack *pack;
    const struct cn_pack_head *head;
    double factor; /* 1/sqrt(1 + staleness) */
    uint32_t n_images;
    uint32_t n_tensors;
    struct cn_pack_tensor *tensors; /* (n_tensors) deltas against the round's release */
    float **rewritten;              /* (n_tensors) their numbers where they were rewritten */
    uint32_t **weights;             /* (n_tensors) one per row, or one */
    const uint32_t **rows;          /* (n_tensors) label ids, NULL for a body; in pack */
};

/* labels: the ids that an update may be about. The bytes must outlive *ret. After CN_OK every
   tensor can go to cn_sums_add and the pack to cn_stats_add; on an error, too, free with
   cn_incoming_fini. */
enum cn_err cn_incoming_open(struct cn_incoming *ret, const struct cn_merge *m,
                             struct cn_bytes update, const uint32_t *labels, uint32_t n_labels,
                             uint32_t staleness, struct cn_error *err) CN_NODISCARD;
void cn_incoming_fini(struct cn_incoming *in);

#endif
