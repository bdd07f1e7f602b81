/* The device's identity on disk. */
#include "client/edge/identity.h"

#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/doors/json.h"

enum { MAX_IDENTITY_BYTES = 16384 };

static enum cn_err text(const struct cn_json *j, const char *key, char *out, size_t size,
                        struct cn_error *err)
{
    const char *s;

    enum cn_err e = cn_json_need_string(j, key, &s, err);
    if (e)
        return e;
    if (strlen(s) >= size)
        return cn_fail(err, CN_E_LIMIT, "\"%s\" is longer than %zu bytes", key, size - 1);
    memcpy(out, s, strlen(s) + 1);
    return CN_OK;
}

static enum cn_err hex(const struct cn_json *j, const char *key, void *out, struct cn_error *err)
{
    const char *s;

    enum cn_err e = cn_json_need_string(j, key, &s, err);
    return e ? e : cn_hex_decode(out, 32, s, key, err);
}

static enum cn_err read_identity(const struct cn_json *j, struct edge_identity *id,
                                 struct cn_error *err)
{
    int64_t device;

    enum cn_err e = cn_json_need_int(j, "device", &device, err);
    if (!e && (device < 1 || device > UINT32_MAX))
        e = cn_fail(err, CN_E_PARSE, "\"device\" is no device number");
    if (!e)
        e = hex(j, "fleet", id->fleet.b, err);
    if (!e)
        e = hex(j, "server", id->server.b, err);
    if (!e)
        e = text(j, "name", id->name, sizeof id->name, err);
    if (!e)
        e = text(j, "endpoint", id->endpoint, sizeof id->endpoint, err);
    if (!e)
        id->device = (uint32_t)device;
    return e;
}

enum cn_err edge_identity_load(struct edge_identity *ret, const char *data, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    struct edge_identity id = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/identity.json", data);
    if (!cn_fs_exists(path))
        return cn_fail(err, CN_E_NOTFOUND,
                       "%s has not joined a fleet: get a token from the operator and run "
                       "cairn-edge join TOKEN --data %s",
                       data, data);
    enum cn_err e = cn_fs_read(path, MAX_IDENTITY_BYTES, &bytes, err);
    if (e)
        return e;
    e = cn_json_parse((struct cn_bytes){bytes.at, bytes.n}, MAX_IDENTITY_BYTES, &j, err);
    if (!e)
        e = read_identity(j, &id, err);
    if (e) {
        cn_fail_prefix(err, "%s", path);
        return e;
    }
    *ret = id;
    return CN_OK;
}

enum cn_err edge_identity_save(const struct edge_identity *id, const char *data,
                               struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    char path[4096], word[2 * 32 + 1];

    cn_json_set_int(j, "device", id->device);
    cn_json_set_string(j, "name", id->name);
    cn_json_set_string(j, "fleet", cn_hex_encode(word, id->fleet.b, 32));
    cn_json_set_string(j, "server", cn_hex_encode(word, id->server.b, 32));
    cn_json_set_string(j, "endpoint", id->endpoint);
    cn_json_dump(j, true, &bytes);
    snprintf(path, sizeof path, "%s/identity.json", data);
    return cn_fs_write_atomic(path, (struct cn_bytes){bytes.at, bytes.n}, 0600, err);
}

enum cn_err edge_identity_key(struct cn_secret **ret, const char *data, bool make,
                              struct cn_error *err)
{
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/keys", data);
    if (make) {
        enum cn_err e = cn_fs_mkdirs(path, 0700, err);
        if (e)
            return e;
    }
    snprintf(path, sizeof path, "%s/keys/device.key", data);
    if (!make || cn_fs_exists(path))
        return cn_secret_load(ret, CN_SECRET_LINK, path, err);
    key = cn_secret_new(CN_SECRET_LINK);
    enum cn_err e = cn_secret_save(key, path, err);
    if (!e)
        *ret = cn_steal(key);
    return e;
}
