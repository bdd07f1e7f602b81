/* Commands about devices and the tokens that admit them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/doors/text.h"
#include "common/model/token.h"
#include "server/admin.h"
#include "server/gateway.h"

enum { DEFAULT_TTL_S = 86400, MAX_TTL_S = 366 * 86400 };

/* ---- tokens ---- */

static enum cn_err check_name(const struct srv_server *s, const char *name, uint64_t now_ms,
                              struct cn_error *err)
{
    size_t n = strlen(name), most = CN_MAX_DEVICE_NAME_BYTES - 12; /* room for "-4294967295" */
    bool promised;

    if (n == 0)
        return CN_OK;
    if (n > most)
        return cn_fail(err, CN_E_LIMIT, "the device's name is longer than %zu bytes", most);
    if (name[0] == '#' || name[0] == ' ' || name[n - 1] == ' ' || !cn_text_is_line(name, n))
        return cn_fail(err, CN_E_PARSE,
                       "the device's name begins with #, begins or ends with a space, or holds "
                       "characters that cannot be shown");
    enum cn_err e = srv_store_name_is_promised(s->db, name, now_ms, &promised, err);
    if (e != CN_OK)
        return e;
    if (srv_members_by_name(&s->members, name))
        return cn_fail(err, CN_E_EXISTS, "a device is called \"%s\" already; see device list",
                       name);
    if (promised)
        return cn_fail(err, CN_E_EXISTS,
                       "a token for \"%s\" was made already and is not used yet; choose another "
                       "name, or wait until it expires",
                       name);
    return CN_OK;
}

static enum cn_err token(struct srv_admin_call *c, struct cn_error *err)
{
    const struct srv_server *s = c->s;
    const char *name = cn_json_string(c->args, "name", "");
    int64_t ttl_s = cn_json_int(c->args, "ttl_s", DEFAULT_TTL_S);
    struct srv_token_record record = {.created_ms = c->audit.time_ms};
    struct cn_token t = {.fleet = s->data.fleet_id, .server = *cn_secret_public(s->data.server)};
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    enum cn_err e = check_name(s, name, record.created_ms, err);

    if (e != CN_OK)
        return e;
    if (ttl_s < 1 || ttl_s > MAX_TTL_S)
        return cn_fail(err, CN_E_LIMIT, "ttl_s goes from 1 to %d", MAX_TTL_S);
    record.expires_ms = record.created_ms + (uint64_t)ttl_s * 1000;
    cn_random(t.secret, sizeof t.secret);
    record.hash = cn_token_hash(t.secret, sizeof t.secret);
    memcpy(record.name, name, strlen(name) + 1);
    memcpy(t.enrol, s->enrol_endpoint, sizeof t.enrol);
    memcpy(t.fleet_endpoint, s->fleet_endpoint, sizeof t.fleet_endpoint);
    if ((e = srv_store_add_token(s->db, &record, &c->audit, err)) != CN_OK)
        return e;
    cn_token_encode(&t, &text);
    cn_json_set_string(c->result, "token", cn_buf_cstr(&text));
    cn_json_set_int(c->result, "expires_ms", (int64_t)record.expires_ms);
    cn_json_set_string(c->result, "name", name);
    return CN_OK;
}

/* ---- reading ---- */

static void put_device(const struct srv_server *s, const struct srv_member *m, struct cn_json *j)
{
    const struct srv_device *d = srv_core_device(&s->core, m->id);
    uint64_t until_ms = 0;
    enum cn_wait wait = srv_core_device_why(&s->core, m->id, &until_ms);

    cn_json_set_int(j, "id", m->id);
    cn_json_set_string(j, "name", m->name);
    cn_json_set_string(j, "state", srv_members_state_name(m->state));
    cn_json_set_bool(j, "online", d && d->session != 0);
    cn_json_set_int(j, "last_seen_ms", (int64_t)m->seen_ms);
    cn_json_set_int(j, "release", m->release);
    cn_json_set_int(j, "seq", (int64_t)m->last_seq);
    cn_json_set_int(j, "updates", (int64_t)m->n_updates);
    cn_json_set_int(j, "bytes_received", (int64_t)m->bytes_received);
    cn_json_set_int(j, "bytes_sent", (int64_t)m->bytes_sent);
    if (m->reason[0])
        cn_json_set_string(j, "reason", m->reason);
    if (wait == CN_WAIT_NONE)
        cn_json_set_null(j, "waiting");
    else
        cn_json_set_string(j, "waiting", cn_wait_text(wait));
}

static enum cn_err list(struct srv_admin_call *c, struct cn_error *err)
{
    struct cn_json *devices = cn_json_set_array(c->result, "devices");

    (void)err;
    for (uint32_t i = 0; i < c->s->members.n; i++)
        put_device(c->s, &c->s->members.at[i], cn_json_push_object(devices));
    return CN_OK;
}

