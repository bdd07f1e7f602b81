/* POST /v1/predict and /v1/evaluate: image bytes in, an answer when the trainer has looked. */
#include <stdlib.h>
#include <string.h>

#include "client/edge/api.h"
#include "common/base/clock.h"

struct call {
    struct edge_daemon *d;
    struct cn_http_request *req;
    uint64_t start_ms;
    uint32_t n_top;
    bool keep;
};

static struct call *new_call(struct edge_daemon *d, struct cn_http_request *req)
{
    struct call *c = cn_calloc(1, sizeof *c);

    *c = (struct call){d, req, cn_clock_mono_ms(), 5, true};
    return c;
}

static struct cn_blob *take_image(struct cn_http_request *req)
{
    struct cn_buf body = cn_http_take_body(req);

    return cn_blob_take(&body);
}

static void refuse(struct cn_http_request *req, enum cn_err code, const char *text)
{
    struct cn_error err;

    cn_fail(&err, code, "%s", text);
    cn_http_fail(&req, &err);
}

/* ---- predict ---- */

static void on_predicted(void *user, struct edge_prediction *p, const struct cn_error *err)
{
    struct call *c = user;

    if (err) {
        cn_http_fail(&c->req, err);
    } else {
        uint64_t id = c->keep ? edge_ring_put(c->d->ring, p) : 0;
        const struct edge_prediction *kept = c->keep ? edge_ring_get(c->d->ring, id) : p;
        struct cn_json *j =
            edge_api_prediction(c->d, kept, id, c->n_top, cn_clock_mono_ms() - c->start_ms);
        cn_http_reply_json(&c->req, 200, &j);
    }
    free(c);
}

void edge_api_predict(struct edge_daemon *d, struct cn_http_request *req)
{
    const char *top = cn_http_query(req, "top", "5"), *keep = cn_http_query(req, "keep", "yes");
    char *end;
    unsigned long n_top = strtoul(top, &end, 10);

    if (*end || n_top < 1 || n_top > EDGE_MAX_TOP) {
        refuse(req, CN_E_PARSE, "top is a number from 1 to 16");
        return;
    }
    if (strcmp(keep, "yes") != 0 && strcmp(keep, "no") != 0) {
        refuse(req, CN_E_PARSE, "keep is yes or no");
        return;
    }
    struct call *c = new_call(d, req);
    struct cn_blob *image = take_image(req);
    c->n_top = (uint32_t)n_top;
    c->keep = strcmp(keep, "yes") == 0;
    edge_trainer_predict(d->trainer, &image, false, on_predicted, c);
}

/* ---- evaluate ---- */

/* A label that this device has never heard of is predicted wrong by every model; that is no
   error. */
static uint32_t expected(const struct edge_daemon *d, const struct cn_http_request *req)
{
    uint32_t id = CN_LABEL_NONE;

    if (edge_labels_find(d->labels, cn_http_query(req, "label", ""), &id, NULL, NULL))
        return CN_LABEL_NONE;
    return id;
}

static void on_evaluated(void *user, struct edge_prediction *p, const struct cn_error *err)
{
    struct call *c = user;

    if (err) {
        cn_http_fail(&c->req, err);
    } else {
        uint32_t label = expected(c->d, c->req);
        uint32_t said =
            p->n_top ? edge_labels_resolve(c->d->labels, p->top[0].label) : CN_LABEL_NONE;
        struct cn_json *j = cn_json_new_object();
        cn_json_set_bool(j, "right", label != CN_LABEL_NONE && said == label);
        cn_json_set_string(j, "label",
                           p->n_top ? edge_labels_name(c->d->labels, p->top[0].label) : NULL);
        cn_json_set_real(j, "confidence", p->n_top ? (double)p->top[0].p : 0);
        cn_http_reply_json(&c->req, 200, &j);
    }
    free(c);
}

void edge_api_evaluate(struct edge_daemon *d, struct cn_http_request *req)
{
    const char *model = cn_http_query(req, "model", "local");
    bool released = strcmp(model, "release") == 0;

    if (!released && strcmp(model, "local") != 0) {
        refuse(req, CN_E_PARSE, "model is local or release");
        return;
    }
    if (!*cn_http_query(req, "label", "")) {
        refuse(req, CN_E_PARSE, "evaluate needs ?label=NAME, the right answer");
        return;
    }
    struct call *c = new_call(d, req);
    struct cn_blob *image = take_image(req);
    edge_trainer_predict(d->trainer, &image, released, on_evaluated, c);
}
