/* Immutable reference-counted bytes. */
#include "common/base/blob.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

struct cn_blob {
    atomic_uint n_ref;
    struct cn_buf bytes;
};

struct cn_blob *cn_blob_take(struct cn_buf *b)
{
    struct cn_blob *blob = cn_calloc(1, sizeof *blob);

    atomic_init(&blob->n_ref, 1);
    blob->bytes = *b;
    *b = (struct cn_buf){0};
    return blob;
}

struct cn_blob *cn_blob_copy(const void *p, size_t n)
{
    struct cn_buf b = {0};

    cn_buf_append(&b, p, n);
    return cn_blob_take(&b);
}

struct cn_blob *cn_blob_ref(struct cn_blob *blob)
{
    unsigned before = atomic_fetch_add_explicit(&blob->n_ref, 1, memory_order_relaxed);
    assert(before > 0);
    return blob;
}

void cn_blob_unref(struct cn_blob **p)
{
    struct cn_blob *blob = cn_steal(*p);

    if (!blob || atomic_fetch_sub_explicit(&blob->n_ref, 1, memory_order_acq_rel) != 1)
        return;
    cn_buf_fini(&blob->bytes);
    free(blob);
}

struct cn_bytes cn_blob_bytes(const struct cn_blob *blob)
{
    return (struct cn_bytes){blob->bytes.at, blob->bytes.n};
}
