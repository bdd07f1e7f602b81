/* A new release goes live: the trainer opens it and is taught again what only this device knows;
   then the store says that it is installed; then the images of what it holds are looked at once
   more and let go. */
#include <stdlib.h>
#include <string.h>

#include "client/edge/blobs.h"
#include "client/edge/daemon.h"
#include "client/edge/session.h"
#include "common/base/clock.h"
#include "common/base/log.h"

struct installing {
    struct edge_daemon *d;
    struct edge_installed release;
    struct cn_blob *model;
    edge_installed_fn fn;
};

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

bool edge_live_knows(const struct edge_live *live, uint32_t label)
{
    return live->n_labels &&
           bsearch(&label, live->labels, live->n_labels, sizeof label, by_id) != NULL;
}

static void go_live(struct edge_daemon *d, struct installing *i, struct edge_install_result *r)
{
    struct edge_live *live = &d->live;

    if (!cn_digest_is_none(&live->at.model) && !cn_digest_equal(&live->at.model, &i->release.model))
        edge_blobs_remove(d->data, &live->at.model);
    if (!cn_digest_is_none(&live->at.manifest) &&
        !cn_digest_equal(&live->at.manifest, &i->release.manifest))
        edge_blobs_remove(d->data, &live->at.manifest);
    live->at = i->release;
    live->is_open = true;
    live->recipe = r->recipe;
    live->n_phi = r->n_phi;
    free(live->labels);
    live->labels = cn_steal(r->labels);
    live->n_labels = r->n_labels;
    qsort(live->labels, live->n_labels, sizeof live->labels[0], by_id);
    cn_blob_unref(&live->model);
    live->model = cn_steal(i->model);
    if (r->is_new_trunk)
        edge_phicache_clear(d->phis);
    else
        edge_replay_cache(d, &r->replayed);
}

static void on_installed(void *user, struct edge_install_result *r, const struct cn_error *why)
{
    struct installing *i = user;
    struct edge_daemon *d = i->d;
    char quoted[CN_ERROR_TEXT_BYTES];
    struct cn_error err;

    if (d->is_stopping) {
        /* nobody is left to be told */
    } else if (why) {
        cn_log(CN_LOG_ERROR, "release.unusable", "number=%u why=%s", i->release.release,
               cn_log_quote(quoted, sizeof quoted, why->text));
    } else {
        /* A registry may have come meanwhile: the store's word on that is the newer one. */
        i->release.registry_version = d->live.at.registry_version;
        i->release.registry = d->live.at.registry;
        if (edge_store_install(d->store, &i->release, &err))
            edge_daemon_die("release.install", &err);
        go_live(d, i, r);
        cn_log(CN_LOG_INFO, "release.installed", "number=%u labels=%u replayed=%u",
               i->release.release, r->n_labels, r->replayed.n);
        if (r->replay_err.code)
            cn_log(CN_LOG_WARN, "release.replay", "why=%s",
                   cn_log_quote(quoted, sizeof quoted, r->replay_err.text));
    }
    if (i->fn && !d->is_stopping)
        i->fn(d, !why);
    if (!d->is_stopping)
        edge_session_queue_changed(d->session); /* what is eligible depends on the release */
    if (!why && r->is_new_trunk)
        edge_install_again(d);
    if (!why)
        edge_install_verify(d);
    cn_blob_unref(&i->model);
    free(i);
}

void edge_install(struct edge_daemon *d, const struct edge_installed *release,
                  struct cn_blob **model, uint64_t without_seq, edge_installed_fn fn)
{
    struct installing *i = cn_calloc(1, sizeof *i);
    struct cn_blob *bytes = cn_blob_ref(*model);
    struct edge_lessons fresh = {0}, others = {0};

    i->d = d;
    i->release = *release;
    i->model = cn_steal(*model);
    i->fn = fn;
    edge_replay_pending(d, without_seq, &fresh, &others);
    edge_trainer_install(d->trainer, &bytes, release->release, &fresh, &others, on_installed, i);
}

void edge_install_again(struct edge_daemon *d)
{
    if (!d->live.is_open)
        return;
    struct cn_blob *model = cn_blob_ref(d->live.model);
    struct edge_installed same = d->live.at;
    edge_install(d, &same, &model, 0, NULL);
}

/* ---- verify ---- */

/* An example that could not be looked at (its label was retired, its image cannot be read) is not
   right. */
static enum edge_verdict verdict_on(const struct edge_daemon *d, const struct edge_verified *v,
                                    int64_t example)
{
    for (uint32_t i = 0; i < v->lessons.n; i++)
        if (v->lessons.at[i].example == example)
            return edge_labels_resolve(d->labels, v->predicted[i]) == v->lessons.at[i].label
                       ? EDGE_RIGHT
                       : EDGE_WRONG;
    return EDGE_WRONG;
}

static void on_verified(void *user, struct edge_verified *v, const struct cn_error *why)
{
    struct edge_daemon *d = user;
    enum edge_verdict verdict[EDGE_VERIFY_AT_ONCE];
    uint32_t n = d->n_verifying;
    struct cn_error err;

    d->n_verifying = 0;
    if (why)
        return; /* stopping: next time */
    for (uint32_t i = 0; i < n; i++) {
        verdict[i] = verdict_on(d, v, d->verifying[i]);
        edge_phicache_drop(d->phis, d->verifying[i]);
    }
    if (edge_store_verified(d->store, d->verifying, verdict, n, cn_clock_wall_ms(), &err))
        edge_daemon_die("receipt.verify", &err);
    edge_install_verify(d);
}

void edge_install_verify(struct edge_daemon *d)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    struct edge_lessons lessons = {0};
    struct cn_error err;
    uint32_t n = 0;

    if (d->n_verifying || !d->live.is_open)
        return;
    if (edge_store_list(d->store, EDGE_LIST_UNVERIFIED, EDGE_VERIFY_AT_ONCE, &x, &n, &err))
        edge_daemon_die("receipt.list", &err);
    for (uint32_t i = 0; i < n && lessons.n_bytes < EDGE_MAX_LESSON_BYTES; i++) {
        d->verifying[d->n_verifying++] = x[i].id;
        edge_replay_lesson(d, &x[i], &lessons);
    }
    if (n)
        edge_trainer_verify(d->trainer, &lessons, on_verified, d);
}
