/* The judge: it sees both sides' stores and the cores, and says which promise was broken. */
#include "tests/sim/sim.h"

/* Promises 2, 3: what a release takes in is on its device's disk, was never given back, is in no
   other release, and bears the registry's ids. */
void sim_check_commit(struct sim *s, uint32_t device, uint64_t seq, uint32_t release)
{
    struct sim_device *d = &s->devices[device];
    uint32_t n = 0;

    if (d->fates[seq] == SIM_FATE_RETURNED)
        sim_fail(s, "release %u holds update %u of device %u, which was told REJECT", release,
                 (unsigned)seq, device);
    if (d->committed_in[seq])
        sim_fail(s, "update %u of device %u is in releases %u and %u", (unsigned)seq, device,
                 d->committed_in[seq], release);
    if (d->update.seq != seq)
        sim_fail(s, "release %u holds update %u of device %u, which does not have it", release,
                 (unsigned)seq, device);
    d->committed_in[seq] = release;
    for (uint32_t i = 0; i < d->n_corrections; i++) {
        struct sim_correction *c = &d->corrections[i];
        if (c->state != SIM_IN_UPDATE || c->seq != seq)
            continue;
        n++;
        if (c->in_release)
            sim_fail(s, "a correction of device %u is in releases %u and %u", device, c->in_release,
                     release);
        if (d->label_id[c->name] != s->co.label_id[c->name])
            sim_fail(s, "a row of device %u belongs to another label than it says", device);
        c->in_release = release;
        if (!s->co.first_release[c->name])
            s->co.first_release[c->name] = release;
    }
    if (n == 0)
        sim_fail(s, "release %u holds an update of device %u without corrections", release, device);
}

/* What was said to a coordinator that has died since must not reach the one that lives. */
void sim_check_message(struct sim *s, const struct sim_item *x)
{
    const struct srv_device *d = srv_core_device(&s->co.core, x->device);

    if (s->co.is_up && x->msg.kind != CN_MSG_HELLO && x->sent_life != s->co.life && d &&
        d->session && d->session == x->msg.session)
        sim_fail(s, "a message of a dead session passes for one of a living one");
}

/* Promises 5, 9 on the coordinator's side. */
void sim_check_server(struct sim *s, const struct srv_event *after)
{
    const struct sim_coordinator *co = &s->co;
    const char *broken = srv_core_broken(&co->core);
    struct srv_why why = srv_core_why(&co->core);
    uint32_t n_open = 0;
    uint64_t bytes = 0;

    if (broken)
        sim_fail(s, "coordinator: %s", broken);
    for (uint32_t i = 0; i < CN_MAX_UPLOADS; i++) {
        n_open += co->slots[i].open;
        bytes += co->slots[i].open ? co->slots[i].size_bytes : 0;
        if (co->core.slots[i].state == SRV_SLOT_RECEIVING &&
            s->now_ms > co->slots[i].moved_ms + co->core.conf.slot_idle_ms + 1)
            sim_fail(s, "an upload stands still and keeps its slot");
    }
    if (n_open > co->core.conf.n_slots || bytes > co->core.conf.max_inflight_bytes)
        sim_fail(s, "the coordinator holds more uploads than it may");
    if (why.reason != SRV_WHY_IDLE && why.until_ms == 0)
        sim_fail(s, "the coordinator waits for %s without a deadline", srv_why_name(why.reason));
    uint64_t next_ms = srv_core_deadline(&co->core);
    if (after->kind == SRV_EV_TICK && next_ms && next_ms <= s->now_ms)
        sim_fail(s, "coordinator: a deadline has passed and nothing was done");
}

/* A message of another session than the device's does nothing durable. */
static void check_session(struct sim *s, uint32_t id, const struct edge_event *after,
                          uint64_t session)
{
    const struct edge_actions *out = &s->devices[id].out;

    if (after->kind != EDGE_EV_MSG || after->in.msg->session == session)
        return;
    for (uint32_t i = 0; i < out->n; i++)
        switch ((int)out->at[i].kind) {
        case EDGE_ACT_COMMIT:
        case EDGE_ACT_RETURN:
        case EDGE_ACT_RECEIVED:
        case EDGE_ACT_KEEP:
        case EDGE_ACT_LABEL:
            sim_fail(s, "device %u acts on %s of another session", id,
                     cn_msg_name(after->in.msg->kind));
        }
}

