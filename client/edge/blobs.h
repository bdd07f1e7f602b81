/* Large immutable files of the data directory, named by their digest: models, envelopes, the update
   in flight. Written whole and durably before anything refers to them. Threads: any. */
#ifndef EDGE_BLOBS_H
#define EDGE_BLOBS_H

#include "common/base/blob.h"
#include "common/base/digest.h"
#include "common/base/err.h"

/* Durable when it returns; the bytes must have that digest. */
enum cn_err edge_blobs_put(const char *data, const struct cn_digest *digest, struct cn_bytes bytes,
                           struct cn_error *err) CN_NODISCARD;
/* Checked against its digest. CN_E_NOTFOUND, CN_E_PARSE (damaged). */
enum cn_err edge_blobs_get(const char *data, const struct cn_digest *digest, struct cn_blob **ret,
                           struct cn_error *err) CN_NODISCARD;
/* Nobody needs it any more. What cannot be removed now is removed at the next start. */
void edge_blobs_remove(const char *data, const struct cn_digest *digest);
/* At start: removes every file whose digest is not among keep[0..n). */
enum cn_err edge_blobs_tidy(const char *data, const struct cn_digest *keep, size_t n,
                            struct cn_error *err) CN_NODISCARD;

#endif
