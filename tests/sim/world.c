/* Virtual time and the network. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/doors/wire.h"
#include "tests/sim/sim.h"

void sim_start(struct sim *s, uint64_t seed, const struct sim_options *options)
{
    struct sim_item *pool = s->pool;
    uint32_t *heap = s->heap, *spare = s->spare;

    memset(s, 0, sizeof *s);
    s->pool = pool ? pool : cn_calloc(SIM_MAX_WAITING, sizeof *pool);
    s->heap = heap ? heap : cn_calloc(SIM_MAX_WAITING, sizeof *heap);
    s->spare = spare ? spare : cn_calloc(SIM_MAX_WAITING, sizeof *spare);
    for (uint32_t i = 0; i < SIM_MAX_WAITING; i++)
        s->spare[s->n_spare++] = i;
    s->seed = seed;
    s->options = *options;
    cn_rng_init(&s->rng, seed);
    s->now_ms = 1000;
}

uint32_t sim_below(struct sim *s, uint32_t n)
{
    return cn_rng_below(&s->rng, n);
}

bool sim_chance(struct sim *s, uint32_t in_1000)
{
    return !s->healed && sim_below(s, 1000) < in_1000;
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->failure[0])
        return; /* the first one tells the story */
    va_start(ap, fmt);
    vsnprintf(s->failure, sizeof s->failure, fmt, ap);
    va_end(ap);
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->options.verbose)
        return;
    va_start(ap, fmt);
    printf("%8.3f ", (double)s->now_ms / 1000);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

/* ---- the queue: a binary heap over (time, order) ---- */

static bool is_before(const struct sim *s, uint32_t a, uint32_t b)
{
    const struct sim_item *x = &s->pool[a], *y = &s->pool[b];
    return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->order < y->order;
}

static void swap(struct sim *s, uint32_t i, uint32_t j)
{
    uint32_t x = s->heap[i];
    s->heap[i] = s->heap[j];
    s->heap[j] = x;
}

struct sim_item *sim_post(struct sim *s, enum sim_kind kind, uint64_t delay_ms)
{
    if (s->n_spare == 0) {
        fprintf(stderr, "seed %llu: the world is too full\n", (unsigned long long)s->seed);
        abort();
    }
    uint32_t at = s->spare[--s->n_spare], i = s->n_heap++;
    struct sim_item *x = &s->pool[at];
    memset(x, 0, sizeof *x);
    x->kind = kind;
    x->at_ms = s->now_ms + delay_ms;
    x->order = s->n_order++;
    for (s->heap[i] = at; i && is_before(s, s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(s, i, (i - 1) / 2);
    return x;
}

static bool take(struct sim *s, struct sim_item *ret)
{
    if (s->n_heap == 0)
        return false;
    *ret = s->pool[s->heap[0]];
    s->spare[s->n_spare++] = s->heap[0];
    s->heap[0] = s->heap[--s->n_heap];
    for (uint32_t i = 0, least = 0;; i = least) {
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->n_heap; child++)
            if (is_before(s, s->heap[child], s->heap[least]))
                least = child;
        if (least == i)
            return true;
        swap(s, i, least);
    }
}

/* ---- blobs ---- */

uint64_t sim_hash(uint64_t a, uint64_t b)
{
    struct cn_rng r;

    cn_rng_init(&r, a * 0x9e3779b97f4a7c15u + b);
    return cn_rng_next(&r);
}

struct cn_digest sim_digest(enum sim_blob what, uint64_t id)
{
    struct cn_digest d = {{(uint8_t)what}};

    cn_put64(d.b + 1, id);
    return d;
}

enum sim_blob sim_digest_what(const struct cn_digest *d)
{
    return (enum sim_blob)d->b[0];
}

uint64_t sim_digest_id(const struct cn_digest *d)
{
    return cn_get64(d->b + 1);
}

/* Most blobs are small, some take several windows of credit. */
uint64_t sim_blob_bytes(const struct cn_digest *d)
{
    uint64_t x = sim_hash(d->b[0], sim_digest_id(d));
    uint64_t n_chunks = x % 4 ? x % 2 : (x >> 8) % 20;

    return 1 + n_chunks * CN_CHUNK_BYTES + (x >> 16) % CN_CHUNK_BYTES;
}

/* ---- the network ---- */

/* What was sent is what is decoded. Arrays are left out: their storage would have to live on. */
static void through_the_wire(struct sim *s, struct cn_msg *m, uint64_t n_bulk)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
    struct cn_error err;

    cn_wire_encode(m, &bytes);
    if (cn_wire_decode((struct cn_bytes){bytes.at, bytes.n}, n_bulk, &scratch, m, &err) != CN_OK)
        sim_fail(s, "%s does not survive the wire: %s", cn_msg_name(m->kind), err.text);
}

