/* Uploads: from OFFER to the sums of the round.
 *
 * A device numbers its updates 1, 2, 3... and has one in flight. What makes "exactly once" hold
 * with two numbers per device and no disk write per update:
 *   - last_seq, durable, written in the release's own transaction: at or below it, the answer is
 *     COMMITTED or REJECT, never a slot;
 *   - rejected_seq, in memory: at or below it, the answer is REJECT. It may be forgotten in a
 * crash, because with it go all sessions: an OFFER that comes after the crash was sent after it, by
 * a device that did not hear the REJECT and still has the update. An update is in one of: a slot
 * (arriving, parked, merging), the round (held_seq), or nowhere. */
#include <assert.h>

#include "server/core/parts.h"

static struct srv_slot *slot_of(const struct srv_core *c, const struct srv_device *d)
{
    return d->slot ? (struct srv_slot *)(uintptr_t)&c->slots[d->slot - 1] : NULL;
}

static struct srv_action *act_on_slot(const struct srv_core *c, const struct srv_slot *s,
                                      enum srv_action_kind kind, struct srv_actions *out)
{
    struct srv_action *a = srv_act(out, kind);

    a->device = s->device;
    a->slot.slot = (uint32_t)(s - c->slots);
    return a;
}

static void free_slot(struct srv_core *c, struct srv_slot *s, struct srv_actions *out)
{
    act_on_slot(c, s, SRV_ACT_FREE, out);
    srv_device(c, s->device)->slot = 0;
    c->n_busy--;
    c->inflight_bytes -= s->size_bytes;
    *s = (struct srv_slot){.state = SRV_SLOT_FREE};
}

/* ---- answers ---- */

void srv_upload_mark_rejected(struct srv_core *c, uint32_t device, uint64_t seq,
                              enum cn_reject reason)
{
    struct srv_device *d = srv_device(c, device);

    if (seq > d->rejected_seq) {
        d->rejected_seq = seq;
        d->rejected_for = reason;
    }
    c->n_rejected[reason]++;
}

static void reject(struct srv_core *c, uint32_t device, uint64_t seq, enum cn_reject reason,
                   const char *text, struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, device);

    d->wait = CN_WAIT_NONE;
    if (seq > d->rejected_seq && seq > d->last_seq)
        srv_upload_mark_rejected(c, device, seq, reason);
    if (!d->session)
        return; /* it asks again when it is back */
    struct cn_msg *m = srv_tell(c, device, CN_MSG_REJECT, out);
    m->reject.seq = seq;
    m->reject.reason = reason;
    m->reject.release = c->heads.release;
    for (size_t i = 0; text && text[i] && i < CN_MAX_SENTENCE_BYTES; i++)
        m->reject.text[i] = text[i];
}

static void send_from(struct srv_core *c, struct srv_slot *s, struct srv_actions *out)
{
    struct cn_msg *m = srv_tell(c, s->device, CN_MSG_SEND, out);

    m->send.seq = s->seq;
    m->send.offset = s->received_bytes;
    m->send.credit = c->conf.credit;
}

/* ---- OFFER ---- */

/* Answers what the update's number alone decides. */
static bool is_settled(struct srv_core *c, uint32_t device, const struct cn_msg *m,
                       struct srv_actions *out)
{
    const struct srv_device *d = srv_device(c, device);
    uint64_t seq = m->offer.seq;

    if (seq == d->last_seq) {
        struct cn_msg *answer = srv_tell(c, device, CN_MSG_COMMITTED, out);
        answer->committed.seq = seq;
        answer->committed.release = d->last_release;
    } else if (seq < d->last_seq) {
        reject(c, device, seq, CN_REJECT_OLD_SEQ, NULL, out);
    } else if (seq <= d->rejected_seq) {
        reject(c, device, seq, d->rejected_for, NULL, out);
    } else if (seq == d->held_seq) {
        srv_tell(c, device, CN_MSG_HELD, out)->held.seq = seq;
    } else if (d->held_seq) {
        srv_tell_wait(c, device, CN_ABOUT_OFFER, seq, CN_WAIT_IN_FLIGHT,
                      c->now_ms + c->conf.retry_ms, out);
    } else {
        return false;
    }
    return true;
}

/* An update that is not in a slot yet: may it get one at all? */
static bool is_fit(struct srv_core *c, uint32_t device, const struct cn_msg *m,
                   struct srv_actions *out)
{
    enum cn_reject reason = CN_REJECT_NONE;

    if (m->offer.base > c->heads.release)
        reason = CN_REJECT_AHEAD;
    else if (c->heads.release - m->offer.base > c->conf.max_staleness)
        reason = CN_REJECT_STALE;
    else if (m->offer.size_bytes > c->conf.max_update_bytes ||
             m->offer.size_bytes > c->conf.max_inflight_bytes)
        reason = CN_REJECT_TOO_LARGE;
    if (reason != CN_REJECT_NONE)
        reject(c, device, m->offer.seq, reason, NULL, out);
    return reason == CN_REJECT_NONE;
}

/* The device has a slot already, and offers again. Only bytes keep a slot, not words: its deadline
   stays. */
