/* The device's core: one event goes to the part that it concerns; then every part looks at the
   clock. The parts are link (the session), send (updates), fetch and score (blobs), propose
   (labels). */
#include "client/edge/core/core.h"

#include <assert.h>
#include <string.h>

#include "client/edge/core/parts.h"

/* ---- what the parts share ---- */

struct edge_action *edge_act(struct edge_actions *out, enum edge_action_kind kind)
{
    assert(out->n < EDGE_MAX_ACTIONS);
    struct edge_action *a = &out->at[out->n++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

struct cn_msg *edge_say(struct edge_core *c, enum cn_msg_kind kind, struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, EDGE_ACT_SEND);

    a->msg.kind = kind;
    a->msg.session = c->link.session;
    return &a->msg;
}

/* splitmix64 by Steele, Lea and Flood (OOPSLA 2014) */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

uint64_t edge_backoff(struct edge_core *c, uint32_t n_failures)
{
    uint64_t delay_ms = c->conf.retry_max_ms;

    if (n_failures < 32 && (c->conf.retry_ms << n_failures) < delay_ms)
        delay_ms = c->conf.retry_ms << n_failures;
    c->random = mix(c->random);
    return c->now_ms + delay_ms - delay_ms / 4 + c->random % (delay_ms / 2 + 1);
}

uint64_t edge_earlier(uint64_t a, uint64_t b)
{
    return a && (!b || a < b) ? a : b;
}

/* ---- events ---- */

static void on_msg(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    const struct cn_msg *m = ev->in.msg;

    if (!edge_link_receive(c, ev, out))
        return;
    switch (m->kind) {
    case CN_MSG_PONG: edge_fetch_heads(c, &m->pong); break;
    case CN_MSG_ANNOUNCE: edge_fetch_heads(c, &m->announce); break;
    case CN_MSG_CHUNK: edge_fetch_chunk(c, ev, out); break;
    case CN_MSG_GONE: edge_fetch_gone(c, &m->gone); break;
    case CN_MSG_SCORE: edge_score_asked(c, m, out); break;
    case CN_MSG_LABEL: edge_propose_receive(c, m, out); break;
    case CN_MSG_WAIT:
        edge_propose_receive(c, m, out);
        edge_send_receive(c, m, out);
        break;
    case CN_MSG_TASK:
    case CN_MSG_SEND:
    case CN_MSG_HELD:
    case CN_MSG_RECEIVED:
    case CN_MSG_COMMITTED:
    case CN_MSG_REJECT: edge_send_receive(c, m, out); break;
    case CN_MSG_WELCOME:
    case CN_MSG_REFUSED:
    case CN_MSG_NONE: /* from here on: not a coordinator's to say */
    case CN_MSG_HELLO:
    case CN_MSG_PING:
    case CN_MSG_PROPOSE:
    case CN_MSG_WANT:
    case CN_MSG_READY:
    case CN_MSG_OFFER:
    case CN_MSG_TALLY:
    case CN_MSG_SCORED:
    case CN_MSG_JOIN:
    case CN_MSG_ADMITTED:
    case CN_MSG_NKINDS: break;
    }
}

static void on_queue(struct edge_core *c, const struct edge_event *ev)
{
    c->send.queue = ev->queue;
    c->send.queue_ms = c->now_ms;
}

static void on_scored(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    struct edge_fetch *f = &c->fetch;

    if (f->state != EDGE_FETCH_SCORING || !cn_digest_equal(&ev->scored.model, &f->blob.digest))
        return;
    f->state = EDGE_FETCH_IDLE;
    f->deadline_ms = 0;
    if (edge_core_is_online(c))
        edge_score_done(c, ev, out);
}

static void tick_tally(struct edge_core *c, struct edge_actions *out)
{
    if (!c->has_tally || !edge_core_is_online(c) || c->now_ms < c->tally_due_ms)
        return;
    c->has_tally = false;
    c->tally_due_ms = c->now_ms + c->conf.tally_ms;
    edge_say(c, CN_MSG_TALLY, out)->tally.release = c->release;
}

/* ---- the machine ---- */

void edge_core_conf_init(struct edge_core_conf *conf)
{
    *conf = (struct edge_core_conf){
        .batch = 32,
        .max_wait_ms = 60 * 1000,
        .new_label_wait_ms = 5 * 1000,
        .reply_ms = 10 * 1000,
        .idle_ms = 60 * 1000,
        .commit_ms = 60 * 1000,
        .job_ms = 5 * 60 * 1000,
        .retry_ms = 1000,
        .retry_max_ms = 5 * 60 * 1000,
        .tally_ms = 10 * 1000,
        .propose_ms = 60 * 1000,
        .credit = 8,
    };
}

void edge_core_init(struct edge_core *c, const struct edge_core_conf *conf,
                    const struct edge_start *start)
{
    assert(conf->batch && conf->credit && conf->credit <= CN_MAX_CREDIT);
    assert(conf->reply_ms && conf->idle_ms && conf->commit_ms && conf->job_ms);
    assert(conf->retry_ms && conf->retry_max_ms >= conf->retry_ms);
    assert(start->next_seq > start->update.seq);
    memset(c, 0, sizeof *c);
    c->conf = *conf;
    c->now_ms = start->now_ms;
    c->release = start->release;
    c->registry_version = start->registry_version;
    c->model = start->model;
    c->link.deadline_ms = start->now_ms ? start->now_ms : 1;
    c->send.update = start->update;
    c->send.next_seq = start->next_seq;
    c->send.state = start->update.seq ? EDGE_SEND_KEPT : EDGE_SEND_IDLE;
}

void edge_core_step(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    out->n = 0;
    if (ev->now_ms > c->now_ms)
        c->now_ms = ev->now_ms;
    c->random = mix(c->random ^ ev->random);
    switch (ev->kind) {
    case EDGE_EV_TICK: break;
    case EDGE_EV_UP: edge_link_up(c, out); break;
    case EDGE_EV_DOWN: edge_link_down(c, ev->down); break;
    case EDGE_EV_MSG: on_msg(c, ev, out); break;
    case EDGE_EV_QUEUE: on_queue(c, ev); break;
    case EDGE_EV_FLUSH: c->send.flush = true; break;
    case EDGE_EV_BUILT: edge_send_built(c, ev); break;
    case EDGE_EV_HAVE: edge_fetch_have(c, ev, out); break;
    case EDGE_EV_VERIFIED: edge_fetch_verified(c, ev, out); break;
    case EDGE_EV_INSTALLED: edge_fetch_installed(c, ev, out); break;
    case EDGE_EV_SCORED: on_scored(c, ev, out); break;
    case EDGE_EV_PROPOSE: edge_propose_add(c, ev); break;
    case EDGE_EV_COUNTED: c->has_tally = c->release != 0; break;
    }
    edge_link_tick(c, out);
    edge_score_tick(c);
    edge_fetch_tick(c, out);
    edge_send_tick(c, out);
    edge_propose_tick(c, out);
    tick_tally(c, out);
}

uint64_t edge_core_deadline(const struct edge_core *c)
{
    uint64_t t = edge_link_deadline(c);

    t = edge_earlier(t, edge_send_deadline(c));
    t = edge_earlier(t, edge_fetch_deadline(c));
    t = edge_earlier(t, edge_propose_deadline(c));
    return edge_earlier(t, c->has_tally && edge_core_is_online(c) ? c->tally_due_ms : 0);
}

bool edge_core_is_online(const struct edge_core *c)
{
    return c->link.state == EDGE_LINK_ONLINE;
}

const char *edge_core_broken(const struct edge_core *c)
{
    const struct edge_link *l = &c->link;

    if (edge_core_is_online(c) != (l->session != 0))
        return "the link's state differs from whether there is a session";
    if (edge_core_deadline(c) == 0)
        return "the device looks after nothing";
    const char *why = edge_send_broken(c);
    return why ? why : edge_fetch_broken(c);
}
