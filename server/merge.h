/* Merge jobs: one update checked and added into the round's sums, on the worker's thread. The sums
   belong to the worker: the loop only ever holds the pointer. */
#ifndef SRV_MERGE_H
#define SRV_MERGE_H

#include "common/recipe/update.h"
#include "server/server.h"

/* O(model), whatever the number of updates. Touched by jobs only, one after the other. */
struct srv_sums {
    struct cn_merge *merge;
    uint64_t round;
    uint32_t base;
    uint64_t ms; /* spent on merging */
};

struct srv_sums *srv_sums_new(void) CN_NODISCARD;
/* After the worker has ended. */
void srv_sums_destroy(struct srv_sums **sums);

/* SRV_ACT_MERGE: takes the slot's bytes; SRV_EV_MERGED follows. */
void srv_merge_start(struct srv_server *s, const struct srv_action *a, struct cn_buf *slot);
/* SRV_ACT_DISCARD: the sums go when the jobs before it are done. */
void srv_merge_discard(struct srv_server *s);

#endif
