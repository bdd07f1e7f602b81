/* Fetching: whatever is missing here and known there, one blob at a time, by digest.
 *
 *   IDLE -> LOOKING -> RUNNING -> VERIFYING -> INSTALLING | SCORING -> IDLE
 *
 * The order is fixed: candidates to score (a round waits for them), the registry (a release names
 * its labels by it), the manifest, the model that it names. What has arrived stays, so every start
 * looks first how much is here. A blob that is not what it should be is thrown away and fetched
 * again later, ever later; nothing is installed that was not verified. */
#include "client/edge/core/parts.h"

static void pause_for(struct edge_core *c, enum edge_why_reason reason)
{
    struct edge_fetch *f = &c->fetch;

    f->state = EDGE_FETCH_IDLE;
    f->deadline_ms = 0;
    f->pause_ms = edge_backoff(c, f->n_failures++);
    f->paused_for = reason;
}

static void rest(struct edge_core *c)
{
    c->fetch.state = EDGE_FETCH_IDLE;
    c->fetch.deadline_ms = 0;
}

static bool is_moving(const struct edge_fetch *f)
{
    return f->state == EDGE_FETCH_LOOKING || f->state == EDGE_FETCH_RUNNING;
}

static void go_on(struct edge_core *c, enum edge_fetch_state next, uint64_t wait_ms)
{
    c->fetch.state = next;
    c->fetch.deadline_ms = c->now_ms + wait_ms;
}

static struct edge_action *act_on_blob(const struct edge_core *c, enum edge_action_kind kind,
                                       struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, kind);

    a->blob.what = c->fetch.what;
    a->blob.digest = c->fetch.blob.digest;
    a->blob.size_bytes = c->fetch.blob.size_bytes;
    a->blob.number = c->fetch.number;
    return a;
}

/* ---- what to fetch ---- */

struct goal {
    enum edge_blob what;
    struct cn_model_ref blob;
    uint32_t number;
};

static bool has_manifest(const struct edge_core *c)
{
    return c->fetch.manifest_release == c->heads.release &&
           cn_digest_equal(&c->fetch.manifest, &c->heads.manifest);
}

static bool choose(const struct edge_core *c, struct goal *ret)
{
    const struct cn_heads *h = &c->heads;
    const struct cn_model_ref *candidate = edge_score_next(c);

    if (candidate)
        *ret = (struct goal){EDGE_BLOB_CANDIDATE, *candidate, 0};
    else if (h->registry_version > c->registry_version && h->registry_bytes)
        *ret = (struct goal){
            EDGE_BLOB_REGISTRY, {h->registry, h->registry_bytes}, h->registry_version};
    else if (h->release <= c->release || !h->manifest_bytes)
        return false;
    else if (!has_manifest(c))
        *ret = (struct goal){EDGE_BLOB_MANIFEST, {h->manifest, h->manifest_bytes}, h->release};
    else
        *ret = (struct goal){EDGE_BLOB_MODEL, c->fetch.model, h->release};
    return ret->what == EDGE_BLOB_CANDIDATE || c->now_ms >= c->fetch.pause_ms;
}

bool edge_fetch_is_upgrading(const struct edge_core *c)
{
    return c->heads.release > c->release && c->heads.manifest_bytes &&
           c->now_ms >= c->fetch.pause_ms;
}

void edge_fetch_heads(struct edge_core *c, const struct cn_heads *heads)
{
    struct edge_fetch *f = &c->fetch;
    bool is_news = heads->release != c->heads.release ||
                   heads->registry_version != c->heads.registry_version ||
                   !cn_digest_equal(&heads->manifest, &c->heads.manifest) ||
                   !cn_digest_equal(&heads->registry, &c->heads.registry);

    c->heads = *heads;
    if (!is_news)
        return;
    f->pause_ms = 0;
    if (is_moving(f) && f->what != EDGE_BLOB_CANDIDATE)
        rest(c); /* perhaps for something that is no longer the newest */
}

/* ---- bytes ---- */

