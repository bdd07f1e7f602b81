/* A device's shell, small: the spool is an array, blobs are counters, jobs take their time. */
#include <assert.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { MAX_EXAMPLES = 8 };

static struct edge_event *job(struct sim *s, uint32_t id, enum edge_event_kind kind, uint64_t ms)
{
    struct sim_item *x = sim_post(s, SIM_DEVICE_JOB, ms * s->devices[id].slowness);

    x->device = id;
    x->life = s->devices[id].life;
    x->to_device.kind = kind;
    return &x->to_device;
}

/* ---- the spool ---- */

/* The queue as the plan sees it; at[i] is the correction behind examples[i]. */
static uint32_t plan(struct sim *s, struct sim_device *d, struct edge_plan_example *examples,
                     struct sim_correction **at, struct edge_plan *ret)
{
    struct edge_plan_conf conf = {.min_count = s->min_count, .max_examples = MAX_EXAMPLES};
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->n_corrections; i++) {
        struct sim_correction *c = &d->corrections[i];
        uint32_t first = s->co.first_release[c->name];
        if (c->state != SIM_QUEUED)
            continue;
        examples[n] = (struct edge_plan_example){.id = i,
                                                 .queued_ms = c->taught_ms,
                                                 .label = d->label_id[c->name],
                                                 .accepted = d->label_id[c->name] != CN_LABEL_NONE,
                                                 .known = first && first <= d->release};
        at[n++] = c;
    }
    edge_plan_choose(&conf, examples, n, ret);
    return n;
}

static void tell_queue(struct sim *s, uint32_t id)
{
    struct sim_device *d = &s->devices[id];
    struct edge_plan_example examples[SIM_MAX_CORRECTIONS];
    struct sim_correction *at[SIM_MAX_CORRECTIONS];
    struct edge_plan p;
    struct edge_event ev = {.kind = EDGE_EV_QUEUE};

    plan(s, d, examples, at, &p);
    ev.queue.n_eligible = p.n_eligible;
    ev.queue.oldest_age_ms = p.n_eligible ? s->now_ms - p.oldest_ms : 0;
    ev.queue.has_new_label = p.has_new_label;
    for (uint32_t i = 0; i < d->n_corrections; i++)
        ev.queue.n_held_out += d->corrections[i].state == SIM_HELD_OUT;
    sim_device_event(s, id, &ev, false);
}

/* The job's end: what was chosen and the update are durable together, before the core hears. */
static void make_update(struct sim *s, uint32_t id, struct edge_event *ev)
{
    struct sim_device *d = &s->devices[id];
    struct edge_plan_example examples[SIM_MAX_CORRECTIONS];
    struct sim_correction *at[SIM_MAX_CORRECTIONS];
    struct edge_plan p;
    uint64_t seq = ev->built.update.seq;
    uint32_t n = plan(s, d, examples, at, &p);

    if (d->update.seq || seq < d->next_seq || seq >= SIM_MAX_UPDATES)
        sim_fail(s, "device %u builds update %u while it has %u", id, (unsigned)seq,
                 (unsigned)d->update.seq);
    ev->built.ok = p.n_chosen && !sim_chance(s, 50);
    if (!ev->built.ok || s->failure[0])
        return;
    for (uint32_t i = 0; i < n; i++)
        if (examples[i].chosen) {
            at[i]->state = SIM_IN_UPDATE;
            at[i]->seq = seq;
        }
    ev->built.update.digest = sim_digest(SIM_UPDATE, (uint64_t)id << 32 | seq);
    ev->built.update.size_bytes = sim_blob_bytes(&ev->built.update.digest);
    ev->built.update.n_examples = p.n_chosen;
    d->update = ev->built.update;
    d->next_seq = seq + 1;
    d->queue_changed = true;
}

static void settle(struct sim *s, uint32_t id, const struct edge_action *a)
{
    struct sim_device *d = &s->devices[id];
    bool is_commit = a->kind == EDGE_ACT_COMMIT;

    if (a->update.seq != d->update.seq)
        sim_fail(s, "device %u settles an update that it does not have", id);
    for (uint32_t i = 0; i < d->n_corrections; i++) {
        struct sim_correction *c = &d->corrections[i];
        if (c->state != SIM_IN_UPDATE || c->seq != a->update.seq)
            continue;
        if (c->in_release != (is_commit ? a->update.release : 0))
            sim_fail(s, "device %u is told that a correction is in release %u; it is in %u", id,
                     is_commit ? a->update.release : 0, c->in_release);
        c->state = is_commit ? SIM_COMMITTED : SIM_QUEUED;
        c->release = is_commit ? a->update.release : 0;
    }
    d->fates[a->update.seq] = is_commit ? SIM_FATE_COMMITTED : SIM_FATE_RETURNED;
    d->update = (struct edge_update){0};
    d->queue_changed = true;
}

