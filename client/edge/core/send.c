/* Sending: from the queue to COMMITTED.
 *
 *   IDLE -> ASKING -> BUILDING -> KEPT -> OFFERED -> SENDING -> ARRIVED -> HELD -> IDLE
 *
 * From KEPT on the update is in the store, and there is exactly one. Whatever goes wrong leads back
 * to KEPT, where it is offered again; only COMMITTED and REJECT end its life. So an answer may be
 * lost, late or doubled: it names the update's number, and a number is used once. */
#include <assert.h>

#include "client/edge/core/parts.h"

static bool has_update(const struct edge_send *s)
{
    return s->state >= EDGE_SEND_KEPT;
}

static void pause_until(struct edge_core *c, uint64_t until_ms, enum edge_why_reason reason)
{
    struct edge_send *s = &c->send;

    s->state = has_update(s) ? EDGE_SEND_KEPT : EDGE_SEND_IDLE;
    s->pause_ms = until_ms;
    s->paused_for = reason;
    s->deadline_ms = 0;
}

static void go_on(struct edge_core *c, enum edge_send_state next, uint64_t wait_ms)
{
    c->send.state = next;
    c->send.deadline_ms = c->now_ms + wait_ms;
}

/* ---- from the queue to an update ---- */

/* When the queue is worth an update, whatever else holds it up; 0: not before it changes. */
static uint64_t worth_at(const struct edge_core *c)
{
    const struct edge_send *s = &c->send;
    const struct edge_queue *q = &s->queue;
    uint64_t wait_ms = q->has_new_label ? c->conf.new_label_wait_ms : c->conf.max_wait_ms;

    if (q->n_eligible == 0)
        return 0;
    if (s->flush || q->n_eligible >= c->conf.batch || q->oldest_age_ms >= wait_ms)
        return s->queue_ms;
    return s->queue_ms + wait_ms - q->oldest_age_ms;
}

static void ask(struct edge_core *c, struct edge_actions *out)
{
    struct cn_msg *m = edge_say(c, CN_MSG_READY, out);

    m->ready.base = c->release;
    m->ready.n_held_out = c->send.queue.n_held_out;
    go_on(c, EDGE_SEND_ASKING, c->conf.reply_ms);
}

static void build(struct edge_core *c, struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, EDGE_ACT_BUILD);

    a->update.seq = c->send.next_seq;
    a->update.base = c->release;
    go_on(c, EDGE_SEND_BUILDING, c->conf.job_ms);
}

void edge_send_built(struct edge_core *c, const struct edge_event *ev)
{
    struct edge_send *s = &c->send;

    if (s->state != EDGE_SEND_BUILDING)
        return;
    if (!ev->built.ok) {
        pause_until(c, edge_backoff(c, s->n_failures++), EDGE_WHY_BUILD_FAILED);
        return;
    }
    assert(ev->built.update.seq && ev->built.update.size_bytes);
    s->update = ev->built.update;
    s->n_built++;
    s->flush = false;
    if (s->next_seq <= s->update.seq)
        s->next_seq = s->update.seq + 1;
    s->state = EDGE_SEND_KEPT;
    pause_until(c, 0, EDGE_WHY_NOTHING);
}

/* ---- from an update to the coordinator ---- */

static void offer(struct edge_core *c, struct edge_actions *out)
{
    const struct edge_update *u = &c->send.update;
    struct cn_msg *m = edge_say(c, CN_MSG_OFFER, out);

    m->offer.seq = u->seq;
    m->offer.digest = u->digest;
    m->offer.size_bytes = u->size_bytes;
    m->offer.base = u->base;
    m->offer.n_examples = u->n_examples;
    go_on(c, EDGE_SEND_OFFERED, c->conf.reply_ms);
}