static void want(struct edge_core *c, uint32_t credit, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;
    struct cn_msg *m = edge_say(c, CN_MSG_WANT, out);

    m->want.digest = f->blob.digest;
    m->want.offset = f->wanted_bytes;
    m->want.credit = credit;
    f->wanted_bytes += (uint64_t)credit * CN_CHUNK_BYTES;
}

static void complete(struct edge_core *c, struct edge_actions *out)
{
    act_on_blob(c, EDGE_ACT_VERIFY, out);
    go_on(c, EDGE_FETCH_VERIFYING, c->conf.job_ms);
}

void edge_fetch_have(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    if (f->state != EDGE_FETCH_LOOKING || !cn_digest_equal(&ev->have.digest, &f->blob.digest))
        return;
    f->received_bytes = f->wanted_bytes = ev->have.n_bytes;
    if (f->received_bytes > f->blob.size_bytes) { /* whatever this is, it is not the blob */
        act_on_blob(c, EDGE_ACT_FORGET, out);
        f->received_bytes = f->wanted_bytes = 0;
    }
    if (f->received_bytes == f->blob.size_bytes) {
        complete(c, out);
    } else {
        want(c, c->conf.credit, out);
        go_on(c, EDGE_FETCH_RUNNING, c->conf.idle_ms);
    }
}

void edge_fetch_chunk(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;
    const struct cn_msg *m = ev->in.msg;
    uint64_t half = (uint64_t)(c->conf.credit + 1) / 2;

    if (f->state != EDGE_FETCH_RUNNING || m->chunk.offset != f->received_bytes ||
        m->chunk.total_bytes != f->blob.size_bytes || ev->in.n_bulk == 0 ||
        ev->in.n_bulk > f->blob.size_bytes - f->received_bytes ||
        !cn_digest_equal(&m->chunk.digest, &f->blob.digest))
        return; /* late, or twice */
    act_on_blob(c, EDGE_ACT_KEEP, out)->blob.offset = f->received_bytes;
    f->received_bytes += ev->in.n_bulk;
    f->deadline_ms = c->now_ms + c->conf.idle_ms;
    if (f->received_bytes == f->blob.size_bytes)
        complete(c, out);
    else if (f->wanted_bytes < f->blob.size_bytes &&
             f->received_bytes + half * CN_CHUNK_BYTES >= f->wanted_bytes)
        want(c, (uint32_t)half, out);
}

void edge_fetch_gone(struct edge_core *c, const struct cn_digest *digest)
{
    struct edge_fetch *f = &c->fetch;

    if (f->state != EDGE_FETCH_RUNNING || !cn_digest_equal(digest, &f->blob.digest))
        return;
    if (f->what == EDGE_BLOB_CANDIDATE) {
        edge_score_stop(c); /* the round is over */
        rest(c);
    } else {
        pause_for(c, EDGE_WHY_GONE);
    }
}

/* ---- the blob is here ---- */

static void reject_blob(struct edge_core *c, struct edge_actions *out)
{
    act_on_blob(c, EDGE_ACT_FORGET, out);
    c->fetch.n_bad++;
    if (c->fetch.what == EDGE_BLOB_CANDIDATE)
        edge_score_stop(c);
    pause_for(c, EDGE_WHY_BAD_BLOB);
}

static void install(struct edge_core *c, struct edge_actions *out)
{
    act_on_blob(c, EDGE_ACT_INSTALL, out)->blob.manifest = c->fetch.manifest;
    go_on(c, EDGE_FETCH_INSTALLING, c->conf.job_ms);
}

static void take_manifest(struct edge_core *c, const struct edge_event *ev,
                          struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    if (ev->verified.release != f->number || ev->verified.model.size_bytes == 0) {
        reject_blob(c, out);
        return;
    }
    f->manifest_release = f->number;
    f->manifest = f->blob.digest;
    f->model = ev->verified.model;
    rest(c);
}

