/* Features of examples that still wait for a release, by example id, so that training, scoring and
   building need not decode images again. Bounded; the oldest go first. Loop thread only. */
#ifndef EDGE_PHICACHE_H
#define EDGE_PHICACHE_H

#include "common/base/blob.h"

struct edge_phicache;

struct edge_phicache *edge_phicache_new(size_t max_bytes) CN_NODISCARD;
void edge_phicache_destroy(struct edge_phicache **c);
/* Keeps a reference to phi; ids grow, so a new one goes to the end. */
void edge_phicache_put(struct edge_phicache *c, int64_t example, struct cn_blob *phi);
/* Lent, or NULL. */
struct cn_blob *edge_phicache_get(const struct edge_phicache *c, int64_t example);
void edge_phicache_drop(struct edge_phicache *c, int64_t example);
/* Another trunk: nothing in it fits any more. */
void edge_phicache_clear(struct edge_phicache *c);

#endif
