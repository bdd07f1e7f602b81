/* Who may connect. One of the files of the link door that include libzmq. */
#include "common/doors/zap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zmq.h>

/* One per process, because libzmq asks one address per context, inproc://zeromq.zap.01. */
static struct {
    void *socket;
    struct domain {
        const char *name; /* NULL: free */
        cn_link_allow_fn allow;
        void *user;
        uint64_t *n_refused;
    } domains[CN_ZAP_MAX_DOMAINS];
    unsigned n_domains;
} zap;

enum { MAX_FRAME = 256, MAX_FRAMES = 8 };

struct request {
    struct {
        uint8_t bytes[MAX_FRAME];
        size_t n;
    } frame[MAX_FRAMES];
    int n_frames;
};

/* Frames of a request, in order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS };

static struct domain *find(const void *name, size_t n)
{
    for (size_t i = 0; i < CN_ZAP_MAX_DOMAINS; i++) {
        struct domain *d = &zap.domains[i];
        if (d->name && strlen(d->name) == n && memcmp(d->name, name, n) == 0)
            return d;
    }
    return NULL;
}

enum cn_err cn_zap_join(void *zmq, const char *domain, cn_link_allow_fn allow, void *user,
                        uint64_t *n_refused, struct cn_error *err)
{
    struct domain *slot = zap.domains;

    if (find(domain, strlen(domain)))
        return cn_fail(err, CN_E_EXISTS, "the domain %s has a listener already", domain);
    while (slot < zap.domains + CN_ZAP_MAX_DOMAINS && slot->name)
        slot++;
    assert(slot < zap.domains + CN_ZAP_MAX_DOMAINS);
    if (zap.n_domains == 0) {
        zap.socket = zmq_socket(zmq, ZMQ_REP);
        if (!zap.socket || zmq_bind(zap.socket, "inproc://zeromq.zap.01") < 0) {
            enum cn_err code = cn_fail_errno(err, "cannot start the admission of connections");
            if (zap.socket)
                zmq_close(cn_steal(zap.socket));
            return code;
        }
    }
    *slot = (struct domain){domain, allow, user, n_refused};
    zap.n_domains++;
    return CN_OK;
}

void cn_zap_leave(const char *domain)
{
    struct domain *d = find(domain, strlen(domain));

    if (!d)
        return;
    *d = (struct domain){0};
    if (--zap.n_domains == 0)
        zmq_close(cn_steal(zap.socket));
}

void *cn_zap_socket(void)
{
    return zap.socket;
}

static bool receive(struct request *r)
{
    int more = 1;
    size_t size = sizeof more;

    for (r->n_frames = 0; more; r->n_frames++) {
        int i = r->n_frames < MAX_FRAMES ? r->n_frames : MAX_FRAMES - 1;
        int n = zmq_recv(zap.socket, r->frame[i].bytes, MAX_FRAME, ZMQ_DONTWAIT);
        if (n < 0)
            return false;
        r->frame[i].n = (size_t)n < MAX_FRAME ? (size_t)n : MAX_FRAME;
        zmq_getsockopt(zap.socket, ZMQ_RCVMORE, &more, &size);
    }
    return true;
}

static bool admits(const struct request *r, struct cn_public_key *ret_key)
{
    uint32_t user;

    if (r->n_frames != CREDENTIALS + 1 || r->frame[CREDENTIALS].n != CN_KEY_BYTES ||
        r->frame[MECHANISM].n != 5 || memcmp(r->frame[MECHANISM].bytes, "CURVE", 5) != 0)
        return false;
    struct domain *d = find(r->frame[DOMAIN].bytes, r->frame[DOMAIN].n);
    if (!d)
        return false;
    memcpy(ret_key->b, r->frame[CREDENTIALS].bytes, CN_KEY_BYTES);
    if (!d->allow || d->allow(d->user, ret_key, &user))
        return true;
    ++*d->n_refused;
    return false;
}

static void answer(const struct request *r)
{
    struct cn_public_key key;
    char hex[2 * CN_KEY_BYTES + 1] = "";
    bool yes = admits(r, &key);

    if (yes)
        cn_hex_encode(hex, key.b, sizeof key.b);
    zmq_send(zap.socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(zap.socket, r->frame[REQUEST_ID].bytes, r->frame[REQUEST_ID].n, ZMQ_SNDMORE);
    zmq_send(zap.socket, yes ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(zap.socket, "", 0, ZMQ_SNDMORE); /* no reason: strangers learn nothing */
    zmq_send(zap.socket, hex, strlen(hex), ZMQ_SNDMORE);
    zmq_send(zap.socket, "", 0, 0);
}

void cn_zap_serve(void)
{
    struct request r;

    while (zap.socket && receive(&r))
        answer(&r);
}
