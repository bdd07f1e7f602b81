/* The admin endpoint, as a client. */
#include "client/ctl/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/doors/link.h"

enum { ANSWER_MS = 60000, CONNECT_MS = 3000 }; /* diff and rollback read whole models */

struct ctl_line {
    struct cn_link *link;
    struct cn_secret *secret; /* lent to the link, which needs it whenever it dials again */
    char endpoint[1100];
    int64_t last_id;
};

static enum cn_err read_server_key(const char *path, struct cn_public_key *ret,
                                   struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    enum cn_err e = cn_fs_read(path, 4096, &text, err);

    if (e)
        return e;
    char *line = (char *)cn_buf_cstr(&text) + 0;
    line[strcspn(line, " \r\n")] = 0;
    return cn_hex_decode(ret->b, sizeof ret->b, line, "the server's public key", err);
}

enum cn_err ctl_line_open(struct ctl_line **ret, const struct ctl_options *o, struct cn_error *err)
{
    CN_CLEANUP(ctl_line_close) struct ctl_line *line = cn_calloc(1, sizeof *line);
    CN_CLEANUP(cn_freep) char *dir = realpath(o->data, NULL);
    struct cn_public_key server;
    char path[1100];
    enum cn_err e;

    if (!dir)
        return cn_fail(err, CN_E_NOTFOUND,
                       "there is no coordinator's data directory at %s; name it with --data DIR",
                       o->data);
    snprintf(path, sizeof path, "%.1000s/keys/admin.key", dir);
    if ((e = cn_secret_load(&line->secret, CN_SECRET_LINK, o->key ? o->key : path, err))) {
        cn_fail_prefix(err, "the admin key");
        return e;
    }
    snprintf(path, sizeof path, "%.1000s/keys/server.pub", dir);
    if ((e = read_server_key(path, &server, err)))
        return e;
    snprintf(line->endpoint, sizeof line->endpoint, "ipc://%.1000s/admin.ipc", dir);
    if (o->endpoint)
        snprintf(line->endpoint, sizeof line->endpoint, "%s", o->endpoint);
    struct cn_link_dial_conf conf = {.endpoint = line->endpoint,
                                     .server = server,
                                     .secret = line->secret,
                                     .max_header_bytes = CN_MAX_JSON_BYTES};
    if ((e = cn_link_dial(&line->link, &conf, err)))
        return e;
    *ret = cn_steal(line);
    return CN_OK;
}

void ctl_line_close(struct ctl_line **line)
{
    struct ctl_line *l = cn_steal(*line);

    if (!l)
        return;
    cn_link_close(&l->link);
    cn_secret_destroy(&l->secret);
    free(l);
}

/* The link comes up on its own; until then a send finds nobody. */
static enum cn_err send_when_up(struct ctl_line *line, struct cn_bytes request,
                                struct cn_error *err)
{
    uint64_t deadline = cn_clock_mono_ms() + CONNECT_MS;
    struct cn_link_event ev;
    enum cn_err e;

    while ((e = cn_link_send(line->link, 0, request, NULL, err)) == CN_E_NOTFOUND) {
        enum cn_err w = cn_link_wait(line->link, 50, &ev, err);
        if (w == CN_E_CRYPTO || w == CN_E_DENIED)
            return w;
        if (cn_clock_mono_ms() >= deadline)
            return cn_fail(err, CN_E_NOTFOUND,
                           "no coordinator answers at %.300s; is `cairn-coordinator run` up?",
                           line->endpoint);
    }
    return e;
}

static enum cn_err open_answer(const struct cn_json *answer, struct cn_json **ret,
                               bool *ret_said_no, struct cn_error *err)
{
    if (cn_json_bool(answer, "ok", false)) {
        const struct cn_json *result = cn_json_get(answer, "result");
        *ret = result ? cn_json_copy(result) : cn_json_new_object();
        return CN_OK;
    }
    const struct cn_json *e = cn_json_get(answer, "error");
    *ret_said_no = true;
    return cn_fail(err, CN_E_STATE, "%s",
                   cn_json_string(e, "text", "the coordinator refused without a reason"));
}

enum cn_err ctl_call(struct ctl_line *line, const char *act, const struct cn_json *args,
                     struct cn_json **ret, bool *ret_said_no, struct cn_error *err)
{
    CN_CLEANUP(cn_json_destroy) struct cn_json *request = cn_json_new_object();
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    uint64_t deadline = cn_clock_mono_ms() + ANSWER_MS, now;
    struct cn_json *copy = args ? cn_json_copy(args) : cn_json_new_object();
    enum cn_err e;

    *ret_said_no = false;
    cn_json_set_int(request, "id", ++line->last_id);
    cn_json_set_string(request, "do", act);
    cn_json_set(request, "args", &copy);
    cn_json_dump(request, false, &text);
    if ((e = send_when_up(line, (struct cn_bytes){text.at, text.n}, err)))
        return e;
    while ((now = cn_clock_mono_ms()) < deadline) {
        CN_CLEANUP(cn_json_destroy) struct cn_json *answer = NULL;
        struct cn_link_event ev;
        if ((e = cn_link_wait(line->link, (uint32_t)(deadline - now), &ev, err)))
            return e;
        if ((e = cn_json_parse(ev.header, CN_MAX_JSON_BYTES, &answer, err)))
            return e;
        if (cn_json_int(answer, "id", -1) == line->last_id)
            return open_answer(answer, ret, ret_said_no, err);
    }
    return cn_fail(err, CN_E_TIMEOUT, "the coordinator did not answer \"%s\" within %d s", act,
                   ANSWER_MS / 1000);
}
