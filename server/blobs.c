/* Content-addressed files with a small shared cache. */
#include "server/blobs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/base/limits.h"

enum { CACHE_BYTES = 64 * 1024 * 1024, MAX_FILES = 1000000 };

static void path_of(const char *dir, const struct cn_digest *digest, char *out, size_t size)
{
    char hex[CN_DIGEST_HEX_BYTES];
    int n = snprintf(out, size, "%s/%s", dir, cn_digest_hex(hex, digest));

    assert(n > 0 && (size_t)n < size);
}

void srv_blobs_init(struct srv_blobs *b, const char *dir)
{
    *b = (struct srv_blobs){0};
    snprintf(b->dir, sizeof b->dir, "%s", dir);
}

static void forget(struct srv_blobs *b)
{
    for (size_t i = 0; i < CN_COUNT(b->cached); i++) {
        cn_blob_unref(&b->cached[i].blob);
        b->cached[i].used = 0;
    }
}

void srv_blobs_fini(struct srv_blobs *b)
{
    srv_blobs_drop_held(b);
    forget(b);
}

void srv_blobs_renew(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob *model)
{
    forget(b);
    b->cached[0] = (struct srv_blobs_entry){*digest, cn_blob_ref(model), ++b->clock};
}

enum cn_err srv_blobs_write(const char *dir, struct cn_bytes bytes, struct cn_digest *ret,
                            struct cn_error *err)
{
    char path[1024 + CN_DIGEST_HEX_BYTES];
    struct cn_digest digest = cn_digest_of(bytes.at, bytes.n);
    enum cn_err e = CN_OK;

    path_of(dir, &digest, path, sizeof path);
    if (!cn_fs_exists(path))
        e = cn_fs_write_atomic(path, bytes, 0640, err);
    if (e == CN_OK)
        *ret = digest;
    return e;
}

static struct cn_blob *find(struct srv_blobs *b, const struct cn_digest *digest)
{
    for (size_t i = 0; i < CN_COUNT(b->held); i++)
        if (b->held[i].blob && cn_digest_equal(&b->held[i].digest, digest))
            return b->held[i].blob;
    for (size_t i = 0; i < CN_COUNT(b->cached); i++)
        if (b->cached[i].blob && cn_digest_equal(&b->cached[i].digest, digest)) {
            b->cached[i].used = ++b->clock;
            return b->cached[i].blob;
        }
    return NULL;
}

static struct srv_blobs_entry *oldest(struct srv_blobs *b)
{
    struct srv_blobs_entry *old = &b->cached[0];

    for (size_t i = 1; i < CN_COUNT(b->cached); i++)
        if (b->cached[i].used < old->used)
            old = &b->cached[i];
    return old;
}

/* Makes room for n more bytes and returns a free entry. */
static struct srv_blobs_entry *make_room(struct srv_blobs *b, size_t n)
{
    size_t total = n;

    for (size_t i = 0; i < CN_COUNT(b->cached); i++)
        total += b->cached[i].blob ? cn_blob_bytes(b->cached[i].blob).n : 0;
    for (size_t i = 0; i < CN_COUNT(b->cached) && total > CACHE_BYTES; i++) {
        struct srv_blobs_entry *old = NULL;
        for (size_t k = 0; k < CN_COUNT(b->cached); k++)
            if (b->cached[k].blob && (!old || b->cached[k].used < old->used))
                old = &b->cached[k];
        if (!old)
            break;
        total -= cn_blob_bytes(old->blob).n;
        cn_blob_unref(&old->blob);
        old->used = 0;
    }
    struct srv_blobs_entry *free_one = oldest(b);
    cn_blob_unref(&free_one->blob);
    return free_one;
}

/* Appends the file's bytes, which have that digest. */
static enum cn_err read_file(const struct srv_blobs *b, const struct cn_digest *digest,
                             struct cn_buf *bytes, struct cn_error *err)
{
    char path[1024 + CN_DIGEST_HEX_BYTES];

    path_of(b->dir, digest, path, sizeof path);
    enum cn_err e = cn_fs_read(path, CN_MAX_BLOB_BYTES, bytes, err);
    if (e != CN_OK)
        return e;
    struct cn_digest is = cn_digest_of(bytes->at, bytes->n);
    if (!cn_digest_equal(&is, digest))
        return cn_fail(err, CN_E_CRYPTO,
                       "%s does not hold the bytes that its name says; restore it from a backup",
                       path);
    return CN_OK;
}

enum cn_err srv_blobs_get(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob **ret,
                          struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) bytes = {0};
    struct cn_blob *known = find(b, digest);

    if (known) {
        *ret = cn_blob_ref(known);
        return CN_OK;
    }
    enum cn_err e = read_file(b, digest, &bytes, err);
    if (e != CN_OK)
        return e;
    struct srv_blobs_entry *entry = make_room(b, bytes.n);
    *entry = (struct srv_blobs_entry){*digest, cn_blob_take(&bytes), ++b->clock};
    *ret = cn_blob_ref(entry->blob);
    return CN_OK;
}

enum cn_err srv_blobs_check(const struct srv_blobs *b, const struct cn_digest *digest,
                            struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) bytes = {0};

    return read_file(b, digest, &bytes, err);
}

void srv_blobs_hold(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob *blob)
{
    for (size_t i = 0; i < CN_COUNT(b->held); i++)
        if (!b->held[i].blob) {
            b->held[i] = (struct srv_blobs_entry){.digest = *digest, .blob = cn_blob_ref(blob)};
            return;
        }
    assert(!"more blobs held than candidates can be");
}

void srv_blobs_drop_held(struct srv_blobs *b)
{
    for (size_t i = 0; i < CN_COUNT(b->held); i++)
        cn_blob_unref(&b->held[i].blob);
}

enum cn_err srv_blobs_sweep(struct srv_blobs *b, srv_blobs_keep_fn keep, void *user,
                            struct cn_error *err)
{
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};
    enum cn_err e = cn_fs_list(b->dir, MAX_FILES, &names, err);

    for (size_t i = 0; e == CN_OK && i < names.n; i++) {
        char path[1024 + 256];
        struct cn_digest digest;
        struct cn_error ignored;
        int n = snprintf(path, sizeof path, "%s/%s", b->dir, names.at[i]);
        if (n < 0 || (size_t)n >= sizeof path ||
            (cn_hex_decode(digest.b, sizeof digest.b, names.at[i], "", &ignored) == CN_OK &&
             keep(user, &digest)))
            continue;
        e = cn_fs_remove(path, err);
    }
    return e;
}
