/* Random events against the coordinator's core: its invariants hold, it is deterministic, and what
   it asks of the world stays within bounds. Eight bytes make one event; ranges are small, so that
   devices, numbers and sessions collide often. */
#include <stdio.h>
#include <stdlib.h>

#include "server/core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { N_DEVICES = 4 };

struct machine {
    struct srv_core core;
    struct srv_device devices[N_DEVICES];
    struct srv_update updates[CN_MAX_ROUND_UPDATES];
    struct srv_actions out;
};

static struct machine a, b;

static void start(struct machine *m)
{
    struct srv_core_conf conf;

    srv_core_conf_init(&conf);
    conf.boot = 100;
    conf.heads.release = 3;
    conf.updates = 2;
    conf.n_slots = 2;
    conf.max_staleness = 2;
    conf.max_update_bytes = 8ull * CN_CHUNK_BYTES;
    conf.max_inflight_bytes = 9ull * CN_CHUNK_BYTES;
    conf.max_wait_ms = conf.score_wait_ms = conf.slot_idle_ms = 300;
    conf.job_ms = conf.retry_ms = conf.ping_ms = 200;
    conf.proposals_per_minute = 3;
    srv_core_init(&m->core, &conf, m->devices, N_DEVICES, m->updates);
}

static struct cn_msg message_from(const uint8_t *p, const struct srv_core *c)
{
    struct cn_msg m = {.kind = (enum cn_msg_kind)(p[1] % CN_MSG_NKINDS)};
    const struct srv_device *d = &c->devices[p[2] % N_DEVICES];

    m.session = p[3] & 128 ? p[3] : d->session;
    switch ((int)m.kind) {
    case CN_MSG_HELLO:
        m.hello.major = p[3] & 64 ? 2 : 1;
        m.hello.nonce = p[4];
        m.hello.n_held_out = p[5] & 1;
        break;
    case CN_MSG_PING: m.ping.n_held_out = p[5] & 1; break;
    case CN_MSG_READY: m.ready.base = p[4] % 8; break;
    case CN_MSG_OFFER:
        m.offer.seq = 1 + p[4] % 8;
        m.offer.base = c->heads.release + 1 - p[5] % 5;
        m.offer.size_bytes = (1 + p[6] % 10) * (uint64_t)CN_CHUNK_BYTES;
        m.offer.digest.b[0] = p[7] % 2;
        break;
    case CN_MSG_CHUNK:
        m.chunk.digest.b[0] = p[7] % 2;
        m.chunk.total_bytes = (1 + p[6] % 10) * (uint64_t)CN_CHUNK_BYTES;
        m.chunk.offset = p[5] % 10 * (uint64_t)CN_CHUNK_BYTES;
        if (d->slot && p[4] % 4) {
            m.chunk.digest = c->slots[d->slot - 1].digest;
            m.chunk.total_bytes = c->slots[d->slot - 1].size_bytes;
            m.chunk.offset = c->slots[d->slot - 1].received_bytes;
        }
        break;
    case CN_MSG_WANT: m.want.credit = 1 + p[4] % CN_MAX_CREDIT; break;
    case CN_MSG_TALLY: m.tally.release = p[4] % 8; break;
    case CN_MSG_SCORED:
        m.scored.round = c->round.number - p[4] % 2;
        m.scored.model.b[0] = p[5] % 4;
        m.scored.n_tallies = p[6] % 2;
        break;
    }
    return m;
}

static void job_from(struct srv_event *ev, const uint8_t *p, const struct srv_core *c)
{
    const struct srv_device *d = &c->devices[p[2] % N_DEVICES];

    switch (ev->kind) {
    case SRV_EV_MERGED:
        ev->merged.round = c->round.number - p[3] % 2;
        ev->merged.seq = d->slot && p[4] % 4 ? c->slots[d->slot - 1].seq : p[4];
        ev->merged.reject = p[5] % 3 ? CN_REJECT_NONE : CN_REJECT_SHAPE;
        break;
    case SRV_EV_CONSOLIDATED:
        ev->consolidated.round = c->round.number - p[3] % 2;
        ev->consolidated.ok = p[4] % 4;
        ev->consolidated.n_models = 2 + p[5] % 3;
        for (uint8_t i = 0; i < CN_MAX_MODELS_SCORED; i++)
            ev->consolidated.models[i].digest.b[0] = i;
        break;
    case SRV_EV_DECIDED:
        ev->decided.round = c->round.number - p[3] % 2;
        ev->decided.promoted = p[4] % 2;
        ev->decided.heads = c->heads;
        ev->decided.heads.release++;
        break;
    case SRV_EV_RELEASED:
        ev->heads = c->heads;
        ev->heads.release++;
        break;
    case SRV_EV_REGISTRY: ev->heads.registry_version = p[3]; break;
    case SRV_EV_DEVICE:
        ev->record.state = (enum srv_device_state)(SRV_DEVICE_ACTIVE + p[3] % 3);
        ev->record.last_seq = p[4] % 8;
        break;
    case SRV_EV_GONE: ev->conn = p[3] % 8; break;
    case SRV_EV_TICK:
    case SRV_EV_MSG:
    case SRV_EV_LABEL:
    case SRV_EV_CLOSE: break;
    }
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_whole(const char *broken)
{
    if (broken)
        fprintf(stderr, "%s\n", broken);
    return !broken;
}

/* Padding is the compiler's, so actions are compared by what they are. */
static void compare(void)
{
    must(a.out.n == b.out.n);
    for (uint32_t i = 0; i < a.out.n; i++)
        must(a.out.at[i].kind == b.out.at[i].kind && a.out.at[i].device == b.out.at[i].device);
    must(a.core.round.state == b.core.round.state && a.core.n_busy == b.core.n_busy);
    must(srv_core_deadline(&a.core) == srv_core_deadline(&b.core));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint64_t now_ms = 1000;

    start(&a);
    start(&b);
    for (; n >= 8; p += 8, n -= 8) {
        struct cn_msg m = message_from(p, &a.core);
        struct srv_event ev = {
            .kind = p[0] & 128 ? SRV_EV_MSG : (enum srv_event_kind)(p[0] % (SRV_EV_CLOSE + 1)),
            .now_ms = now_ms += p[7] % 32,
            .device = 1 + p[2] % N_DEVICES};
        if (ev.kind == SRV_EV_RELEASED && a.core.round.state == SRV_ROUND_DECIDING)
            continue; /* the shell does not */
        if (ev.kind == SRV_EV_MSG) {
            ev.in.conn = p[3] % 8;
            ev.in.msg = &m;
            ev.in.n_bulk = m.kind == CN_MSG_CHUNK ? CN_CHUNK_BYTES : 0;
        } else {
            job_from(&ev, p, &a.core);
        }
        srv_core_step(&a.core, &ev, &a.out);
        srv_core_step(&b.core, &ev, &b.out);
        compare();
        must(is_whole(srv_core_broken(&a.core)));
        must(srv_core_why(&a.core).reason == SRV_WHY_IDLE || srv_core_deadline(&a.core));
    }
    return 0;
}