void sim_device_teach(struct sim *s, uint32_t id, uint32_t name)
{
    struct sim_device *d = &s->devices[id];

    if (!d->is_up || d->n_corrections == SIM_MAX_CORRECTIONS)
        return;
    d->corrections[d->n_corrections++] = (struct sim_correction){
        .state = sim_below(s, 6) ? SIM_QUEUED : SIM_HELD_OUT, .name = name, .taught_ms = s->now_ms};
    if (d->label_id[name] == CN_LABEL_NONE) {
        char text[] = {(char)('a' + name), 0};
        struct edge_event ev = {.kind = EDGE_EV_PROPOSE};
        ev.propose.request = CN_LABEL_LOCAL + name;
        ev.propose.name = text;
        sim_device_event(s, id, &ev, false);
    }
    sim_device_event(s, id, &(struct edge_event){.kind = EDGE_EV_COUNTED}, false);
    tell_queue(s, id);
}

static void take_label(struct sim *s, uint32_t id, const struct edge_action *a)
{
    uint32_t name = a->label.request - CN_LABEL_LOCAL;

    if (a->label.state != CN_LABEL_ACCEPTED)
        return;
    if (a->label.id != s->co.label_id[name])
        sim_fail(s, "device %u is told another id of a label than the registry has", id);
    s->devices[id].label_id[name] = a->label.id;
    s->devices[id].queue_changed = true;
}

/* ---- blobs ---- */

static uint32_t find_blob(struct sim_device *d, const struct cn_digest *digest)
{
    uint32_t i = 0;

    while (i < d->n_blobs && !cn_digest_equal(&d->blobs[i].digest, digest))
        i++;
    return i;
}

static void keep(struct sim *s, uint32_t id, const struct edge_action *a,
                 const struct edge_event *ev, bool corrupt)
{
    struct sim_device *d = &s->devices[id];
    uint32_t i = find_blob(d, &a->blob.digest);

    if (i == SIM_MAX_BLOBS) { /* the oldest goes */
        memmove(d->blobs, d->blobs + 1, (SIM_MAX_BLOBS - 1) * sizeof d->blobs[0]);
        i = --d->n_blobs;
    }
    if (i == d->n_blobs) {
        memset(&d->blobs[i], 0, sizeof d->blobs[i]);
        d->blobs[i].digest = a->blob.digest;
        d->n_blobs++;
    }
    if (d->blobs[i].n_bytes != a->blob.offset || ev->in.msg->chunk.offset != a->blob.offset)
        sim_fail(s, "device %u keeps bytes where they do not belong", id);
    d->blobs[i].n_bytes += ev->in.n_bulk;
    d->blobs[i].corrupt |= corrupt;
}

static void forget(struct sim_device *d, const struct cn_digest *digest)
{
    uint32_t i = find_blob(d, digest);

    if (i < d->n_blobs)
        d->blobs[i] = d->blobs[--d->n_blobs];
}

static void look(struct sim *s, uint32_t id, const struct edge_action *a)
{
    struct sim_device *d = &s->devices[id];
    uint32_t i = find_blob(d, &a->blob.digest);
    struct edge_event *ev = job(s, id, EDGE_EV_HAVE, 1);

    ev->have.digest = a->blob.digest;
    ev->have.n_bytes = i < d->n_blobs ? d->blobs[i].n_bytes : 0;
}

static void verify(struct sim *s, uint32_t id, const struct edge_action *a)
{
    struct sim_device *d = &s->devices[id];
    uint32_t i = find_blob(d, &a->blob.digest);
    struct edge_event *ev = job(s, id, EDGE_EV_VERIFIED, 1 + sim_below(s, 100));

    ev->verified.digest = a->blob.digest;
    ev->verified.ok =
        i < d->n_blobs && d->blobs[i].n_bytes == a->blob.size_bytes && !d->blobs[i].corrupt;
    if (a->blob.what != EDGE_BLOB_MANIFEST)
        return;
    ev->verified.release = (uint32_t)sim_digest_id(&a->blob.digest);
    ev->verified.model = s->co.releases[ev->verified.release - 1].model;
}

static void install(struct sim *s, uint32_t id, const struct edge_action *a)
{
    struct edge_event *ev = job(s, id, EDGE_EV_INSTALLED, 1 + sim_below(s, 300));
    struct sim_device *d = &s->devices[id];
    uint32_t i = find_blob(d, &a->blob.digest);

    if (i == d->n_blobs || d->blobs[i].corrupt || d->blobs[i].n_bytes != a->blob.size_bytes)
        sim_fail(s, "device %u installs what is not whole", id);
    ev->installed.what = a->blob.what;
    ev->installed.number = a->blob.number;
    ev->installed.ok = !sim_chance(s, 30);
}

