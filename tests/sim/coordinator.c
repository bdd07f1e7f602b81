/* The coordinator's shell, small: stores are arrays, sums are sums of hashes, jobs take their time.
 */
#include <assert.h>
#include <string.h>

#include "tests/sim/sim.h"

struct cn_heads sim_server_heads(const struct sim *s)
{
    const struct sim_coordinator *co = &s->co;
    struct cn_heads h = {.release = co->n_releases, .registry_version = co->registry_version};

    h.manifest = sim_digest(SIM_MANIFEST, h.release);
    h.manifest_bytes = sim_blob_bytes(&h.manifest) % CN_MAX_MANIFEST_BYTES + 1;
    h.registry = sim_digest(SIM_REGISTRY, h.registry_version);
    h.registry_bytes = sim_blob_bytes(&h.registry);
    return h;
}

static uint64_t bytes_of(const struct cn_digest *d)
{
    return sim_digest_what(d) == SIM_MANIFEST ? sim_blob_bytes(d) % CN_MAX_MANIFEST_BYTES + 1
                                              : sim_blob_bytes(d);
}

static struct srv_event *job(struct sim *s, enum srv_event_kind kind, uint64_t ms)
{
    struct sim_item *x = sim_post(s, SIM_SERVER_JOB, ms);

    x->life = s->co.life;
    x->to_server.kind = kind;
    return &x->to_server;
}

/* ---- serving blobs ---- */

static bool has_blob(const struct sim_coordinator *co, const struct cn_digest *d)
{
    uint64_t id = sim_digest_id(d);

    switch (sim_digest_what(d)) {
    case SIM_REGISTRY: return id == co->registry_version;
    case SIM_MANIFEST: return id >= 1 && id <= co->n_releases;
    case SIM_MODEL:
        for (uint32_t i = 0; i < co->n_releases; i++)
            if (cn_digest_equal(&co->releases[i].model.digest, d))
                return true;
        for (uint32_t i = 0; i < co->n_models; i++)
            if (cn_digest_equal(&co->models[i].digest, d))
                return true;
        return false;
    case SIM_UPDATE: return false;
    }
    return false;
}

static void serve(struct sim *s, const struct srv_action *a)
{
    struct cn_msg m = {.kind = CN_MSG_GONE, .session = a->serve.session};
    uint64_t size = bytes_of(&a->serve.digest);

    if (!has_blob(&s->co, &a->serve.digest)) {
        m.gone = a->serve.digest;
        sim_send(s, SIM_TO_DEVICE, a->device, a->conn, &m, 0);
        return;
    }
    m.kind = CN_MSG_CHUNK;
    m.chunk.digest = a->serve.digest;
    m.chunk.total_bytes = size;
    for (uint32_t i = 0; i < a->serve.credit; i++) {
        m.chunk.offset = a->serve.offset + (uint64_t)i * CN_CHUNK_BYTES;
        if (m.chunk.offset >= size)
            break;
        uint64_t n = size - m.chunk.offset;
        sim_send(s, SIM_TO_DEVICE, a->device, a->conn, &m, n < CN_CHUNK_BYTES ? n : CN_CHUNK_BYTES);
    }
}

/* ---- slots and sums ---- */

static void open_slot(struct sim *s, const struct srv_action *a)
{
    uint64_t seq = s->co.core.slots[a->slot.slot].seq;

    if (s->co.slots[a->slot.slot].open)
        sim_fail(s, "a slot is opened twice");
    if (s->devices[a->device].fates[seq] != SIM_UNSETTLED)
        sim_fail(s, "update %u of device %u gets a slot, and was settled", (unsigned)seq,
                 a->device);
    memset(&s->co.slots[a->slot.slot], 0, sizeof s->co.slots[0]);
    s->co.slots[a->slot.slot].open = true;
    s->co.slots[a->slot.slot].size_bytes = a->slot.bytes;
    s->co.slots[a->slot.slot].moved_ms = s->now_ms;
}

static void write_slot(struct sim *s, const struct srv_action *a, const struct srv_event *ev,
                       bool corrupt)
{
    const struct cn_msg *m = ev->in.msg;

    if (!s->co.slots[a->slot.slot].open || a->slot.bytes != s->co.slots[a->slot.slot].n_bytes ||
        a->slot.bytes != m->chunk.offset)
        sim_fail(s, "the coordinator writes bytes where they do not belong");
    s->co.slots[a->slot.slot].n_bytes += ev->in.n_bulk;
    s->co.slots[a->slot.slot].moved_ms = s->now_ms;
    s->co.slots[a->slot.slot].corrupt |= corrupt;
}

