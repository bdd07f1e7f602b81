/* Authenticated messages between processes: listening, waiting, ending.

   A listener is a ROUTER, a dialer a DEALER (link_dial.c); what they send and receive is in
   link_message.c. Every socket's descriptor sits in one epoll set, which is the link's descriptor.
   One of the files of the link door that include zmq.h. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/doors/link_impl.h"
#include "common/doors/zap.h"

enum {
    CURVE_OVERHEAD_BYTES = 64, /* of a frame: command name, nonce, authenticator (33) */
    LINGER_MS = 500,
    HEARTBEAT_MS = 5000,
    SILENCE_MS = 15000 /* without a heartbeat: the peer is gone */
};

/* The context that all links of a process share (ZAP needs that), alive while there are links. */
static struct {
    void *zmq;
    unsigned n_links;
} process;

/* Making and ending links. */

bool cn_link_set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bool cn_link_watch(struct cn_link *link, void *socket, int op)
{
    struct epoll_event e = {.events = EPOLLIN};
    int fd;
    size_t size = sizeof fd;

    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 &&
           epoll_ctl(link->epoll_fd, op, fd, &e) == 0;
}

enum cn_err cn_link_new(struct cn_link **ret, const char *endpoint, uint32_t max_header_bytes,
                        uint32_t max_bulk_bytes, struct cn_error *err)
{
    if (strncmp(endpoint, "tcp://", 6) != 0 && strncmp(endpoint, "ipc://", 6) != 0)
        return cn_fail(err, CN_E_PARSE,
                       "\"%.200s\" is not an endpoint; write tcp://HOST:PORT or ipc://PATH",
                       endpoint);
    if (strlen(endpoint) >= CN_LINK_ENDPOINT_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the endpoint %.100s... is too long", endpoint);
    assert(max_bulk_bytes <= CN_MAX_LINK_BULK_BYTES);
    struct cn_link *link = cn_calloc(1, sizeof *link);
    memcpy(link->endpoint, endpoint, strlen(endpoint) + 1);
    link->max_header_bytes = max_header_bytes ? max_header_bytes : CN_MAX_HEADER_BYTES;
    link->max_bulk_bytes = max_bulk_bytes;
    link->timer_fd = -1;
    zmq_msg_init(&link->header);
    zmq_msg_init(&link->bulk);
    link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (process.n_links++ == 0)
        process.zmq = zmq_ctx_new();
    *ret = link;
    if (link->epoll_fd < 0 || !process.zmq)
        return cn_fail_errno(err, "cannot set up connections");
    return CN_OK;
}

void *cn_link_new_socket(const struct cn_link *link, int type, const struct cn_secret *secret)
{
    uint32_t max = link->max_header_bytes > link->max_bulk_bytes ? link->max_header_bytes
                                                                 : link->max_bulk_bytes;
    int64_t max_frame = (int64_t)max + CURVE_OVERHEAD_BYTES;
    void *s = zmq_socket(process.zmq, type);

    if (s && zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame) == 0 &&
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, cn_secret_link_bytes(secret), CN_KEY_BYTES) == 0 &&
        cn_link_set_int(s, ZMQ_SNDHWM, CN_MAX_LINK_QUEUE) &&
        cn_link_set_int(s, ZMQ_RCVHWM, CN_MAX_LINK_QUEUE) && cn_link_set_int(s, ZMQ_LINGER, 0) &&
        cn_link_set_int(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
        cn_link_set_int(s, ZMQ_HEARTBEAT_TIMEOUT, SILENCE_MS) &&
        cn_link_set_int(s, ZMQ_HEARTBEAT_TTL, SILENCE_MS) &&
        cn_link_set_int(s, ZMQ_HANDSHAKE_IVL, CN_LINK_HANDSHAKE_MS) &&
        cn_link_set_int(s, ZMQ_TCP_KEEPALIVE, 1) &&
        cn_link_set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, 60) &&
        cn_link_set_int(s, ZMQ_IPV6, strchr(link->endpoint, '[') != NULL))
        return s;
    if (s)
        zmq_close(s);
    return NULL;
}

void *cn_link_context(void)
{
    return process.zmq;
}

static enum cn_err fail_bind(const struct cn_link *link, struct cn_error *err)
{
    const char *at = link->endpoint;

    switch (errno) {
    case EADDRINUSE:
        return cn_fail(err, CN_E_EXISTS,
                       "cannot listen on %s: another program does; stop it or choose another port",
                       at);
    case EACCES: return cn_fail(err, CN_E_READONLY, "cannot listen on %s: not permitted", at);
    case ENODEV:
    case EADDRNOTAVAIL:
        return cn_fail(err, CN_E_NOTFOUND, "cannot listen on %s: no such address here", at);
    case EINVAL: return cn_fail(err, CN_E_PARSE, "cannot listen on %s: not HOST:PORT", at);
    default: return cn_fail_errno(err, "cannot listen on %s", at);
    }
}

static enum cn_err bind_link(struct cn_link *link, struct cn_error *err)
{
    size_t size = sizeof link->endpoint;
    mode_t before = umask(0177); /* for the socket file of ipc:// */
    int rc = zmq_bind(link->socket, link->endpoint);

    umask(before);
    if (rc < 0)
        return fail_bind(link, err);
    zmq_getsockopt(link->socket, ZMQ_LAST_ENDPOINT, link->endpoint, &size);
    if (!cn_link_watch(link, link->socket, EPOLL_CTL_ADD) ||
        !cn_link_watch(link, cn_zap_socket(), EPOLL_CTL_ADD))
        return cn_fail_errno(err, "cannot watch %s", link->endpoint);
    return CN_OK;
}

