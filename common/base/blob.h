/* Immutable reference-counted bytes: made once, then shared between peers and threads, never
 * copied. */
#ifndef CN_BLOB_H
#define CN_BLOB_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/own.h"

struct cn_blob; /* opaque; the count is atomic, the bytes never change */

/* Takes the buffer's bytes (the buffer is left empty). */
struct cn_blob *cn_blob_take(struct cn_buf *b) CN_NODISCARD;
struct cn_blob *cn_blob_copy(const void *p, size_t n) CN_NODISCARD;
struct cn_blob *cn_blob_ref(struct cn_blob *blob) CN_NODISCARD;
/* Drops one reference and nulls the pointer; takes NULL. */
void cn_blob_unref(struct cn_blob **blob);
struct cn_bytes cn_blob_bytes(const struct cn_blob *blob);

#endif
