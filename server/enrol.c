/* Enrolment. A token admits one key, once; the same key with the same token is admitted again, so
   that a device that crashed in the middle of joining only has to repeat itself. */
#include "server/enrol.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/doors/text.h"
#include "common/doors/wire.h"
#include "server/gateway.h"

/* Refusals per second that strangers may cost us, and how many may come at once; who has a token is
   never held up by its own joining. Guessing a 256-bit secret is hopeless at any rate. */
enum { REFUSALS_PER_S = 20, REFUSALS_AT_ONCE = 100, BUSY_RETRY_MS = 2000 };

static void fill(struct srv_bucket *b, uint64_t now_ms)
{
    if (b->since_ms == 0)
        b->n = REFUSALS_AT_ONCE;
    else
        b->n += (double)(now_ms - b->since_ms) * REFUSALS_PER_S / 1000;
    b->since_ms = now_ms;
    if (b->n > REFUSALS_AT_ONCE)
        b->n = REFUSALS_AT_ONCE;
}

/* ---- names ---- */

static bool name_is_fine(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= CN_MAX_DEVICE_NAME_BYTES && name[0] != '#' && name[0] != ' ' &&
           name[n - 1] != ' ' && cn_text_is_line(name, n);
}

/* The token's name, else the device's wish, else its number; a number after it where that is taken.
 */
static void choose_name(const struct srv_server *s, const struct srv_token_record *token,
                        const char *wish, uint32_t id, char out[CN_MAX_DEVICE_NAME_BYTES + 1])
{
    const char *base = token->name[0] ? token->name : wish;
    bool promised = false;
    struct cn_error err;

    if (!name_is_fine(base) || strlen(base) > CN_MAX_DEVICE_NAME_BYTES - 12)
        base = token->name[0] ? token->name : "device";
    snprintf(out, CN_MAX_DEVICE_NAME_BYTES + 1, "%s", base);
    if (!token->name[0] &&
        srv_store_name_is_promised(s->db, out, cn_clock_wall_ms(), &promised, &err) != CN_OK)
        promised = true;
    if (promised || srv_members_by_name(&s->members, out))
        snprintf(out, CN_MAX_DEVICE_NAME_BYTES + 1, "%.*s-%u", CN_MAX_DEVICE_NAME_BYTES - 12, base,
                 id);
}

/* ---- JOIN ---- */

static enum cn_refused admit_known(const struct srv_member *m, const struct srv_token_record *token)
{
    if (m->state == SRV_DEVICE_REVOKED)
        return CN_REFUSED_REVOKED;
    return token->device == m->id ? CN_REFUSED_NONE : CN_REFUSED_TOKEN;
}

static enum cn_refused admit_new(struct srv_server *s, const struct srv_token_record *token,
                                 const struct cn_public_key *key, const char *wish,
                                 uint32_t *ret_id)
{
    struct srv_member m = {.id = s->members.n + 1, .key = *key, .state = SRV_DEVICE_ACTIVE};
    struct srv_audit audit = {.what = "device.join", .time_ms = cn_clock_wall_ms()};
    struct srv_event ev = {.kind = SRV_EV_DEVICE, .device = m.id};
    char name[2 * CN_MAX_DEVICE_NAME_BYTES + 8], hex[2 * CN_KEY_BYTES + 1];
    struct cn_error err;

    if (token->device != 0 || token->expires_ms <= audit.time_ms)
        return CN_REFUSED_TOKEN;
    if (s->members.n == CN_MAX_DEVICES)
        return CN_REFUSED_BUSY;
    choose_name(s, token, wish, m.id, m.name);
    m.joined_ms = m.seen_ms = audit.time_ms;
    audit.who = m.name;
    audit.detail = cn_hex_encode(hex, key->b, sizeof key->b);
    if (srv_store_enrol(s->db, &token->hash, &m, &audit, &err) != CN_OK) {
        srv_server_fail(s, "store.enrol", &err);
        return CN_REFUSED_BUSY;
    }
    srv_members_add(&s->members, &m);
    cn_log(CN_LOG_INFO, "device.joined", "device=%u name=%s", m.id,
           cn_log_quote(name, sizeof name, m.name));
    ev.record.state = m.state;
    srv_gateway_feed(s, &ev);
    *ret_id = m.id;
    return CN_REFUSED_NONE;
}

static enum cn_refused admit(struct srv_server *s, const struct cn_msg *msg,
                             const struct cn_public_key *key, uint32_t *ret_id)
{
    struct srv_token_record token;
    struct cn_error err;

    if (msg->join.major != CN_PROTO_MAJOR)
        return CN_REFUSED_VERSION;
    if (msg->join.n_secret != CN_TOKEN_SECRET_BYTES)
        return CN_REFUSED_FORM;
    const struct cn_digest hash = cn_token_hash(msg->join.secret, msg->join.n_secret);
    if (srv_store_token(s->db, &hash, &token, &err) != CN_OK)
        return CN_REFUSED_TOKEN;
    const struct srv_member *m = srv_members_by_key(&s->members, key);
    if (!m)
        return admit_new(s, &token, key, msg->join.name, ret_id);
    *ret_id = m->id;
    return admit_known(m, &token);
}

static void answer(struct srv_server *s, uint64_t conn, enum cn_refused refused, uint32_t id)
{
    struct cn_msg msg = {.kind = CN_MSG_REFUSED};
    struct cn_buf CN_CLEANUP(cn_buf_fini) header = {0};
    struct cn_error err;

    if (refused == CN_REFUSED_NONE) {
        const struct srv_member *m = srv_members_get(&s->members, id);
        msg.kind = CN_MSG_ADMITTED;
        msg.admitted.device = id;
        msg.admitted.fleet = s->data.fleet_id;
        memcpy(msg.admitted.name, m->name, sizeof m->name);
        memcpy(msg.admitted.endpoint, s->fleet_endpoint, sizeof s->fleet_endpoint);
    } else {
        msg.refused.reason = refused;
        msg.refused.retry_ms = refused == CN_REFUSED_BUSY ? BUSY_RETRY_MS : 0;
        cn_log(CN_LOG_WARN, "device.refused", "reason=%s", cn_refused_name(refused));
    }
    cn_wire_encode(&msg, &header);
    if (cn_link_send(s->enrol, conn, (struct cn_bytes){header.at, header.n}, NULL, &err) != CN_OK)
        cn_log(CN_LOG_DEBUG, "enrol.gone", NULL); /* it asks again */
}

void srv_enrol_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev)
{
    struct srv_server *s = server;
    struct cn_msg msg;
    struct cn_error err;
    uint32_t id = 0;

    (void)link;
    if (ev->what != CN_LINK_MESSAGE)
        return;
    fill(&s->refusals, cn_clock_mono_ms());
    if (s->refusals.n < 1) {
        answer(s, ev->conn, CN_REFUSED_BUSY, 0);
        return;
    }
    enum cn_refused refused = CN_REFUSED_FORM;
    if (cn_wire_decode(ev->header, 0, &s->gateway.scratch, &msg, &err) == CN_OK &&
        msg.kind == CN_MSG_JOIN)
        refused = admit(s, &msg, &ev->key, &id);
    s->refusals.n -= refused != CN_REFUSED_NONE;
    answer(s, ev->conn, refused, id);
}