static void installed(struct sim *s, uint32_t id, const struct edge_event *ev)
{
    struct sim_device *d = &s->devices[id];
    uint32_t *number = ev->installed.what == EDGE_BLOB_MODEL ? &d->release : &d->registry_version;

    if (!ev->installed.ok)
        return;
    if (ev->installed.number <= *number)
        sim_fail(s, "device %u installs what is not newer", id);
    *number = ev->installed.number;
    if (ev->installed.what == EDGE_BLOB_MODEL) {
        d->model = s->co.releases[d->release - 1].model.digest;
        if (!cn_digest_equal(&d->model, &d->core.fetch.blob.digest))
            sim_fail(s, "device %u installs another model than the release's", id);
    }
    d->queue_changed = true;
}

static void score(struct sim *s, uint32_t id, const struct edge_action *a)
{
    static const struct cn_label_tally tallies[] = {{.label = 1, .right = 3, .wrong = 1}};
    struct edge_event *ev = job(s, id, EDGE_EV_SCORED, 1 + sim_below(s, 500));

    if (a->score.is_installed != cn_digest_equal(&a->score.model.digest, &s->devices[id].model))
        sim_fail(s, "device %u does not know which model it runs", id);
    ev->scored.round = a->score.round;
    ev->scored.model = a->score.model.digest;
    ev->scored.n = sim_below(s, 8) ? 1 : 0;
    ev->scored.tallies = tallies;
}

/* ---- the link ---- */

static void connect(struct sim *s, uint32_t id)
{
    s->devices[id].is_connected = false;
    job(s, id, EDGE_EV_UP, 10 + sim_below(s, 200));
}

void sim_device_disconnect(struct sim *s, uint32_t id)
{
    struct sim_device *d = &s->devices[id];

    if (!d->is_connected)
        return;
    d->is_connected = false;
    if (s->co.is_up && sim_below(s, 2)) { /* else the coordinator learns by silence */
        struct sim_item *x = sim_post(s, SIM_SERVER_JOB, 1 + sim_below(s, 100));
        x->life = s->co.life;
        x->to_server = (struct srv_event){.kind = SRV_EV_GONE, .device = id, .conn = d->conn};
    }
    if (sim_below(s, 2))
        sim_device_event(s, id, &(struct edge_event){.kind = EDGE_EV_DOWN, .down = EDGE_DOWN_LOST},
                         false);
    else
        d->conn = 0; /* nobody tells the device either */
}

static void up(struct sim *s, uint32_t id, struct edge_event *ev)
{
    struct sim_device *d = &s->devices[id];

    if (d->is_cut || !s->co.is_up) {
        ev->kind = EDGE_EV_DOWN;
        ev->down = EDGE_DOWN_UNREACHABLE;
        return;
    }
    d->is_connected = true;
    d->conn = ++s->n_conns;
}

/* ---- the core's actions ---- */

static void act(struct sim *s, uint32_t id, const struct edge_action *a,
                const struct edge_event *ev, bool corrupt)
{
    struct sim_device *d = &s->devices[id];

    switch (a->kind) {
    case EDGE_ACT_CONNECT: connect(s, id); break;
    case EDGE_ACT_SEND:
    case EDGE_ACT_UPLOAD:
        if (d->is_connected)
            sim_send(s, SIM_TO_SERVER, id, d->conn, &a->msg,
                     a->kind == EDGE_ACT_UPLOAD ? a->n_bytes : 0);
        break;
    case EDGE_ACT_BUILD:
        job(s, id, EDGE_EV_BUILT, 1 + sim_below(s, 2000))->built.update =
            (struct edge_update){.seq = a->update.seq, .base = a->update.base};
        break;
    case EDGE_ACT_RECEIVED: break;
    case EDGE_ACT_COMMIT:
    case EDGE_ACT_RETURN: settle(s, id, a); break;
    case EDGE_ACT_LOOK: look(s, id, a); break;
    case EDGE_ACT_KEEP: keep(s, id, a, ev, corrupt); break;
    case EDGE_ACT_FORGET: forget(d, &a->blob.digest); break;
    case EDGE_ACT_VERIFY: verify(s, id, a); break;
    case EDGE_ACT_INSTALL: install(s, id, a); break;
    case EDGE_ACT_SCORE: score(s, id, a); break;
    case EDGE_ACT_LABEL: take_label(s, id, a); break;
    case EDGE_ACT_UNRESOLVED: sim_fail(s, "six labels do not fit"); break;
    }
}

