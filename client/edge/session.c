/* Events in, actions out. What an action needs from the store or a worker stands in the files
   session_spool.c, session_release.c and session_label.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/blobs.h"
#include "client/edge/session_impl.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/doors/wire.h"

enum {
    QUEUE_DELAY_MS = 50,
    QUEUE_SHARE = 20 /* looking at a long queue takes at most one part in so many of our time */
};

/* ---- sending ---- */

void edge_session_send(struct edge_session *s, const struct cn_msg *msg,
                       const struct cn_link_bulk *bulk)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
    char quoted[CN_ERROR_TEXT_BYTES];
    struct cn_error err;

    cn_wire_encode(msg, &header);
    cn_log(CN_LOG_DEBUG, "send", "msg=%s", cn_msg_name(msg->kind));
    /* What cannot be sent is lost, as on any network: the core's deadlines look after it. */
    if (cn_link_send(s->link, 0, (struct cn_bytes){header.at, header.n}, bulk, &err))
        cn_log(CN_LOG_DEBUG, "send.lost", "msg=%s why=%s", cn_msg_name(msg->kind),
               cn_log_quote(quoted, sizeof quoted, err.text));
}

static void send_with_arrays(struct edge_session *s, const struct cn_msg *from)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf counts = {0};
    CN_CLEANUP(cn_freep) struct cn_label_tally *tallies = NULL;
    struct cn_msg m = *from;
    struct cn_error err;

    if (m.kind == CN_MSG_READY)
        edge_session_fill_ready(s, &m, &counts);
    if (m.kind == CN_MSG_TALLY) {
        if (edge_store_tallies(s->d->store, m.tally.release, &tallies, &m.tally.n_tallies, &err))
            edge_daemon_die("tally", &err);
        m.tally.tallies = tallies;
    }
    edge_session_send(s, &m, NULL);
}

/* ---- the core ---- */

static void have(struct edge_session *s, const struct edge_action *a)
{
    const struct edge_event ev = {
        .kind = EDGE_EV_HAVE,
        .have = {a->blob.digest, edge_fetcher_have(s->fetcher, &a->blob.digest)}};

    edge_session_step(s, &ev);
}

static void received(struct edge_session *s, uint64_t seq)
{
    struct cn_error err;

    if (edge_store_received(s->d->store, seq, cn_clock_wall_ms(), &err))
        edge_daemon_die("update.received", &err);
}

static void carry_out(struct edge_session *s, const struct edge_action *a)
{
    switch (a->kind) {
    case EDGE_ACT_CONNECT: break; /* the link redials by itself */
    case EDGE_ACT_SEND: send_with_arrays(s, &a->msg); break;
    case EDGE_ACT_UPLOAD: edge_session_upload(s, a); break;
    case EDGE_ACT_BUILD: edge_session_build(s, a->update.seq, a->update.base); break;
    case EDGE_ACT_RECEIVED: received(s, a->update.seq); break;
    case EDGE_ACT_COMMIT: edge_session_commit(s, a->update.seq, a->update.release); break;
    case EDGE_ACT_RETURN: edge_session_return(s, a); break;
    case EDGE_ACT_LOOK: have(s, a); break;
    case EDGE_ACT_KEEP:
        edge_fetcher_keep(s->fetcher, &a->blob.digest, a->blob.offset, s->bulk);
        break;
    case EDGE_ACT_FORGET: edge_fetcher_forget(s->fetcher, &a->blob.digest); break;
    case EDGE_ACT_VERIFY: edge_session_verify(s, a); break;
    case EDGE_ACT_INSTALL: edge_session_install(s, a); break;
    case EDGE_ACT_SCORE: edge_session_score(s, a); break;
    case EDGE_ACT_LABEL:
        edge_session_label(s, a->label.request, a->label.state, a->label.id, a->label.text);
        break;
    case EDGE_ACT_UNRESOLVED: edge_session_unresolved(s); break;
    }
}

static void on_tick(void *user)
{
    const struct edge_event ev = {.kind = EDGE_EV_TICK};

    edge_session_step(user, &ev);
}

