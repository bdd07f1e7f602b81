/* The session: DOWN -> GREETING -> ONLINE, and REFUSED. HELLO carries a fresh nonce, so that no
   answer to an old HELLO is taken for one to the last; WELCOME gives the session's number, which
   every message carries from then on. The device pings; two pings without any word from the
   coordinator mean that the link is dead, whatever the operating system says. */
#include "client/edge/core/parts.h"

static void greet(struct edge_core *c, struct edge_actions *out)
{
    struct edge_link *l = &c->link;

    l->state = EDGE_LINK_GREETING;
    l->session = 0;
    l->nonce = c->random;
    l->deadline_ms = edge_backoff(c, l->n_failures) + c->conf.reply_ms;
    struct cn_msg *m = edge_say(c, CN_MSG_HELLO, out);
    m->hello.major = CN_PROTO_MAJOR;
    m->hello.minor = CN_PROTO_MINOR;
    m->hello.fleet = c->conf.fleet;
    m->hello.nonce = l->nonce;
    m->hello.release = c->release;
    m->hello.registry_version = c->registry_version;
    m->hello.n_held_out = c->send.queue.n_held_out;
}

static void end_session(struct edge_core *c)
{
    c->link.session = 0;
    edge_send_offline(c);
    edge_fetch_offline(c);
    edge_score_stop(c);
}

void edge_link_up(struct edge_core *c, struct edge_actions *out)
{
    end_session(c);
    c->link.is_up = true;
    greet(c, out);
}

void edge_link_down(struct edge_core *c, enum edge_down cause)
{
    struct edge_link *l = &c->link;

    end_session(c);
    l->is_up = false;
    l->cause = cause;
    l->state = EDGE_LINK_DOWN;
    l->deadline_ms = edge_backoff(c, l->n_failures);
}

static void refused(struct edge_core *c, enum cn_refused reason, uint64_t retry_ms)
{
    struct edge_link *l = &c->link;
    uint64_t earliest_ms = edge_backoff(c, l->n_failures++);

    end_session(c);
    l->state = EDGE_LINK_REFUSED;
    l->refused = reason;
    l->deadline_ms = c->now_ms + retry_ms > earliest_ms ? c->now_ms + retry_ms : earliest_ms;
}

static void on_welcome(struct edge_core *c, const struct cn_msg *m)
{
    struct edge_link *l = &c->link;

    if (l->state != EDGE_LINK_GREETING || m->welcome.nonce != l->nonce || !m->session)
        return;
    if (m->welcome.major != CN_PROTO_MAJOR) {
        refused(c, CN_REFUSED_VERSION, c->conf.retry_max_ms);
        return;
    }
    l->state = EDGE_LINK_ONLINE;
    l->session = m->session;
    l->n_failures = 0;
    l->heard_ms = c->now_ms;
    l->ping_ms = m->welcome.ping_ms;
    l->ping_due_ms = c->now_ms + l->ping_ms;
    l->deadline_ms = 0;
    if (m->welcome.last_seq >= c->send.next_seq)
        c->send.next_seq = m->welcome.last_seq + 1; /* the store was lost, or is an old copy */
    c->has_tally = c->release != 0;
    edge_propose_online(c);
    edge_fetch_heads(c, &m->welcome.heads);
}

static void on_refused(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    const struct edge_link *l = &c->link;
    bool of_hello = l->state == EDGE_LINK_GREETING && m->refused.nonce == l->nonce;
    bool of_session = l->state == EDGE_LINK_ONLINE && m->session == l->session;

    if (of_session && m->refused.reason == CN_REFUSED_SESSION) {
        end_session(c); /* the coordinator was restarted, or took us for gone */
        greet(c, out);
    } else if (of_hello || of_session) {
        refused(c, m->refused.reason, m->refused.retry_ms);
    }
}

bool edge_link_receive(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    const struct cn_msg *m = ev->in.msg;

    if (m->kind == CN_MSG_WELCOME) {
        on_welcome(c, m);
        return false;
    }
    if (m->kind == CN_MSG_REFUSED) {
        on_refused(c, m, out);
        return false;
    }
    if (c->link.state != EDGE_LINK_ONLINE || m->session != c->link.session)
        return false;
    c->link.heard_ms = c->now_ms;
    return true;
}

static uint64_t dead_at(const struct edge_core *c)
{
    return c->link.heard_ms + 2 * c->link.ping_ms + c->conf.reply_ms;
}

static void tick_online(struct edge_core *c, struct edge_actions *out)
{
    struct edge_link *l = &c->link;

    if (c->now_ms >= dead_at(c)) {
        end_session(c);
        l->cause = EDGE_DOWN_LOST;
        l->n_failures++;
        edge_act(out, EDGE_ACT_CONNECT);
        greet(c, out);
    } else if (c->now_ms >= l->ping_due_ms) {
        l->ping_due_ms = c->now_ms + l->ping_ms;
        edge_say(c, CN_MSG_PING, out)->ping.n_held_out = c->send.queue.n_held_out;
    }
}

void edge_link_tick(struct edge_core *c, struct edge_actions *out)
{
    struct edge_link *l = &c->link;

    if (l->state == EDGE_LINK_ONLINE) {
        tick_online(c, out);
    } else if (c->now_ms >= l->deadline_ms) {
        if (l->state == EDGE_LINK_GREETING) {
            l->n_failures++;
            edge_act(out, EDGE_ACT_CONNECT); /* up, they say; but nobody answers */
        }
        if (l->is_up) {
            greet(c, out);
        } else {
            edge_act(out, EDGE_ACT_CONNECT);
            l->state = EDGE_LINK_DOWN;
            l->deadline_ms = edge_backoff(c, l->n_failures++);
        }
    }
}

uint64_t edge_link_deadline(const struct edge_core *c)
{
    const struct edge_link *l = &c->link;

    return l->state == EDGE_LINK_ONLINE ? edge_earlier(l->ping_due_ms, dead_at(c)) : l->deadline_ms;
}