static void merge(struct sim *s, const struct srv_action *a)
{
    struct sim_coordinator *co = &s->co;
    bool ok = !co->slots[a->slot.slot].corrupt;

    if (co->slots[a->slot.slot].n_bytes != a->slot.bytes)
        sim_fail(s, "an update is merged that has not arrived whole");
    if (a->slot.staleness > co->core.conf.max_staleness)
        sim_fail(s, "an update is merged that is too stale");
    if (co->round != a->slot.round) {
        co->round = a->slot.round;
        co->sum = 0;
        co->n_in_sum = 0;
    }
    struct srv_event *ev = job(s, SRV_EV_MERGED, 1 + sim_below(s, 400));
    ev->device = a->device;
    ev->merged.round = a->slot.round;
    ev->merged.seq = a->slot.seq;
    if (!ok)
        ev->merged.reject = CN_REJECT_DIGEST;
    else if (sim_chance(s, 20))
        ev->merged.reject = CN_REJECT_NUMERIC;
    ev->merged.text = ok ? NULL : "not those bytes";
    if (ev->merged.reject == CN_REJECT_NONE) {
        co->sum += sim_hash(a->device, a->slot.seq);
        co->n_in_sum++;
    }
}

static uint64_t sum_of(const struct srv_update *updates, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += sim_hash(updates[i].device, updates[i].seq);
    return sum;
}

/* Promise 4: the set of updates decides, and it is the set that the release will name. */
static void check_sums(struct sim *s, const struct srv_action *a)
{
    if (a->round.n == 0 || a->round.n != s->co.n_in_sum || a->round.number != s->co.round ||
        sum_of(a->round.updates, a->round.n) != s->co.sum)
        sim_fail(s, "the sums of the round hold other updates than the round says");
}

static void consolidate(struct sim *s, const struct srv_action *a)
{
    struct sim_coordinator *co = &s->co;
    struct srv_event *ev = job(s, SRV_EV_CONSOLIDATED, 1 + sim_below(s, 3000));

    check_sums(s, a);
    memset(co->answered, 0, sizeof co->answered);
    ev->consolidated.round = a->round.number;
    ev->consolidated.ok = !sim_chance(s, s->refuse / 2);
    co->n_models = ev->consolidated.n_models = 2 + sim_below(s, 3);
    for (uint32_t i = 0; i < co->n_models; i++) {
        co->models[i].digest =
            sim_digest(SIM_MODEL, (uint64_t)co->life << 40 | a->round.number << 8 | (i + 1));
        if (i == 0 || (i == 2 && sim_below(s, 3) == 0)) /* a candidate may change nothing */
            co->models[i] = co->releases[co->n_releases - 1].model;
        co->models[i].size_bytes = sim_blob_bytes(&co->models[i].digest);
        ev->consolidated.models[i] = co->models[i];
    }
}

/* The transaction and the core's hearing of it are two moments; a crash may come between. */
static void decide(struct sim *s, const struct srv_action *a)
{
    bool promoted = !sim_chance(s, s->refuse);

    check_sums(s, a);
    if (!promoted) {
        struct srv_event *ev = job(s, SRV_EV_DECIDED, 1 + sim_below(s, 500));
        ev->decided.round = a->round.number;
        ev->decided.text = "worse than before";
        return;
    }
    struct sim_item *x = sim_post(s, SIM_TRANSACTION, 1 + sim_below(s, 500));
    x->life = s->co.life;
    x->n_updates = a->round.n;
    x->to_server.decided.round = a->round.number;
}

void sim_server_transaction(struct sim *s, const struct sim_item *x)
{
    struct sim_coordinator *co = &s->co;

    if (x->to_server.decided.round != co->core.round.number ||
        co->core.round.state != SRV_ROUND_DECIDING) {
        sim_fail(s, "a release is committed for a round that is over");
        return;
    }
    assert(co->n_releases < SIM_MAX_RELEASES);
    struct sim_release *r = &co->releases[co->n_releases++];
    *r = (struct sim_release){.number = co->n_releases, .model = co->models[1], .sum = co->sum};
    for (uint32_t i = 0; i < x->n_updates; i++) {
        const struct srv_update *u = &co->updates[i];
        co->store[u->device].last_seq = u->seq;
        co->store[u->device].last_release = r->number;
        sim_check_commit(s, u->device, u->seq, r->number);
    }
    sim_trace(s, "RELEASE %u of %u updates", r->number, x->n_updates);
    struct srv_event *ev = job(s, SRV_EV_DECIDED, 1 + sim_below(s, 200));
    ev->decided.round = x->to_server.decided.round;
    ev->decided.promoted = true;
    ev->decided.heads = sim_server_heads(s);
}

