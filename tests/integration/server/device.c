/* A device by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/server/device.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/doors/wire.h"
#include "common/recipe/update.h"

enum { ANSWER_MS = 60000, CREDIT = 8 };

static void fail_with(const struct cn_error *err)
{
    fail_msg("%s", err->text);
}

void device_leave(struct device *d)
{
    cn_link_close(&d->link);
    d->session = 0;
}

void device_fini(struct device *d)
{
    device_leave(d);
    cn_secret_destroy(&d->key);
    cn_buf_fini(&d->scratch);
    cn_buf_fini(&d->bulk);
}

static void dial(struct device *d, const char *endpoint)
{
    const struct cn_link_dial_conf conf = {.endpoint = endpoint,
                                           .server = d->token.server,
                                           .secret = d->key,
                                           .max_bulk_bytes = CN_CHUNK_BYTES};
    struct cn_error err;

    device_leave(d);
    if (cn_link_dial(&d->link, &conf, &err) != CN_OK)
        fail_with(&err);
}

/* ---- messages ---- */

static void send_bulk(struct device *d, struct cn_msg msg, const struct cn_link_bulk *bulk)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) header = {0};
    struct cn_link_event ev;
    struct cn_error err;
    enum cn_err e;

    if (!msg.session)
        msg.session = d->session;
    cn_wire_encode(&msg, &header);
    while ((e = cn_link_send(d->link, 0, (struct cn_bytes){header.at, header.n}, bulk, &err)) !=
           CN_OK) {
        if (e != CN_E_NOTFOUND && e != CN_E_BUSY)
            fail_with(&err);
        e = cn_link_wait(d->link, 50, &ev, &err); /* until it is up */
        if (e != CN_OK && e != CN_E_TIMEOUT && e != CN_E_NOTFOUND)
            fail_with(&err);
    }
}

void device_send(struct device *d, struct cn_msg msg)
{
    send_bulk(d, msg, NULL);
}

static struct cn_msg next(struct device *d)
{
    struct cn_link_event ev;
    struct cn_error err;
    struct cn_msg msg;

    do
        if (cn_link_wait(d->link, ANSWER_MS, &ev, &err) != CN_OK)
            fail_with(&err);
    while (ev.what != CN_LINK_MESSAGE);
    if (cn_wire_decode(ev.header, ev.bulk.n, &d->scratch, &msg, &err) != CN_OK)
        fail_with(&err);
    d->bulk.n = 0;
    cn_buf_append(&d->bulk, ev.bulk.at, ev.bulk.n);
    if (msg.kind == CN_MSG_ANNOUNCE)
        d->heads = msg.announce;
    return msg;
}

struct cn_msg device_expect_one(struct device *d, enum cn_msg_kind a, enum cn_msg_kind b,
                                enum cn_msg_kind c)
{
    struct cn_msg msg;

    do
        msg = next(d);
    while (msg.kind != a && msg.kind != b && msg.kind != c);
    return msg;
}

struct cn_msg device_expect(struct device *d, enum cn_msg_kind kind)
{
    return device_expect_one(d, kind, kind, kind);
}

/* ---- into the fleet ---- */

struct cn_msg device_join(struct device *d, const char *token, const char *name)
{
    struct cn_msg msg = {.kind = CN_MSG_JOIN};
    struct cn_error err;

    if (cn_token_decode(&d->token, token, &err) != CN_OK)
        fail_with(&err);
    if (!d->key)
        d->key = cn_secret_new(CN_SECRET_LINK);
    dial(d, d->token.enrol);
    memcpy(msg.join.secret, d->token.secret, sizeof d->token.secret);
    msg.join.n_secret = sizeof d->token.secret;
    msg.join.major = CN_PROTO_MAJOR;
    msg.join.minor = CN_PROTO_MINOR;
    memcpy(msg.join.name, name, strlen(name) + 1);
    device_send(d, msg);
    msg = device_expect_one(d, CN_MSG_ADMITTED, CN_MSG_REFUSED, CN_MSG_REFUSED);
    if (msg.kind == CN_MSG_ADMITTED) {
        d->id = msg.admitted.device;
        assert_string_equal(msg.admitted.endpoint, d->token.fleet_endpoint);
    }
    device_leave(d);
    return msg;
}

struct cn_msg device_hello(struct device *d)
{
    struct cn_msg msg = {.kind = CN_MSG_HELLO};

    dial(d, d->token.fleet_endpoint);
    msg.hello.major = CN_PROTO_MAJOR;
    msg.hello.minor = CN_PROTO_MINOR;
    msg.hello.fleet = d->token.fleet;
    msg.hello.n_held_out = d->n_held_out;
    cn_random(&msg.hello.nonce, sizeof msg.hello.nonce);
    device_send(d, msg);
    msg = device_expect_one(d, CN_MSG_WELCOME, CN_MSG_REFUSED, CN_MSG_REFUSED);
    if (msg.kind == CN_MSG_WELCOME) {
        d->session = msg.session;
        d->heads = msg.welcome.heads;
        d->last_seq = msg.welcome.last_seq;
    }
    return msg;
}

enum cn_err device_is_kept_out(struct device *d)
{
    struct cn_link_event ev;
    struct cn_error err;
    enum cn_err e;

    dial(d, d->token.fleet_endpoint);
    while ((e = cn_link_wait(d->link, ANSWER_MS, &ev, &err)) == CN_OK)
        assert_int_not_equal(ev.what, CN_LINK_UP);
    device_leave(d);
    return e;
}