/* The device that the argument names. */
static enum cn_err need_device(const struct srv_admin_call *c, struct srv_member **ret,
                               struct cn_error *err)
{
    const char *text;
    struct srv_member *m = NULL;
    enum cn_err e = cn_json_need_string(c->args, "device", &text, err);

    if (e != CN_OK)
        return e;
    if (text[0] == '#') {
        char *end;
        unsigned long id = strtoul(text + 1, &end, 10);
        if (end != text + 1 && *end == 0 && id <= CN_MAX_DEVICES)
            m = srv_members_get(&c->s->members, (uint32_t)id);
    } else {
        m = srv_members_by_name(&c->s->members, text);
    }
    if (!m)
        return cn_fail(err, CN_E_NOTFOUND, "no device is called \"%.100s\"; see device list", text);
    *ret = m;
    return CN_OK;
}

struct tally_list {
    const struct srv_labels *labels;
    struct cn_json *to;
};

static void put_tally(void *user, const struct cn_label_tally *t)
{
    const struct tally_list *l = user;
    struct cn_json *j = cn_json_push_object(l->to);
    char scratch[16];

    cn_json_set_int(j, "id", t->label);
    cn_json_set_string(j, "label", srv_labels_name(l->labels, t->label, scratch));
    cn_json_set_int(j, "confirmed", t->confirmed);
    cn_json_set_int(j, "corrected", t->corrected);
    cn_json_set_int(j, "right", t->right);
    cn_json_set_int(j, "wrong", t->wrong);
}

static enum cn_err show(struct srv_admin_call *c, struct cn_error *err)
{
    struct srv_member *m = NULL;
    char hex[2 * CN_KEY_BYTES + 1];
    enum cn_err e = need_device(c, &m, err);

    if (e != CN_OK)
        return e;
    put_device(c->s, m, c->result);
    cn_json_set_string(c->result, "key", cn_hex_encode(hex, m->key.b, sizeof m->key.b));
    cn_json_set_int(c->result, "joined_ms", (int64_t)m->joined_ms);
    struct tally_list l = {&c->s->labels, cn_json_set_array(c->result, "tallies")};
    return srv_store_each_tally(c->s->db, m->id, c->s->release.number, put_tally, &l, err);
}

/* ---- in and out ---- */

static enum cn_err change(struct srv_admin_call *c, enum srv_device_state to, struct cn_error *err)
{
    struct srv_server *s = c->s;
    const char *reason = cn_json_string(c->args, "reason", "");
    struct srv_event ev = {.kind = SRV_EV_DEVICE};
    struct srv_member *m = NULL;
    enum cn_err e = need_device(c, &m, err);

    if (e != CN_OK)
        return e;
    if (strlen(reason) > CN_MAX_REASON_BYTES || !cn_text_is_line(reason, strlen(reason)))
        return cn_fail(err, CN_E_PARSE, "the reason is longer than %d bytes, or not one line",
                       CN_MAX_REASON_BYTES);
    if (m->state == to)
        return cn_fail(err, CN_E_STATE, "device \"%s\" is %s already", m->name,
                       srv_members_state_name(to));
    if (m->state == SRV_DEVICE_REVOKED)
        return cn_fail(err, CN_E_STATE,
                       "device \"%s\" was revoked, which is for good; let it join again with a new "
                       "token and a new key",
                       m->name);
    if ((e = srv_store_set_device(s->db, m->id, to, reason, &c->audit, err)) != CN_OK)
        return e;
    m->state = to;
    memcpy(m->reason, reason, strlen(reason) + 1);
    char name[2 * CN_MAX_DEVICE_NAME_BYTES + 8];
    cn_log(CN_LOG_INFO, "device.changed", "device=%u name=%s state=%s", m->id,
           cn_log_quote(name, sizeof name, m->name), srv_members_state_name(to));
    cn_json_set_int(c->result, "id", m->id);
    cn_json_set_string(c->result, "state", srv_members_state_name(to));
    ev.device = m->id;
    ev.record.state = to;
    ev.record.last_seq = m->last_seq;
    ev.record.last_release = m->last_release;
    srv_gateway_feed(s, &ev);
    return CN_OK;
}

static enum cn_err suspend(struct srv_admin_call *c, struct cn_error *err)
{
    return change(c, SRV_DEVICE_SUSPENDED, err);
}

static enum cn_err resume(struct srv_admin_call *c, struct cn_error *err)
{
    return change(c, SRV_DEVICE_ACTIVE, err);
}

static enum cn_err revoke(struct srv_admin_call *c, struct cn_error *err)
{
    return change(c, SRV_DEVICE_REVOKED, err);
}

const struct srv_admin_command srv_admin_device_commands[] = {
    {"device.token", "name ttl_s", token},
    {"device.list", "", list},
    {"device.show", "device", show},
    {"device.suspend", "device reason", suspend},
    {"device.resume", "device reason", resume},
    {"device.revoke", "device reason", revoke},
    {NULL, NULL, NULL},
};