static void deliver_later(struct sim *s, enum sim_kind to, uint32_t device, uint64_t conn,
                          const struct cn_msg *msg, uint64_t n_bulk)
{
    uint64_t slowness = s->devices[device].slowness;
    uint64_t delay_ms = 5 * slowness;

    if (sim_chance(s, s->reorder))
        delay_ms += sim_below(s, 400) * slowness;
    if (sim_chance(s, s->reorder / 10))
        delay_ms += sim_below(s, 60 * 1000); /* very late: another life, another session */
    struct sim_item *x = sim_post(s, to, delay_ms);
    x->device = device;
    x->conn = conn;
    x->msg = *msg;
    x->n_bulk = n_bulk;
    x->sent_life = s->co.life;
    x->corrupt = n_bulk && sim_chance(s, s->corrupt);
    if (msg->kind != CN_MSG_READY && msg->kind != CN_MSG_TALLY && msg->kind != CN_MSG_SCORED &&
        sim_below(s, 8) == 0)
        through_the_wire(s, &x->msg, n_bulk);
}

static void note(struct sim_seen *seen, const struct cn_msg *m)
{
    seen->kinds[m->kind]++;
    if (m->kind == CN_MSG_WAIT)
        seen->waits[m->wait.reason]++;
    else if (m->kind == CN_MSG_REJECT)
        seen->rejects[m->reject.reason]++;
    else if (m->kind == CN_MSG_REFUSED)
        seen->refusals[m->refused.reason]++;
}

void sim_send(struct sim *s, enum sim_kind to, uint32_t device, uint64_t conn,
              const struct cn_msg *msg, uint64_t n_bulk)
{
    sim_trace(s, "  %s %u: %s", to == SIM_TO_SERVER ? "from" : "to", device,
              cn_msg_name(msg->kind));
    note(s->options.seen, msg);
    if (sim_chance(s, s->drop) || s->devices[device].is_cut)
        return;
    deliver_later(s, to, device, conn, msg, n_bulk);
    if (sim_chance(s, s->twice))
        deliver_later(s, to, device, conn, msg, n_bulk);
}

/* ---- one seed ---- */

static void to_server(struct sim *s, const struct sim_item *x)
{
    struct srv_event ev = {.kind = SRV_EV_MSG, .device = x->device};

    ev.in.conn = x->conn;
    ev.in.msg = &x->msg;
    ev.in.n_bulk = x->n_bulk;
    sim_check_message(s, x);
    sim_server_event(s, &ev, x->corrupt);
}

static void to_device(struct sim *s, const struct sim_item *x)
{
    struct edge_event ev = {.kind = EDGE_EV_MSG};

    if (x->conn != s->devices[x->device].conn && sim_below(s, 2))
        return; /* most of what was under way is lost with its connection */
    ev.in.msg = &x->msg;
    ev.in.n_bulk = x->n_bulk;
    sim_device_event(s, x->device, &ev, x->corrupt);
}

static void happen(struct sim *s, struct sim_item *x)
{
    bool is_servers = x->life == s->co.life && s->co.is_up;
    bool is_devices = x->life == s->devices[x->device].life && s->devices[x->device].is_up;

    switch (x->kind) {
    case SIM_TO_SERVER: to_server(s, x); break;
    case SIM_TO_DEVICE: to_device(s, x); break;
    case SIM_SERVER_TICK:
        if (is_servers && s->co.tick_at_ms == x->at_ms)
            sim_server_event(s, &(struct srv_event){.kind = SRV_EV_TICK}, false);
        break;
    case SIM_DEVICE_TICK:
        if (is_devices && s->devices[x->device].tick_at_ms == x->at_ms)
            sim_device_event(s, x->device, &(struct edge_event){.kind = EDGE_EV_TICK}, false);
        break;
    case SIM_SERVER_JOB:
        if (is_servers)
            sim_server_event(s, &x->to_server, false);
        break;
    case SIM_DEVICE_JOB:
        if (is_devices)
            sim_device_event(s, x->device, &x->to_device, false);
        break;
    case SIM_TRANSACTION:
        if (is_servers)
            sim_server_transaction(s, x);
        break;
    case SIM_CHAOS: sim_chaos(s); break;
    }
}

bool sim_run(struct sim *s, uint64_t seed, const struct sim_options *options)
{
    enum { MAX_EVENTS = 200 * 1000, QUIET_WITHIN_MS = 30 * 60 * 1000 };
    struct sim_item x;

    sim_start(s, seed, options);
    sim_chaos(s); /* the first call sets the scene */
    while (!s->failure[0] && take(s, &x)) {
        s->n_same_tick = x.at_ms == s->now_ms ? s->n_same_tick + 1 : 0;
        s->now_ms = x.at_ms;
        if (!s->healed && s->now_ms >= s->heal_ms)
            sim_heal(s);
        happen(s, &x);
        if (s->healed && sim_is_quiet(s))
            break;
        if (++s->n_events > MAX_EVENTS || s->n_same_tick > 2000)
            sim_fail(s, "no end: %llu events", (unsigned long long)s->n_events);
        if (s->healed && s->now_ms > s->heal_ms + QUIET_WITHIN_MS)
            sim_fail(s, "the network is whole, and yet there is no quiet after %d minutes",
                     QUIET_WITHIN_MS / 60000);
    }
    if (!s->failure[0] || strstr(s->failure, "quiet"))
        sim_check_end(s);
    if (s->failure[0])
        sim_describe(s);
    return !s->failure[0];
}
