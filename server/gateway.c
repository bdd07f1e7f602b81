/* Messages in, events to the core, messages out. */
#include "server/gateway.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/doors/wire.h"

enum { GARBLED_LOG_MS = 1000 };

/* ---- the queue in front of the core ---- */

/* The text of an event that has one. */
static const char **text_of(struct srv_event *ev)
{
    switch (ev->kind) {
    case SRV_EV_MERGED: return &ev->merged.text;
    case SRV_EV_DECIDED: return &ev->decided.text;
    case SRV_EV_LABEL: return &ev->label.text;
    case SRV_EV_TICK:
    case SRV_EV_DEVICE:
    case SRV_EV_MSG:
    case SRV_EV_GONE:
    case SRV_EV_CONSOLIDATED:
    case SRV_EV_REGISTRY:
    case SRV_EV_RELEASED:
    case SRV_EV_CLOSE: return NULL;
    }
    return NULL;
}

/* Copies a sentence into what a message has room for, whole characters only. */
static void copy_sentence(char out[CN_MAX_SENTENCE_BYTES + 1], const char *text)
{
    size_t n = strlen(text);

    if (n > CN_MAX_SENTENCE_BYTES)
        for (n = CN_MAX_SENTENCE_BYTES; n > 0 && (text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(out, text, n);
    out[n] = 0;
}

static void push(struct srv_gateway *g, const struct srv_event *ev)
{
    if (g->n_queued == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 16;
        g->queue = cn_realloc(g->queue, g->cap * sizeof *g->queue);
    }
    struct srv_queued *q = &g->queue[g->n_queued++];
    q->ev = *ev;
    q->text[0] = 0;
    const char **text = text_of(&q->ev);
    if (text && *text)
        copy_sentence(q->text, *text);
}

static void on_tick(void *user)
{
    srv_gateway_feed(user, &(struct srv_event){.kind = SRV_EV_TICK});
}

static void step(struct srv_server *s, struct srv_queued *q)
{
    const char **text = text_of(&q->ev);

    if (text)
        *text = q->text[0] ? q->text : NULL;
    q->ev.now_ms = cn_clock_mono_ms();
    q->ev.wall_ms = cn_clock_wall_ms();
    srv_core_step(&s->core, &q->ev, &s->gateway.actions);
    srv_act_all(s);
}

void srv_gateway_feed(struct srv_server *s, const struct srv_event *ev)
{
    struct srv_gateway *g = &s->gateway;

    assert(!g->feeding || ev->kind != SRV_EV_MSG);
    if (s->ending)
        return;
    push(g, ev);
    if (g->feeding)
        return;
    g->feeding = true;
    for (uint32_t i = 0; i < g->n_queued && !s->ending; i++) {
        struct srv_queued q = g->queue[i]; /* the queue may move while it grows */
        step(s, &q);
    }
    g->n_queued = 0;
    g->feeding = false;
    cn_loop_set_timer(s->loop, srv_core_deadline(&s->core), on_tick, s);
}

/* ---- in ---- */

bool srv_gateway_allow(void *server, const struct cn_public_key *key, uint32_t *ret_user)
{
    const struct srv_server *s = server;
    const struct srv_member *m = srv_members_by_key(&s->members, key);

    /* A suspended device may come in, to be told so. */
    if (!m || m->state == SRV_DEVICE_REVOKED)
        return false;
    *ret_user = m->id;
    return true;
}

static void on_garbled(struct srv_gateway *g, const struct srv_member *m,
                       const struct cn_error *err)
{
    char name[2 * CN_MAX_DEVICE_NAME_BYTES + 16], text[600];
    uint64_t now = cn_clock_mono_ms();

    g->n_garbled++;
    if (now < g->garbled_logged_ms + GARBLED_LOG_MS)
        return;
    g->garbled_logged_ms = now;
    cn_log(CN_LOG_WARN, "message.garbled", "device=%s total=%llu error=%s",
           cn_log_quote(name, sizeof name, m->name), (unsigned long long)g->n_garbled,
           cn_log_quote(text, sizeof text, err->text));
}

/* What a message tells about its device beside what the core makes of it. */
static void note(struct srv_member *m, const struct cn_link_event *ev, const struct cn_msg *msg)
{
    m->seen_ms = cn_clock_wall_ms();
    m->bytes_received += ev->header.n + ev->bulk.n;
    if (msg->kind == CN_MSG_HELLO)
        m->release = msg->hello.release;
    else if (msg->kind == CN_MSG_READY)
        m->release = msg->ready.base;
}

void srv_gateway_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev)
{
    struct srv_server *s = server;
    struct srv_gateway *g = &s->gateway;
    struct srv_member *m = srv_members_get(&s->members, ev->user);
    struct cn_error err;
    struct cn_msg msg;

    (void)link;
    if (ev->what != CN_LINK_MESSAGE || !m)
        return;
    enum cn_err e =
        cn_wire_decode(ev->header, ev->has_bulk ? ev->bulk.n : 0, &g->scratch, &msg, &err);
    if (e != CN_OK) {
        if (e != CN_E_UNSUPPORTED)
            on_garbled(g, m, &err);
        return;
    }
    cn_log(CN_LOG_DEBUG, "message.in", "device=%u kind=%s bytes=%zu", m->id, cn_msg_name(msg.kind),
           ev->header.n + ev->bulk.n);
    note(m, ev, &msg);
    g->bulk = ev->bulk;
    srv_gateway_feed(
        s, &(struct srv_event){.kind = SRV_EV_MSG,
                               .device = m->id,
                               .in = {.conn = ev->conn, .msg = &msg, .n_bulk = ev->bulk.n}});
    g->bulk = (struct cn_bytes){0};
}

/* ---- out ---- */

bool srv_gateway_send(struct srv_server *s, uint32_t device, uint64_t conn,
                      const struct cn_msg *msg, const struct cn_link_bulk *bulk)
{
    struct srv_member *m = srv_members_get(&s->members, device);
    struct cn_buf *header = &s->gateway.header;
    struct cn_error err;

    header->n = 0;
    cn_wire_encode(msg, header);
    enum cn_err e =
        cn_link_send(s->fleet, conn, (struct cn_bytes){header->at, header->n}, bulk, &err);
    cn_log(CN_LOG_DEBUG, "message.out", "device=%u kind=%s bytes=%zu result=%s", device,
           cn_msg_name(msg->kind), header->n + (bulk ? bulk->n : 0), cn_err_name(e));
    if (e == CN_OK && m)
        m->bytes_sent += header->n + (bulk ? bulk->n : 0);
    if (e == CN_E_NOTFOUND)
        srv_gateway_feed(s,
                         &(struct srv_event){.kind = SRV_EV_GONE, .device = device, .conn = conn});
    return e == CN_OK; /* a lost message is what the protocol is made for */
}

void srv_gateway_fini(struct srv_gateway *g)
{
    free(g->queue);
    cn_buf_fini(&g->header);
    cn_buf_fini(&g->scratch);
    for (size_t i = 0; i < CN_COUNT(g->slots); i++)
        cn_buf_fini(&g->slots[i]);
}