static void resume(struct srv_core *c, struct srv_slot *s, const struct cn_msg *m,
                   struct srv_actions *out)
{
    enum cn_wait reason = CN_WAIT_IN_FLIGHT;

    if (s->seq == m->offer.seq && s->size_bytes == m->offer.size_bytes &&
        cn_digest_equal(&s->digest, &m->offer.digest)) {
        switch (s->state) {
        case SRV_SLOT_RECEIVING: send_from(c, s, out); return;
        case SRV_SLOT_PARKED: reason = CN_WAIT_PARKED; break;
        case SRV_SLOT_MERGING: reason = CN_WAIT_MERGING; break;
        case SRV_SLOT_FREE: assert(!"a device has a free slot");
        }
    }
    srv_tell_wait(c, s->device, CN_ABOUT_OFFER, m->offer.seq, reason, c->now_ms + c->conf.retry_ms,
                  out);
}

static void grant(struct srv_core *c, uint32_t device, const struct cn_msg *m,
                  struct srv_actions *out)
{
    struct srv_slot *s = c->slots;

    while (s->state != SRV_SLOT_FREE)
        s++;
    *s = (struct srv_slot){.state = SRV_SLOT_RECEIVING,
                           .device = device,
                           .base = m->offer.base,
                           .n_examples = m->offer.n_examples,
                           .seq = m->offer.seq,
                           .size_bytes = m->offer.size_bytes,
                           .deadline_ms = c->now_ms + c->conf.slot_idle_ms,
                           .digest = m->offer.digest};
    srv_line_leave(c, device);
    srv_device(c, device)->wait = CN_WAIT_NONE;
    srv_device(c, device)->slot = 1 + (uint32_t)(s - c->slots);
    c->n_busy++;
    c->inflight_bytes += s->size_bytes;
    act_on_slot(c, s, SRV_ACT_OPEN, out)->slot.bytes = s->size_bytes;
    send_from(c, s, out);
}

void srv_upload_offer(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    const struct srv_device *d = srv_device(c, ev->device);

    if (is_settled(c, ev->device, m, out))
        srv_line_leave(c, ev->device);
    else if (d->slot)
        resume(c, slot_of(c, d), m, out);
    else if (!is_fit(c, ev->device, m, out))
        srv_line_leave(c, ev->device);
    else if (!srv_round_has_room(c))
        srv_tell_wait(c, ev->device, CN_ABOUT_OFFER, m->offer.seq, CN_WAIT_ROUND_FULL,
                      c->now_ms + c->conf.retry_ms, out);
    else if (!srv_line_admits(c, ev->device))
        srv_line_join(c, ev->device, m->offer.seq, CN_WAIT_SLOTS, out);
    else if (m->offer.size_bytes > c->conf.max_inflight_bytes - c->inflight_bytes)
        srv_line_join(c, ev->device, m->offer.seq, CN_WAIT_MEMORY, out);
    else
        grant(c, ev->device, m, out);
}

/* ---- CHUNK ---- */

static void merge_or_park(struct srv_core *c, struct srv_slot *s, struct srv_actions *out)
{
    if (c->round.state != SRV_ROUND_GATHERING) {
        s->state = SRV_SLOT_PARKED;
        s->deadline_ms = 0; /* the round's deadline is its own */
        return;
    }
    if (c->heads.release - s->base > c->conf.max_staleness) { /* it was younger when it began */
        reject(c, s->device, s->seq, CN_REJECT_STALE, NULL, out);
        free_slot(c, s, out);
        srv_line_nudge(c, out);
        return;
    }
    s->state = SRV_SLOT_MERGING;
    s->round = c->round.number;
    s->deadline_ms = c->now_ms + c->conf.job_ms;
    c->round.n_merging++;
    struct srv_action *a = act_on_slot(c, s, SRV_ACT_MERGE, out);
    a->slot.round = s->round;
    a->slot.seq = s->seq;
    a->slot.base = s->base;
    a->slot.staleness = c->heads.release - s->base;
    a->slot.bytes = s->size_bytes;
    a->slot.digest = s->digest;
}

void srv_upload_chunk(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_slot *s = slot_of(c, srv_device(c, ev->device));

    if (!s || s->state != SRV_SLOT_RECEIVING || m->chunk.offset != s->received_bytes ||
        m->chunk.total_bytes != s->size_bytes || !cn_digest_equal(&m->chunk.digest, &s->digest) ||
        ev->in.n_bulk == 0 || ev->in.n_bulk > s->size_bytes - s->received_bytes)
        return; /* late, or twice: what is missing is asked for again */
    act_on_slot(c, s, SRV_ACT_WRITE, out)->slot.bytes = s->received_bytes;
    uint64_t window = (uint64_t)(c->conf.credit + 1) / 2 * CN_CHUNK_BYTES;
    uint64_t before = s->received_bytes / window;
    s->received_bytes += ev->in.n_bulk;
    s->deadline_ms = c->now_ms + c->conf.slot_idle_ms;
    if (s->received_bytes == s->size_bytes)
        merge_or_park(c, s, out);
    else if (s->received_bytes / window > before)
        send_from(c, s, out); /* the window moves on before it is used up */
}

