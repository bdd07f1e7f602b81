/* Updates are built on a second thread, so that predictions and corrections do not wait for them.
   A job owns the release's bytes and the lessons. Threads: the loop's. */
#ifndef EDGE_BUILDER_H
#define EDGE_BUILDER_H

#include "client/edge/core/event.h"
#include "client/edge/lesson.h"
#include "common/doors/worker.h"
#include "common/recipe/update.h"

struct edge_builder;

/* data: where DATA/blobs is. */
enum cn_err edge_builder_new(struct edge_builder **ret, struct cn_loop *loop, const char *data,
                             struct cn_error *err) CN_NODISCARD;
void edge_builder_destroy(struct edge_builder **b);

struct edge_built {
    struct edge_update update; /* its bytes are durable under its digest */
    struct cn_update_report report;
    struct edge_lessons lessons; /* those that are in it, with their features */
};

typedef void (*edge_built_fn)(void *user, struct edge_built *b, const struct cn_error *err);

/* Takes the model's bytes and the lessons. */
void edge_builder_build(struct edge_builder *b, uint64_t seq, uint32_t base, struct cn_blob **model,
                        struct edge_lessons *lessons, edge_built_fn fn, void *user);

#endif
