/* What links send and receive.

   Peers never choose a routing id, so libzmq numbers them: five bytes, a zero and a 32-bit count,
   which is what `conn` is made of. Who a peer is comes from the ZAP handler (zap.c) as metadata of
   every message. One of the files of the link door that include zmq.h. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/doors/link_impl.h"
#include "common/doors/zap.h"

enum { ROUTING_BYTES = 5, DROPS_PER_CALL = 64 };

/* Receiving. */

static bool has_more(void *socket)
{
    int more = 0;
    size_t size = sizeof more;

    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    return more != 0;
}

/* One whole message: *ret_n frames, the first two kept (after the routing id). False: none. */
static bool receive(struct cn_link *link, uint64_t *ret_conn, unsigned *ret_n)
{
    uint8_t id[ROUTING_BYTES + 1];
    zmq_msg_t rest;

    zmq_msg_close(&link->bulk);
    zmq_msg_init(&link->bulk);
    *ret_n = 0;
    *ret_conn = 0;
    if (!link->is_dialer) {
        int n = zmq_recv(link->socket, id, sizeof id, ZMQ_DONTWAIT);
        if (n < 0)
            return false;
        /* Only ids that libzmq chose; see the top of the file. */
        if (n == ROUTING_BYTES && id[0] == 0)
            *ret_conn = (uint64_t)1 << 32 | cn_get32(id + 1);
        if (!has_more(link->socket))
            return true;
    }
    if (zmq_msg_recv(&link->header, link->socket, ZMQ_DONTWAIT) < 0)
        return false;
    *ret_n = 1;
    if (has_more(link->socket)) {
        zmq_msg_recv(&link->bulk, link->socket, ZMQ_DONTWAIT);
        *ret_n = 2;
    }
    zmq_msg_init(&rest);
    for (; has_more(link->socket); ++*ret_n)
        zmq_msg_recv(&rest, link->socket, ZMQ_DONTWAIT);
    zmq_msg_close(&rest);
    return true;
}

/* Who sent the message, and whether that one still may. */
static bool is_allowed(struct cn_link *link, struct cn_link_event *ev)
{
    const char *hex = zmq_msg_gets(&link->header, "User-Id");

    if (link->is_dialer) {
        ev->key = link->dial.server;
        return true;
    }
    if (!hex || cn_hex_decode(ev->key.b, sizeof ev->key.b, hex, "key", NULL) != CN_OK)
        return false;
    return !link->listen.allow || link->listen.allow(link->listen.user, &ev->key, &ev->user);
}

static bool accept_message(struct cn_link *link, unsigned n_frames, struct cn_link_event *ev)
{
    size_t n_header = zmq_msg_size(&link->header), n_bulk = zmq_msg_size(&link->bulk);

    if (n_frames < 1 || n_frames > 2 || (!link->is_dialer && ev->conn == 0))
        return false;
    if (n_header > link->max_header_bytes || n_bulk > link->max_bulk_bytes ||
        (n_frames == 2 && link->max_bulk_bytes == 0) || !is_allowed(link, ev))
        return false;
    ev->what = CN_LINK_MESSAGE;
    ev->header = (struct cn_bytes){zmq_msg_data(&link->header), n_header};
    ev->bulk = (struct cn_bytes){zmq_msg_data(&link->bulk), n_bulk};
    ev->has_bulk = n_frames == 2;
    link->stats.n_received++;
    link->stats.bytes_received += n_header + n_bulk;
    return true;
}

bool cn_link_next(struct cn_link *link, struct cn_link_event *ret)
{
    struct cn_link_event ev = {0};
    unsigned n_frames;

    if (link->is_dialer && cn_link_dial_next(link, &ev)) {
        *ret = ev;
        return true;
    }
    if (!link->is_dialer)
        cn_zap_serve();
    else if (!link->is_up)
        return false; /* what may have come already waits for its UP */
    for (int i = 0; i < DROPS_PER_CALL && receive(link, &ev.conn, &n_frames); i++) {
        if (accept_message(link, n_frames, &ev)) {
            *ret = ev;
            return true;
        }
        link->stats.n_dropped++;
        ev = (struct cn_link_event){0};
    }
    if (!link->is_ending)
        return false;
    cn_link_dial_end(link, ret); /* everything that came before the end has been given out */
    return true;
}

