/* POST /v1/confirm, /v1/correct and /v1/teach: people's answers. */
#include <stdlib.h>
#include <string.h>

#include "client/edge/api.h"
#include "client/edge/teach.h"
#include "common/base/clock.h"

struct call {
    struct edge_daemon *d;
    struct cn_http_request *req;
    uint64_t start_ms;
    bool is_teach;
    struct cn_json *prediction; /* of teach: what was predicted before */
};

static struct call *new_call(struct edge_daemon *d, struct cn_http_request *req)
{
    struct call *c = cn_calloc(1, sizeof *c);

    *c = (struct call){.d = d, .req = req, .start_ms = cn_clock_mono_ms()};
    return c;
}

static void free_call(struct call *c)
{
    cn_json_destroy(&c->prediction);
    free(c);
}

static void say_trained(const struct call *c, const struct edge_taught *t, struct cn_json *j)
{
    struct cn_json *train = cn_json_set_object(j, "train");

    if (t->train_err) {
        cn_json_set_string(train, "error", t->train_err->text);
        cn_json_set_null(j, "now");
        return;
    }
    const struct edge_trained *r = t->trained;
    cn_json_set_int(train, "steps", r->report.n_steps);
    cn_json_set_int(train, "synthesized", r->report.n_synthesized);
    cn_json_set_int(train, "ms", (int64_t)r->ms);
    struct cn_json *now = cn_json_set_object(j, "now");
    if (r->now.n_top) {
        cn_json_set_string(now, "label", edge_labels_name(c->d->labels, r->now.top[0].label));
        cn_json_set_real(now, "confidence", (double)r->now.top[0].p);
    }
}

/* Nothing was trained for a confirmation: the image is predicted as before. */
static void say_confirmed(struct call *c, struct cn_json *j)
{
    struct cn_json *now = cn_json_set_object(j, "now");

    cn_json_set_string(now, "label", cn_json_string(c->prediction, "label", NULL));
    cn_json_set_real(now, "confidence", cn_json_real(c->prediction, "confidence", 0));
}

static void on_taught(void *user, const struct edge_taught *t, const struct cn_error *err)
{
    struct call *c = user;

    if (err) {
        cn_http_fail(&c->req, err);
        free_call(c);
        return;
    }
    const struct edge_example x = {.state = t->state};
    struct cn_json *j = cn_json_new_object();
    cn_json_set_int(j, "receipt", t->receipt);
    cn_json_set_string(j, "label", edge_labels_name(c->d->labels, t->label));
    cn_json_set_string(j, "answer", edge_api_answer_name(t->answer));
    cn_json_set_string(j, "state", edge_api_state_name(&x));
    cn_json_set_bool(j, "new_label", t->answer == EDGE_NEW_LABEL);
    if (t->answer == EDGE_CONFIRMED)
        say_confirmed(c, j);
    else
        say_trained(c, t, j);
    if (c->is_teach)
        cn_json_set(j, "prediction", &c->prediction);
    cn_http_reply_json(&c->req, 200, &j);
    free_call(c);
}

/* ---- answers to predictions that are kept ---- */

static enum cn_err find_prediction(const struct call *c, const struct cn_json *body,
                                   uint64_t *ret_id, struct cn_error *err)
{
    const char *text;
    char *end;

    enum cn_err e = cn_json_need_string(body, "prediction", &text, err);
    if (e)
        return e;
    *ret_id = strtoull(text, &end, 16);
    if (*end || !*text || !edge_ring_get(c->d->ring, *ret_id))
        return cn_fail(err, CN_E_NOTFOUND,
                       "prediction %.32s is not remembered any more (only the latest are); send "
                       "the image again",
                       text);
    return CN_OK;
}

static enum cn_err answer(struct call *c, bool corrects, struct cn_error *err)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) body = NULL;
    const char *label = NULL;
    uint64_t id;

    enum cn_err e = cn_json_parse(cn_http_body(c->req), CN_MAX_HEADER_BYTES, &body, err);
    if (!e)
        e = cn_json_only(body, corrects ? "prediction label" : "prediction", err);
    if (!e)
        e = find_prediction(c, body, &id, err);
    if (!e && corrects)
        e = cn_json_need_string(body, "label", &label, err);
    if (e)
        return e;
    const struct edge_prediction *p = edge_ring_get(c->d->ring, id);
    c->prediction = edge_api_prediction(c->d, p, id, 1, 0);
    edge_teach(c->d, p, label, on_taught, c);
    return CN_OK;
}

static void on_answer(struct edge_daemon *d, struct cn_http_request *req, bool corrects)
{
    struct call *c = new_call(d, req);
    struct cn_error err;

    if (answer(c, corrects, &err)) {
        cn_http_fail(&c->req, &err);
        free_call(c);
    }
}

void edge_api_confirm(struct edge_daemon *d, struct cn_http_request *req)
{
    on_answer(d, req, false);
}

void edge_api_correct(struct edge_daemon *d, struct cn_http_request *req)
{
    on_answer(d, req, true);
}

/* ---- predict and answer in one call ---- */

static void on_predicted(void *user, struct edge_prediction *p, const struct cn_error *err)
{
    struct call *c = user;

    if (err) {
        cn_http_fail(&c->req, err);
        free_call(c);
        return;
    }
    uint64_t id = edge_ring_put(c->d->ring, p);
    const struct edge_prediction *kept = edge_ring_get(c->d->ring, id);
    c->prediction = edge_api_prediction(c->d, kept, id, 5, cn_clock_mono_ms() - c->start_ms);
    edge_teach(c->d, kept, cn_http_query(c->req, "label", ""), on_taught, c);
}

void edge_api_teach(struct edge_daemon *d, struct cn_http_request *req)
{
    uint32_t id;
    struct cn_error err;

    /* An impossible name is refused before the image is looked at. */
    if (edge_labels_find(d->labels, cn_http_query(req, "label", ""), &id, NULL, &err)) {
        cn_http_fail(&req, &err);
        return;
    }
    struct call *c = new_call(d, req);
    struct cn_buf body = cn_http_take_body(req);
    struct cn_blob *image = cn_blob_take(&body);
    c->is_teach = true;
    edge_trainer_predict(d->trainer, &image, false, on_predicted, c);
}
