/* The admin endpoint: from a frame to a command of the table and back. */
#include "server/admin.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

static const struct srv_admin_command *const tables[] = {
    srv_admin_round_commands, srv_admin_label_commands, srv_admin_device_commands,
    srv_admin_release_commands};

static const struct srv_admin_command *find(const char *name)
{
    for (size_t i = 0; i < CN_COUNT(tables); i++)
        for (const struct srv_admin_command *c = tables[i]; c->name; c++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

bool srv_admin_allow(void *server, const struct cn_public_key *key, uint32_t *ret_user)
{
    const struct srv_server *s = server;

    for (uint32_t i = 0; i < s->data.n_admins; i++)
        if (memcmp(s->data.admins[i].key.b, key->b, sizeof key->b) == 0) {
            *ret_user = i;
            return true;
        }
    return false;
}

/* Runs the command that the request names; its result goes to *ret_result. */
static enum cn_err run(struct srv_server *s, const char *who, const struct cn_json *request,
                       struct cn_json *result, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) detail = {0};
    const struct cn_json *args = cn_json_get(request, "args");
    const char *name;
    enum cn_err e;

    if ((e = cn_json_only(request, "id do args", err)) != CN_OK ||
        (e = cn_json_need_string(request, "do", &name, err)) != CN_OK)
        return e;
    const struct srv_admin_command *command = find(name);
    if (!command)
        return cn_fail(err, CN_E_UNSUPPORTED, "this coordinator knows no command \"%.100s\"", name);
    if (args && cn_json_type(args) != CN_JSON_OBJECT && cn_json_type(args) != CN_JSON_NULL)
        return cn_fail(err, CN_E_PARSE, "args is not an object");
    if ((e = cn_json_only(args, command->args, err)) != CN_OK) {
        cn_fail_prefix(err, "%s", command->name);
        return e;
    }
    if (args)
        cn_json_dump(args, false, &detail);
    struct srv_admin_call call = {
        .s = s,
        .args = args,
        .result = result,
        .audit = {who, command->name, cn_buf_cstr(&detail), cn_clock_wall_ms()}};
    cn_log(CN_LOG_DEBUG, "admin.call", "who=%s do=%s", who, command->name);
    return command->fn(&call, err);
}

static void reply(struct cn_link *link, uint64_t conn, const struct cn_json *j)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_error err;

    cn_json_dump(j, false, &text);
    if (cn_link_send(link, conn, (struct cn_bytes){text.at, text.n}, NULL, &err) != CN_OK)
        cn_log(CN_LOG_WARN, "admin.reply-lost", "bytes=%zu", text.n);
}

void srv_admin_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev)
{
    struct srv_server *s = server;
    struct cn_json *CN_CLEANUP(cn_json_destroy) request = NULL;
    struct cn_json *CN_CLEANUP(cn_json_destroy) out = cn_json_new_object();
    struct cn_json *CN_CLEANUP(cn_json_destroy) result = cn_json_new_object();
    struct cn_error err = {0};

    if (ev->what != CN_LINK_MESSAGE || ev->user >= s->data.n_admins)
        return;
    enum cn_err e = cn_json_parse(ev->header, CN_MAX_JSON_BYTES, &request, &err);
    if (e == CN_OK)
        e = run(s, s->data.admins[ev->user].name, request, result, &err);
    cn_json_set_int(out, "id", cn_json_int(request, "id", 0));
    cn_json_set_bool(out, "ok", e == CN_OK);
    if (e == CN_OK) {
        cn_json_set(out, "result", &result);
    } else {
        struct cn_json *error = cn_json_set_object(out, "error");
        cn_json_set_string(error, "code", cn_err_name(e));
        cn_json_set_string(error, "text", err.text);
    }
    reply(link, ev->conn, out);
}

uint64_t srv_admin_wall_ms(uint64_t mono_ms)
{
    return mono_ms ? mono_ms + (cn_clock_wall_ms() - cn_clock_mono_ms()) : 0;
}

void srv_admin_set_share(struct cn_json *j, const char *key, uint64_t part, uint64_t whole)
{
    if (whole)
        cn_json_set_real(j, key, (double)part / (double)whole);
    else
        cn_json_set_null(j, key);
}

void srv_admin_set_digest(struct cn_json *j, const char *key, const struct cn_digest *digest)
{
    char hex[CN_DIGEST_HEX_BYTES];

    if (cn_digest_is_none(digest))
        cn_json_set_null(j, key);
    else
        cn_json_set_string(j, key, cn_digest_hex(hex, digest));
}