/* Sending. */

/* Sends the first frame. libzmq looks only now and then at what its I/O thread has done, such as
   room made in a queue; asking for the socket's events makes it look. */
static int send_first(void *socket, zmq_msg_t *frame, int flags)
{
    int rc = zmq_msg_send(frame, socket, flags);

    if (rc < 0) {
        cn_link_can_read(socket);
        rc = zmq_msg_send(frame, socket, flags);
    }
    return rc;
}

static enum cn_err fail_send(const struct cn_link *link, struct cn_error *err)
{
    if (errno == EAGAIN)
        return cn_fail(err, CN_E_BUSY, "the queue to a peer of %s is full", link->endpoint);
    return cn_fail(err, CN_E_NOTFOUND, "a peer of %s is gone", link->endpoint);
}

static void release(void *data, void *hint)
{
    struct cn_blob *blob = hint;

    (void)data;
    cn_blob_unref(&blob); /* on libzmq's thread */
}

static void init_copy(zmq_msg_t *frame, const void *p, size_t n)
{
    int rc = zmq_msg_init_size(frame, n);

    assert(rc == 0);
    if (n > 0)
        memcpy(zmq_msg_data(frame), p, n);
}

static void init_bulk(zmq_msg_t *frame, const struct cn_link_bulk *bulk)
{
    struct cn_bytes bytes = cn_blob_bytes(bulk->blob);

    assert(bulk->offset <= bytes.n && bulk->n <= bytes.n - bulk->offset);
    if (bulk->n == 0) {
        zmq_msg_init(frame);
        return;
    }
    int rc = zmq_msg_init_data(frame, (uint8_t *)bytes.at + bulk->offset, bulk->n, release,
                               cn_blob_ref(bulk->blob));
    assert(rc == 0);
}

static int send_routing_id(struct cn_link *link, uint64_t conn)
{
    uint8_t id[ROUTING_BYTES] = {0};
    zmq_msg_t frame;

    cn_put32(id + 1, (uint32_t)conn);
    init_copy(&frame, id, sizeof id);
    int rc = send_first(link->socket, &frame, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_msg_close(&frame);
    return rc;
}

enum cn_err cn_link_send(struct cn_link *link, uint64_t conn, struct cn_bytes header,
                         const struct cn_link_bulk *bulk, struct cn_error *err)
{
    zmq_msg_t frame;
    int more = ZMQ_DONTWAIT | (bulk ? ZMQ_SNDMORE : 0);

    assert(header.n <= link->max_header_bytes && (!bulk || bulk->n <= link->max_bulk_bytes));
    if (link->is_dialer && (!link->is_up || link->is_ending))
        return cn_fail(err, CN_E_NOTFOUND, "not connected to %s", link->endpoint);
    if (!link->is_dialer && send_routing_id(link, conn) < 0)
        return fail_send(link, err);
    init_copy(&frame, header.at, header.n);
    int rc = link->is_dialer ? send_first(link->socket, &frame, more)
                             : zmq_msg_send(&frame, link->socket, more);
    zmq_msg_close(&frame);
    if (rc < 0)
        return fail_send(link, err);
    if (bulk) {
        init_bulk(&frame, bulk);
        rc = zmq_msg_send(&frame, link->socket, ZMQ_DONTWAIT);
        zmq_msg_close(&frame);
        if (rc < 0)
            return fail_send(link, err);
    }
    link->stats.n_sent++;
    link->stats.bytes_sent += header.n + (bulk ? bulk->n : 0);
    return CN_OK;
}