/* What the shell does before the core hears of it; false: the process died over it. */
static bool prepare(struct sim *s, uint32_t id, struct edge_event *ev)
{
    switch (ev->kind) {
    case EDGE_EV_BUILT: make_update(s, id, ev); break;
    case EDGE_EV_INSTALLED: installed(s, id, ev); break;
    case EDGE_EV_UP: up(s, id, ev); break;
    case EDGE_EV_TICK:
    case EDGE_EV_DOWN:
    case EDGE_EV_MSG:
    case EDGE_EV_QUEUE:
    case EDGE_EV_FLUSH:
    case EDGE_EV_HAVE:
    case EDGE_EV_VERIFIED:
    case EDGE_EV_SCORED:
    case EDGE_EV_PROPOSE:
    case EDGE_EV_COUNTED: return true;
    }
    if (!sim_chance(s, 20))
        return true;
    sim_device_crash(s, id); /* durable, and nobody was told */
    return false;
}

void sim_device_event(struct sim *s, uint32_t id, struct edge_event *ev, bool corrupt)
{
    struct sim_device *d = &s->devices[id];
    uint64_t session;

    if (!d->is_up || !prepare(s, id, ev))
        return;
    ev->now_ms = s->now_ms;
    ev->random = cn_rng_next(&s->rng);
    if (ev->kind == EDGE_EV_MSG)
        sim_trace(s, "device %u <- %s", id, cn_msg_name(ev->in.msg->kind));
    session = d->core.link.session;
    edge_core_step(&d->core, ev, &d->out);
    for (uint32_t i = 0; i < d->out.n; i++)
        act(s, id, &d->out.at[i], ev, corrupt);
    sim_check_device(s, id, ev, session);
    if (d->queue_changed) {
        d->queue_changed = false;
        tell_queue(s, id);
        return;
    }
    uint64_t next_ms = edge_core_deadline(&d->core);
    if (next_ms == d->tick_at_ms && next_ms > s->now_ms)
        return;
    d->tick_at_ms = next_ms > s->now_ms ? next_ms : s->now_ms + 1;
    struct sim_item *x = sim_post(s, SIM_DEVICE_TICK, d->tick_at_ms - s->now_ms);
    x->device = id;
    x->life = d->life;
}

/* ---- life and death ---- */

void sim_device_boot(struct sim *s, uint32_t id)
{
    struct sim_device *d = &s->devices[id];
    struct edge_core_conf conf;
    struct edge_start start = {.now_ms = s->now_ms,
                               .release = d->release,
                               .registry_version = d->registry_version,
                               .model = d->model,
                               .next_seq = d->next_seq,
                               .update = d->update};

    if (d->is_up)
        return;
    sim_trace(s, "DEVICE %u UP", id);
    edge_core_conf_init(&conf);
    conf.fleet = sim_digest(SIM_REGISTRY, 99);
    conf.batch = (uint32_t)(1 + sim_hash(s->seed, 10 + id) % 6);
    conf.max_wait_ms = 2000 + sim_hash(s->seed, 20 + id) % 20000;
    conf.new_label_wait_ms = 1000;
    conf.reply_ms = 3000;
    conf.idle_ms = 4000;
    conf.commit_ms = 10000;
    conf.job_ms = 2000;
    conf.retry_ms = 200;
    conf.retry_max_ms = 8000;
    conf.tally_ms = 4000;
    conf.propose_ms = 5000;
    conf.credit = (uint32_t)(1 + sim_hash(s->seed, 30 + id) % 8);
    d->is_up = true;
    d->life++;
    d->conn = d->tick_at_ms = 0;
    edge_core_init(&d->core, &conf, &start);
    for (uint32_t name = 0; name < s->n_names; name++)
        for (uint32_t i = 0; i < d->n_corrections; i++)
            if (d->corrections[i].name == name && d->label_id[name] == CN_LABEL_NONE) {
                char text[] = {(char)('a' + name), 0};
                struct edge_event ev = {.kind = EDGE_EV_PROPOSE};
                ev.propose.request = CN_LABEL_LOCAL + name;
                ev.propose.name = text;
                sim_device_event(s, id, &ev, false);
                break;
            }
    tell_queue(s, id);
}

void sim_device_crash(struct sim *s, uint32_t id)
{
    struct sim_device *d = &s->devices[id];

    if (!d->is_up)
        return;
    sim_trace(s, "DEVICE %u DOWN", id);
    d->is_up = d->is_connected = d->queue_changed = false;
}