uint32_t device_propose(struct device *d, const char *name)
{
    static uint32_t request = 0x40000000;
    struct cn_msg msg = {.kind = CN_MSG_PROPOSE};

    msg.propose.request = ++request;
    memcpy(msg.propose.name, name, strlen(name) + 1);
    device_send(d, msg);
    msg = device_expect(d, CN_MSG_LABEL);
    assert_int_equal(msg.label.request, request);
    assert_int_equal(msg.label.state, CN_LABEL_ACCEPTED);
    return msg.label.id;
}

/* ---- fetching ---- */

struct cn_blob *device_fetch(struct device *d, const struct cn_digest *digest)
{
    struct cn_buf bytes = {0};
    uint64_t total = 1;

    while (bytes.n < total) {
        struct cn_msg want = {.kind = CN_MSG_WANT};
        want.want.digest = *digest;
        want.want.offset = bytes.n;
        want.want.credit = 1;
        device_send(d, want);
        struct cn_msg msg = device_expect_one(d, CN_MSG_CHUNK, CN_MSG_GONE, CN_MSG_GONE);
        assert_int_equal(msg.kind, CN_MSG_CHUNK);
        assert_int_equal(msg.chunk.offset, bytes.n);
        total = msg.chunk.total_bytes;
        cn_buf_append(&bytes, d->bulk.at, d->bulk.n);
    }
    struct cn_digest is = cn_digest_of(bytes.at, bytes.n);
    assert_true(cn_digest_equal(&is, digest));
    return cn_blob_take(&bytes);
}

void device_fetch_release(struct device *d, struct cn_manifest *ret, struct cn_blob **ret_model)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) sealed = device_fetch(d, &d->heads.manifest);
    struct cn_error err;

    if (cn_release_open(cn_blob_bytes(sealed), &d->token.fleet, ret, &err) != CN_OK)
        fail_with(&err);
    assert_int_equal(ret->number, d->heads.release);
    if (ret_model)
        *ret_model = device_fetch(d, &ret->model.digest);
}

/* ---- teaching ---- */

static void send_chunks(struct device *d, const struct cn_digest *digest, struct cn_blob *blob,
                        uint64_t from)
{
    size_t total = cn_blob_bytes(blob).n;

    for (size_t at = (size_t)from; at < total;) {
        size_t n = total - at < CN_CHUNK_BYTES ? total - at : CN_CHUNK_BYTES;
        struct cn_link_bulk bulk = {blob, at, n};
        struct cn_msg msg = {.kind = CN_MSG_CHUNK};
        msg.chunk.digest = *digest;
        msg.chunk.offset = at;
        msg.chunk.total_bytes = total;
        send_bulk(d, msg, &bulk);
        at += n;
    }
}

struct cn_msg device_upload(struct device *d, uint64_t seq, uint32_t base, struct cn_bytes bytes,
                            bool lie)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = cn_blob_copy(bytes.at, bytes.n);
    struct cn_msg offer = {.kind = CN_MSG_OFFER}, msg;

    offer.offer.seq = seq;
    offer.offer.size_bytes = bytes.n;
    offer.offer.digest = cn_digest_of(bytes.at, bytes.n);
    offer.offer.digest.b[0] ^= lie;
    offer.offer.base = base;
    offer.offer.n_examples = 1;
    device_send(d, offer);
    do
        msg = next(d);
    while (msg.kind != CN_MSG_SEND && msg.kind != CN_MSG_REJECT && msg.kind != CN_MSG_COMMITTED);
    if (msg.kind != CN_MSG_SEND)
        return msg;
    send_chunks(d, &offer.offer.digest, blob, msg.send.offset);
    return device_expect_one(d, CN_MSG_RECEIVED, CN_MSG_REJECT, CN_MSG_COMMITTED);
}

void device_score(struct device *d, const struct cn_msg *score, const struct cn_label_tally *before,
                  const struct cn_label_tally *after, uint32_t n)
{
    struct cn_msg asked = *score;

    assert_true(asked.score.n_models >= 2);
    for (uint32_t i = 0; i < asked.score.n_models; i++) {
        struct cn_msg msg = {.kind = CN_MSG_SCORED};
        msg.scored.round = asked.score.round;
        msg.scored.model = asked.score.models[i].digest;
        msg.scored.n_tallies = n;
        msg.scored.tallies = i ? after : before;
        device_send(d, msg);
    }
}

void device_learn(struct cn_blob *model, uint32_t a, uint32_t b, uint32_t n, uint64_t seed,
                  struct cn_buf *ret)
{
    struct cn_learner *CN_CLEANUP(cn_learner_destroy) learner = NULL;
    struct cn_update_report report;
    struct cn_error err;
    struct cn_rng rng;

    if (cn_learner_open(&learner, model, &err) != CN_OK)
        fail_with(&err);
    size_t dim = cn_learner_phi_size(learner);
    float *CN_CLEANUP(cn_freep) phi = cn_calloc(2 * n * dim, sizeof *phi);
    struct cn_example *CN_CLEANUP(cn_freep) examples = cn_calloc(2 * n, sizeof *examples);
    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; i < 2 * n; i++) {
        float *x = phi + i * dim;
        for (size_t k = 0; k < dim; k++) /* features are pooled rectified maps: not negative */
            x[k] = 0.3f * cn_rng_uniform(&rng) + (k % 2 == i % 2 ? 0.3f : 0.0f);
        examples[i] = (struct cn_example){.label = i % 2 ? b : a, .corrected = true, .phi = x};
    }
    if (cn_update_build(model, examples, 2 * n, seed, ret, &report, &err) != CN_OK)
        fail_with(&err);
}