/* Promise 9 on a device's side. */
void sim_check_device(struct sim *s, uint32_t id, const struct edge_event *after, uint64_t before)
{
    const struct edge_core *c = &s->devices[id].core;
    const char *broken = edge_core_broken(c);
    struct edge_why link = edge_core_why(c, EDGE_PART_LINK),
                    send = edge_core_why(c, EDGE_PART_SEND),
                    fetch = edge_core_why(c, EDGE_PART_FETCH);

    check_session(s, id, after, before);
    if (broken)
        sim_fail(s, "device %u: %s", id, broken);
    if (edge_core_deadline(c) <= c->now_ms)
        sim_fail(s, "device %u: a deadline has passed and nothing was done", id);
    if (!edge_core_is_online(c) && (link.reason == EDGE_WHY_NOTHING || link.until_ms == 0))
        sim_fail(s, "device %u is offline without a reason or a deadline", id);
    if ((c->send.update.seq || c->send.queue.n_eligible) && send.reason == EDGE_WHY_NOTHING)
        sim_fail(s, "device %u does not send, without a reason", id);
    if (send.reason != EDGE_WHY_NOTHING && send.reason != EDGE_WHY_OFFLINE &&
        send.reason != EDGE_WHY_NO_RELEASE && send.until_ms == 0)
        sim_fail(s, "device %u waits (%s) without a deadline", id, edge_why_name(send.reason));
    if (fetch.reason != EDGE_WHY_NOTHING && fetch.until_ms == 0)
        sim_fail(s, "device %u fetches (%s) without a deadline", id, edge_why_name(fetch.reason));
}

static bool is_done(struct sim *s, uint32_t id)
{
    const struct sim_device *d = &s->devices[id];

    return edge_core_is_online(&d->core) && d->update.seq == 0 && d->release == s->co.n_releases &&
           d->registry_version == s->co.registry_version && d->core.send.queue.n_eligible == 0 &&
           d->core.proposals.n == 0;
}

bool sim_is_quiet(struct sim *s)
{
    const struct srv_core *c = &s->co.core;

    if (!s->co.is_up || c->round.state != SRV_ROUND_GATHERING || c->round.n_updates || c->n_busy)
        return false;
    for (uint32_t id = 1; id <= s->n_devices; id++)
        if (s->co.store[id].state != SRV_DEVICE_REVOKED && !is_done(s, id))
            return false;
    return true;
}

static bool is_short(const struct sim *s, const struct sim_device *d, uint32_t name)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->n_corrections; i++)
        n += d->corrections[i].state == SIM_QUEUED && d->corrections[i].name == name;
    return n < s->min_count;
}

static void check_end_of(struct sim *s, uint32_t id)
{
    const struct sim_device *d = &s->devices[id];
    bool is_out = s->co.store[id].state == SRV_DEVICE_REVOKED;

    for (uint32_t i = 0; i < d->n_corrections; i++) {
        const struct sim_correction *c = &d->corrections[i];
        switch (c->state) {
        case SIM_COMMITTED:
            if (!c->in_release || c->release != c->in_release)
                sim_fail(s, "a correction of device %u is lost", id);
            break;
        case SIM_QUEUED:
            if (!is_out && !is_short(s, d, c->name))
                sim_fail(s, "a correction of device %u is left behind", id);
            if (c->in_release)
                sim_fail(s, "a correction of device %u is in a release and queued", id);
            break;
        case SIM_HELD_OUT:
            if (c->in_release)
                sim_fail(s, "a held-out correction of device %u is in a release", id);
            break;
        case SIM_IN_UPDATE:
            if (!is_out)
                sim_fail(s, "an update of device %u is left behind", id);
            break;
        }
    }
}

/* Promise 2, when all is quiet. */
void sim_check_end(struct sim *s)
{
    for (uint32_t id = 1; id <= s->n_devices; id++)
        check_end_of(s, id);
}

/* How things stood when it went wrong. */
void sim_describe(struct sim *s)
{
    const struct srv_core *c = &s->co.core;

    sim_trace(s, "coordinator: %s, %s, %u updates, %u slots busy, release %u, registry %u",
              s->co.is_up ? "up" : "down", srv_why_name(srv_core_why(c).reason), c->round.n_updates,
              c->n_busy, s->co.n_releases, s->co.registry_version);
    for (uint32_t id = 1; id <= s->n_devices; id++) {
        const struct sim_device *d = &s->devices[id];
        sim_trace(s,
                  "device %u: %s, link %s, send %s, fetch %s, update %u, release %u, registry "
                  "%u, %u eligible, %u labels wait",
                  id, d->is_up ? "up" : "down",
                  edge_why_name(edge_core_why(&d->core, EDGE_PART_LINK).reason),
                  edge_why_name(edge_core_why(&d->core, EDGE_PART_SEND).reason),
                  edge_why_name(edge_core_why(&d->core, EDGE_PART_FETCH).reason),
                  (unsigned)d->update.seq, d->release, d->registry_version,
                  d->core.send.queue.n_eligible, d->core.proposals.n);
    }
}
