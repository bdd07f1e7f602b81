/* The connecting side of a link.

   A dialer's DEALER lives as long as one connection. libzmq could reconnect on its own, but it
   stops after a refused handshake, and it carries messages over from one connection to the next; so
   at every DOWN the socket is thrown away and, after a pause, made again. How a connection fares
   comes from libzmq's socket monitor. One of the files of the link door that include zmq.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/doors/link_impl.h"

enum { CONNECT_MS = 5000, BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000, MARGIN_MS = 500 };

enum {
    WATCHED = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED |
              ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
};

static enum cn_err open_monitor(void **ret, void *socket, struct cn_error *err)
{
    static unsigned n_opened; /* names are never used again: libzmq frees them late */
    char name[40];

    snprintf(name, sizeof name, "inproc://cairn-monitor-%u", n_opened++);
    void *monitor = zmq_socket(cn_link_context(), ZMQ_PAIR);
    if (!monitor || zmq_socket_monitor(socket, name, WATCHED) < 0 ||
        zmq_connect(monitor, name) < 0) {
        enum cn_err code = cn_fail_errno(err, "cannot watch a connection");
        if (monitor)
            zmq_close(monitor);
        return code;
    }
    *ret = monitor;
    return CN_OK;
}

/* An event is a frame of a 16-bit number and a 32-bit value, in the host's order, and a frame with
   the endpoint. */
static bool read_event(void *monitor, uint16_t *ret_event)
{
    uint8_t frame[6], endpoint[256];

    if (zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT) != (int)sizeof frame)
        return false;
    zmq_recv(monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
    memcpy(ret_event, frame, sizeof *ret_event);
    return true;
}

/* The next change, if any. After a DOWN the socket is to be closed: its later events belong to
   libzmq's own attempts. */
static bool next_news(struct cn_link *link, enum cn_link_what *ret_what, enum cn_link_why *ret_why)
{
    uint16_t event;

    while (read_event(link->monitor, &event)) {
        *ret_what = CN_LINK_DOWN;
        switch (event) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: *ret_what = CN_LINK_UP; return true;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: *ret_why = CN_LINK_WHY_REFUSED; return true;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: *ret_why = CN_LINK_WHY_KEY; return true;
        /* A server that cannot open our HELLO hangs up without a word: its key is not the one that
           we have. One that says nothing at all is as good as absent. */
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            *ret_why = cn_clock_mono_ms() - link->connected_ms < CN_LINK_HANDSHAKE_MS - MARGIN_MS
                           ? CN_LINK_WHY_KEY
                           : CN_LINK_WHY_UNREACHABLE;
            return true;
        case ZMQ_EVENT_CONNECTED: link->connected_ms = cn_clock_mono_ms(); break;
        case ZMQ_EVENT_CONNECT_RETRIED: *ret_why = CN_LINK_WHY_UNREACHABLE; return true;
        case ZMQ_EVENT_DISCONNECTED: *ret_why = CN_LINK_WHY_CLOSED; return true;
        }
    }
    return false;
}

void cn_link_hang_up(struct cn_link *link)
{
    if (link->monitor) {
        zmq_socket_monitor(link->socket, NULL, 0); /* libzmq leaks events that nobody takes */
        cn_link_watch(link, link->monitor, EPOLL_CTL_DEL);
        zmq_close(cn_steal(link->monitor));
    }
    if (link->socket) {
        cn_link_watch(link, link->socket, EPOLL_CTL_DEL);
        zmq_close(cn_steal(link->socket));
    }
}

