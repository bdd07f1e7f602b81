/* The table of calls, and the ones that need no file of their own. */
#include "client/edge/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/edge/session.h"
#include "common/base/clock.h"

static void health(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *j = cn_json_new_object();

    (void)d;
    cn_json_set_bool(j, "ok", true);
    cn_json_set_string(j, "version", CAIRN_VERSION);
    cn_http_reply_json(&req, 200, &j);
}

static void flush(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *j = cn_json_new_object();

    cn_json_set_int(j, "queued", edge_session_flush(d->session));
    cn_http_reply_json(&req, 200, &j);
}

static void end(void *user)
{
    cn_loop_stop(((struct edge_daemon *)user)->loop);
}

static void stop(struct edge_daemon *d, struct cn_http_request *req)
{
    struct cn_json *j = cn_json_new_object();

    cn_json_set_bool(j, "stopping", true);
    cn_http_reply_json(&req, 200, &j);
    /* A moment later, so that the answer is out. */
    cn_loop_set_timer(d->loop, cn_clock_mono_ms() + 50, end, d);
}

/* clang-format off */
static const struct route { const char *method, *path; edge_api_fn fn; } routes[] = {
    {"GET", "/v1/health", health},
    {"GET", "/v1/status", edge_api_status},
    {"POST", "/v1/predict", edge_api_predict},
    {"POST", "/v1/evaluate", edge_api_evaluate},
    {"POST", "/v1/confirm", edge_api_confirm},
    {"POST", "/v1/correct", edge_api_correct},
    {"POST", "/v1/teach", edge_api_teach},
    {"GET", "/v1/labels", edge_api_labels},
    {"GET", "/v1/receipts", edge_api_receipts},
    {"GET", "/v1/receipts/", edge_api_receipt}, /* ends in '/': what follows is an id */
    {"DELETE", "/v1/receipts/", edge_api_undo},
    {"POST", "/v1/flush", flush},
    {"POST", "/v1/stop", stop},
};
/* clang-format on */

static bool matches(const struct route *r, const char *path)
{
    size_t n = strlen(r->path);

    if (r->path[n - 1] == '/')
        return strncmp(path, r->path, n) == 0 && path[n] && !strchr(path + n, '/');
    return strcmp(path, r->path) == 0;
}

void edge_api_on_request(void *user, struct cn_http_request *req)
{
    const char *path = cn_http_path(req);
    const char *other = NULL;
    struct cn_error err;

    for (size_t i = 0; i < CN_COUNT(routes); i++) {
        if (!matches(&routes[i], path))
            continue;
        if (strcmp(routes[i].method, cn_http_method(req)) == 0) {
            routes[i].fn(user, req);
            return;
        }
        other = routes[i].method;
    }
    if (other)
        cn_fail(&err, CN_E_UNSUPPORTED, "%.200s answers %s", path, other);
    else
        cn_fail(&err, CN_E_NOTFOUND, "there is no %.200s here; proto/edge-api.md lists the calls",
                path);
    cn_http_fail(&req, &err);
}

/* ---- shared words ---- */

const char *edge_api_id(char out[EDGE_ID_BYTES], uint64_t id)
{
    snprintf(out, EDGE_ID_BYTES, "%016" PRIx64, id);
    return out;
}

const char *edge_api_answer_name(enum edge_answer answer)
{
    switch (answer) {
    case EDGE_CONFIRMED: return "confirmed";
    case EDGE_CORRECTED: return "corrected";
    case EDGE_NEW_LABEL: return "new label";
    }
    return "unknown";
}

const char *edge_api_state_name(const struct edge_example *x)
{
    switch (x->state) {
    case EDGE_QUEUED: return "queued";
    case EDGE_HELD_OUT: return "held out";
    case EDGE_IN_UPDATE: return x->is_received ? "received" : "in update";
    case EDGE_COMMITTED: return "committed";
    case EDGE_UNDONE: return "undone";
    case EDGE_COUNTED: return "counted";
    case EDGE_NSTATES: break;
    }
    return "unknown";
}

struct cn_json *edge_api_prediction(const struct edge_daemon *d, const struct edge_prediction *p,
                                    uint64_t id, uint32_t n_top, uint64_t ms)
{
    struct cn_json *j = cn_json_new_object();
    char text[EDGE_ID_BYTES];

    if (id)
        cn_json_set_string(j, "prediction", edge_api_id(text, id));
    else
        cn_json_set_null(j, "prediction");
    if (p->n_top) {
        cn_json_set_string(j, "label", edge_labels_name(d->labels, p->top[0].label));
        cn_json_set_int(j, "label_id", edge_labels_resolve(d->labels, p->top[0].label));
        cn_json_set_real(j, "confidence", (double)p->top[0].p);
    }
    struct cn_json *top = cn_json_set_array(j, "top");
    for (uint32_t i = 0; i < p->n_top && i < n_top; i++) {
        struct cn_json *guess = cn_json_push_object(top);
        cn_json_set_string(guess, "label", edge_labels_name(d->labels, p->top[i].label));
        cn_json_set_int(guess, "label_id", edge_labels_resolve(d->labels, p->top[i].label));
        cn_json_set_real(guess, "confidence", (double)p->top[i].p);
    }
    cn_json_set_int(j, "release", p->release);
    cn_json_set_int(j, "ms", (int64_t)ms);
    return j;
}
