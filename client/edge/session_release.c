/* What is fetched: checked as what it is, then installed; and candidates, which are scored. */
#include <string.h>

#include "client/edge/blobs.h"
#include "client/edge/session_impl.h"
#include "common/base/log.h"
#include "common/model/release.h"

enum { MAX_SCORED = 4096 };

static void warn(const char *event, const struct cn_error *why)
{
    char quoted[CN_ERROR_TEXT_BYTES];

    cn_log(CN_LOG_WARN, event, "why=%s", cn_log_quote(quoted, sizeof quoted, why->text));
}

/* ---- verify ---- */

/* Remembers which of our updates the release holds: its examples need not be taught again. */
static void find_ours(struct edge_session *s, const struct cn_manifest *m)
{
    s->our_seq = 0;
    for (uint32_t i = 0; i < m->n_contributions; i++)
        if (m->contributions[i].device == s->d->identity.device)
            s->our_seq = m->contributions[i].seq;
}

static enum cn_err check_manifest(struct edge_session *s, struct cn_bytes bytes,
                                  struct edge_event *ev, struct cn_error *err)
{
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};

    enum cn_err e = cn_release_open(bytes, &s->d->identity.fleet, &m, err);
    if (!e)
        e = cn_release_may_follow(s->d->live.at.release, &m, err);
    if (e)
        return e;
    find_ours(s, &m);
    ev->verified.release = m.number;
    ev->verified.model = (struct cn_model_ref){m.model.digest, m.model.size};
    return CN_OK;
}

enum cn_err edge_session_open_registry(struct edge_daemon *d, struct cn_bytes envelope,
                                       struct cn_registry **ret, struct cn_error *err)
{
    struct cn_bytes payload;

    enum cn_err e = cn_unseal(CN_SEAL_REGISTRY, envelope, &d->identity.fleet, &payload, err);
    return e ? e : cn_registry_decode(ret, payload, err);
}

static enum cn_err check_registry(struct edge_session *s, struct cn_bytes bytes,
                                  struct cn_error *err)
{
    struct cn_registry *CN_CLEANUP(cn_registry_destroy) r = NULL;
    const struct cn_registry *ours = edge_labels_registry(s->d->labels);

    enum cn_err e = edge_session_open_registry(s->d, bytes, &r, err);
    if (!e && cn_registry_version(r) < cn_registry_version(ours))
        e = cn_fail(err, CN_E_STATE, "registry version %u is older than ours, %u",
                    cn_registry_version(r), cn_registry_version(ours));
    return e;
}

static enum cn_err check(struct edge_session *s, enum edge_blob what, struct cn_bytes bytes,
                         struct edge_event *ev, struct cn_error *err)
{
    switch (what) {
    case EDGE_BLOB_MANIFEST: return check_manifest(s, bytes, ev, err);
    case EDGE_BLOB_REGISTRY: return check_registry(s, bytes, err);
    case EDGE_BLOB_MODEL: /* vouched for by the manifest; opening it comes with installing */
    case EDGE_BLOB_CANDIDATE: return CN_OK; /* opening it comes with scoring */
    }
    return CN_OK;
}

static void on_checked(void *user, struct cn_blob *blob, const struct cn_error *why)
{
    struct edge_session *s = user;
    const struct edge_action *a = &s->verifying;
    struct edge_event ev = {.kind = EDGE_EV_VERIFIED, .verified = {.digest = a->blob.digest}};
    enum edge_blob what = a->blob.what;
    struct cn_error err;

    if (s->d->is_stopping)
        return;
    if (!why && check(s, what, cn_blob_bytes(blob), &ev, &err))
        why = &err;
    if (!why) {
        cn_blob_unref(&s->blob[what]);
        s->blob[what] = cn_blob_ref(blob);
        s->digest[what] = a->blob.digest;
    }
    ev.verified.ok = !why;
    if (why) {
        warn("fetch.bad", why);
        if (what != EDGE_BLOB_CANDIDATE)
            edge_blobs_remove(s->d->data, &a->blob.digest);
    }
    edge_session_step(s, &ev);
}

void edge_session_verify(struct edge_session *s, const struct edge_action *a)
{
    s->verifying = *a;
    edge_fetcher_check(s->fetcher, &a->blob.digest, a->blob.what != EDGE_BLOB_CANDIDATE, on_checked,
                       s);
}

/* ---- install ---- */

