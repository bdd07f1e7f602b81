#include "tests/unit/server/core_help.h"

#include <string.h>

struct srv_core_conf help_conf;

struct cn_digest help_digest(uint8_t first)
{
    return (struct cn_digest){{first}};
}

void help_restart(struct help *h, uint32_t n)
{
    srv_core_init(&h->core, &help_conf, h->devices, HELP_DEVICES, h->updates);
    for (uint32_t id = 1; id <= n; id++)
        help_step(h, (struct srv_event){
                         .kind = SRV_EV_DEVICE, .device = id, .record.state = SRV_DEVICE_ACTIVE});
}

int help_start(void **state)
{
    static struct help h;

    memset(&h, 0, sizeof h);
    h.now_ms = 1000;
    srv_core_conf_init(&help_conf);
    help_conf.fleet = help_digest(77);
    help_conf.boot = HELP_BOOT;
    help_conf.heads = (struct cn_heads){.release = 5, .registry_version = 2, .manifest_bytes = 9};
    help_conf.updates = 2;
    help_conf.n_slots = 2;
    help_conf.max_staleness = 3;
    help_restart(&h, 3);
    *state = &h;
    return 0;
}

void help_step(struct help *h, struct srv_event ev)
{
    ev.now_ms = h->now_ms;
    ev.wall_ms = 1700000000000 + h->now_ms;
    srv_core_step(&h->core, &ev, &h->out);
    const char *broken = srv_core_broken(&h->core);
    if (broken)
        fail_msg("%s", broken);
}

void help_tick(struct help *h, uint64_t later_ms)
{
    h->now_ms += later_ms;
    help_step(h, (struct srv_event){.kind = SRV_EV_TICK});
}

void help_say(struct help *h, uint32_t device, struct cn_msg m, uint64_t n_bulk)
{
    struct srv_event ev = {.kind = SRV_EV_MSG, .device = device};

    if (!m.session && m.kind != CN_MSG_HELLO)
        m.session = h->devices[device - 1].session;
    ev.in.conn = 100 + device;
    h->said = m;
    ev.in.msg = &h->said;
    ev.in.n_bulk = n_bulk;
    help_step(h, ev);
}

void help_hello(struct help *h, uint32_t device)
{
    static uint64_t nonce;
    struct cn_msg m = {.kind = CN_MSG_HELLO};

    m.hello.major = CN_PROTO_MAJOR;
    m.hello.fleet = help_conf.fleet;
    m.hello.nonce = ++nonce;
    m.hello.n_held_out = 4;
    help_say(h, device, m, 0);
}

static struct cn_digest update_digest(uint32_t device, uint64_t seq)
{
    return (struct cn_digest){{200, (uint8_t)device, (uint8_t)seq}};
}

void help_offer(struct help *h, uint32_t device, uint64_t seq)
{
    struct cn_msg m = {.kind = CN_MSG_OFFER};

    m.offer.seq = seq;
    m.offer.size_bytes = 1000;
    m.offer.digest = update_digest(device, seq);
    m.offer.base = h->core.heads.release;
    m.offer.n_examples = 3;
    help_say(h, device, m, 0);
}

void help_chunk(struct help *h, uint32_t device, uint64_t seq)
{
    struct cn_msg m = {.kind = CN_MSG_CHUNK};

    m.chunk.digest = update_digest(device, seq);
    m.chunk.total_bytes = 1000;
    help_say(h, device, m, 1000);
}

void help_merged(struct help *h, uint32_t device, uint64_t seq, enum cn_reject reject)
{
    struct srv_event ev = {.kind = SRV_EV_MERGED, .device = device};

    ev.merged.round = h->core.round.number;
    ev.merged.seq = seq;
    ev.merged.reject = reject;
    ev.merged.text = reject ? "tensor head.weight holds NaN" : NULL;
    help_step(h, ev);
}

void help_give(struct help *h, uint32_t device, uint64_t seq)
{
    help_offer(h, device, seq);
    help_chunk(h, device, seq);
    help_merged(h, device, seq, CN_REJECT_NONE);
}

void help_consolidated(struct help *h)
{
    struct srv_event ev = {.kind = SRV_EV_CONSOLIDATED};

    ev.consolidated.round = h->core.round.number;
    ev.consolidated.ok = true;
    ev.consolidated.n_models = 2;
    ev.consolidated.models[0] = (struct cn_model_ref){help_digest(31), 100};
    ev.consolidated.models[1] = (struct cn_model_ref){help_digest(32), 100};
    help_step(h, ev);
}

void help_decided(struct help *h, bool promoted)
{
    struct srv_event ev = {.kind = SRV_EV_DECIDED};

    ev.decided.round = h->core.round.number;
    ev.decided.promoted = promoted;
    ev.decided.heads = h->core.heads;
    ev.decided.heads.release += promoted;
    ev.decided.heads.registry_version += promoted; /* "noise" has gone */
    ev.decided.text = "worse on label cat";
    help_step(h, ev);
}

const struct srv_action *help_action(const struct help *h, enum srv_action_kind kind, uint32_t i)
{
    for (uint32_t k = 0; k < h->out.n; k++)
        if (h->out.at[k].kind == kind && i-- == 0)
            return &h->out.at[k];
    return NULL;
}

const struct cn_msg *help_told(const struct help *h, uint32_t device, enum cn_msg_kind kind)
{
    for (uint32_t k = 0; k < h->out.n; k++) {
        const struct srv_action *a = &h->out.at[k];
        if (a->kind == SRV_ACT_SEND && a->device == device && a->msg.kind == kind)
            return &a->msg;
    }
    return NULL;
}

enum cn_wait help_wait(const struct help *h, uint32_t device)
{
    const struct cn_msg *m = help_told(h, device, CN_MSG_WAIT);
    return m ? m->wait.reason : CN_WAIT_NONE;
}

enum cn_reject help_reject(const struct help *h, uint32_t device)
{
    const struct cn_msg *m = help_told(h, device, CN_MSG_REJECT);
    return m ? m->reject.reason : CN_REJECT_NONE;
}
