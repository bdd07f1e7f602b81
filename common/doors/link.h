/* Authenticated messages between processes; libzmq with CURVE and ZAP stands behind this door.
   A message is a header frame and perhaps one bulk frame.
   Threads: links are opened, used and closed on one thread. */
#ifndef CN_LINK_H
#define CN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/blob.h"
#include "common/base/err.h"
#include "common/doors/crypto.h"

struct cn_link;

/* Whether this key may be here, and as whom. Asked at every handshake and again for every message,
   so that a revoked key is out at once; keep it cheap. */
typedef bool (*cn_link_allow_fn)(void *user, const struct cn_public_key *key, uint32_t *ret_user);

struct cn_link_listen_conf {
    const char *endpoint; /* tcp://HOST:PORT (port 0: any) or ipc://PATH (made with mode 0600) */
    const struct cn_secret *secret; /* CN_SECRET_LINK; lent until the link is closed */
    const char *domain;             /* ZAP domain: "fleet", "enrol", "admin"; one listener each */
    cn_link_allow_fn allow;         /* NULL: any key that knows ours, as user 0 (enrolment) */
    void *user;
    uint32_t max_header_bytes; /* 0: CN_MAX_HEADER_BYTES */
    uint32_t max_bulk_bytes;   /* 0: no bulk frames; at most CN_MAX_LINK_BULK_BYTES */
};

/* Port or domain taken: CN_E_EXISTS; a port or path that we may not use: CN_E_READONLY. */
enum cn_err cn_link_listen(struct cn_link **ret, const struct cn_link_listen_conf *conf,
                           struct cn_error *err) CN_NODISCARD;
/* The endpoint as bound, with the port that was chosen. Lent. */
const char *cn_link_endpoint(const struct cn_link *link);

struct cn_link_dial_conf {
    const char *endpoint;
    struct cn_public_key server;    /* whom we expect */
    const struct cn_secret *secret; /* who we are: CN_SECRET_LINK; lent until the link is closed */
    uint32_t max_header_bytes, max_bulk_bytes; /* as above */
};

/* Returns at once; the connection comes up, breaks and comes back (100 ms to 5 s) on its own and
   says so by events. */
enum cn_err cn_link_dial(struct cn_link **ret, const struct cn_link_dial_conf *conf,
                         struct cn_error *err) CN_NODISCARD;
void cn_link_close(struct cn_link **link);

enum cn_link_what { CN_LINK_MESSAGE, CN_LINK_UP, CN_LINK_DOWN };

enum cn_link_why {
    CN_LINK_WHY_CLOSED,      /* was up; the other side or the network went away */
    CN_LINK_WHY_UNREACHABLE, /* nobody listens there */
    CN_LINK_WHY_KEY,         /* somebody listens, but without the server key that we expect */
    CN_LINK_WHY_REFUSED      /* the server does not admit our key */
};

struct cn_link_event {
    enum cn_link_what what;
    enum cn_link_why why; /* of DOWN (UP and DOWN come to a dialer only) */
    /* Of MESSAGE; bytes are lent until the next cn_link_next or cn_link_close. */
    uint64_t conn; /* the connection, never 0, never used again; 0 at a dialer */
    uint32_t user; /* as cn_link_allow_fn said */
    struct cn_public_key key;
    struct cn_bytes header, bulk;
    bool has_bulk;
};

typedef void (*cn_link_event_fn)(void *user, struct cn_link *link, const struct cn_link_event *ev);

/* The next event, if there is one; never blocks. A loop calls it until false, then sleeps on
   cn_link_fd, unless cn_link_is_ready (sending may take the wake-up away from the descriptor). */
bool cn_link_next(struct cn_link *link, struct cn_link_event *ret);
bool cn_link_is_ready(struct cn_link *link);
int cn_link_fd(const struct cn_link *link);
/* For programs without a loop: the next MESSAGE or UP. CN_E_TIMEOUT, or why a dialer is DOWN:
   CN_E_NOTFOUND (unreachable, closed), CN_E_CRYPTO (key), CN_E_DENIED (refused). */
enum cn_err cn_link_wait(struct cn_link *link, uint32_t timeout_ms, struct cn_link_event *ret,
                         struct cn_error *err) CN_NODISCARD;

/* A piece of a blob, sent without a copy: the link holds a reference while it is queued. */
struct cn_link_bulk {
    struct cn_blob *blob; /* lent */
    size_t offset, n;
};

/* Never blocks. conn: from the event (0 at a dialer). bulk may be NULL. CN_E_BUSY: the peer's queue
   is full, try again; CN_E_NOTFOUND: the peer is gone, or the dialer is not up. */
enum cn_err cn_link_send(struct cn_link *link, uint64_t conn, struct cn_bytes header,
                         const struct cn_link_bulk *bulk, struct cn_error *err) CN_NODISCARD;

struct cn_link_stats {
    uint64_t n_received, n_sent, bytes_received, bytes_sent;
    uint64_t n_dropped; /* wrong number of frames, over a cap, or no longer allowed */
    uint64_t n_refused; /* handshakes that allow said no to */
};

struct cn_link_stats cn_link_stats(const struct cn_link *link);
/* "unreachable", ... and a sentence for a person that says what to do. */
const char *cn_link_why_name(enum cn_link_why why);
const char *cn_link_why_text(enum cn_link_why why);

#endif