static void tell_installed(struct edge_session *s, bool ok)
{
    const struct edge_event ev = {
        .kind = EDGE_EV_INSTALLED,
        .installed = {s->installing.blob.what, s->installing.blob.number, ok}};

    edge_session_step(s, &ev);
}

static void on_installed(struct edge_daemon *d, bool ok)
{
    tell_installed(d->session, ok);
    if (ok)
        edge_session_counted(d->session);
}

static void install_model(struct edge_session *s, const struct edge_action *a)
{
    struct edge_installed release = s->d->live.at;

    release.release = a->blob.number;
    release.manifest = a->blob.manifest;
    release.model = a->blob.digest;
    edge_install(s->d, &release, &s->blob[EDGE_BLOB_MODEL], s->our_seq, on_installed);
}

static void install_registry(struct edge_session *s, const struct edge_action *a)
{
    struct edge_daemon *d = s->d;
    struct cn_registry *CN_CLEANUP(cn_registry_destroy) r = NULL;
    struct edge_installed now = d->live.at;
    struct cn_error err;

    if (edge_session_open_registry(d, cn_blob_bytes(s->blob[EDGE_BLOB_REGISTRY]), &r, &err)) {
        warn("registry.unusable", &err);
        tell_installed(s, false);
        return;
    }
    now.registry_version = a->blob.number;
    now.registry = a->blob.digest;
    if (edge_store_install(d->store, &now, &err))
        edge_daemon_die("registry.install", &err);
    if (!cn_digest_is_none(&d->live.at.registry) &&
        !cn_digest_equal(&d->live.at.registry, &now.registry))
        edge_blobs_remove(d->data, &d->live.at.registry);
    d->live.at = now;
    edge_labels_set_registry(d->labels, &r);
    cn_log(CN_LOG_INFO, "registry.installed", "version=%u", now.registry_version);
    edge_session_follow_registry(s);
    cn_blob_unref(&s->blob[EDGE_BLOB_REGISTRY]);
    edge_session_queue_changed(s);
    tell_installed(s, true);
}

void edge_session_install(struct edge_session *s, const struct edge_action *a)
{
    s->installing = *a;
    if (!s->blob[a->blob.what] || !cn_digest_equal(&s->digest[a->blob.what], &a->blob.digest))
        tell_installed(s, false);
    else if (a->blob.what == EDGE_BLOB_REGISTRY)
        install_registry(s, a);
    else
        install_model(s, a);
}

/* ---- score ---- */

static void tell_scored(struct edge_session *s, const struct edge_scores *scores)
{
    const struct edge_event ev = {.kind = EDGE_EV_SCORED,
                                  .scored = {s->scoring.score.round, s->scoring.score.model.digest,
                                             scores->n, scores->tallies}};

    edge_session_step(s, &ev);
}

static void on_scored(void *user, struct edge_scores *scores, const struct cn_error *why)
{
    struct edge_session *s = user;

    if (s->d->is_stopping)
        return;
    if (why)
        warn("score.failed", why);
    cn_blob_unref(&s->blob[EDGE_BLOB_CANDIDATE]);
    tell_scored(s, scores); /* an empty list abstains */
}

static struct cn_blob *model_of(struct edge_session *s, const struct edge_action *a)
{
    if (a->score.is_installed)
        return s->d->live.model;
    return cn_digest_equal(&s->digest[EDGE_BLOB_CANDIDATE], &a->score.model.digest)
               ? s->blob[EDGE_BLOB_CANDIDATE]
               : NULL;
}

void edge_session_score(struct edge_session *s, const struct edge_action *a)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    struct edge_lessons lessons = {0};
    const struct edge_scores none = {0};
    struct cn_blob *model = model_of(s, a);
    struct cn_error err;
    uint32_t n = 0;

    s->scoring = *a;
    if (edge_store_list(s->d->store, EDGE_LIST_HELD_OUT, MAX_SCORED, &x, &n, &err))
        edge_daemon_die("held-out", &err);
    for (uint32_t i = 0; i < n && lessons.n_bytes < EDGE_MAX_LESSON_BYTES; i++)
        if (!edge_labels_waiting(s->d->labels, x[i].label))
            edge_replay_lesson(s->d, &x[i], &lessons);
    if (!model || !lessons.n) {
        edge_lessons_fini(&lessons);
        tell_scored(s, &none);
        return;
    }
    struct cn_blob *ref = cn_blob_ref(model);
    edge_trainer_score(s->d->trainer, &ref, &lessons, on_scored, s);
}
