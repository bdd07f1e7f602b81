/* The round: from the first update after a release to the next release.
 *
 *   GATHERING -> CLOSING -> CONSOLIDATING -> SCORING -> DECIDING -> GATHERING, number + 1
 *
 * CLOSING lasts while merge jobs of this round run; none starts in it. Uploads go on all the while:
 * what arrives when the round does not gather is parked in its slot and goes to the next one. A
 * round that is refused, or overtaken by a rollback, gives its updates back: each device is told
 * REJECT, its examples return to its queue, nothing is lost. */
#include <assert.h>

#include "server/core/parts.h"

#define TO(state) (1u << SRV_ROUND_##state)

/* The whole life of a round; move() refuses what is not here. A rollback may come in any state but
   DECIDING, which ends by itself. */
/* clang-format off */
static const unsigned may_become[] = {
    [SRV_ROUND_GATHERING]     = TO(GATHERING) | TO(CLOSING) | TO(CONSOLIDATING),
    [SRV_ROUND_CLOSING]       = TO(GATHERING) | TO(CONSOLIDATING),
    [SRV_ROUND_CONSOLIDATING] = TO(GATHERING) | TO(SCORING),
    [SRV_ROUND_SCORING]       = TO(GATHERING) | TO(DECIDING),
    [SRV_ROUND_DECIDING]      = TO(GATHERING),
};
/* clang-format on */

static void move(struct srv_core *c, enum srv_round_state next, uint64_t wait_ms)
{
    struct srv_round *r = &c->round;

    assert(may_become[r->state] & (1u << next));
    r->state = next;
    r->deadline_ms = wait_ms ? c->now_ms + wait_ms : 0;
    r->overdue = false;
}

static struct srv_action *act_on_round(const struct srv_core *c, enum srv_action_kind kind,
                                       struct srv_actions *out)
{
    struct srv_action *a = srv_act(out, kind);

    a->round.number = c->round.number;
    a->round.base = c->heads.release;
    a->round.n = c->round.n_updates;
    a->round.updates = c->updates;
    return a;
}

/* ---- gathering ---- */

bool srv_round_has_room(const struct srv_core *c)
{
    return c->round.n_updates + c->n_busy < CN_MAX_ROUND_UPDATES;
}

/* A device has one update in flight, so a round never gets more than there are devices. */
uint32_t srv_round_needed(const struct srv_core *c)
{
    uint32_t n = c->conf.updates < c->n_active ? c->conf.updates : c->n_active;

    return n ? n : 1;
}

static enum cn_wait busy_with(const struct srv_core *c)
{
    switch (c->round.state) {
    case SRV_ROUND_GATHERING: return CN_WAIT_NONE;
    case SRV_ROUND_CLOSING:
    case SRV_ROUND_CONSOLIDATING: return CN_WAIT_CONSOLIDATING;
    case SRV_ROUND_SCORING: return CN_WAIT_SCORING;
    case SRV_ROUND_DECIDING: return CN_WAIT_DECIDING;
    }
    return CN_WAIT_NONE;
}

void srv_round_ready(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    uint32_t base = ev->in.msg->ready.base;
    struct srv_device *d = srv_device(c, ev->device);
    enum cn_wait reason = busy_with(c);

    srv_line_leave(c, ev->device);
    if (d->held_seq || d->slot)
        reason = CN_WAIT_IN_FLIGHT;
    else if (base > c->heads.release)
        reason = CN_WAIT_AHEAD;
    else if (c->heads.release - base > c->conf.max_staleness)
        reason = CN_WAIT_STALE_BASE;
    else if (!srv_round_has_room(c))
        reason = CN_WAIT_ROUND_FULL;
    if (reason == CN_WAIT_NONE) {
        d->wait = CN_WAIT_NONE;
        srv_tell(c, ev->device, CN_MSG_TASK, out)->task.base = c->heads.release;
        return;
    }
    if (reason == CN_WAIT_STALE_BASE) /* it may have missed that there is a newer one */
        srv_tell(c, ev->device, CN_MSG_ANNOUNCE, out)->announce = srv_heads(c);
    srv_tell_wait(c, ev->device, CN_ABOUT_READY, 0, reason, c->now_ms + c->conf.retry_ms, out);
}