enum cn_err cn_link_listen(struct cn_link **ret, const struct cn_link_listen_conf *conf,
                           struct cn_error *err)
{
    struct cn_link *CN_CLEANUP(cn_link_close) link = NULL;
    enum cn_err code =
        cn_link_new(&link, conf->endpoint, conf->max_header_bytes, conf->max_bulk_bytes, err);

    if (code != CN_OK)
        return code;
    code = cn_zap_join(process.zmq, conf->domain, conf->allow, conf->user, &link->stats.n_refused,
                       err);
    if (code != CN_OK)
        return code;
    link->listen = *conf;
    link->socket = cn_link_new_socket(link, ZMQ_ROUTER, conf->secret);
    if (!link->socket || !cn_link_set_int(link->socket, ZMQ_CURVE_SERVER, 1) ||
        !cn_link_set_int(link->socket, ZMQ_ROUTER_MANDATORY, 1) ||
        !cn_link_set_int(link->socket, ZMQ_BACKLOG, 1024) ||
        zmq_setsockopt(link->socket, ZMQ_ZAP_DOMAIN, conf->domain, strlen(conf->domain)) < 0)
        return cn_fail_errno(err, "cannot set up %s", conf->endpoint);
    code = bind_link(link, err);
    if (code == CN_OK)
        *ret = cn_steal(link);
    return code;
}

void cn_link_close(struct cn_link **p)
{
    struct cn_link *link = cn_steal(*p);

    if (!link)
        return;
    if (link->socket)
        cn_link_set_int(link->socket, ZMQ_LINGER, LINGER_MS); /* last words still go out */
    cn_link_hang_up(link);
    if (link->listen.domain)
        cn_zap_leave(link->listen.domain);
    zmq_msg_close(&link->header);
    zmq_msg_close(&link->bulk);
    cn_fs_closep(&link->timer_fd);
    cn_fs_closep(&link->epoll_fd);
    free(link);
    if (--process.n_links == 0 && process.zmq)
        zmq_ctx_term(cn_steal(process.zmq));
}

const char *cn_link_endpoint(const struct cn_link *link)
{
    return link->endpoint;
}

/* Waiting. */

bool cn_link_can_read(void *socket)
{
    int events = 0;
    size_t size = sizeof events;

    return socket && zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

bool cn_link_is_ready(struct cn_link *link)
{
    if (!link->is_dialer)
        return cn_link_can_read(link->socket) || cn_link_can_read(cn_zap_socket());
    /* Both are asked, because asking is what empties a descriptor. */
    bool message = cn_link_can_read(link->socket), change = cn_link_can_read(link->monitor);
    return change || link->is_ending || (message && link->is_up);
}

int cn_link_fd(const struct cn_link *link)
{
    return link->epoll_fd;
}

static enum cn_err fail_down(const struct cn_link *link, enum cn_link_why why, struct cn_error *err)
{
    const char *text = cn_link_why_text(why);

    switch (why) {
    case CN_LINK_WHY_CLOSED:
    case CN_LINK_WHY_UNREACHABLE:
        return cn_fail(err, CN_E_NOTFOUND, "%s: %s", link->endpoint, text);
    case CN_LINK_WHY_KEY: return cn_fail(err, CN_E_CRYPTO, "%s: %s", link->endpoint, text);
    case CN_LINK_WHY_REFUSED: return cn_fail(err, CN_E_DENIED, "%s: %s", link->endpoint, text);
    }
    return CN_E_IO;
}

enum cn_err cn_link_wait(struct cn_link *link, uint32_t timeout_ms, struct cn_link_event *ret,
                         struct cn_error *err)
{
    uint64_t now = cn_clock_mono_ms(), deadline = now + timeout_ms;

    for (;; now = cn_clock_mono_ms()) {
        if (cn_link_next(link, ret))
            return ret->what == CN_LINK_DOWN ? fail_down(link, ret->why, err) : CN_OK;
        if (now >= deadline)
            return cn_fail(err, CN_E_TIMEOUT, "%s: no answer in %.1f s", link->endpoint,
                           timeout_ms / 1000.0);
        struct pollfd p = {.fd = link->epoll_fd, .events = POLLIN};
        if (!cn_link_is_ready(link) && poll(&p, 1, (int)(deadline - now)) < 0 && errno != EINTR)
            return cn_fail_errno(err, "cannot wait for %s", link->endpoint);
    }
}

struct cn_link_stats cn_link_stats(const struct cn_link *link)
{
    return link->stats;
}

const char *cn_link_why_name(enum cn_link_why why)
{
    switch (why) {
    case CN_LINK_WHY_CLOSED: return "closed";
    case CN_LINK_WHY_UNREACHABLE: return "unreachable";
    case CN_LINK_WHY_KEY: return "wrong-key";
    case CN_LINK_WHY_REFUSED: return "refused";
    }
    return "unknown";
}

const char *cn_link_why_text(enum cn_link_why why)
{
    switch (why) {
    case CN_LINK_WHY_CLOSED: return "the connection was closed; it is tried again";
    case CN_LINK_WHY_UNREACHABLE:
        return "nobody answers there; is the coordinator running, and does a firewall let it "
               "through?";
    case CN_LINK_WHY_KEY:
        return "what answers there does not have the key that we expect: another coordinator, or "
               "not one at all";
    case CN_LINK_WHY_REFUSED:
        return "this key is not admitted there: not enrolled, suspended or revoked";
    }
    return "unknown";
}
