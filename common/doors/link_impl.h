/* What the files of the link door share. For link*.c only. */
#ifndef CN_LINK_IMPL_H
#define CN_LINK_IMPL_H

#include <zmq.h>

#include "common/doors/link.h"

enum { CN_LINK_ENDPOINT_BYTES = 512, CN_LINK_HANDSHAKE_MS = 5000 };

struct cn_link {
    bool is_dialer;
    void *socket, *monitor; /* monitor: of a dialer. NULL between two attempts */
    int epoll_fd, timer_fd; /* timer_fd: of a dialer, the pause between attempts */
    char endpoint[CN_LINK_ENDPOINT_BYTES];
    uint32_t max_header_bytes, max_bulk_bytes;
    struct cn_link_stats stats;
    zmq_msg_t header, bulk; /* of the last event */

    struct cn_link_listen_conf listen; /* of a listener */

    struct cn_link_dial_conf dial; /* of a dialer */
    bool is_up, is_ending;         /* ending: DOWN is known, but not yet told */
    enum cn_link_why why;          /* of an ending */
    uint64_t connected_ms;         /* when the handshake began */
    uint32_t backoff_ms;
};

/* link.c: a link without sockets (*ret is to be closed even when it fails); options that sockets of
   both kinds share; a descriptor in the link's epoll set (EPOLL_CTL_ADD, EPOLL_CTL_DEL). */
enum cn_err cn_link_new(struct cn_link **ret, const char *endpoint, uint32_t max_header_bytes,
                        uint32_t max_bulk_bytes, struct cn_error *err) CN_NODISCARD;
void *cn_link_new_socket(const struct cn_link *link, int type, const struct cn_secret *secret);
bool cn_link_set_int(void *socket, int option, int value);
bool cn_link_watch(struct cn_link *link, void *socket, int op);
/* Whether a message waits at the socket (NULL: none); lets libzmq look at what its thread has done.
 */
bool cn_link_can_read(void *socket);
/* The context that all links of a process share. */
void *cn_link_context(void);

/* link_dial.c: goes on dialing; an UP, or the DOWN of an attempt that failed. The end of a
   connection that was up only sets is_ending, because messages that came before it may still wait.
 */
bool cn_link_dial_next(struct cn_link *link, struct cn_link_event *ret);
/* The DOWN of such a connection. */
void cn_link_dial_end(struct cn_link *link, struct cn_link_event *ret);
/* Ends the connection and its sockets, if there are any; also a listener's. */
void cn_link_hang_up(struct cn_link *link);

#endif