static void step_one(struct edge_session *s, struct edge_event ev)
{
    ev.now_ms = cn_clock_mono_ms();
    cn_random(&ev.random, sizeof ev.random);
    edge_core_step(&s->core, &ev, &s->actions);
    for (uint32_t i = 0; i < s->actions.n; i++)
        carry_out(s, &s->actions.at[i]);
}

void edge_session_step(struct edge_session *s, const struct edge_event *ev)
{
    if (s->d->is_stopping)
        return;
    if (s->is_stepping) {
        assert(s->n_events < EDGE_MAX_EVENTS);
        s->events[s->n_events++] = *ev;
        return;
    }
    s->is_stepping = true;
    step_one(s, *ev);
    for (uint32_t i = 0; i < s->n_events; i++)
        step_one(s, s->events[i]);
    s->n_events = 0;
    s->is_stepping = false;
    cn_loop_set_timer(s->d->loop, edge_core_deadline(&s->core), on_tick, s);
}

/* ---- the link ---- */

static void on_message(struct edge_session *s, const struct cn_link_event *in)
{
    char quoted[CN_ERROR_TEXT_BYTES];
    struct cn_error err;
    struct cn_msg m;

    if (cn_wire_decode(in->header, in->bulk.n, &s->scratch, &m, &err)) {
        cn_log(CN_LOG_WARN, "message.ignored", "why=%s",
               cn_log_quote(quoted, sizeof quoted, err.text));
        return;
    }
    cn_log(CN_LOG_DEBUG, "received", "msg=%s", cn_msg_name(m.kind));
    const struct edge_event ev = {.kind = EDGE_EV_MSG, .in = {&m, in->bulk.n}};
    s->bulk = in->bulk;
    edge_session_step(s, &ev);
    s->bulk = (struct cn_bytes){0};
}

static enum edge_down down_of(enum cn_link_why why)
{
    switch (why) {
    case CN_LINK_WHY_CLOSED: return EDGE_DOWN_LOST;
    case CN_LINK_WHY_UNREACHABLE: return EDGE_DOWN_UNREACHABLE;
    case CN_LINK_WHY_KEY: return EDGE_DOWN_SERVER_KEY;
    case CN_LINK_WHY_REFUSED: return EDGE_DOWN_DENIED;
    }
    return EDGE_DOWN_LOST;
}

static void on_link(void *user, struct cn_link *link, const struct cn_link_event *in)
{
    struct edge_session *s = user;
    struct edge_event ev = {.kind = EDGE_EV_UP};

    (void)link;
    switch (in->what) {
    case CN_LINK_MESSAGE: on_message(s, in); return;
    case CN_LINK_UP: cn_log(CN_LOG_INFO, "link.up", "endpoint=%s", s->d->identity.endpoint); break;
    case CN_LINK_DOWN:
        cn_log(s->core.link.is_up ? CN_LOG_INFO : CN_LOG_DEBUG, "link.down", "why=%s",
               cn_link_why_name(in->why));
        ev.kind = EDGE_EV_DOWN;
        ev.down = down_of(in->why);
        break;
    }
    edge_session_step(s, &ev);
}

/* ---- what others say ---- */

static void on_queue(void *user)
{
    struct edge_session *s = user;
    uint64_t start_ms = cn_clock_mono_ms();
    const struct edge_event ev = {.kind = EDGE_EV_QUEUE, .queue = edge_session_look(s)};

    s->is_queue_due = false;
    s->look_ms = cn_clock_mono_ms() - start_ms;
    edge_session_step(s, &ev);
}

void edge_session_queue_changed(struct edge_session *s)
{
    if (!s->is_queue_due)
        cn_loop_set_timer(s->d->loop,
                          cn_clock_mono_ms() + QUEUE_DELAY_MS + QUEUE_SHARE * s->look_ms, on_queue,
                          s);
    s->is_queue_due = true;
}

void edge_session_counted(struct edge_session *s)
{
    const struct edge_event ev = {.kind = EDGE_EV_COUNTED};

    edge_session_step(s, &ev);
}

void edge_session_propose(struct edge_session *s, uint32_t local)
{
    const struct edge_own_label *own = edge_labels_get_own(s->d->labels, local);
    const struct edge_event ev = {.kind = EDGE_EV_PROPOSE, .propose = {local, own->name}};

    edge_session_step(s, &ev);
}

