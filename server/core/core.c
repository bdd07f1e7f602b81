/* The coordinator's core: one event goes to the part that it concerns. The parts are roster (who is
   here), line and upload (how updates come in), round and score (how they become a release) and
   announce (how it is told). */
#include "server/core/core.h"

#include <assert.h>
#include <string.h>

#include "server/core/parts.h"

enum { PROPOSAL_WINDOW_MS = 60 * 1000 };

/* ---- what the parts share ---- */

struct srv_device *srv_device(const struct srv_core *c, uint32_t device)
{
    assert(device >= 1 && device <= c->n_devices);
    return &c->devices[device - 1];
}

struct srv_action *srv_act(struct srv_actions *out, enum srv_action_kind kind)
{
    assert(out->n < SRV_MAX_ACTIONS);
    struct srv_action *a = &out->at[out->n++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

struct cn_msg *srv_tell(struct srv_core *c, uint32_t device, enum cn_msg_kind kind,
                        struct srv_actions *out)
{
    const struct srv_device *d = srv_device(c, device);
    struct srv_action *a = srv_act(out, SRV_ACT_SEND);

    assert(d->session);
    a->device = device;
    a->conn = d->conn;
    a->msg.kind = kind;
    a->msg.session = d->session;
    return &a->msg;
}

void srv_tell_wait(struct srv_core *c, uint32_t device, enum cn_wait_about about, uint64_t ref,
                   enum cn_wait reason, uint64_t until_ms, struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, device);
    struct cn_msg *m = srv_tell(c, device, CN_MSG_WAIT, out);

    m->wait.about = about;
    m->wait.reason = reason;
    m->wait.ref = ref;
    m->wait.retry_ms = until_ms - c->now_ms;
    if (about == CN_ABOUT_PROPOSE)
        return; /* a label waits, not the device */
    d->wait = reason;
    d->wait_ref = ref;
    d->wait_until_ms = until_ms;
}

/* ---- small matters ---- */

static void on_want(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_action *a = srv_act(out, SRV_ACT_SERVE);

    a->device = ev->device;
    a->conn = ev->in.conn;
    a->serve.session = m->session;
    a->serve.digest = m->want.digest;
    a->serve.offset = m->want.offset;
    a->serve.credit = m->want.credit < c->conf.credit ? m->want.credit : c->conf.credit;
}

static void on_propose(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_device *d = srv_device(c, ev->device);

    if (c->now_ms >= d->proposals_since_ms + PROPOSAL_WINDOW_MS) {
        d->proposals_since_ms = c->now_ms;
        d->n_proposals = 0;
    }
    if (d->n_proposals >= c->conf.proposals_per_minute) {
        srv_tell_wait(c, ev->device, CN_ABOUT_PROPOSE, m->propose.request, CN_WAIT_RATE,
                      d->proposals_since_ms + PROPOSAL_WINDOW_MS, out);
        return;
    }
    d->n_proposals++;
    struct srv_action *a = srv_act(out, SRV_ACT_PROPOSE);
    a->device = ev->device;
    a->propose.request = m->propose.request;
    a->propose.name = m->propose.name;
}

static void on_label(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    if (!srv_device(c, ev->device)->session)
        return; /* it asks again */
    struct cn_msg *m = srv_tell(c, ev->device, CN_MSG_LABEL, out);
    m->label.request = ev->label.request;
    m->label.id = ev->label.id;
    m->label.state = ev->label.state;
    for (size_t i = 0; ev->label.text && ev->label.text[i] && i < CN_MAX_SENTENCE_BYTES; i++)
        m->label.text[i] = ev->label.text[i];
}

/* Tallies are cumulative: one that is dropped is made good by the next. */
static void on_tally(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_device *d = srv_device(c, ev->device);

    if (m->tally.release > c->heads.release || c->now_ms < d->tally_after_ms)
        return;
    d->tally_after_ms = c->now_ms + c->conf.tally_ms;
    struct srv_action *a = srv_act(out, SRV_ACT_TALLY);
    a->device = ev->device;
    a->tallies.release = m->tally.release;
    a->tallies.n = m->tally.n_tallies;
    a->tallies.at = m->tally.tallies;
}

static void on_ping(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    srv_device(c, ev->device)->n_held_out = ev->in.msg->ping.n_held_out;
    srv_tell(c, ev->device, CN_MSG_PONG, out)->pong = srv_heads(c);
}

static void on_msg(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    if (ev->in.msg->kind == CN_MSG_HELLO) {
        srv_roster_hello(c, ev, out);
        return;
    }
    if (!srv_roster_admit(c, ev, out))
        return;
    switch (ev->in.msg->kind) {
    case CN_MSG_PING: on_ping(c, ev, out); break;
    case CN_MSG_PROPOSE: on_propose(c, ev, out); break;
    case CN_MSG_WANT: on_want(c, ev, out); break;
    case CN_MSG_READY:
        srv_device(c, ev->device)->n_held_out = ev->in.msg->ready.n_held_out;
        srv_round_ready(c, ev, out);
        break;
    case CN_MSG_OFFER: srv_upload_offer(c, ev, out); break;
    case CN_MSG_CHUNK: srv_upload_chunk(c, ev, out); break;
    case CN_MSG_TALLY: on_tally(c, ev, out); break;
    case CN_MSG_SCORED: srv_score_answer(c, ev, out); break;
    case CN_MSG_HELLO:
    case CN_MSG_NONE: /* from here on: not a device's to say */
    case CN_MSG_WELCOME:
    case CN_MSG_REFUSED:
    case CN_MSG_PONG:
    case CN_MSG_ANNOUNCE:
    case CN_MSG_LABEL:
    case CN_MSG_GONE:
    case CN_MSG_TASK:
    case CN_MSG_WAIT:
    case CN_MSG_SEND:
    case CN_MSG_HELD:
    case CN_MSG_RECEIVED:
    case CN_MSG_COMMITTED:
    case CN_MSG_REJECT:
    case CN_MSG_SCORE:
    case CN_MSG_JOIN:
    case CN_MSG_ADMITTED:
    case CN_MSG_NKINDS: break;
    }
}

static void on_tick(struct srv_core *c, struct srv_actions *out)
{
    srv_roster_tick(c, out);
    srv_upload_tick(c, out);
    srv_line_tick(c, out);
    srv_round_tick(c, out);
    srv_announce_tick(c, out);
}

static void on_released(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    srv_announce_release(c, &ev->heads, out);
    srv_round_abandon(c, out);
}

/* ---- the machine ---- */

void srv_core_conf_init(struct srv_core_conf *conf)
{
    *conf = (struct srv_core_conf){
        .round = 1,
        .updates = 8,
        .max_wait_ms = 60 * 1000,
        .score_wait_ms = 10 * 1000,
        .job_ms = 5 * 60 * 1000,
        .max_staleness = 20,
        .n_slots = 16,
        .slot_idle_ms = 30 * 1000,
        .max_update_bytes = CN_MAX_UPDATE_BYTES,
        .max_inflight_bytes = 4ull * CN_MAX_UPDATE_BYTES,
        .credit = 8,
        .retry_ms = 5 * 1000,
        .refused_retry_ms = 60 * 1000,
        .ping_ms = 20 * 1000,
        .max_scorers = 256,
        .proposals_per_minute = 60,
        .announce_ms = 500,
        .tally_ms = 1000,
    };
}

void srv_core_init(struct srv_core *c, const struct srv_core_conf *conf, struct srv_device *devices,
                   uint32_t n_devices, struct srv_update *updates)
{
    assert(n_devices <= CN_MAX_DEVICES);
    assert(conf->round && conf->updates && conf->updates <= CN_MAX_ROUND_UPDATES);
    assert(conf->n_slots && conf->n_slots <= CN_MAX_UPLOADS);
    assert(conf->credit && conf->credit <= CN_MAX_CREDIT);
    assert(conf->max_wait_ms && conf->score_wait_ms && conf->job_ms && conf->slot_idle_ms);
    assert(conf->retry_ms && conf->ping_ms && conf->ping_ms <= UINT32_MAX);
    memset(c, 0, sizeof *c);
    memset(devices, 0, n_devices * sizeof *devices);
    memset(updates, 0, CN_MAX_ROUND_UPDATES * sizeof *updates);
    c->conf = *conf;
    c->heads = conf->heads;
    c->devices = devices;
    c->n_devices = n_devices;
    c->updates = updates;
    c->round.number = conf->round;
}

void srv_core_step(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    out->n = 0;
    if (ev->now_ms > c->now_ms)
        c->now_ms = ev->now_ms;
    c->wall_ms = ev->wall_ms;
    switch (ev->kind) {
    case SRV_EV_TICK: on_tick(c, out); break;
    case SRV_EV_DEVICE: srv_roster_record(c, ev, out); break;
    case SRV_EV_MSG: on_msg(c, ev, out); break;
    case SRV_EV_GONE: srv_roster_gone(c, ev, out); break;
    case SRV_EV_MERGED: srv_upload_merged(c, ev, out); break;
    case SRV_EV_CONSOLIDATED: srv_round_consolidated(c, ev, out); break;
    case SRV_EV_DECIDED: srv_round_decided(c, ev, out); break;
    case SRV_EV_LABEL: on_label(c, ev, out); break;
    case SRV_EV_REGISTRY: srv_announce_registry(c, &ev->heads, out); break;
    case SRV_EV_RELEASED: on_released(c, ev, out); break;
    case SRV_EV_CLOSE: srv_round_close(c, out); break;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a && (!b || a < b) ? a : b;
}

uint64_t srv_core_deadline(const struct srv_core *c)
{
    uint64_t t = earlier(c->round.deadline_ms, c->announce_due_ms);

    t = earlier(t, srv_upload_deadline(c));
    t = earlier(t, srv_line_deadline(c));
    return earlier(t, srv_roster_deadline(c));
}

uint32_t srv_core_next(const struct srv_core *c, enum srv_audience to, uint32_t after)
{
    uint32_t id = after ? srv_device(c, after)->online.next : c->online.head;

    while (id && to == SRV_TO_SCORERS && !srv_score_awaits(c, id))
        id = srv_device(c, id)->online.next;
    return id;
}

const struct srv_device *srv_core_device(const struct srv_core *c, uint32_t device)
{
    if (device < 1 || device > c->n_devices || c->devices[device - 1].state == SRV_DEVICE_NONE)
        return NULL;
    return &c->devices[device - 1];
}

const char *srv_core_broken(const struct srv_core *c)
{
    const char *why = srv_roster_broken(c);

    if (!why)
        why = srv_upload_broken(c);
    if (!why)
        why = srv_round_broken(c);
    return why ? why : srv_score_broken(c);
}