void sim_server_release(struct sim *s)
{
    struct sim_coordinator *co = &s->co;

    if (!co->is_up || co->core.round.state == SRV_ROUND_DECIDING)
        return;
    assert(co->n_releases < SIM_MAX_RELEASES);
    const struct sim_release *before = &co->releases[sim_below(s, co->n_releases)];
    co->releases[co->n_releases] =
        (struct sim_release){.number = co->n_releases + 1, .model = before->model};
    co->n_releases++;
    sim_trace(s, "ROLLBACK to %u as %u", before->number, co->n_releases);
    struct srv_event ev = {.kind = SRV_EV_RELEASED, .heads = sim_server_heads(s)};
    sim_server_event(s, &ev, false);
}

/* ---- labels ---- */

static void tell_registry(struct sim *s)
{
    struct srv_event *ev = job(s, SRV_EV_REGISTRY, 1);

    s->co.registry_version++;
    ev->heads = sim_server_heads(s);
}

void sim_server_accept(struct sim *s, uint32_t name)
{
    struct sim_coordinator *co = &s->co;

    if (!co->is_up || !co->label_proposed[name] || co->label_accepted[name])
        return;
    co->label_accepted[name] = true;
    co->label_id[name] = ++co->next_label;
    tell_registry(s);
}

/* Labels with an even name are accepted at once, the others by an admin, some time. */
static void propose(struct sim *s, const struct srv_action *a)
{
    struct sim_coordinator *co = &s->co;
    uint32_t name = (uint32_t)(a->propose.name[0] - 'a');

    co->label_proposed[name] = true;
    if (name % 2 == 0 || s->healed)
        sim_server_accept(s, name);
    struct srv_event *ev = job(s, SRV_EV_LABEL, 1 + sim_below(s, 50));
    ev->device = a->device;
    ev->label.request = a->propose.request;
    ev->label.state = co->label_accepted[name] ? CN_LABEL_ACCEPTED : CN_LABEL_PROPOSED;
    ev->label.id = co->label_accepted[name] ? co->label_id[name] : CN_LABEL_NONE;
}

/* ---- the core's actions ---- */

static void send_to(struct sim *s, uint32_t device, const struct cn_msg *msg)
{
    const struct srv_device *d = srv_core_device(&s->co.core, device);
    struct cn_msg m = *msg;

    m.session = d->session;
    sim_send(s, SIM_TO_DEVICE, device, d->conn, &m, 0);
}

static void broadcast(struct sim *s, const struct srv_action *a)
{
    const struct srv_core *c = &s->co.core;

    for (uint32_t id = srv_core_next(c, a->to, 0); id; id = srv_core_next(c, a->to, id))
        send_to(s, id, &a->msg);
}

static void settle(struct sim *s, const struct srv_action *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        struct cn_msg m = a->msg;
        if (m.kind == CN_MSG_COMMITTED)
            m.committed.seq = a->updates[i].seq;
        else
            m.reject.seq = a->updates[i].seq;
        if (srv_core_device(&s->co.core, a->updates[i].device)->session)
            send_to(s, a->updates[i].device, &m);
    }
}

static void score(struct sim *s, const struct srv_action *a)
{
    if (a->tallies.index >= s->co.n_models || s->co.answered[a->device][a->tallies.index])
        sim_fail(s, "a device's score is counted twice");
    else
        s->co.answered[a->device][a->tallies.index] = true;
}