uint32_t edge_session_flush(struct edge_session *s)
{
    const struct edge_event ev = {.kind = EDGE_EV_FLUSH};

    on_queue(s);
    edge_session_step(s, &ev);
    return s->plan.n_eligible;
}

struct edge_session_status edge_session_status(const struct edge_session *s)
{
    struct cn_link_stats stats = cn_link_stats(s->link);

    return (struct edge_session_status){edge_core_is_online(&s->core),
                                        edge_core_why_first(&s->core), stats.bytes_sent,
                                        stats.bytes_received, s->plan.n_eligible};
}

const char *edge_session_why_text(const struct edge_why *why)
{
    if (why->reason == EDGE_WHY_REFUSED)
        return cn_refused_text(why->refused);
    if (why->reason == EDGE_WHY_TOLD_TO_WAIT)
        return cn_wait_text(why->wait);
    if (why->reason == EDGE_WHY_REJECTED)
        return cn_reject_text(why->reject);
    return edge_why_text(why->reason);
}

uint32_t edge_session_short_of(const struct edge_session *s, uint32_t label)
{
    return edge_plan_short_of(&s->plan, label);
}

/* ---- life ---- */

static enum cn_err start_core(struct edge_session *s, struct cn_error *err)
{
    const struct edge_daemon *d = s->d;
    struct edge_start start = {.now_ms = cn_clock_mono_ms(),
                               .release = d->live.at.release,
                               .registry_version = d->live.at.registry_version,
                               .model = d->live.at.model};
    struct edge_core_conf conf;
    uint64_t last;

    enum cn_err e = edge_store_open_update(d->store, &start.update, err);
    if (!e)
        e = edge_store_last_seq(d->store, &last, err);
    if (e)
        return e;
    start.next_seq = last + 1;
    edge_core_conf_init(&conf);
    conf.fleet = d->identity.fleet;
    conf.batch = (uint32_t)d->conf.batch;
    conf.max_wait_ms = d->conf.max_wait_s * 1000;
    edge_core_init(&s->core, &conf, &start);
    return CN_OK;
}

static enum cn_err open_parts(struct edge_session *s, struct cn_error *err)
{
    struct edge_daemon *d = s->d;
    const struct cn_link_dial_conf dial = {.endpoint = d->identity.endpoint,
                                           .server = d->identity.server,
                                           .secret = d->key,
                                           .max_bulk_bytes = CN_CHUNK_BYTES};

    enum cn_err e = edge_builder_new(&s->builder, d->loop, d->data, err);
    if (!e)
        e = edge_fetcher_new(&s->fetcher, d->loop, d->data, err);
    if (!e)
        e = cn_link_dial(&s->link, &dial, err);
    if (!e)
        e = cn_loop_add_link(d->loop, s->link, on_link, s, err);
    return e;
}

enum cn_err edge_session_new(struct edge_session **ret, struct edge_daemon *d, struct cn_error *err)
{
    struct edge_session *CN_CLEANUP(edge_session_destroy) s = cn_calloc(1, sizeof *s);

    s->d = d;
    enum cn_err e = start_core(s, err);
    if (!e)
        e = open_parts(s, err);
    if (e)
        return e;
    cn_loop_set_timer(d->loop, cn_clock_mono_ms() + 1, on_tick, s);
    edge_session_unresolved(s);
    edge_session_queue_changed(s);
    *ret = cn_steal(s);
    return CN_OK;
}

void edge_session_destroy(struct edge_session **p)
{
    struct edge_session *s = cn_steal(*p);

    if (!s)
        return;
    edge_builder_destroy(&s->builder);
    edge_fetcher_destroy(&s->fetcher);
    cn_loop_set_timer(s->d->loop, 0, on_tick, s);
    cn_loop_set_timer(s->d->loop, 0, on_queue, s);
    if (s->link)
        cn_loop_remove_link(s->d->loop, s->link);
    cn_link_close(&s->link);
    cn_buf_fini(&s->scratch);
    cn_blob_unref(&s->upload);
    for (int i = 0; i < EDGE_N_BLOBS; i++)
        cn_blob_unref(&s->blob[i]);
    free(s);
}
