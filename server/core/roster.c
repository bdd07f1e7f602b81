/* Who is enrolled, and who is online. A session begins with HELLO and ends when the link says so,
   when the device was not heard of three times in a row, when it says HELLO again, or when an admin
   puts it out. Session numbers are the coordinator's and never come twice, in this life or another:
   a message of an old session cannot pass for one of a new session, however late it comes. */
#include "server/core/parts.h"

enum { MISSED_PINGS = 3, SUSPENDED_RETRY_MS = 60 * 1000, VERSION_RETRY_MS = 10 * 60 * 1000 };

static void refuse(const struct srv_event *ev, enum cn_refused reason, uint64_t retry_ms,
                   struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_action *a = srv_act(out, SRV_ACT_SEND);

    a->device = ev->device;
    a->conn = ev->in.conn;
    a->msg.kind = CN_MSG_REFUSED;
    a->msg.session = m->session;
    a->msg.refused.reason = reason;
    a->msg.refused.nonce = m->kind == CN_MSG_HELLO ? m->hello.nonce : 0;
    a->msg.refused.retry_ms = retry_ms;
}

/* Why an enrolled device cannot have a session, whatever it says. */
static enum cn_refused standing(const struct srv_device *d)
{
    switch (d->state) {
    case SRV_DEVICE_ACTIVE: return CN_REFUSED_NONE;
    case SRV_DEVICE_SUSPENDED: return CN_REFUSED_SUSPENDED;
    case SRV_DEVICE_NONE:
    case SRV_DEVICE_REVOKED: return CN_REFUSED_REVOKED;
    }
    return CN_REFUSED_REVOKED;
}

static void touch(struct srv_core *c, uint32_t device, uint64_t conn)
{
    struct srv_device *d = srv_device(c, device);

    d->seen_ms = c->now_ms;
    d->conn = conn;
    srv_list_remove(c, &c->online, device);
    srv_list_push(c, &c->online, device);
}

/* The upload slot stays: a device that comes back in time resumes. */
static void end_session(struct srv_core *c, uint32_t device)
{
    struct srv_device *d = srv_device(c, device);

    srv_line_leave(c, device);
    srv_score_leave(c, device);
    srv_list_remove(c, &c->online, device);
    d->wait = CN_WAIT_NONE;
    d->session = 0;
}

