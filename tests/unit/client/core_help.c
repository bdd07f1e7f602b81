#include "tests/unit/client/core_help.h"

#include <string.h>

struct edge_core_conf help_conf;
struct edge_start help_begin;

struct cn_digest help_digest(uint8_t first)
{
    return (struct cn_digest){{first}};
}

void help_restart(struct help *h)
{
    help_begin.now_ms = h->now_ms;
    edge_core_init(&h->core, &help_conf, &help_begin);
}

int help_start(void **state)
{
    static struct help h;

    memset(&h, 0, sizeof h);
    h.now_ms = 1000;
    edge_core_conf_init(&help_conf);
    help_conf.fleet = help_digest(77);
    help_conf.batch = 4;
    help_begin = (struct edge_start){
        .release = 5, .registry_version = 2, .model = help_digest(50), .next_seq = 1};
    help_restart(&h);
    *state = &h;
    return 0;
}

void help_step(struct help *h, struct edge_event ev)
{
    static uint64_t random;

    ev.now_ms = h->now_ms;
    ev.random = ++random;
    edge_core_step(&h->core, &ev, &h->out);
    const char *broken = edge_core_broken(&h->core);
    if (broken)
        fail_msg("%s", broken);
    assert_true(edge_core_deadline(&h->core) > h->now_ms);
}

void help_tick(struct help *h, uint64_t later_ms)
{
    h->now_ms += later_ms;
    help_step(h, (struct edge_event){.kind = EDGE_EV_TICK});
}

void help_wait(struct help *h)
{
    for (int i = 0; i < 100; i++) {
        h->now_ms = edge_core_deadline(&h->core);
        help_step(h, (struct edge_event){.kind = EDGE_EV_TICK});
        if (h->out.n)
            return;
    }
    fail_msg("it waits for ever");
}

void help_hear(struct help *h, struct cn_msg m, uint64_t n_bulk)
{
    struct edge_event ev = {.kind = EDGE_EV_MSG};

    if (!m.session)
        m.session = h->core.link.session;
    h->said = m;
    ev.in.msg = &h->said;
    ev.in.n_bulk = n_bulk;
    help_step(h, ev);
}

void help_online(struct help *h)
{
    struct cn_msg m = {.kind = CN_MSG_WELCOME, .session = HELP_SESSION};

    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    m.welcome.major = CN_PROTO_MAJOR;
    m.welcome.nonce = help_said(h, CN_MSG_HELLO)->hello.nonce;
    m.welcome.ping_ms = 20000;
    m.welcome.heads.release = 5;
    m.welcome.heads.registry_version = 2;
    help_hear(h, m, 0);
    assert_true(edge_core_is_online(&h->core));
}

int help_start_online(void **state)
{
    help_start(state);
    help_online(*state);
    return 0;
}

void help_queue(struct help *h, uint32_t n, uint64_t age_ms)
{
    struct edge_event ev = {.kind = EDGE_EV_QUEUE};

    ev.queue.n_eligible = n;
    ev.queue.oldest_age_ms = age_ms;
    ev.queue.n_held_out = 3;
    help_step(h, ev);
}

void help_built(struct help *h, uint64_t seq, uint64_t size_bytes)
{
    struct edge_event ev = {.kind = EDGE_EV_BUILT};

    ev.built.ok = size_bytes != 0;
    ev.built.update = (struct edge_update){.seq = seq,
                                           .size_bytes = size_bytes,
                                           .digest = help_digest((uint8_t)(100 + seq)),
                                           .base = 5,
                                           .n_examples = 4};
    help_step(h, ev);
}

void help_offered(struct help *h, uint64_t size_bytes)
{
    help_queue(h, 4, 0);
    assert_non_null(help_said(h, CN_MSG_READY));
    help_hear(h, (struct cn_msg){.kind = CN_MSG_TASK}, 0);
    const struct edge_action *a = help_action(h, EDGE_ACT_BUILD, 0);
    assert_non_null(a);
    help_built(h, a->update.seq, size_bytes);
    assert_non_null(help_said(h, CN_MSG_OFFER));
    help_queue(h, 0, 0);
}

void help_answer(struct help *h, enum cn_msg_kind kind, uint64_t seq)
{
    struct cn_msg m = {.kind = kind};

    switch ((int)kind) {
    case CN_MSG_HELD: m.held.seq = seq; break;
    case CN_MSG_RECEIVED: m.received.seq = seq; break;
    case CN_MSG_COMMITTED:
        m.committed.seq = seq;
        m.committed.release = 6;
        break;
    case CN_MSG_REJECT:
        m.reject.seq = seq;
        m.reject.reason = CN_REJECT_GATE;
        m.reject.retry_ms = 60000;
        break;
    case CN_MSG_SEND:
        m.send.seq = seq;
        m.send.credit = 4;
        break;
    }
    help_hear(h, m, 0);
}

const struct edge_action *help_action(const struct help *h, enum edge_action_kind kind, uint32_t i)
{
    for (uint32_t k = 0; k < h->out.n; k++)
        if (h->out.at[k].kind == kind && i-- == 0)
            return &h->out.at[k];
    return NULL;
}

uint32_t help_count(const struct help *h, enum edge_action_kind kind)
{
    uint32_t n = 0;

    while (help_action(h, kind, n))
        n++;
    return n;
}

const struct cn_msg *help_said(const struct help *h, enum cn_msg_kind kind)
{
    for (uint32_t k = 0; k < h->out.n; k++)
        if (h->out.at[k].kind == EDGE_ACT_SEND && h->out.at[k].msg.kind == kind)
            return &h->out.at[k].msg;
    return NULL;
}
