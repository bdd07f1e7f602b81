#include "tests/unit/doors/wire_samples.h"

#include <string.h>

static struct cn_digest digest(uint8_t first)
{
    struct cn_digest d;

    for (uint8_t i = 0; i < CN_DIGEST_BYTES; i++)
        d.b[i] = (uint8_t)(first + i);
    return d;
}

static const struct cn_heads *heads(void)
{
    static struct cn_heads h = {.release = 300,
                                .registry_version = 17,
                                .manifest_bytes = 4096,
                                .registry_bytes = 70000,
                                .server_time_ms = 1700000000123};
    h.manifest = digest(10);
    h.registry = digest(60);
    return &h;
}

static void fill_devices(struct cn_msg *m)
{
    static const struct cn_label_count counts[] = {{0, 3}, {7, 1}, {4095, 1000000}};
    static const struct cn_label_tally tallies[] = {{1, 2, 3, 4, 5}, {6, 0, 0, 0, UINT32_MAX}};

    switch ((int)m->kind) {
    case CN_MSG_HELLO:
        m->session = 0;
        m->hello.major = 1;
        m->hello.minor = 2;
        m->hello.fleet = digest(1);
        m->hello.nonce = 0x8877665544332211;
        m->hello.release = 12;
        m->hello.registry_version = 34;
        m->hello.n_held_out = 56;
        break;
    case CN_MSG_PING: m->ping.n_held_out = 9; break;
    case CN_MSG_PROPOSE:
        m->propose.request = CN_LABEL_LOCAL + 3;
        strcpy(m->propose.name, "caf\xc3\xa9 noir");
        break;
    case CN_MSG_WANT:
        m->want.digest = digest(2);
        m->want.offset = 262144;
        m->want.credit = 16;
        break;
    case CN_MSG_READY:
        m->ready.base = 12;
        m->ready.n_held_out = 3;
        m->ready.n_counts = 3;
        m->ready.counts = counts;
        break;
    case CN_MSG_OFFER:
        m->offer.seq = 1ull << 40;
        m->offer.size_bytes = 1048577;
        m->offer.digest = digest(3);
        m->offer.base = 12;
        m->offer.n_examples = 77;
        break;
    case CN_MSG_TALLY:
        m->tally.release = 12;
        m->tally.n_tallies = 2;
        m->tally.tallies = tallies;
        break;
    case CN_MSG_SCORED:
        m->scored.round = 99;
        m->scored.model = digest(4);
        m->scored.n_tallies = 2;
        m->scored.tallies = tallies;
        break;
    case CN_MSG_CHUNK:
        m->chunk.digest = digest(5);
        m->chunk.offset = 524288;
        m->chunk.total_bytes = 524388;
        break;
    case CN_MSG_JOIN:
        m->session = 0;
        memset(m->join.secret, 0xa5, 32);
        m->join.n_secret = 32;
        m->join.major = 1;
        m->join.minor = 2;
        strcpy(m->join.name, "gate 7");
        break;
    }
}

static void fill_coordinators(struct cn_msg *m)
{
    switch ((int)m->kind) {
    case CN_MSG_WELCOME:
        m->welcome.major = 1;
        m->welcome.minor = 2;
        m->welcome.nonce = 0x8877665544332211;
        m->welcome.heads = *heads();
        m->welcome.last_seq = 41;
        m->welcome.last_release = 299;
        m->welcome.ping_ms = 20000;
        break;
    case CN_MSG_REFUSED:
        m->refused.reason = CN_REFUSED_SUSPENDED;
        m->refused.nonce = 0x8877665544332211;
        m->refused.retry_ms = 60000;
        break;
    case CN_MSG_PONG: m->pong = *heads(); break;
    case CN_MSG_ANNOUNCE: m->announce = *heads(); break;
    case CN_MSG_LABEL:
        m->label.request = CN_LABEL_LOCAL + 3;
        m->label.id = 5;
        m->label.state = CN_LABEL_ACCEPTED;
        strcpy(m->label.text, "welcome");
        break;
    case CN_MSG_GONE: m->gone = digest(6); break;
    case CN_MSG_TASK: m->task.base = 300; break;
    case CN_MSG_WAIT:
        m->wait.about = CN_ABOUT_OFFER;
        m->wait.reason = CN_WAIT_SLOTS;
        m->wait.ref = 42;
        m->wait.retry_ms = 5000;
        break;
    case CN_MSG_SEND:
        m->send.seq = 42;
        m->send.offset = 262144;
        m->send.credit = 8;
        break;
    case CN_MSG_HELD: m->held.seq = 42; break;
    case CN_MSG_RECEIVED: m->received.seq = 42; break;
    case CN_MSG_COMMITTED:
        m->committed.seq = 42;
        m->committed.release = 301;
        break;
    case CN_MSG_REJECT:
        m->reject.seq = 42;
        m->reject.retry_ms = 60000;
        m->reject.reason = CN_REJECT_GATE;
        m->reject.release = 300;
        strcpy(m->reject.text, "worse on \"cat\"");
        break;
    case CN_MSG_SCORE:
        m->score.round = 99;
        m->score.deadline_ms = 10000;
        m->score.n_models = 2;
        m->score.models[0] = (struct cn_model_ref){digest(7), 41000};
        m->score.models[1] = (struct cn_model_ref){digest(8), 42000};
        break;
    case CN_MSG_ADMITTED:
        m->session = 0;
        m->admitted.device = 7;
        m->admitted.fleet = digest(1);
        strcpy(m->admitted.name, "gate 7");
        strcpy(m->admitted.endpoint, "tcp://coordinator.example:7411");
        break;
    }
}

struct cn_msg wire_sample(enum cn_msg_kind kind)
{
    struct cn_msg m;

    memset(&m, 0, sizeof m);
    m.kind = kind;
    m.session = 0x1122334455667788;
    fill_devices(&m);
    fill_coordinators(&m);
    return m;
}

uint64_t wire_sample_bulk(enum cn_msg_kind kind)
{
    return kind == CN_MSG_CHUNK ? 100 : 0;
}