static void begin_session(struct srv_core *c, uint32_t device, uint64_t conn, uint64_t nonce)
{
    struct srv_device *d = srv_device(c, device);

    do
        d->session = c->conf.boot + ++c->n_sessions;
    while (!d->session);
    d->nonce = nonce;
    d->conn = conn;
    d->seen_ms = c->now_ms;
    srv_list_push(c, &c->online, device);
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void welcome(struct srv_core *c, uint32_t device, uint32_t minor, struct srv_actions *out)
{
    const struct srv_device *d = srv_device(c, device);
    struct cn_msg *m = srv_tell(c, device, CN_MSG_WELCOME, out);

    m->welcome.major = CN_PROTO_MAJOR;
    m->welcome.minor = lower(minor, CN_PROTO_MINOR);
    m->welcome.nonce = d->nonce;
    m->welcome.heads = srv_heads(c);
    m->welcome.last_seq = d->last_seq;
    m->welcome.last_release = d->last_release;
    m->welcome.ping_ms = (uint32_t)c->conf.ping_ms;
}

void srv_roster_hello(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_device *d = srv_device(c, ev->device);
    enum cn_refused reason = standing(d);

    if (reason != CN_REFUSED_NONE) {
        refuse(ev, reason, SUSPENDED_RETRY_MS, out);
    } else if (m->hello.major != CN_PROTO_MAJOR) {
        refuse(ev, CN_REFUSED_VERSION, VERSION_RETRY_MS, out);
    } else if (!cn_digest_equal(&m->hello.fleet, &c->conf.fleet)) {
        refuse(ev, CN_REFUSED_FLEET, VERSION_RETRY_MS, out);
    } else if (d->session && d->nonce == m->hello.nonce) {
        touch(c, ev->device, ev->in.conn); /* the same HELLO twice: the same answer */
        welcome(c, ev->device, m->hello.minor, out);
    } else {
        if (d->session)
            end_session(c, ev->device);
        begin_session(c, ev->device, ev->in.conn, m->hello.nonce);
        d->n_held_out = m->hello.n_held_out;
        welcome(c, ev->device, m->hello.minor, out);
        srv_score_join(c, ev->device, out);
        srv_score_advance(c, out);
    }
}

bool srv_roster_admit(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct srv_device *d = srv_device(c, ev->device);
    enum cn_refused reason = standing(d);

    if (reason == CN_REFUSED_NONE && d->session && ev->in.msg->session == d->session) {
        touch(c, ev->device, ev->in.conn);
        return true;
    }
    refuse(ev, reason ? reason : CN_REFUSED_SESSION, reason ? SUSPENDED_RETRY_MS : 0, out);
    return false;
}

void srv_roster_gone(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct srv_device *d = srv_device(c, ev->device);

    if (d->session && d->conn == ev->conn) {
        end_session(c, ev->device);
        srv_score_advance(c, out);
    }
}

/* A held update of a device that is put out stays in the round: it was welcome when it came, and
   sums cannot tell whose they are. Whoever distrusts it refuses the round or rolls back. */
void srv_roster_record(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, ev->device);

    if (d->state == SRV_DEVICE_NONE) { /* later the store may be ahead by a DECIDED under way */
        d->last_seq = ev->record.last_seq;
        d->last_release = ev->record.last_release;
    }
    c->n_active += ev->record.state == SRV_DEVICE_ACTIVE;
    c->n_active -= d->state == SRV_DEVICE_ACTIVE;
    d->state = ev->record.state;
    if (d->state != SRV_DEVICE_ACTIVE) {
        if (d->session) {
            struct cn_msg *m = srv_tell(c, ev->device, CN_MSG_REFUSED, out);
            m->refused.reason = standing(d);
            m->refused.retry_ms = SUSPENDED_RETRY_MS;
            end_session(c, ev->device);
            srv_score_advance(c, out);
        }
        srv_upload_drop(c, ev->device, out);
    }
    srv_round_advance(c, out); /* fewer active devices may be all that the round waited for */
}

static uint64_t silent_at(const struct srv_core *c, uint32_t device)
{
    return srv_device(c, device)->seen_ms + MISSED_PINGS * c->conf.ping_ms;
}

void srv_roster_tick(struct srv_core *c, struct srv_actions *out)
{
    while (c->online.head && c->now_ms >= silent_at(c, c->online.head))
        end_session(c, c->online.head);
    srv_score_advance(c, out);
}

uint64_t srv_roster_deadline(const struct srv_core *c)
{
    return c->online.head ? silent_at(c, c->online.head) : 0;
}

const char *srv_roster_broken(const struct srv_core *c)
{
    uint32_t n_online = 0, n_active = 0, n_line = 0;

    for (uint32_t id = 1; id <= c->n_devices; id++) {
        const struct srv_device *d = srv_device(c, id);
        n_online += d->session != 0;
        n_active += d->state == SRV_DEVICE_ACTIVE;
        n_line += d->in_line;
        if (d->session && d->state != SRV_DEVICE_ACTIVE)
            return "a device that is not active has a session";
        if (d->in_line && (!d->session || d->slot))
            return "a device stands in line that is offline, or has a slot";
        if (d->wait != CN_WAIT_NONE && d->wait_until_ms == 0)
            return "a device was told to wait without a time";
    }
    if (n_active != c->n_active)
        return "the count of active devices is wrong";
    if (n_online != c->online.n || !srv_list_is_sound(c, &c->online))
        return "the list of devices online is wrong";
    if (n_line != c->line.n || !srv_list_is_sound(c, &c->line))
        return "the line for slots is wrong";
    return NULL;
}