void srv_round_add(struct srv_core *c, const struct srv_slot *slot)
{
    struct srv_round *r = &c->round;

    assert(r->n_updates < CN_MAX_ROUND_UPDATES);
    c->updates[r->n_updates++] = (struct srv_update){slot->device, slot->n_examples, slot->seq};
    if (r->n_updates > 1)
        return;
    r->opened_ms = c->now_ms;
    if (r->state == SRV_ROUND_GATHERING)
        r->deadline_ms = c->now_ms + c->conf.max_wait_ms;
}

/* The sums and candidates of this round are done with, whatever became of them. */
static void gather(struct srv_core *c, struct srv_actions *out)
{
    struct srv_round *r = &c->round;

    move(c, SRV_ROUND_GATHERING, 0);
    r->number++;
    r->opened_ms = 0;
    r->n_updates = r->n_merging = r->n_asked = r->n_unanswered = r->n_models = 0;
    srv_upload_unpark(c, out);
}

/* ---- closing ---- */

static void consolidate(struct srv_core *c, struct srv_actions *out)
{
    move(c, SRV_ROUND_CONSOLIDATING, c->conf.job_ms);
    act_on_round(c, SRV_ACT_CONSOLIDATE, out);
}

void srv_round_close(struct srv_core *c, struct srv_actions *out)
{
    if (c->round.state != SRV_ROUND_GATHERING)
        return;
    if (c->round.n_merging)
        move(c, SRV_ROUND_CLOSING, c->conf.job_ms);
    else if (c->round.n_updates)
        consolidate(c, out);
}

void srv_round_advance(struct srv_core *c, struct srv_actions *out)
{
    struct srv_round *r = &c->round;

    if (r->state == SRV_ROUND_GATHERING && r->n_updates >= srv_round_needed(c)) {
        srv_round_close(c, out);
    } else if (r->state == SRV_ROUND_CLOSING && r->n_merging == 0) {
        if (r->n_updates) {
            consolidate(c, out);
        } else { /* the jobs that it waited for were all rejected */
            move(c, SRV_ROUND_GATHERING, 0);
            srv_upload_unpark(c, out);
        }
    }
}

/* ---- the end ---- */

static void settle(struct srv_core *c, const struct cn_msg *msg, struct srv_actions *out)
{
    struct srv_action *a = srv_act(out, SRV_ACT_SETTLE);

    a->n = c->round.n_updates;
    a->updates = c->updates;
    a->msg = *msg;
}

static void give_back(struct srv_core *c, enum cn_reject reason, const char *text,
                      struct srv_actions *out)
{
    struct cn_msg m = {.kind = CN_MSG_REJECT};

    for (uint32_t i = 0; i < c->round.n_updates; i++) {
        const struct srv_update *u = &c->updates[i];
        srv_device(c, u->device)->held_seq = 0;
        srv_upload_mark_rejected(c, u->device, u->seq, reason);
    }
    m.reject.reason = reason;
    m.reject.release = c->heads.release;
    m.reject.retry_ms = c->conf.refused_retry_ms;
    for (size_t i = 0; text && text[i] && i < CN_MAX_SENTENCE_BYTES; i++)
        m.reject.text[i] = text[i];
    settle(c, &m, out);
    act_on_round(c, SRV_ACT_DISCARD, out);
    gather(c, out);
}

