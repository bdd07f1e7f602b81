/* An enrolled device that sends the worst: each message is refused by name, or dropped, and the
   same device and an honest one are served as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/wire.h"
#include "common/model/pack.h"
#include "tests/integration/server/coordinator.h"
#include "tests/integration/server/device.h"

/* ---- fixture: a fleet with one honest and one hostile device, two labels, release 2 ---- */

struct fleet {
    struct coordinator c;
    struct device honest, hostile;
    uint32_t cat, dog;
    struct cn_blob *model; /* of release 2 */
    struct cn_buf update;  /* a good one against it */
    uint64_t honest_seq, hostile_seq;
};

static struct fleet fleet;

static void enrol(struct device *d, const char *name)
{
    char args[64];

    snprintf(args, sizeof args, "{\"name\":\"%s\"}", name);
    struct cn_json *CN_CLEANUP(cn_json_destroy) r = coordinator_do(&fleet.c, "device.token", args);
    assert_int_equal(device_join(d, cn_json_string(r, "token", ""), "").kind, CN_MSG_ADMITTED);
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
}

static uint32_t release(void)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) r = coordinator_do(&fleet.c, "status", NULL);

    return (uint32_t)cn_json_int(r, "release", 0);
}

/* The honest device teaches; its update must be in the next release. */
static void honest_work_goes_on(void)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) update = {0};
    struct device *d = &fleet.honest;
    struct cn_manifest m;

    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    device_fetch_release(d, &m, &model);
    device_learn(model, fleet.cat, fleet.dog, 8, ++fleet.honest_seq, &update);
    struct cn_msg msg =
        device_upload(d, fleet.honest_seq, m.number, (struct cn_bytes){update.at, update.n}, false);
    if (msg.kind == CN_MSG_RECEIVED)
        msg = device_expect_one(d, CN_MSG_COMMITTED, CN_MSG_REJECT, CN_MSG_REJECT);
    if (msg.kind == CN_MSG_REJECT)
        fail_msg("the honest update was rejected: %s", msg.reject.text);
    assert_int_equal(msg.committed.release, m.number + 1);
    cn_release_fini(&m);
}

static int set_up(void **state)
{
    static const char *const sets[] = {"fleet.listen=tcp://127.0.0.1:0",
                                       "fleet.enrol_listen=tcp://127.0.0.1:0",
                                       "recipe.image=12x12x1",
                                       "recipe.filters=4",
                                       "recipe.rank=4",
                                       "recipe.gan_steps=2",
                                       "recipe.consolidate_steps=5",
                                       "round.updates=1",
                                       "round.score_wait_s=1",
                                       NULL};
    struct cn_manifest m;

    (void)state;
    coordinator_init(&fleet.c, sets);
    coordinator_start(&fleet.c);
    enrol(&fleet.honest, "honest");
    enrol(&fleet.hostile, "hostile");
    fleet.cat = device_propose(&fleet.honest, "cat");
    fleet.dog = device_propose(&fleet.honest, "dog");
    honest_work_goes_on();
    assert_int_equal(device_hello(&fleet.hostile).kind, CN_MSG_WELCOME);
    device_fetch_release(&fleet.hostile, &m, &fleet.model);
    cn_release_fini(&m);
    device_learn(fleet.model, fleet.cat, fleet.dog, 8, 99, &fleet.update);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    device_fini(&fleet.honest);
    device_fini(&fleet.hostile);
    cn_blob_unref(&fleet.model);
    cn_buf_fini(&fleet.update);
    coordinator_fini(&fleet.c);
    return 0;
}

/* ---- updates that are spoilt in one place ---- */

enum { MAX_PARTS = 64 };

/* A good update taken apart; what it points to may be changed before it is put together again. */
struct parts {
    struct cn_pack_head head;
    struct cn_label_count counts[8];
    struct cn_setting settings[CN_MAX_SETTINGS];
    struct cn_pack_tensor tensors[MAX_PARTS];
    uint32_t n_tensors;
    uint8_t *numbers; /* the rows of head.weight, to be changed */
    struct cn_pack_tensor *weight;
};

typedef void spoil_fn(struct parts *p);

