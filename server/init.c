/* A new fleet. The configuration file is written last: while it is missing, nothing of this has
   happened, and init begins again (keys are kept, the database is not). */
#include "server/init.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "server/data.h"
#include "server/labels.h"
#include "server/store_release.h"

void srv_init_recipe_line(const struct srv_conf *c, char *out, size_t size)
{
    snprintf(out, size,
             "kind=%d synth=%d image=%s seed=%llu filters=%llu rank=%llu min_count=%llu "
             "local_steps=%llu gan_steps=%llu consolidate_steps=%llu",
             c->recipe_kind, c->synth, c->image, (unsigned long long)c->seed,
             (unsigned long long)c->n_filters, (unsigned long long)c->rank,
             (unsigned long long)c->min_count, (unsigned long long)c->local_steps,
             (unsigned long long)c->gan_steps, (unsigned long long)c->consolidate_steps);
}

static enum cn_err remove_database(const struct srv_data *d, struct cn_error *err)
{
    static const char *const names[] = {"coordinator.db", "coordinator.db-wal",
                                        "coordinator.db-shm"};
    char path[SRV_PATH_BYTES];
    enum cn_err e = CN_OK;

    for (size_t i = 0; e == CN_OK && i < CN_COUNT(names); i++)
        e = cn_fs_remove(srv_data_path(d, names[i], path), err);
    return e;
}

/* Release 1: one row, the placeholder, and nothing learnt. */
static enum cn_err genesis(const struct srv_conf *conf, const struct srv_data *d, struct cn_db *db,
                           struct srv_labels *labels, struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) sealed = {0};
    struct cn_recipe recipe;
    struct srv_release r = {.kind = CN_RELEASE_GENESIS,
                            .number = 1,
                            .n_labels = 1,
                            .registry = labels->snapshot,
                            .registry_version = labels->stored_version,
                            .created_ms = cn_clock_wall_ms(),
                            .candidate = "genesis",
                            .summary = "the fleet's first release: nothing learnt yet"};
    struct cn_manifest m = {.fleet = d->fleet_id,
                            .kind = r.kind,
                            .number = 1,
                            .registry = r.registry,
                            .registry_version = r.registry_version,
                            .created_ms = r.created_ms,
                            .candidate = "genesis"};
    const struct srv_audit audit = {"init", "release.genesis", "", r.created_ms};
    const struct srv_commit commit = {.release = &r, .audit = &audit};
    const char *dir = labels->blobs->dir;
    enum cn_err e;

    if ((e = srv_conf_recipe(conf, &recipe, err)) != CN_OK ||
        (e = cn_recipe_genesis(&recipe, &model, err)) != CN_OK)
        return e;
    m.model.size = r.model.size = cn_blob_bytes(model).n;
    if ((e = srv_blobs_write(dir, cn_blob_bytes(model), &r.model.digest, err)) != CN_OK)
        return e;
    m.model.digest = r.model.digest;
    snprintf(m.recipe, sizeof m.recipe, "%s",
             conf->recipe_kind == CN_RECIPE_ARTICLE ? "article" : "features");
    snprintf(m.summary, sizeof m.summary, "%s", r.summary);
    if ((e = cn_release_seal(&m, d->fleet, &sealed, err)) != CN_OK ||
        (e = srv_blobs_write(dir, (struct cn_bytes){sealed.at, sealed.n}, &r.manifest.digest,
                             err)) != CN_OK)
        return e;
    r.manifest.size = sealed.n;
    return srv_store_commit(db, &commit, err);
}

static enum cn_err write_conf(struct srv_conf *conf, const struct srv_data *d, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    char path[SRV_PATH_BYTES];

    srv_conf_write(conf, &text);
    return cn_fs_write_atomic(srv_data_path(d, "coordinator.conf", path),
                              (struct cn_bytes){text.at, text.n}, 0640, err);
}

enum cn_err srv_init(struct srv_conf *conf, const char *dir, struct cn_error *err)
{
    struct srv_data CN_CLEANUP(srv_data_close) d = {.lock_fd = -1};
    struct srv_blobs CN_CLEANUP(srv_blobs_fini) blobs = {0};
    struct srv_labels CN_CLEANUP(srv_labels_close) labels = {0};
    struct cn_db *CN_CLEANUP(cn_db_close) db = NULL;
    struct cn_recipe recipe;
    char path[SRV_PATH_BYTES], line[512];
    enum cn_err e;

    if ((e = srv_conf_recipe(conf, &recipe, err)) != CN_OK ||
        (e = srv_data_create(&d, dir, err)) != CN_OK || (e = remove_database(&d, err)) != CN_OK ||
        (e = srv_store_open(&db, srv_data_path(&d, "coordinator.db", path), err)) != CN_OK)
        return e;
    srv_init_recipe_line(conf, line, sizeof line);
    srv_blobs_init(&blobs, srv_data_path(&d, "blobs", path));
    if ((e = srv_store_set_fact(db, "recipe", line, err)) != CN_OK ||
        (e = srv_labels_open(&labels, db, &blobs, d.fleet, err)) != CN_OK ||
        (e = genesis(conf, &d, db, &labels, err)) != CN_OK)
        return e;
    return write_conf(conf, &d, err);
}
