/* cairn-edge run: opens everything in order, runs the loop, closes in reverse. */
#include "client/edge/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/edge/api.h"
#include "client/edge/blobs.h"
#include "client/edge/commands.h"
#include "client/edge/session.h"
#include "client/edge/session_impl.h"
#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/log.h"

enum {
    RING_MAX_N = 1024,
    RING_MAX_BYTES = 64 * 1024 * 1024,
    PHIS_MAX_BYTES = 64 * 1024 * 1024,
};

void edge_daemon_die(const char *what, const struct cn_error *err)
{
    char quoted[CN_ERROR_TEXT_BYTES];

    cn_log(CN_LOG_ERROR, what, "fatal=yes why=%s", cn_log_quote(quoted, sizeof quoted, err->text));
    _exit(EXIT_FAILURE);
}

/* ---- what the store knows ---- */

static enum cn_err load_registry(struct edge_daemon *d, struct cn_error *err)
{
    struct cn_registry *CN_CLEANUP(cn_registry_destroy) r = NULL;
    struct cn_blob *CN_CLEANUP(cn_blob_unref) envelope = NULL;

    if (cn_digest_is_none(&d->live.at.registry))
        return CN_OK;
    enum cn_err e = edge_blobs_get(d->data, &d->live.at.registry, &envelope, err);
    if (!e)
        e = edge_session_open_registry(d, cn_blob_bytes(envelope), &r, err);
    if (!e)
        edge_labels_set_registry(d->labels, &r);
    return e;
}

static void warn(const char *event, const struct cn_error *why)
{
    char quoted[CN_ERROR_TEXT_BYTES];

    cn_log(CN_LOG_WARN, event, "why=%s", cn_log_quote(quoted, sizeof quoted, why->text));
}

/* A damaged file is fetched again: then we are where we were before it came. The release's number
   is kept but for one, so that the same release may come, and nothing older. */
static void load_release(struct edge_daemon *d)
{
    struct cn_blob *model = NULL;
    struct cn_error err;

    if (load_registry(d, &err)) {
        warn("registry.damaged", &err);
        d->live.at.registry_version = 0;
        d->live.at.registry = (struct cn_digest){0};
    }
    if (!d->live.at.release)
        return;
    if (edge_blobs_get(d->data, &d->live.at.model, &model, &err)) {
        warn("release.damaged", &err);
        d->live.at.release--;
        d->live.at.model = d->live.at.manifest = (struct cn_digest){0};
        return;
    }
    struct edge_installed same = d->live.at;
    edge_install(d, &same, &model, 0, NULL);
}

static enum cn_err tidy_blobs(struct edge_daemon *d, struct cn_error *err)
{
    const struct edge_installed *at = &d->live.at;
    struct edge_update u;

    enum cn_err e = edge_store_open_update(d->store, &u, err);
    if (e)
        return e;
    const struct cn_digest keep[] = {at->manifest, at->model, at->registry, u.digest};
    return edge_blobs_tidy(d->data, keep, CN_COUNT(keep), err);
}

static enum cn_err open_store(struct edge_daemon *d, struct cn_error *err)
{
    enum cn_err e =
        edge_store_open(&d->store, d->data, d->conf.max_mb * 1000 * 1000, d->conf.keep_images, err);
    if (!e)
        e = edge_store_load_labels(d->store, d->labels, err);
    if (!e)
        e = edge_store_installed(d->store, &d->live.at, err);
    if (!e)
        e = tidy_blobs(d, err);
    return e;
}

/* ---- life ---- */

static void close_daemon(struct edge_daemon *d)
{
    d->is_stopping = true;
    edge_trainer_destroy(&d->trainer); /* answers what waits for it */
    edge_session_destroy(&d->session);
    cn_http_close(&d->http);
    edge_store_close(&d->store);
    cn_blob_unref(&d->live.model);
    free(d->live.labels);
    edge_ring_destroy(&d->ring);
    edge_phicache_destroy(&d->phis);
    edge_labels_destroy(&d->labels);
    cn_loop_destroy(&d->loop);
    cn_secret_destroy(&d->key);
}