static void spoil(spoil_fn *fn, struct cn_buf *out)
{
    struct cn_pack *CN_CLEANUP(cn_pack_close) pack = NULL;
    struct cn_pack_writer *CN_CLEANUP(cn_pack_writer_destroy) w = cn_pack_writer_new();
    uint8_t *CN_CLEANUP(cn_freep) numbers = NULL;
    struct parts p = {.n_tensors = 0};
    struct cn_error err;

    if (cn_pack_open(&pack, (struct cn_bytes){fleet.update.at, fleet.update.n}, &err))
        fail_msg("%s", err.text);
    p.head = *cn_pack_head(pack);
    assert_true(p.head.n_counts <= CN_COUNT(p.counts));
    memcpy(p.counts, p.head.counts, p.head.n_counts * sizeof *p.counts);
    memcpy(p.settings, p.head.settings, p.head.n_settings * sizeof *p.settings);
    p.head.counts = p.counts;
    p.head.settings = p.settings;
    const struct cn_pack_tensor *t = cn_pack_tensors(pack, &p.n_tensors);
    assert_true(p.n_tensors <= MAX_PARTS);
    memcpy(p.tensors, t, p.n_tensors * sizeof *t);
    for (uint32_t i = 0; i < p.n_tensors; i++)
        if (strcmp(p.tensors[i].name, "head.weight") == 0)
            p.weight = &p.tensors[i];
    assert_non_null(p.weight);
    size_t n_bytes = p.weight->n * (p.weight->type == CN_PACK_F32 ? 4 : 2);
    p.numbers = numbers = cn_alloc(n_bytes);
    memcpy(numbers, p.weight->data, n_bytes);
    p.weight->data = numbers;
    fn(&p);
    for (uint32_t i = 0; i < p.n_tensors; i++)
        cn_pack_put_raw(w, &p.tensors[i]);
    if (cn_pack_finish(w, &p.head, out, &err))
        fail_msg("%s", err.text);
}

static void a_nan(struct parts *p)
{
    memset(p->numbers, 0xff, p->weight->type == CN_PACK_F32 ? 4 : 2);
}

static void the_largest_numbers(struct parts *p)
{
    /* The largest finite half, and about 3e38 as a float. */
    for (size_t i = 0; i < p->weight->n * (p->weight->type == CN_PACK_F32 ? 2 : 1); i++)
        memcpy(p->numbers + 2 * i, p->weight->type == CN_PACK_F32 ? "\x7f\x7f" : "\xff\x7b", 2);
}

static void a_narrow_row(struct parts *p)
{
    p->weight->dims[1]--;
}

static void a_tensor_of_another_network(struct parts *p)
{
    snprintf(p->weight->name, sizeof p->weight->name, "tail.weight");
}

static void half_of_it(struct parts *p)
{
    *p->weight = p->tensors[--p->n_tensors];
}

static void another_recipe(struct parts *p)
{
    for (uint32_t i = 0; i < p->head.n_settings; i++)
        if (strcmp(p->settings[i].key, "recipe.seed") == 0)
            p->settings[i].number ^= 1;
}

static void another_fleets_release(struct parts *p)
{
    p->head.base_digest.b[0] ^= 1;
}

static void a_label_that_nobody_has(struct parts *p)
{
    p->counts[p->head.n_counts - 1].label = 4000;
}

static void more_images_than_there_are(struct parts *p)
{
    for (uint32_t i = 0; i < p->head.n_counts; i++)
        p->counts[i].n = CN_MAX_COUNT_PER_UPDATE;
}

static void a_model(struct parts *p)
{
    p->head.kind = CN_PACK_MODEL;
}

static struct cn_msg offer(uint64_t seq, uint32_t base, struct cn_bytes bytes, bool lie)
{
    return device_upload(&fleet.hostile, seq, base, bytes, lie);
}

static void expect_reject(const struct cn_msg *msg, enum cn_reject reason, const char *what)
{
    if (msg->kind != CN_MSG_REJECT)
        fail_msg("%s was not rejected", what);
    if (msg->reject.reason != reason)
        fail_msg("%s was rejected as %s (%s), not as %s", what, cn_reject_name(msg->reject.reason),
                 msg->reject.text, cn_reject_name(reason));
}