static void upload(struct edge_core *c, struct edge_actions *out)
{
    struct edge_send *s = &c->send;
    uint64_t size = s->update.size_bytes;

    while (s->sent_bytes < size && s->sent_bytes < s->allowed_bytes) {
        uint64_t n = size - s->sent_bytes;
        struct edge_action *a = edge_act(out, EDGE_ACT_UPLOAD);
        a->seq = s->update.seq;
        a->offset = s->sent_bytes;
        a->n_bytes = n < CN_CHUNK_BYTES ? n : CN_CHUNK_BYTES;
        a->msg.kind = CN_MSG_CHUNK;
        a->msg.session = c->link.session;
        a->msg.chunk.digest = s->update.digest;
        a->msg.chunk.offset = a->offset;
        a->msg.chunk.total_bytes = size;
        s->sent_bytes += a->n_bytes;
    }
    go_on(c, s->sent_bytes == size ? EDGE_SEND_ARRIVED : EDGE_SEND_SENDING, c->conf.idle_ms);
}

/* The answer to OFFER says where to start; later ones only move the window on. */
static void on_send(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_send *s = &c->send;
    uint64_t allowed = m->send.offset + (uint64_t)m->send.credit * CN_CHUNK_BYTES;

    if (m->send.offset > s->update.size_bytes || m->send.credit > CN_MAX_CREDIT)
        return;
    if (s->state == EDGE_SEND_OFFERED) {
        s->sent_bytes = m->send.offset;
        s->allowed_bytes = allowed;
    } else if (s->state != EDGE_SEND_SENDING) {
        return;
    } else if (allowed > s->allowed_bytes) {
        s->allowed_bytes = allowed;
    }
    upload(c, out);
}

static void on_held(struct edge_core *c, struct edge_actions *out)
{
    if (c->send.state != EDGE_SEND_HELD)
        edge_act(out, EDGE_ACT_RECEIVED)->update.seq = c->send.update.seq;
    c->send.n_failures = 0;
    go_on(c, EDGE_SEND_HELD, c->conf.commit_ms);
}

static void forget_update(struct edge_core *c)
{
    c->send.update = (struct edge_update){0};
    c->send.state = EDGE_SEND_IDLE;
}

static void on_committed(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, EDGE_ACT_COMMIT);

    a->update.seq = m->committed.seq;
    a->update.release = m->committed.release;
    forget_update(c);
    c->send.n_committed++;
    c->send.n_failures = 0;
    pause_until(c, 0, EDGE_WHY_NOTHING);
}

static void on_reject(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, EDGE_ACT_RETURN);
    uint64_t until_ms = edge_backoff(c, c->send.n_failures++);

    a->update.seq = m->reject.seq;
    a->update.reason = m->reject.reason;
    a->update.text = m->reject.text;
    forget_update(c);
    c->send.n_rejected++;
    c->send.reject = m->reject.reason;
    if (c->now_ms + m->reject.retry_ms > until_ms)
        until_ms = c->now_ms + m->reject.retry_ms;
    pause_until(c, until_ms, EDGE_WHY_REJECTED);
}

static void on_wait(struct edge_core *c, const struct cn_msg *m)
{
    const struct edge_send *s = &c->send;
    bool mine = m->wait.about == CN_ABOUT_READY
                    ? s->state == EDGE_SEND_ASKING
                    : has_update(s) && s->state != EDGE_SEND_HELD && m->wait.ref == s->update.seq;

    if (!mine || m->wait.about == CN_ABOUT_PROPOSE)
        return;
    c->send.wait = m->wait.reason;
    pause_until(c, c->now_ms + m->wait.retry_ms, EDGE_WHY_TOLD_TO_WAIT);
}

