/* The data directory: layout, lock, keys. */
#include "server/data.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fs.h"

const char *srv_data_path(const struct srv_data *d, const char *name, char out[SRV_PATH_BYTES])
{
    int n = snprintf(out, SRV_PATH_BYTES, "%s/%s", d->dir, name);

    assert(n > 0 && n < SRV_PATH_BYTES);
    return out;
}

static enum cn_err set_dir(struct srv_data *d, const char *dir, struct cn_error *err)
{
    char *CN_CLEANUP(cn_freep) real = realpath(dir, NULL);

    if (!real)
        return cn_fail_errno(err, "cannot use the data directory %s", dir);
    if (strlen(real) >= sizeof d->dir)
        return cn_fail(err, CN_E_LIMIT, "the path of %s is longer than %zu bytes", dir,
                       sizeof d->dir - 1);
    memcpy(d->dir, real, strlen(real) + 1);
    return CN_OK;
}

/* ---- keys ---- */

static enum cn_err load_or_make(struct cn_secret **ret, enum cn_secret_kind kind, const char *path,
                                struct cn_error *err)
{
    if (cn_fs_exists(path))
        return cn_secret_load(ret, kind, path, err);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) s = cn_secret_new(kind);
    enum cn_err e = cn_secret_save(s, path, err);
    if (e == CN_OK)
        *ret = cn_steal(s);
    return e;
}

static enum cn_err write_public(const struct srv_data *d, const char *name,
                                const struct cn_secret *secret, const char *after,
                                struct cn_error *err)
{
    char path[SRV_PATH_BYTES], hex[2 * CN_KEY_BYTES + 1], line[128];
    const struct cn_public_key *key = cn_secret_public(secret);
    int n = snprintf(line, sizeof line, "%s%s\n", cn_hex_encode(hex, key->b, sizeof key->b), after);

    return cn_fs_write_atomic(srv_data_path(d, name, path),
                              (struct cn_bytes){(const uint8_t *)line, (size_t)n}, 0644, err);
}

static enum cn_err make_keys(struct srv_data *d, struct cn_error *err)
{
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) admin = NULL;
    char path[SRV_PATH_BYTES];
    enum cn_err e;

    if ((e = load_or_make(&d->fleet, CN_SECRET_SIGN, srv_data_path(d, "keys/fleet.key", path),
                          err)) != CN_OK ||
        (e = load_or_make(&d->server, CN_SECRET_LINK, srv_data_path(d, "keys/server.key", path),
                          err)) != CN_OK ||
        (e = load_or_make(&admin, CN_SECRET_LINK, srv_data_path(d, "keys/admin.key", path), err)) !=
            CN_OK ||
        (e = write_public(d, "keys/server.pub", d->server, "", err)) != CN_OK)
        return e;
    return write_public(d, "keys/admins", admin, " admin", err);
}

/* ---- who may administer ---- */

static enum cn_err add_admin(struct srv_data *d, const char *path, unsigned line, char *text,
                             struct cn_error *err)
{
    char *rest, *hex = strtok_r(text, " \t\r", &rest), *name = strtok_r(NULL, " \t\r", &rest);

    if (!hex || hex[0] == '#')
        return CN_OK;
    if (d->n_admins == SRV_MAX_ADMINS)
        return cn_fail(err, CN_E_LIMIT, "%s:%u: more than %d admins", path, line, SRV_MAX_ADMINS);
    struct srv_admin_key *a = &d->admins[d->n_admins];
    enum cn_err e = cn_hex_decode(a->key.b, sizeof a->key.b, hex, "the key", err);
    if (e != CN_OK) {
        cn_fail_prefix(err, "%s:%u", path, line);
        return e;
    }
    if (!name || strlen(name) >= sizeof a->name)
        return cn_fail(err, CN_E_PARSE, "%s:%u: a name of at most %zu bytes must follow the key",
                       path, line, sizeof a->name - 1);
    memcpy(a->name, name, strlen(name) + 1);
    d->n_admins++;
    return CN_OK;
}