static enum cn_err try_once(struct cn_link *link, struct cn_error *err)
{
    link->socket = cn_link_new_socket(link, ZMQ_DEALER, link->dial.secret);
    if (!link->socket ||
        zmq_setsockopt(link->socket, ZMQ_CURVE_PUBLICKEY, cn_secret_public(link->dial.secret)->b,
                       CN_KEY_BYTES) < 0 ||
        zmq_setsockopt(link->socket, ZMQ_CURVE_SERVERKEY, link->dial.server.b, CN_KEY_BYTES) < 0 ||
        !cn_link_set_int(link->socket, ZMQ_IMMEDIATE, 1) || /* nothing is queued for nobody */
        !cn_link_set_int(link->socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) ||
        !cn_link_set_int(link->socket, ZMQ_RECONNECT_IVL, 3600 * 1000)) /* never: we redial */
        return cn_fail_errno(err, "cannot set up a connection to %s", link->endpoint);
    enum cn_err code = open_monitor(&link->monitor, link->socket, err);
    if (code != CN_OK)
        return code;
    if (zmq_connect(link->socket, link->endpoint) < 0)
        return cn_fail(err, CN_E_PARSE, "cannot connect to %s: %s", link->endpoint,
                       zmq_strerror(errno));
    if (!cn_link_watch(link, link->socket, EPOLL_CTL_ADD) ||
        !cn_link_watch(link, link->monitor, EPOLL_CTL_ADD))
        return cn_fail_errno(err, "cannot watch the connection to %s", link->endpoint);
    return CN_OK;
}

enum cn_err cn_link_dial(struct cn_link **ret, const struct cn_link_dial_conf *conf,
                         struct cn_error *err)
{
    struct cn_link *CN_CLEANUP(cn_link_close) link = NULL;
    struct epoll_event e = {.events = EPOLLIN};
    enum cn_err code =
        cn_link_new(&link, conf->endpoint, conf->max_header_bytes, conf->max_bulk_bytes, err);

    if (code != CN_OK)
        return code;
    link->is_dialer = true;
    link->backoff_ms = BACKOFF_MIN_MS;
    link->dial = *conf;
    link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (link->timer_fd < 0 || epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, link->timer_fd, &e) < 0)
        return cn_fail_errno(err, "cannot set up a connection to %s", conf->endpoint);
    code = try_once(link, err);
    if (code == CN_OK)
        *ret = cn_steal(link);
    return code;
}

/* Sets the pause before the next attempt: doubling, with a fifth of chance in it, so that a fleet
   does not come back all at once. */
static void pause_dialing(struct cn_link *link)
{
    uint32_t random;

    cn_random(&random, sizeof random);
    uint32_t ms = link->backoff_ms - link->backoff_ms / 10 + random % (link->backoff_ms / 5);
    struct itimerspec at = {.it_value = {ms / 1000, (long)(ms % 1000) * 1000000}};
    timerfd_settime(link->timer_fd, 0, &at, NULL);
    link->backoff_ms =
        link->backoff_ms < BACKOFF_MAX_MS / 2 ? 2 * link->backoff_ms : BACKOFF_MAX_MS;
}

static void redial_when_due(struct cn_link *link)
{
    uint64_t n;

    if (link->socket || read(link->timer_fd, &n, sizeof n) < 0)
        return;
    if (try_once(link, NULL) != CN_OK) { /* out of descriptors, say: later, then */
        cn_link_hang_up(link);
        pause_dialing(link);
    }
}

void cn_link_dial_end(struct cn_link *link, struct cn_link_event *ret)
{
    *ret = (struct cn_link_event){.what = CN_LINK_DOWN, .why = link->why};
    link->is_up = link->is_ending = false;
    cn_link_hang_up(link);
    pause_dialing(link);
}

bool cn_link_dial_next(struct cn_link *link, struct cn_link_event *ret)
{
    redial_when_due(link);
    if (!link->monitor || link->is_ending || !next_news(link, &ret->what, &link->why))
        return false;
    if (ret->what == CN_LINK_UP) {
        link->is_up = true;
        link->backoff_ms = BACKOFF_MIN_MS;
        return true;
    }
    if (link->is_up) {
        link->is_ending = true;
        return false;
    }
    cn_link_dial_end(link, ret);
    return true;
}
