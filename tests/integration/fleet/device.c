/* One device of the fleet program: carries out what its core asks for, in memory. */
#include "tests/integration/fleet/device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/doors/wire.h"
#include "common/model/release.h"
#include "common/model/token.h"
#include "common/recipe/update.h"

enum { JOIN_MS = 10000 };

struct fleet_device {
    struct fleet *fleet;
    struct cn_link *link;
    struct cn_secret *secret;
    struct edge_core core;
    struct cn_buf part; /* of the blob that is being fetched */
    struct cn_digest fleet_id;
    struct cn_buf scratch;
    struct cn_blob *update; /* the one in flight */
    uint32_t n_committed;
    struct cn_label_count *counts;
};

static void carry_out(struct fleet_device *d, struct edge_event *ev, struct cn_bytes bulk);

static void on_timer(void *user)
{
    struct edge_event ev = {.kind = EDGE_EV_TICK};
    carry_out(user, &ev, (struct cn_bytes){0});
}

static void send_msg(struct fleet_device *d, const struct cn_msg *msg,
                     const struct cn_link_bulk *bulk)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
    struct cn_msg full = *msg;

    if (msg->kind == CN_MSG_READY) {
        full.ready.n_counts = d->fleet->n_labels;
        full.ready.counts = d->counts;
    }
    cn_wire_encode(&full, &header);
    /* What a full or broken link drops, the core sends again after its deadline. */
    if (cn_link_send(d->link, 0, (struct cn_bytes){header.at, header.n}, bulk, NULL))
        return;
}

/* The examples are Gaussian noise around a mean of the label's own: their content is no matter. */
static void build_shared(struct fleet *f)
{
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;
    struct cn_update_report report;
    struct cn_error err = {0};
    struct cn_buf bytes = {0};
    struct cn_rng rng;

    if (cn_learner_open(&l, f->model, &err)) {
        fprintf(stderr, "fleet: %s\n", err.text);
        exit(1);
    }
    size_t size = cn_learner_phi_size(l);
    CN_CLEANUP(cn_freep) float *phi = cn_alloc(f->n_examples * size * sizeof *phi);
    CN_CLEANUP(cn_freep)
    struct cn_example *ex = cn_calloc(f->n_examples, sizeof(struct cn_example));
    cn_rng_init(&rng, 1);
    for (uint32_t i = 0; i < f->n_examples; i++) {
        ex[i] = (struct cn_example){f->labels[i % f->n_labels], true, phi + i * size};
        for (size_t k = 0; k < size; k++)
            phi[i * size + k] = 4 * cn_rng_uniform(&rng) + (float)((k + ex[i].label) % 7) * .4f;
    }
    if (cn_update_build(f->model, ex, f->n_examples, 1, &bytes, &report, &err)) {
        fprintf(stderr, "fleet: %s\n", err.text);
        exit(1);
    }
    f->update_bytes = bytes.n;
    cn_blob_unref(&f->update);
    f->update = cn_blob_take(&bytes);
}

static bool is_done(const struct fleet_device *d)
{
    return d->n_committed >= d->fleet->updates;
}