/* ---- the sums ---- */

void srv_upload_merged(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, ev->device);
    struct srv_slot *s = slot_of(c, d);
    enum cn_reject reason = ev->merged.reject;

    if (!s || s->state != SRV_SLOT_MERGING || s->seq != ev->merged.seq ||
        s->round != ev->merged.round)
        return;
    if (s->round == c->round.number)
        c->round.n_merging--;
    else if (reason == CN_REJECT_NONE)
        reason = CN_REJECT_BASE_CHANGED; /* the sums that it went into were thrown away */
    d->wait = CN_WAIT_NONE;
    if (reason != CN_REJECT_NONE) {
        reject(c, ev->device, s->seq, reason, ev->merged.text, out);
    } else {
        d->held_seq = s->seq;
        srv_round_add(c, s);
        if (d->session)
            srv_tell(c, ev->device, CN_MSG_RECEIVED, out)->received.seq = s->seq;
    }
    free_slot(c, s, out);
    srv_line_nudge(c, out);
    srv_round_advance(c, out);
}

void srv_upload_unpark(struct srv_core *c, struct srv_actions *out)
{
    for (struct srv_slot *s = c->slots; s < c->slots + c->conf.n_slots; s++)
        if (s->state == SRV_SLOT_PARKED)
            merge_or_park(c, s, out);
}

void srv_upload_drop(struct srv_core *c, uint32_t device, struct srv_actions *out)
{
    struct srv_slot *s = slot_of(c, srv_device(c, device));

    if (!s || s->state == SRV_SLOT_MERGING)
        return;
    free_slot(c, s, out);
    srv_line_nudge(c, out);
}

/* ---- time ---- */

static void stalled(struct srv_core *c, struct srv_slot *s, struct srv_actions *out)
{
    uint32_t device = s->device;
    uint64_t seq = s->seq;

    free_slot(c, s, out);
    c->n_stalled++;
    if (srv_device(c, device)->session)
        srv_tell_wait(c, device, CN_ABOUT_OFFER, seq, CN_WAIT_STALLED, c->now_ms + c->conf.retry_ms,
                      out);
}

void srv_upload_tick(struct srv_core *c, struct srv_actions *out)
{
    uint32_t n_before = c->n_busy;

    for (struct srv_slot *s = c->slots; s < c->slots + c->conf.n_slots; s++) {
        if (s->deadline_ms == 0 || c->now_ms < s->deadline_ms)
            continue;
        if (s->state == SRV_SLOT_RECEIVING)
            stalled(c, s, out);
        else
            s->deadline_ms = c->now_ms + c->conf.job_ms; /* a job cannot be hurried */
    }
    if (c->n_busy < n_before)
        srv_line_nudge(c, out);
}

uint64_t srv_upload_deadline(const struct srv_core *c)
{
    uint64_t first = 0;

    for (const struct srv_slot *s = c->slots; s < c->slots + c->conf.n_slots; s++)
        if (s->deadline_ms && (!first || s->deadline_ms < first))
            first = s->deadline_ms;
    return first;
}

/* ---- invariants ---- */

static const char *slot_broken(const struct srv_core *c, const struct srv_slot *s)
{
    const struct srv_device *d = srv_device(c, s->device);

    if (slot_of(c, d) != s)
        return "a slot's device does not know of it";
    if (s->seq <= d->last_seq || s->seq <= d->rejected_seq || d->held_seq)
        return "a slot holds an update that is settled, or of a device that has another";
    if (s->received_bytes > s->size_bytes ||
        (s->received_bytes == s->size_bytes) != (s->state != SRV_SLOT_RECEIVING))
        return "a slot's state differs from the bytes that have arrived";
    if (d->state != SRV_DEVICE_ACTIVE && s->state != SRV_SLOT_MERGING)
        return "a device that is out has a slot";
    if (s->base > c->heads.release)
        return "an update is built on a release that does not exist";
    if ((s->deadline_ms == 0) != (s->state == SRV_SLOT_PARKED))
        return "a slot has no deadline";
    return NULL;
}

const char *srv_upload_broken(const struct srv_core *c)
{
    uint32_t n_busy = 0, n_merging = 0, n_parked = 0;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < CN_MAX_UPLOADS; i++) {
        const struct srv_slot *s = &c->slots[i];
        if (s->state == SRV_SLOT_FREE)
            continue;
        const char *why = i < c->conf.n_slots ? slot_broken(c, s) : "more slots than configured";
        if (why)
            return why;
        n_busy++;
        n_parked += s->state == SRV_SLOT_PARKED;
        n_merging += s->state == SRV_SLOT_MERGING && s->round == c->round.number;
        bytes += s->size_bytes;
    }
    if (n_busy != c->n_busy || bytes != c->inflight_bytes || bytes > c->conf.max_inflight_bytes)
        return "bytes in flight are miscounted, or over their cap";
    if (n_merging != c->round.n_merging)
        return "merge jobs are miscounted";
    if (n_parked && c->round.state == SRV_ROUND_GATHERING)
        return "an update is parked while the round gathers";
    return NULL;
}