static enum cn_err read_admins(struct srv_data *d, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    char path[SRV_PATH_BYTES];
    enum cn_err e = cn_fs_read(srv_data_path(d, "keys/admins", path), 64 * 1024, &text, err);

    if (e != CN_OK)
        return e;
    cn_buf_cstr(&text);
    char *rest = (char *)text.at;
    for (unsigned line = 1; rest && e == CN_OK; line++)
        e = add_admin(d, path, line, strsep(&rest, "\n"), err);
    return e;
}

static void set_fleet_id(struct srv_data *d)
{
    memcpy(d->fleet_id.b, cn_secret_public(d->fleet)->b, sizeof d->fleet_id.b);
}

/* ---- the two ways in ---- */

enum cn_err srv_data_create(struct srv_data *ret, const char *dir, struct cn_error *err)
{
    struct srv_data CN_CLEANUP(srv_data_close) d = {.lock_fd = -1};
    char path[SRV_PATH_BYTES];
    enum cn_err e;

    if ((e = cn_fs_mkdirs(dir, 0750, err)) != CN_OK || (e = set_dir(&d, dir, err)) != CN_OK)
        return e;
    if (cn_fs_exists(srv_data_path(&d, "coordinator.conf", path)))
        return cn_fail(err, CN_E_EXISTS,
                       "%s holds a fleet already; start it with `cairn-coordinator run --data %s`, "
                       "or choose another directory",
                       d.dir, d.dir);
    if ((e = cn_fs_lock(d.dir, &d.lock_fd, err)) != CN_OK ||
        (e = cn_fs_mkdirs(srv_data_path(&d, "keys", path), 0700, err)) != CN_OK ||
        (e = cn_fs_mkdirs(srv_data_path(&d, "blobs", path), 0750, err)) != CN_OK ||
        (e = make_keys(&d, err)) != CN_OK)
        return e;
    set_fleet_id(&d);
    *ret = d;
    d = (struct srv_data){.lock_fd = -1};
    return CN_OK;
}

enum cn_err srv_data_open(struct srv_data *ret, const char *dir, struct cn_error *err)
{
    struct srv_data CN_CLEANUP(srv_data_close) d = {.lock_fd = -1};
    char path[SRV_PATH_BYTES];
    enum cn_err e;

    if (access(dir, F_OK) != 0 || (e = set_dir(&d, dir, err)) != CN_OK ||
        !cn_fs_exists(srv_data_path(&d, "coordinator.conf", path)))
        return cn_fail(err, CN_E_NOTFOUND,
                       "%s holds no fleet yet; make one with `cairn-coordinator init --data %s`",
                       dir, dir);
    if (access(d.dir, W_OK) != 0)
        return cn_fail(err, CN_E_READONLY,
                       "the data directory %s cannot be written: give it to the user that runs the "
                       "coordinator, on a disk that is mounted for writing",
                       d.dir);
    if ((e = cn_fs_lock(d.dir, &d.lock_fd, err)) != CN_OK) {
        if (e == CN_E_BUSY)
            cn_fail_prefix(err, "another coordinator runs on %s; stop it first", d.dir);
        return e;
    }
    if ((e = cn_secret_load(&d.fleet, CN_SECRET_SIGN, srv_data_path(&d, "keys/fleet.key", path),
                            err)) != CN_OK ||
        (e = cn_secret_load(&d.server, CN_SECRET_LINK, srv_data_path(&d, "keys/server.key", path),
                            err)) != CN_OK ||
        (e = read_admins(&d, err)) != CN_OK)
        return e;
    set_fleet_id(&d);
    *ret = d;
    d = (struct srv_data){.lock_fd = -1};
    return CN_OK;
}

void srv_data_close(struct srv_data *d)
{
    cn_secret_destroy(&d->fleet);
    cn_secret_destroy(&d->server);
    cn_fs_closep(&d->lock_fd);
}
