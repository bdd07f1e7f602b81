/* DATA/blobs: one file per digest. */
#include "client/edge/blobs.h"

#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/doors/crypto.h"

enum { MAX_FILES = 100000, PATH_BYTES = 4096 };

static void path_of(char path[PATH_BYTES], const char *data, const struct cn_digest *digest)
{
    char hex[CN_DIGEST_HEX_BYTES];

    snprintf(path, PATH_BYTES, "%s/blobs/%s", data, cn_digest_hex(hex, digest));
}

enum cn_err edge_blobs_put(const char *data, const struct cn_digest *digest, struct cn_bytes bytes,
                           struct cn_error *err)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/blobs", data);
    enum cn_err e = cn_fs_mkdirs(path, 0700, err);
    if (e)
        return e;
    path_of(path, data, digest);
    return cn_fs_write_atomic(path, bytes, 0600, err);
}

enum cn_err edge_blobs_get(const char *data, const struct cn_digest *digest, struct cn_blob **ret,
                           struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    char path[PATH_BYTES];

    path_of(path, data, digest);
    enum cn_err e = cn_fs_read(path, CN_MAX_BLOB_BYTES, &bytes, err);
    if (e)
        return e;
    struct cn_digest is = cn_digest_of(bytes.at, bytes.n);
    if (!cn_digest_equal(&is, digest))
        return cn_fail(err, CN_E_PARSE, "%s is damaged: its bytes do not have its digest", path);
    *ret = cn_blob_take(&bytes);
    return CN_OK;
}

void edge_blobs_remove(const char *data, const struct cn_digest *digest)
{
    char path[PATH_BYTES];
    struct cn_error err;

    path_of(path, data, digest);
    if (cn_fs_remove(path, &err))
        cn_log(CN_LOG_WARN, "blob.remove", "path=%s", path);
}

static bool is_kept(const char *name, const struct cn_digest *keep, size_t n)
{
    char hex[CN_DIGEST_HEX_BYTES];

    for (size_t i = 0; i < n; i++)
        if (strcmp(name, cn_digest_hex(hex, &keep[i])) == 0)
            return true;
    return false;
}

enum cn_err edge_blobs_tidy(const char *data, const struct cn_digest *keep, size_t n,
                            struct cn_error *err)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names names = {0};
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/blobs", data);
    enum cn_err e = cn_fs_mkdirs(path, 0700, err);
    if (!e)
        e = cn_fs_list(path, MAX_FILES, &names, err);
    for (size_t i = 0; i < names.n && !e; i++) {
        if (is_kept(names.at[i], keep, n))
            continue;
        snprintf(path, sizeof path, "%s/blobs/%s", data, names.at[i]);
        e = cn_fs_remove(path, err);
    }
    return e;
}
