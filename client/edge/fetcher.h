/* Blobs on their way to this device: the part that is here, and the check when all of it is. A part
   lives in memory (a restart begins again); a whole and checked blob in DATA/blobs.
   Threads: the loop's; checking is a job. */
#ifndef EDGE_FETCHER_H
#define EDGE_FETCHER_H

#include "common/base/blob.h"
#include "common/base/digest.h"
#include "common/doors/worker.h"

struct edge_fetcher;

enum cn_err edge_fetcher_new(struct edge_fetcher **ret, struct cn_loop *loop, const char *data,
                             struct cn_error *err) CN_NODISCARD;
void edge_fetcher_destroy(struct edge_fetcher **f);

/* How many bytes are here, from the first on. Asking for another blob forgets the part of the one
   before. */
uint64_t edge_fetcher_have(struct edge_fetcher *f, const struct cn_digest *digest);
/* The next bytes; what does not continue the part that is here is ignored. */
void edge_fetcher_keep(struct edge_fetcher *f, const struct cn_digest *digest, uint64_t offset,
                       struct cn_bytes bytes);
void edge_fetcher_forget(struct edge_fetcher *f, const struct cn_digest *digest);

/* blob: lent; NULL on an error. CN_E_CRYPTO: the bytes have another digest. */
typedef void (*edge_checked_fn)(void *user, struct cn_blob *blob, const struct cn_error *err);

/* Checks the part that is here as a whole; store: and makes it durable in DATA/blobs. */
void edge_fetcher_check(struct edge_fetcher *f, const struct cn_digest *digest, bool store,
                        edge_checked_fn fn, void *user);

#endif