void edge_fetch_verified(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    if (f->state != EDGE_FETCH_VERIFYING || !cn_digest_equal(&ev->verified.digest, &f->blob.digest))
        return;
    if (!ev->verified.ok) {
        reject_blob(c, out);
        return;
    }
    switch (f->what) {
    case EDGE_BLOB_MANIFEST: take_manifest(c, ev, out); break;
    case EDGE_BLOB_REGISTRY:
    case EDGE_BLOB_MODEL: install(c, out); break;
    case EDGE_BLOB_CANDIDATE:
        edge_score_run(c, &f->blob, out);
        go_on(c, EDGE_FETCH_SCORING, c->conf.job_ms);
        break;
    }
}

void edge_fetch_installed(struct edge_core *c, const struct edge_event *ev,
                          struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    if (f->state != EDGE_FETCH_INSTALLING || ev->installed.what != f->what ||
        ev->installed.number != f->number)
        return;
    if (!ev->installed.ok) {
        reject_blob(c, out);
        return;
    }
    if (f->what == EDGE_BLOB_REGISTRY) {
        c->registry_version = f->number;
    } else {
        c->release = f->number;
        c->model = f->blob.digest;
        c->has_tally = true;
        edge_score_forget(c, out);
        edge_send_installed(c);
    }
    f->n_failures = 0;
    rest(c);
}

/* ---- what goes on around it ---- */

void edge_fetch_offline(struct edge_core *c)
{
    if (is_moving(&c->fetch))
        rest(c);
    c->fetch.pause_ms = 0;
}

void edge_fetch_yield(struct edge_core *c)
{
    if (is_moving(&c->fetch))
        rest(c);
}

static void begin(struct edge_core *c, const struct goal *g, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    f->what = g->what;
    f->blob = g->blob;
    f->number = g->number;
    if (g->what == EDGE_BLOB_CANDIDATE && cn_digest_equal(&g->blob.digest, &c->model)) {
        edge_score_run(c, &g->blob, out);
        go_on(c, EDGE_FETCH_SCORING, c->conf.job_ms);
    } else {
        act_on_blob(c, EDGE_ACT_LOOK, out);
        go_on(c, EDGE_FETCH_LOOKING, c->conf.reply_ms);
    }
}

static void late(struct edge_core *c)
{
    struct edge_fetch *f = &c->fetch;

    if (!is_moving(f)) {
        f->deadline_ms = c->now_ms + c->conf.job_ms; /* a job of ours: it will end */
    } else if (f->what == EDGE_BLOB_CANDIDATE) {
        edge_score_stop(c);
        rest(c);
    } else {
        pause_for(c, EDGE_WHY_SLOW);
    }
}

void edge_fetch_tick(struct edge_core *c, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;
    struct goal g;

    if (f->deadline_ms && c->now_ms >= f->deadline_ms)
        late(c);
    if (is_moving(f) && f->what == EDGE_BLOB_CANDIDATE && !edge_score_next(c))
        rest(c); /* scoring is over */
    if (f->state == EDGE_FETCH_IDLE && edge_core_is_online(c) && choose(c, &g))
        begin(c, &g, out);
}

uint64_t edge_fetch_deadline(const struct edge_core *c)
{
    const struct edge_fetch *f = &c->fetch;

    if (f->deadline_ms)
        return edge_earlier(f->deadline_ms, c->score.deadline_ms);
    return edge_earlier(f->pause_ms > c->now_ms ? f->pause_ms : 0, c->score.deadline_ms);
}

const char *edge_fetch_broken(const struct edge_core *c)
{
    const struct edge_fetch *f = &c->fetch;

    if ((f->state == EDGE_FETCH_IDLE) != (f->deadline_ms == 0))
        return "fetching waits without a deadline";
    if (is_moving(f) && !edge_core_is_online(c))
        return "something is fetched without a session";
    if (f->state != EDGE_FETCH_IDLE && f->received_bytes > f->blob.size_bytes &&
        f->state != EDGE_FETCH_SCORING && f->state != EDGE_FETCH_LOOKING)
        return "more bytes have arrived than the blob has";
    if (c->score.round && c->score.next >= c->score.n_models)
        return "a round is scored that has no model left";
    return NULL;
}