static void a_spoilt_update_is_rejected_by_name(void **state)
{
    static const struct {
        const char *what;
        spoil_fn *fn;
        enum cn_reject reason;
    } cases[] = {
        {"a NaN", a_nan, CN_REJECT_NUMERIC},
        {"absurd numbers", the_largest_numbers, CN_REJECT_NUMERIC},
        {"a row that is too short", a_narrow_row, CN_REJECT_SHAPE},
        {"a tensor of another network", a_tensor_of_another_network, CN_REJECT_SHAPE},
        {"an update without its rows", half_of_it, CN_REJECT_FORM},
        {"another recipe's update", another_recipe, CN_REJECT_FLEET},
        {"an update to another fleet's release", another_fleets_release, CN_REJECT_FLEET},
        {"an unknown label", a_label_that_nobody_has, CN_REJECT_LABEL},
        {"absurd counts", more_images_than_there_are, CN_REJECT_COUNTS},
        {"a model for an update", a_model, CN_REJECT_FORM},
    };

    (void)state;
    uint32_t before = release();
    assert_int_equal(device_hello(&fleet.hostile).kind, CN_MSG_WELCOME);
    for (size_t i = 0; i < CN_COUNT(cases); i++) {
        struct cn_buf CN_CLEANUP(cn_buf_fini) bad = {0};
        spoil(cases[i].fn, &bad);
        struct cn_msg msg =
            offer(++fleet.hostile_seq, before, (struct cn_bytes){bad.at, bad.n}, false);
        expect_reject(&msg, cases[i].reason, cases[i].what);
        assert_int_not_equal(msg.reject.text[0], 0); /* a sentence says more than the name */
    }
    assert_int_equal(release(), before);
    honest_work_goes_on();
}

static void an_offer_that_cannot_be_is_rejected_by_name(void **state)
{
    const struct cn_bytes good = {fleet.update.at, fleet.update.n};
    struct cn_msg msg;

    (void)state;
    assert_int_equal(device_hello(&fleet.hostile).kind, CN_MSG_WELCOME);
    msg = offer(++fleet.hostile_seq, release() + 50, good, false);
    expect_reject(&msg, CN_REJECT_AHEAD, "an update for a release that is not");
    msg = offer(++fleet.hostile_seq, release(), good, true);
    expect_reject(&msg, CN_REJECT_DIGEST, "bytes that are not those offered");
    for (size_t cut = 1; cut < good.n; cut = cut * 7 + 3) {
        msg = offer(++fleet.hostile_seq, release(), (struct cn_bytes){good.at, cut}, false);
        expect_reject(&msg, CN_REJECT_FORM, "the beginning of an update");
    }
    honest_work_goes_on();
}

/* ---- messages that are none ---- */

static void send_raw(struct device *d, const void *header, size_t n, struct cn_blob *bulk)
{
    struct cn_link_bulk piece = {bulk, 0, bulk ? cn_blob_bytes(bulk).n : 0};

    assert_int_equal(
        cn_link_send(d->link, 0, (struct cn_bytes){header, n}, bulk ? &piece : NULL, NULL), CN_OK);
}

/* What came before was dropped, and the session is as it was. */
static void is_still_served(struct device *d)
{
    device_send(d, (struct cn_msg){.kind = CN_MSG_PING});
    device_expect(d, CN_MSG_PONG);
}

static void garbage_is_dropped_and_the_session_lives(void **state)
{
    struct device *d = &fleet.hostile;
    uint8_t noise[1000] = {0}, unknown[12] = {0x09};
    struct cn_blob *CN_CLEANUP(cn_blob_unref) bulk = cn_blob_copy(noise, sizeof noise);

    (void)state;
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    for (int i = 0; i < 50; i++) {
        cn_random(noise, sizeof noise);
        send_raw(d, noise, sizeof noise - (size_t)i * 19, i % 2 ? bulk : NULL);
    }
    send_raw(d, "", 0, NULL);
    is_still_served(d);
    /* Field 200 of the envelope, empty: a message of some later version. */
    for (int i = 0; i < 8; i++)
        unknown[1 + i] = (uint8_t)(d->session >> 8 * i);
    memcpy(unknown + 9, "\xc2\x0c", 3);
    send_raw(d, unknown, sizeof unknown, NULL);
    is_still_served(d);
    honest_work_goes_on();
}