static enum cn_err open_http(struct edge_daemon *d, struct cn_error *err)
{
    const struct cn_http_conf conf = {.listen = d->conf.listen};
    char path[4096], line[256];

    enum cn_err e = cn_http_open(&d->http, d->loop, &conf, edge_api_on_request, d, err);
    if (e)
        return e;
    snprintf(path, sizeof path, "%s/api.address", d->data);
    int n = snprintf(line, sizeof line, "%s\n", cn_http_address(d->http));
    return cn_fs_write_atomic(path, (struct cn_bytes){(const uint8_t *)line, (size_t)n}, 0644, err);
}

static enum cn_err open_daemon(struct edge_daemon *d, struct cn_error *err)
{
    uint32_t boot;

    cn_random(&boot, sizeof boot);
    d->started_ms = cn_clock_mono_ms();
    d->labels = edge_labels_new();
    d->ring = edge_ring_new(RING_MAX_N, RING_MAX_BYTES, boot);
    d->phis = edge_phicache_new(PHIS_MAX_BYTES);
    enum cn_err e = edge_identity_load(&d->identity, d->data, err);
    if (!e)
        e = edge_identity_key(&d->key, d->data, false, err);
    if (!e)
        e = open_store(d, err);
    if (!e)
        e = cn_loop_new(&d->loop, err);
    if (!e)
        e = cn_loop_on_signal(d->loop, NULL, NULL, err);
    if (!e)
        e = edge_trainer_new(&d->trainer, d->loop, err);
    if (e)
        return e;
    load_release(d);
    e = edge_session_new(&d->session, d, err);
    return e ? e : open_http(d, err);
}

static enum cn_err run(struct edge_daemon *d, struct cn_error *err)
{
    CN_CLEANUP(cn_fs_closep) int lock = -1;
    char path[4096], name[256];

    enum cn_err e = cn_crypto_init(err);
    if (!e && !cn_fs_exists(d->data))
        e = cn_fail(err, CN_E_NOTFOUND, "there is no data directory %s; cairn-edge join makes one",
                    d->data);
    if (!e)
        e = cn_fs_lock(d->data, &lock, err);
    if (!e)
        e = open_daemon(d, err);
    if (!e) {
        cn_log(CN_LOG_INFO, "ready", "device=%u name=%s api=%s coordinator=%s", d->identity.device,
               cn_log_quote(name, sizeof name, d->identity.name), cn_http_address(d->http),
               d->identity.endpoint);
        e = cn_loop_run(d->loop, err);
        snprintf(path, sizeof path, "%s/api.address", d->data);
        if (cn_fs_remove(path, NULL) == CN_OK)
            cn_log(CN_LOG_INFO, "stopped", NULL);
    }
    close_daemon(d);
    return e;
}

int edge_cmd_run(const struct edge_command *self, int argc, char **argv)
{
    struct edge_texts set = {0};
    bool verbose = false;
    const struct edge_arg args[] = {
        {"--set", "SECTION.KEY=VALUE", "one setting, for this run", EDGE_ARG_EACH, &set},
        {"--verbose", NULL, "log every message", EDGE_ARG_FLAG, &verbose},
    };
    CN_CLEANUP(cn_freep) struct edge_daemon *d = cn_calloc(1, sizeof *d);
    struct edge_common common;
    struct cn_error err;
    int n, exit_code;

    if (!edge_args_parse(self, args, CN_COUNT(args), &common, argc, argv, &n, &exit_code))
        return exit_code;
    if (edge_conf_load(&d->conf, common.data, &err))
        return edge_args_failed(self, &err);
    for (uint32_t i = 0; i < set.n; i++)
        if (edge_conf_set(&d->conf, set.at[i], &err))
            return edge_args_failed(self, &err);
    if (verbose)
        cn_log_set_level(CN_LOG_DEBUG);
    d->data = common.data;
    return run(d, &err) ? edge_args_failed(self, &err) : EDGE_EXIT_OK;
}
