/* What the store's files share. Loop thread only. */
#ifndef EDGE_STORE_IMPL_H
#define EDGE_STORE_IMPL_H

#include "client/edge/store_read.h"
#include "client/edge/store_update.h"
#include "common/doors/db.h"

struct edge_store {
    struct cn_db *db;
    uint64_t max_bytes;
    bool keep_images;
};

/* Deletes the image unless an example still needs it. Inside the caller's transaction. */
enum cn_err edge_store_drop_image(struct edge_store *s, const struct cn_digest *digest,
                                  struct cn_error *err) CN_NODISCARD;
/* Adds n (it may be negative) to the tally of an answer. Inside the caller's transaction. */
enum cn_err edge_store_tally(struct edge_store *s, const struct edge_example *e, int n,
                             struct cn_error *err) CN_NODISCARD;
/* A line of the history of an example (seq 0) or of all examples of an update (example 0). */
enum cn_err edge_store_note(struct edge_store *s, int64_t example, uint64_t seq, uint64_t now_ms,
                            const char *what, struct cn_error *err) CN_NODISCARD;

#endif