static void an_offer_of_more_than_the_cap_is_dropped(void **state)
{
    struct device *d = &fleet.hostile;
    struct cn_buf CN_CLEANUP(cn_buf_fini) header = {0};
    struct cn_msg msg = {.kind = CN_MSG_OFFER};

    (void)state;
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    msg.session = d->session;
    msg.offer.seq = ++fleet.hostile_seq;
    msg.offer.size_bytes = CN_MAX_UPDATE_BYTES;
    msg.offer.base = release();
    msg.offer.n_examples = 1;
    msg.offer.digest = cn_digest_of("x", 1);
    cn_wire_encode(&msg, &header);
    /* The encoder keeps to the caps: the size, 2^28, becomes 2^34 - 1 behind its back. */
    uint8_t *size = memmem(header.at, header.n, "\x80\x80\x80\x80\x01", 5);
    assert_non_null(size);
    memcpy(size, "\xff\xff\xff\xff\x3f", 5);
    send_raw(d, header.at, header.n, NULL);
    is_still_served(d);
    struct cn_json *CN_CLEANUP(cn_json_destroy) round =
        coordinator_do(&fleet.c, "round.show", NULL);
    assert_int_equal(cn_json_int(round, "uploads", -1), 0);
    honest_work_goes_on();
}

static void chunks_that_nobody_asked_for_change_nothing(void **state)
{
    struct device *d = &fleet.hostile;
    struct cn_buf CN_CLEANUP(cn_buf_fini) header = {0};
    struct cn_blob *CN_CLEANUP(cn_blob_unref) bulk =
        cn_blob_copy(fleet.update.at, fleet.update.n < 1000 ? fleet.update.n : 1000);
    struct cn_msg msg = {.kind = CN_MSG_CHUNK};

    (void)state;
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    msg.session = d->session;
    msg.chunk.digest = cn_digest_of("never offered", 13);
    msg.chunk.total_bytes = cn_blob_bytes(bulk).n;
    cn_wire_encode(&msg, &header);
    for (int i = 0; i < 40; i++)
        send_raw(d, header.at, header.n, bulk);
    is_still_served(d);
    msg = (struct cn_msg){.kind = CN_MSG_WANT};
    msg.want.digest = cn_digest_of("nobody has this", 15);
    msg.want.credit = 1;
    device_send(d, msg);
    device_expect(d, CN_MSG_GONE);
    honest_work_goes_on();
}

static void an_oversized_frame_ends_the_connection_and_nothing_else(void **state)
{
    struct device *d = &fleet.hostile;
    const struct cn_link_dial_conf conf = {.endpoint = d->token.fleet_endpoint,
                                           .server = d->token.server,
                                           .secret = d->key,
                                           .max_header_bytes = 8 << 20};
    uint8_t *CN_CLEANUP(cn_freep) huge = cn_calloc(1, 8 << 20);
    struct cn_link_event ev;

    (void)state;
    device_leave(d);
    assert_int_equal(cn_link_dial(&d->link, &conf, NULL), CN_OK);
    assert_int_equal(cn_link_wait(d->link, 10000, &ev, NULL), CN_OK);
    assert_int_equal(ev.what, CN_LINK_UP);
    send_raw(d, huge, 8 << 20, NULL);
    assert_int_equal(cn_link_wait(d->link, 10000, &ev, NULL), CN_E_NOTFOUND); /* thrown out */
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    honest_work_goes_on();
}

static void another_fleets_hello_and_another_session_are_refused(void **state)
{
    struct device *d = &fleet.hostile;
    struct cn_token ours = d->token;

    (void)state;
    d->token.fleet = cn_digest_of("another fleet", 13);
    struct cn_msg msg = device_hello(d);
    d->token = ours;
    assert_int_equal(msg.kind, CN_MSG_REFUSED);
    assert_int_equal(msg.refused.reason, CN_REFUSED_FLEET);
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
    device_send(d, (struct cn_msg){.kind = CN_MSG_PING, .session = d->session ^ 1});
    assert_int_equal(device_expect(d, CN_MSG_REFUSED).refused.reason, CN_REFUSED_SESSION);
    honest_work_goes_on();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spoilt_update_is_rejected_by_name),
        cmocka_unit_test(an_offer_that_cannot_be_is_rejected_by_name),
        cmocka_unit_test(garbage_is_dropped_and_the_session_lives),
        cmocka_unit_test(an_offer_of_more_than_the_cap_is_dropped),
        cmocka_unit_test(chunks_that_nobody_asked_for_change_nothing),
        cmocka_unit_test(an_oversized_frame_ends_the_connection_and_nothing_else),
        cmocka_unit_test(another_fleets_hello_and_another_session_are_refused),
    };

    if (cn_crypto_init(NULL))
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
