/* /v1/receipts: what became of what people taught. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/api.h"
#include "client/edge/session.h"
#include "common/base/clock.h"

enum { DEFAULT_LIMIT = 20, MAX_LIMIT = 1000 };

/* Why it does not travel yet, as a sentence in text; NULL when nothing of its own holds it up. */
static const char *waiting(const struct edge_daemon *d, const struct edge_example *x, char *text,
                           size_t size)
{
    if (x->state != EDGE_QUEUED)
        return NULL;
    const char *label = edge_labels_waiting(d->labels, x->label);
    if (label)
        return label;
    uint32_t n = edge_session_short_of(d->session, edge_labels_resolve(d->labels, x->label));
    if (n) {
        snprintf(text, size,
                 "needs %u more image%s of this label: too few would show the images themselves", n,
                 n == 1 ? "" : "s");
        return text;
    }
    const struct edge_session_status s = edge_session_status(d->session);
    return s.why.reason == EDGE_WHY_NOTHING ? NULL : edge_session_why_text(&s.why);
}

static void fill(const struct edge_daemon *d, const struct edge_example *x, struct cn_json *j)
{
    char text[160];

    cn_json_set_int(j, "id", x->id);
    cn_json_set_int(j, "time_ms", (int64_t)x->time_ms);
    cn_json_set_string(j, "label", edge_labels_name(d->labels, x->label));
    cn_json_set_string(j, "answer", edge_api_answer_name(x->answer));
    cn_json_set_string(j, "predicted",
                       x->predicted == CN_LABEL_NONE ? NULL
                                                     : edge_labels_name(d->labels, x->predicted));
    cn_json_set_string(j, "state", edge_api_state_name(x));
    if (x->release)
        cn_json_set_int(j, "release", x->release);
    else
        cn_json_set_null(j, "release");
    cn_json_set_string(j, "verified",
                       x->verdict == EDGE_UNVERIFIED ? NULL
                       : x->verdict == EDGE_RIGHT    ? "right"
                                                     : "wrong");
    cn_json_set_string(j, "waiting", waiting(d, x, text, sizeof text));
}

/* ---- the list ---- */

static enum cn_err parse_state(const char *text, enum edge_example_state *ret, struct cn_error *err)
{
    *ret = 0;
    if (!*text)
        return CN_OK;
    for (int i = 1; i < EDGE_NSTATES; i++) {
        const struct edge_example x = {.state = (enum edge_example_state)i};
        if (strcmp(text, edge_api_state_name(&x)) == 0) {
            *ret = x.state;
            return CN_OK;
        }
    }
    if (strcmp(text, "received") != 0)
        return cn_fail(err, CN_E_PARSE,
                       "state is one of queued, held out, in update, received, committed, undone, "
                       "counted; not \"%.50s\"",
                       text);
    *ret = EDGE_IN_UPDATE;
    return CN_OK;
}

static enum cn_err parse_number(const struct cn_http_request *req, const char *name,
                                int64_t or_else, int64_t *ret, struct cn_error *err)
{
    const char *text = cn_http_query(req, name, "");
    char *end;
    long long v = strtoll(text, &end, 10);

    if (*text && (*end || v < 1))
        return cn_fail(err, CN_E_PARSE, "%s is a positive number, not \"%.50s\"", name, text);
    *ret = *text ? v : or_else;
    return CN_OK;
}

static enum cn_err list(struct edge_daemon *d, const struct cn_http_request *req, struct cn_json *j,
                        struct cn_error *err)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    struct edge_receipts_query q;
    int64_t limit = 0;
    uint32_t n = 0;

    enum cn_err e = parse_number(req, "limit", DEFAULT_LIMIT, &limit, err);
    if (!e)
        e = parse_number(req, "before", 0, &q.before, err);
    if (!e)
        e = parse_state(cn_http_query(req, "state", ""), &q.state, err);
    if (e)
        return e;
    q.limit = (uint32_t)(limit < MAX_LIMIT ? limit : MAX_LIMIT);
    e = edge_store_receipts(d->store, &q, &x, &n, err);
    if (e)
        return e;
    struct cn_json *receipts = cn_json_set_array(j, "receipts");
    for (uint32_t i = 0; i < n; i++)
        fill(d, &x[i], cn_json_push_object(receipts));
    return CN_OK;
}

void edge_api_receipts(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_error err;

    if (list(d, req, j, &err))
        cn_http_fail(&req, &err);
    else
        cn_http_reply_json(&req, 200, &j);
}

/* ---- one of them ---- */

static enum cn_err parse_id(const struct cn_http_request *req, int64_t *ret, struct cn_error *err)
{
    const char *text = strrchr(cn_http_path(req), '/') + 1;
    char *end;
    long long id = strtoll(text, &end, 10);

    if (*end || id < 1)
        return cn_fail(err, CN_E_PARSE, "\"%.50s\" is no receipt's number", text);
    *ret = id;
    return CN_OK;
}

static void add_line(void *user, uint64_t time_ms, const char *what)
{
    struct cn_json *line = cn_json_push_object(user);

    cn_json_set_int(line, "time_ms", (int64_t)time_ms);
    cn_json_set_string(line, "what", what);
}

static void add_first_line(const struct edge_daemon *d, const struct edge_example *x,
                           struct cn_json *history)
{
    char what[2 * CN_MAX_LABEL_NAME_BYTES + 64];

    if (x->answer == EDGE_CONFIRMED)
        snprintf(what, sizeof what, "confirmed as \"%s\"", edge_labels_name(d->labels, x->label));
    else
        snprintf(what, sizeof what, "corrected from \"%s\" to \"%s\"",
                 x->predicted == CN_LABEL_NONE ? "nothing"
                                               : edge_labels_name(d->labels, x->predicted),
                 edge_labels_name(d->labels, x->label));
    add_line(history, x->time_ms, what);
}

static enum cn_err show(struct edge_daemon *d, const struct cn_http_request *req, struct cn_json *j,
                        struct cn_error *err)
{
    struct edge_example x;
    int64_t id = 0;

    enum cn_err e = parse_id(req, &id, err);
    if (!e)
        e = edge_store_get(d->store, id, &x, err);
    if (e)
        return e;
    fill(d, &x, j);
    struct cn_json *history = cn_json_set_array(j, "history");
    add_first_line(d, &x, history);
    return edge_store_history(d->store, id, add_line, history, err);
}

void edge_api_receipt(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_error err;

    if (show(d, req, j, &err))
        cn_http_fail(&req, &err);
    else
        cn_http_reply_json(&req, 200, &j);
}

static enum cn_err undo(struct edge_daemon *d, const struct cn_http_request *req, struct cn_json *j,
                        struct cn_error *err)
{
    int64_t id = 0;

    enum cn_err e = parse_id(req, &id, err);
    if (!e)
        e = edge_store_undo(d->store, id, cn_clock_wall_ms(), err);
    if (e)
        return e;
    edge_phicache_drop(d->phis, id);
    edge_install_again(d); /* the live model forgets it too */
    edge_session_counted(d->session);
    edge_session_queue_changed(d->session);
    cn_json_set_int(j, "id", id);
    cn_json_set_string(j, "state", "undone");
    return CN_OK;
}

void edge_api_undo(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_error err;

    if (undo(d, req, j, &err))
        cn_http_fail(&req, &err);
    else
        cn_http_reply_json(&req, 200, &j);
}