void edge_send_receive(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_send *s = &c->send;
    uint64_t seq = has_update(s) ? s->update.seq : 0;

    if (m->kind == CN_MSG_TASK && s->state == EDGE_SEND_ASKING)
        build(c, out);
    else if (m->kind == CN_MSG_WAIT)
        on_wait(c, m);
    else if (!seq)
        return; /* about an update that is settled */
    else if (m->kind == CN_MSG_SEND && m->send.seq == seq)
        on_send(c, m, out);
    else if (m->kind == CN_MSG_HELD && m->held.seq == seq)
        on_held(c, out);
    else if (m->kind == CN_MSG_RECEIVED && m->received.seq == seq)
        on_held(c, out);
    else if (m->kind == CN_MSG_COMMITTED && m->committed.seq == seq)
        on_committed(c, m, out);
    else if (m->kind == CN_MSG_REJECT && m->reject.seq == seq)
        on_reject(c, m, out);
}

/* ---- what goes on around it ---- */

void edge_send_offline(struct edge_core *c)
{
    if (c->send.state != EDGE_SEND_BUILDING && c->send.state != EDGE_SEND_IDLE)
        pause_until(c, 0, EDGE_WHY_NOTHING);
}

void edge_send_installed(struct edge_core *c)
{
    if (c->send.state == EDGE_SEND_IDLE && c->send.paused_for == EDGE_WHY_TOLD_TO_WAIT)
        pause_until(c, 0, EDGE_WHY_NOTHING);
}

static void late(struct edge_core *c, struct edge_actions *out)
{
    struct edge_send *s = &c->send;

    switch (s->state) {
    case EDGE_SEND_BUILDING: s->deadline_ms = c->now_ms + c->conf.job_ms; break;
    case EDGE_SEND_HELD: offer(c, out); break;
    case EDGE_SEND_ASKING:
    case EDGE_SEND_OFFERED:
    case EDGE_SEND_SENDING:
    case EDGE_SEND_ARRIVED:
        pause_until(c, edge_backoff(c, s->n_failures++), EDGE_WHY_NO_ANSWER);
        break;
    case EDGE_SEND_IDLE:
    case EDGE_SEND_KEPT: break;
    }
}

static bool may_ask(const struct edge_core *c)
{
    return edge_core_is_online(c) && c->send.state == EDGE_SEND_IDLE && c->release &&
           !edge_fetch_is_upgrading(c);
}

void edge_send_tick(struct edge_core *c, struct edge_actions *out)
{
    struct edge_send *s = &c->send;
    uint64_t worth_ms = worth_at(c);

    if (s->deadline_ms && c->now_ms >= s->deadline_ms)
        late(c, out);
    if (c->now_ms < s->pause_ms)
        return;
    if (s->state == EDGE_SEND_KEPT && edge_core_is_online(c))
        offer(c, out);
    else if (may_ask(c) && worth_ms && c->now_ms >= worth_ms)
        ask(c, out);
}

uint64_t edge_send_deadline(const struct edge_core *c)
{
    const struct edge_send *s = &c->send;
    uint64_t worth_ms = worth_at(c);

    if (s->deadline_ms)
        return s->deadline_ms;
    if (s->state == EDGE_SEND_KEPT && edge_core_is_online(c))
        return s->pause_ms;
    if (!may_ask(c) || !worth_ms)
        return 0;
    return worth_ms > s->pause_ms ? worth_ms : s->pause_ms;
}

const char *edge_send_broken(const struct edge_core *c)
{
    const struct edge_send *s = &c->send;

    if (has_update(s) != (s->update.seq != 0))
        return "the state of sending differs from whether there is an update";
    if (s->update.seq >= s->next_seq)
        return "a number of an update could be used twice";
    if ((s->deadline_ms != 0) != (s->state != EDGE_SEND_IDLE && s->state != EDGE_SEND_KEPT))
        return "sending waits without a deadline";
    if (s->state != EDGE_SEND_IDLE && s->state != EDGE_SEND_KEPT &&
        s->state != EDGE_SEND_BUILDING && !edge_core_is_online(c))
        return "sending waits for an answer without a session";
    if ((s->state == EDGE_SEND_SENDING) && s->sent_bytes == s->update.size_bytes)
        return "everything was sent, and still is being sent";
    return NULL;
}