static void act(struct sim *s, const struct srv_action *a, const struct srv_event *ev, bool corrupt)
{
    struct sim_coordinator *co = &s->co;

    switch (a->kind) {
    case SRV_ACT_SEND: sim_send(s, SIM_TO_DEVICE, a->device, a->conn, &a->msg, 0); break;
    case SRV_ACT_BROADCAST: broadcast(s, a); break;
    case SRV_ACT_SETTLE: settle(s, a); break;
    case SRV_ACT_SERVE: serve(s, a); break;
    case SRV_ACT_OPEN: open_slot(s, a); break;
    case SRV_ACT_WRITE: write_slot(s, a, ev, corrupt); break;
    case SRV_ACT_FREE: co->slots[a->slot.slot].open = false; break;
    case SRV_ACT_MERGE: merge(s, a); break;
    case SRV_ACT_CONSOLIDATE: consolidate(s, a); break;
    case SRV_ACT_DECIDE: decide(s, a); break;
    case SRV_ACT_DISCARD: co->sum = co->n_in_sum = 0; break;
    case SRV_ACT_PROPOSE: propose(s, a); break;
    case SRV_ACT_TALLY: break;
    case SRV_ACT_SCORED: score(s, a); break;
    }
}

void sim_server_event(struct sim *s, struct srv_event *ev, bool corrupt)
{
    struct sim_coordinator *co = &s->co;

    if (!co->is_up)
        return;
    ev->now_ms = s->now_ms;
    ev->wall_ms = s->now_ms;
    if (ev->kind == SRV_EV_MSG)
        sim_trace(s, "server <- %u: %s", ev->device, cn_msg_name(ev->in.msg->kind));
    srv_core_step(&co->core, ev, &co->out);
    for (uint32_t i = 0; i < co->out.n; i++)
        act(s, &co->out.at[i], ev, corrupt);
    sim_check_server(s, ev);
    uint64_t next_ms = srv_core_deadline(&co->core);
    if (next_ms == 0 || (next_ms == co->tick_at_ms && next_ms > s->now_ms))
        return;
    co->tick_at_ms = next_ms > s->now_ms ? next_ms : s->now_ms + 1;
    sim_post(s, SIM_SERVER_TICK, co->tick_at_ms - s->now_ms)->life = co->life;
}

/* ---- life and death ---- */

void sim_server_device(struct sim *s, uint32_t device, enum srv_device_state state)
{
    struct srv_event ev = {.kind = SRV_EV_DEVICE, .device = device};

    s->co.store[device].state = state;
    ev.record.state = state;
    ev.record.last_seq = s->co.store[device].last_seq;
    ev.record.last_release = s->co.store[device].last_release;
    sim_server_event(s, &ev, false);
}

void sim_server_boot(struct sim *s)
{
    struct sim_coordinator *co = &s->co;
    struct srv_core_conf conf;

    if (co->is_up)
        return;
    sim_trace(s, "SERVER UP");
    srv_core_conf_init(&conf);
    conf.fleet = sim_digest(SIM_REGISTRY, 99);
    conf.boot = sim_hash(s->seed, ++co->life);
    conf.heads = sim_server_heads(s);
    conf.updates = 1 + sim_hash(s->seed, 1) % 4;
    conf.max_wait_ms = 5000 + sim_hash(s->seed, 2) % 30000;
    conf.score_wait_ms = 2000 + sim_hash(s->seed, 3) % 8000;
    conf.max_staleness = (uint32_t)(1 + sim_hash(s->seed, 4) % 6);
    conf.n_slots = (uint32_t)(1 + sim_hash(s->seed, 5) % 3);
    conf.max_inflight_bytes = (21 + sim_hash(s->seed, 6) % 8) * CN_CHUNK_BYTES;
    conf.credit = (uint32_t)(1 + sim_hash(s->seed, 7) % 8);
    conf.slot_idle_ms = 4000;
    conf.job_ms = 2000; /* jobs are often overdue */
    conf.retry_ms = 2000;
    conf.refused_retry_ms = 3000;
    conf.ping_ms = 5000;
    co->is_up = true;
    co->tick_at_ms = 0;
    co->n_models = 0;
    co->round = co->sum = co->n_in_sum = 0;
    memset(co->slots, 0, sizeof co->slots);
    srv_core_init(&co->core, &conf, co->devices, SIM_MAX_DEVICES, co->updates);
    for (uint32_t id = 1; id <= s->n_devices; id++)
        sim_server_device(s, id, co->store[id].state);
}

void sim_server_crash(struct sim *s)
{
    if (!s->co.is_up)
        return;
    sim_trace(s, "SERVER DOWN");
    s->co.is_up = false;
    for (uint32_t id = 1; id <= s->n_devices; id++)
        sim_device_disconnect(s, id);
}