static void commit(struct srv_core *c, const struct cn_heads *heads, struct srv_actions *out)
{
    struct cn_msg m = {.kind = CN_MSG_COMMITTED};

    assert(heads->release > c->heads.release);
    for (uint32_t i = 0; i < c->round.n_updates; i++) {
        const struct srv_update *u = &c->updates[i];
        struct srv_device *d = srv_device(c, u->device);
        d->held_seq = 0;
        d->last_seq = u->seq;
        d->last_release = heads->release;
    }
    c->n_committed += c->round.n_updates;
    m.committed.release = heads->release;
    settle(c, &m, out);
    srv_announce_release(c, heads, out);
    gather(c, out);
}

void srv_round_consolidated(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    struct srv_round *r = &c->round;

    if (r->state != SRV_ROUND_CONSOLIDATING || ev->consolidated.round != r->number)
        return;
    if (!ev->consolidated.ok) {
        give_back(c, CN_REJECT_CONSOLIDATION, NULL, out);
        return;
    }
    assert(ev->consolidated.n_models >= 2 && ev->consolidated.n_models <= CN_MAX_MODELS_SCORED);
    r->n_models = ev->consolidated.n_models;
    for (uint32_t i = 0; i < r->n_models; i++)
        r->models[i] = ev->consolidated.models[i];
    move(c, SRV_ROUND_SCORING, c->conf.score_wait_ms);
    srv_score_start(c, out);
}

void srv_round_scored(struct srv_core *c, struct srv_actions *out)
{
    move(c, SRV_ROUND_DECIDING, c->conf.job_ms);
    c->round.n_unanswered = 0;
    act_on_round(c, SRV_ACT_DECIDE, out);
}

void srv_round_decided(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    if (c->round.state != SRV_ROUND_DECIDING || ev->decided.round != c->round.number)
        return;
    if (ev->decided.promoted)
        commit(c, &ev->decided.heads, out);
    else
        give_back(c, CN_REJECT_GATE, ev->decided.text, out);
}

void srv_round_abandon(struct srv_core *c, struct srv_actions *out)
{
    assert(c->round.state != SRV_ROUND_DECIDING);
    give_back(c, CN_REJECT_BASE_CHANGED, NULL, out);
}

void srv_round_tick(struct srv_core *c, struct srv_actions *out)
{
    struct srv_round *r = &c->round;

    if (r->deadline_ms == 0 || c->now_ms < r->deadline_ms)
        return;
    switch (r->state) {
    case SRV_ROUND_GATHERING: srv_round_close(c, out); break;
    case SRV_ROUND_SCORING: srv_round_scored(c, out); break;
    case SRV_ROUND_CLOSING:
    case SRV_ROUND_CONSOLIDATING:
    case SRV_ROUND_DECIDING: /* a job cannot be hurried, but everybody shall see that it is late */
        r->overdue = true;
        r->deadline_ms = c->now_ms + c->conf.job_ms;
        break;
    }
}

const char *srv_round_broken(const struct srv_core *c)
{
    const struct srv_round *r = &c->round;
    uint32_t n_held = 0;

    for (uint32_t id = 1; id <= c->n_devices; id++) {
        const struct srv_device *d = srv_device(c, id);
        n_held += d->held_seq != 0;
        if (d->held_seq && (d->held_seq <= d->last_seq || d->held_seq <= d->rejected_seq))
            return "an update is held that is settled";
    }
    if (n_held != r->n_updates || r->n_updates > CN_MAX_ROUND_UPDATES)
        return "the round's updates differ from the devices' held ones in number";
    for (uint32_t i = 0; i < r->n_updates; i++)
        if (srv_device(c, c->updates[i].device)->held_seq != c->updates[i].seq)
            return "an update of the round is not the one that its device has held";
    if ((r->deadline_ms == 0) != (r->state == SRV_ROUND_GATHERING && r->n_updates == 0))
        return "the round waits without a deadline";
    if (r->state == SRV_ROUND_CLOSING && r->n_merging == 0)
        return "a closing round waits for no merge job";
    if (r->state > SRV_ROUND_CLOSING && (r->n_merging || r->n_updates == 0))
        return "a round was closed too early";
    return NULL;
}
