/* Random events against the device's core: its invariants hold, it is deterministic, and every
   deadline lies ahead. Eight bytes make one event. */
#include <stdio.h>
#include <stdlib.h>

#include "client/edge/core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct cn_msg message_from(const uint8_t *p, const struct edge_core *c)
{
    struct cn_msg m = {.kind = (enum cn_msg_kind)(p[1] % CN_MSG_NKINDS)};
    uint64_t seq = p[2] % 4 ? c->send.update.seq : p[2];

    m.session = p[3] & 128 ? p[3] : c->link.session;
    switch ((int)m.kind) {
    case CN_MSG_WELCOME:
        m.session = 1 + p[4];
        m.welcome.major = p[3] & 64 ? 2 : 1;
        m.welcome.nonce = p[3] & 32 ? p[4] : c->link.nonce;
        m.welcome.ping_ms = 1 + p[5];
        m.welcome.last_seq = p[6] % 8;
        m.welcome.heads.release = p[6] % 8;
        m.welcome.heads.manifest_bytes = p[7];
        break;
    case CN_MSG_REFUSED:
        m.refused.reason = (enum cn_refused)(1 + p[4] % 8);
        m.refused.nonce = p[3] & 32 ? p[4] : c->link.nonce;
        m.refused.retry_ms = p[5];
        break;
    case CN_MSG_PONG:
    case CN_MSG_ANNOUNCE:
        m.announce.release = p[4] % 8;
        m.announce.manifest.b[0] = p[4] % 8;
        m.announce.manifest_bytes = p[5];
        m.announce.registry_version = p[6] % 8;
        m.announce.registry.b[0] = p[6] % 8;
        m.announce.registry_bytes = p[7];
        break;
    case CN_MSG_CHUNK:
        m.chunk.digest = c->fetch.blob.digest;
        m.chunk.offset = p[4] % 4 ? c->fetch.received_bytes : p[4];
        m.chunk.total_bytes = c->fetch.blob.size_bytes;
        break;
    case CN_MSG_GONE: m.gone = c->fetch.blob.digest; break;
    case CN_MSG_WAIT:
        m.wait.about = (enum cn_wait_about)(p[4] % CN_ABOUT_N);
        m.wait.reason = (enum cn_wait)(1 + p[5]); /* newer versions have more */
        m.wait.ref = m.wait.about == CN_ABOUT_OFFER ? seq : p[6] % 4;
        m.wait.retry_ms = p[7];
        break;
    case CN_MSG_SEND:
        m.send.seq = seq;
        m.send.offset = p[4] % 4 * (uint64_t)CN_CHUNK_BYTES;
        m.send.credit = p[5] % (CN_MAX_CREDIT + 1);
        break;
    case CN_MSG_HELD: m.held.seq = seq; break;
    case CN_MSG_RECEIVED: m.received.seq = seq; break;
    case CN_MSG_COMMITTED: m.committed.seq = seq; break;
    case CN_MSG_REJECT:
        m.reject.seq = seq;
        m.reject.reason = (enum cn_reject)(1 + p[4]);
        m.reject.retry_ms = p[5];
        break;
    case CN_MSG_LABEL:
        m.label.request = p[4] % 4;
        m.label.state = (enum cn_label_state)(p[5] % CN_LABEL_NSTATES);
        break;
    case CN_MSG_SCORE:
        m.score.round = p[4];
        m.score.deadline_ms = p[5];
        m.score.n_models = 1 + p[6] % CN_MAX_MODELS_SCORED;
        for (uint32_t i = 0; i < m.score.n_models; i++)
            m.score.models[i] = (struct cn_model_ref){{{p[7], (uint8_t)i}}, 1 + i};
        break;
    }
    return m;
}

static struct edge_event event_from(const uint8_t *p, const struct edge_core *c)
{
    struct edge_event ev = {.kind = (enum edge_event_kind)(p[0] % (EDGE_EV_COUNTED + 1))};

    switch (ev.kind) {
    case EDGE_EV_DOWN: ev.down = (enum edge_down)(p[2] % 4); break;
    case EDGE_EV_QUEUE:
        ev.queue.n_eligible = p[2] % 8;
        ev.queue.oldest_age_ms = p[3];
        ev.queue.has_new_label = p[4] & 1;
        ev.queue.n_held_out = p[5];
        break;
    case EDGE_EV_BUILT:
        ev.built.ok = p[2] % 4;
        ev.built.update.seq = c->send.next_seq;
        ev.built.update.size_bytes = 1 + p[3] % 5 * (uint64_t)CN_CHUNK_BYTES;
        break;
    case EDGE_EV_HAVE:
        ev.have.digest = c->fetch.blob.digest;
        ev.have.n_bytes = p[2] % 4 ? 0 : p[3];
        break;
    case EDGE_EV_VERIFIED:
        ev.verified.digest = c->fetch.blob.digest;
        ev.verified.ok = p[2] % 4;
        ev.verified.release = p[3] % 4 ? c->fetch.number : p[3];
        ev.verified.model = (struct cn_model_ref){{{p[4]}}, p[5]};
        break;
    case EDGE_EV_INSTALLED:
        ev.installed.what = c->fetch.what;
        ev.installed.number = c->fetch.number;
        ev.installed.ok = p[2] % 4;
        break;
    case EDGE_EV_SCORED:
        ev.scored.round = c->score.round;
        ev.scored.model = c->fetch.blob.digest;
        break;
    case EDGE_EV_PROPOSE:
        ev.propose.request = p[2] % 4;
        ev.propose.name = p[3] & 1 ? "cat" : "dog";
        break;
    case EDGE_EV_TICK:
    case EDGE_EV_UP:
    case EDGE_EV_MSG:
    case EDGE_EV_FLUSH:
    case EDGE_EV_COUNTED: break;
    }
    return ev;
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

static void start(struct edge_core *c)
{
    struct edge_core_conf conf;

    edge_core_conf_init(&conf);
    conf.batch = 4;
    conf.max_wait_ms = conf.reply_ms = conf.idle_ms = conf.commit_ms = 100;
    conf.job_ms = conf.tally_ms = conf.propose_ms = 100;
    conf.retry_ms = 10;
    conf.retry_max_ms = 200;
    edge_core_init(c, &conf, &(struct edge_start){.now_ms = 1000, .release = 2, .next_seq = 4});
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct edge_core a, b;
    static struct edge_actions out, out2;
    uint64_t now_ms = 1000;

    start(&a);
    start(&b);
    for (; n >= 8; p += 8, n -= 8) {
        struct cn_msg m = message_from(p, &a);
        struct edge_event ev = event_from(p, &a);
        if (p[0] & 128)
            ev = (struct edge_event){.kind = EDGE_EV_MSG};
        if (ev.kind == EDGE_EV_MSG) {
            ev.in.msg = &m;
            ev.in.n_bulk = m.kind == CN_MSG_CHUNK ? 1 + p[5] : 0;
        }
        ev.now_ms = now_ms += p[7] % 32;
        ev.random = p[6];
        edge_core_step(&a, &ev, &out);
        edge_core_step(&b, &ev, &out2);
        must(out.n == out2.n && a.link.state == b.link.state && a.send.state == b.send.state &&
             a.fetch.state == b.fetch.state && edge_core_deadline(&a) == edge_core_deadline(&b));
        must(is_whole(edge_core_broken(&a)));
        must(edge_core_deadline(&a) > a.now_ms);
        must(edge_core_why_first(&a).reason < EDGE_WHY_N);
    }
    return 0;
}