static void build(struct fleet_device *d, const struct edge_action *a)
{
    struct edge_event ev = {.kind = EDGE_EV_BUILT};

    if (is_done(d)) { /* asked once more before it could say it is done */
        carry_out(d, &ev, (struct cn_bytes){0});
        return;
    }
    if (!d->fleet->update)
        build_shared(d->fleet);
    cn_blob_unref(&d->update);
    d->update = cn_blob_ref(d->fleet->update);
    struct cn_bytes b = cn_blob_bytes(d->update);
    ev.built.ok = true;
    ev.built.update = (struct edge_update){.seq = a->update.seq,
                                           .size_bytes = b.n,
                                           .digest = cn_digest_of(b.at, b.n),
                                           .base = a->update.base,
                                           .n_examples = d->fleet->n_examples};
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void look(struct fleet_device *d, const struct edge_action *a)
{
    struct edge_event ev = {.kind = EDGE_EV_HAVE};

    ev.have.digest = a->blob.digest;
    if (d->fleet->model && cn_digest_equal(&a->blob.digest, &d->fleet->model_digest))
        ev.have.n_bytes = cn_blob_bytes(d->fleet->model).n;
    else
        d->part.n = 0;
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void verify(struct fleet_device *d, const struct edge_action *a)
{
    struct edge_event ev = {.kind = EDGE_EV_VERIFIED};
    struct cn_manifest m = {0};
    struct cn_bytes bytes = {d->part.at, d->part.n};

    ev.verified.digest = a->blob.digest;
    ev.verified.ok = true;
    if (a->blob.what == EDGE_BLOB_MANIFEST) {
        ev.verified.ok = cn_release_open(bytes, &d->fleet_id, &m, NULL) == CN_OK;
        if (ev.verified.ok) {
            ev.verified.release = m.number;
            ev.verified.model = (struct cn_model_ref){m.model.digest, m.model.size};
            cn_release_fini(&m);
        }
    } else if (a->blob.what == EDGE_BLOB_MODEL &&
               !cn_digest_equal(&a->blob.digest, &d->fleet->model_digest)) {
        struct cn_digest got = cn_digest_of(bytes.at, bytes.n);
        ev.verified.ok = cn_digest_equal(&got, &a->blob.digest);
        if (ev.verified.ok) {
            cn_blob_unref(&d->fleet->model);
            cn_blob_unref(&d->fleet->update);
            d->fleet->model = cn_blob_take(&d->part);
            d->fleet->model_digest = got;
        }
    }
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void tell_queue(struct fleet_device *d, uint32_t n)
{
    struct edge_event ev = {.kind = EDGE_EV_QUEUE,
                            .queue = {.n_eligible = n, .oldest_age_ms = n ? 1000000000 : 0}};
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void install(struct fleet_device *d, const struct edge_action *a)
{
    struct edge_event ev = {.kind = EDGE_EV_INSTALLED};

    ev.installed.what = a->blob.what;
    ev.installed.number = a->blob.number;
    ev.installed.ok = true;
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void settled(struct fleet_device *d, bool committed)
{
    bool was_done = is_done(d);

    d->fleet->n_committed += committed;
    d->fleet->n_rejected += !committed;
    d->n_committed += committed;
    d->fleet->n_done += is_done(d) && !was_done;
    tell_queue(d, is_done(d) ? 0 : d->fleet->n_examples);
}

static void upload(struct fleet_device *d, const struct edge_action *a)
{
    struct cn_link_bulk bulk = {d->update, a->offset, a->n_bytes};

    if (d->update && a->offset + a->n_bytes <= cn_blob_bytes(d->update).n)
        send_msg(d, &a->msg, &bulk);
}

static void score(struct fleet_device *d, const struct edge_action *a)
{
    struct edge_event ev = {.kind = EDGE_EV_SCORED};

    ev.scored.round = a->score.round;
    ev.scored.model = a->score.model.digest;
    carry_out(d, &ev, (struct cn_bytes){0});
}

static void carry(struct fleet_device *d, const struct edge_action *a, struct cn_bytes bulk)
{
    switch (a->kind) {
    case EDGE_ACT_SEND: send_msg(d, &a->msg, NULL); break;
    case EDGE_ACT_UPLOAD: upload(d, a); break;
    case EDGE_ACT_BUILD: build(d, a); break;
    case EDGE_ACT_COMMIT: settled(d, true); break;
    case EDGE_ACT_RETURN: settled(d, false); break;
    case EDGE_ACT_LOOK: look(d, a); break;
    case EDGE_ACT_KEEP: cn_buf_append(&d->part, bulk.at, bulk.n); break;
    case EDGE_ACT_FORGET: d->part.n = 0; break;
    case EDGE_ACT_VERIFY: verify(d, a); break;
    case EDGE_ACT_INSTALL: install(d, a); break;
    case EDGE_ACT_SCORE: score(d, a); break;
    case EDGE_ACT_CONNECT:
    case EDGE_ACT_RECEIVED:
    case EDGE_ACT_LABEL:
    case EDGE_ACT_UNRESOLVED: break;
    }
}

static void carry_out(struct fleet_device *d, struct edge_event *ev, struct cn_bytes bulk)
{
    struct edge_actions *out = cn_alloc(sizeof *out);

    ev->now_ms = cn_clock_mono_ms();
    cn_random(&ev->random, sizeof ev->random);
    edge_core_step(&d->core, ev, out);
    for (uint32_t i = 0; i < out->n; i++)
        carry(d, &out->at[i], bulk);
    free(out);
    cn_loop_set_timer(d->fleet->loop, edge_core_deadline(&d->core), on_timer, d);
}

static void on_link(void *user, struct cn_link *link, const struct cn_link_event *le)
{
    struct fleet_device *d = user;
    struct edge_event ev = {.kind = EDGE_EV_MSG};
    struct cn_msg msg;

    (void)link;
    if (le->what != CN_LINK_MESSAGE) {
        ev.kind = le->what == CN_LINK_UP ? EDGE_EV_UP : EDGE_EV_DOWN;
        if (le->what == CN_LINK_DOWN)
            ev.down = le->why == CN_LINK_WHY_KEY       ? EDGE_DOWN_SERVER_KEY
                      : le->why == CN_LINK_WHY_REFUSED ? EDGE_DOWN_DENIED
                                                       : EDGE_DOWN_UNREACHABLE;
    } else {
        if (cn_wire_decode(le->header, le->bulk.n, &d->scratch, &msg, NULL))
            return;
        ev.in.msg = &msg;
        ev.in.n_bulk = le->bulk.n;
    }
    carry_out(d, &ev, le->bulk);
}

/* Asks the enrolment endpoint; the device's key is the link's. */
static enum cn_err join(struct fleet_device *d, const struct cn_token *t, struct cn_error *err)
{
    CN_CLEANUP(cn_link_close) struct cn_link *link = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
    struct cn_link_dial_conf conf = {
        .endpoint = t->enrol, .server = t->server, .secret = d->secret};
    struct cn_link_event le;
    struct cn_msg msg = {.kind = CN_MSG_JOIN,
                         .join = {.n_secret = sizeof t->secret, .major = CN_PROTO_MAJOR}};

    memcpy(msg.join.secret, t->secret, sizeof t->secret);
    cn_wire_encode(&msg, &header);
    if (cn_link_dial(&link, &conf, err))
        return err->code;
    do { /* the link has to come up before anything can be sent */
        enum cn_err e = cn_link_wait(link, JOIN_MS, &le, err);
        if (!e && le.what == CN_LINK_UP)
            e = cn_link_send(link, 0, (struct cn_bytes){header.at, header.n}, NULL, err);
        if (e)
            return e;
    } while (le.what != CN_LINK_MESSAGE);
    if (cn_wire_decode(le.header, 0, &d->scratch, &msg, err))
        return err->code;
    if (msg.kind != CN_MSG_ADMITTED)
        return cn_fail(err, CN_E_DENIED, "JOIN was answered by %s", cn_msg_name(msg.kind));
    return CN_OK;
}

enum cn_err fleet_add(struct fleet *f, const char *text, struct cn_error *err)
{
    struct cn_token token;
    struct fleet_device *d = cn_calloc(1, sizeof *d);
    struct edge_core_conf conf;
    struct edge_start start = {.now_ms = cn_clock_mono_ms(), .next_seq = 1};

    f->devices = cn_realloc(f->devices, (f->n_devices + 1) * sizeof(struct fleet_device *));
    f->devices[f->n_devices++] = d;
    d->fleet = f;
    d->secret = cn_secret_new(CN_SECRET_LINK);
    d->counts = cn_calloc(f->n_labels, sizeof *d->counts);
    for (uint32_t i = 0; i < f->n_labels; i++)
        d->counts[i] = (struct cn_label_count){f->labels[i], f->n_examples / f->n_labels};
    if (cn_token_decode(&token, text, err) || join(d, &token, err))
        return err->code;
    d->fleet_id = token.fleet;
    edge_core_conf_init(&conf);
    conf.fleet = token.fleet;
    edge_core_init(&d->core, &conf, &start);
    struct cn_link_dial_conf dial = {.endpoint = token.fleet_endpoint,
                                     .server = token.server,
                                     .secret = d->secret,
                                     .max_bulk_bytes = CN_CHUNK_BYTES};
    if (cn_link_dial(&d->link, &dial, err) || cn_loop_add_link(f->loop, d->link, on_link, d, err))
        return err->code;
    on_timer(d);
    tell_queue(d, f->n_examples);
    return CN_OK;
}

void fleet_explain(const struct fleet *f)
{
    for (uint32_t i = 0, said = 0; i < f->n_devices && said < 10; i++) {
        const struct fleet_device *d = f->devices[i];
        if (is_done(d))
            continue;
        struct edge_why why = edge_core_why_first(&d->core);
        fprintf(stderr, "fleet: device %u has %u of %u: %s\n", i + 1, d->n_committed, f->updates,
                edge_why_text(why.reason));
        said++;
    }
}

void fleet_fini(struct fleet *f)
{
    for (uint32_t i = 0; i < f->n_devices; i++) {
        struct fleet_device *d = f->devices[i];
        cn_loop_set_timer(f->loop, 0, on_timer, d);
        if (d->link)
            cn_loop_remove_link(f->loop, d->link);
        cn_link_close(&d->link);
        cn_secret_destroy(&d->secret);
        cn_buf_fini(&d->part);
        cn_buf_fini(&d->scratch);
        cn_blob_unref(&d->update);
        free(d->counts);
        free(d);
    }
    free(f->devices);
    cn_blob_unref(&f->model);
    cn_blob_unref(&f->update);
}
