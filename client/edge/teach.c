/* The life of a correction on its own device (DESIGN, section 4): resolve the name, write it down,
   train, answer. */
#include "client/edge/teach.h"

#include <stdlib.h>

#include "client/edge/core/plan.h"
#include "client/edge/session.h"
#include "common/base/clock.h"
#include "common/base/log.h"

struct lesson_out {
    struct edge_taught taught;
    edge_taught_fn fn;
    void *user;
};

/* ---- what the answer means ---- */

static enum cn_err agreed_label(struct edge_daemon *d, uint32_t predicted, struct cn_error *err)
{
    const struct cn_label *label = cn_registry_get(edge_labels_registry(d->labels), predicted);

    if (predicted == CN_LABEL_NONE || (label && label->state == CN_LABEL_PLACEHOLDER))
        return cn_fail(err, CN_E_STATE,
                       "\"%s\" is no label that can be confirmed; correct the prediction instead",
                       label ? label->name : "nothing");
    return CN_OK;
}

/* Fills in label, answer and, for a name that nobody used before, *own. */
static enum cn_err understand(struct edge_daemon *d, const struct edge_prediction *p,
                              const char *word, struct edge_teaching *t, struct edge_own_label *own,
                              struct cn_error *err)
{
    uint32_t predicted = p->n_top ? edge_labels_resolve(d->labels, p->top[0].label) : CN_LABEL_NONE;
    uint32_t id = predicted;

    enum cn_err e =
        word ? edge_labels_find(d->labels, word, &id, own, err) : agreed_label(d, predicted, err);
    if (e)
        return e;
    t->predicted = predicted;
    t->predicted_by = p->release;
    t->own = id == CN_LABEL_NONE ? own : NULL;
    t->label = id == CN_LABEL_NONE ? own->local : id;
    t->answer = id == CN_LABEL_NONE ? EDGE_NEW_LABEL
                : id == predicted   ? EDGE_CONFIRMED
                                    : EDGE_CORRECTED;
    return CN_OK;
}

/* Held out, queued, or only counted; *ret_crowded: one held out before has to make room. */
static enum cn_err choose_state(struct edge_daemon *d, struct edge_teaching *t, bool *ret_crowded,
                                struct cn_error *err)
{
    uint32_t n = 0, n_held = 0;

    enum cn_err e = edge_store_count(d->store, t->label, &n, &n_held, err);
    if (e)
        return e;
    if (edge_plan_holds_out(&t->digest, n))
        t->state = EDGE_HELD_OUT;
    else if (t->answer == EDGE_CONFIRMED && d->live.recipe.kind == CN_RECIPE_ARTICLE)
        t->state = EDGE_COUNTED; /* the article learns from errors only */
    else
        t->state = EDGE_QUEUED;
    *ret_crowded = t->state == EDGE_HELD_OUT && n_held >= EDGE_PLAN_MAX_HELD;
    return CN_OK;
}

static enum cn_err write_down(struct edge_daemon *d, const struct edge_prediction *p,
                              const char *word, struct edge_taught *ret, struct cn_error *err)
{
    struct cn_bytes image = cn_blob_bytes(p->image);
    struct edge_teaching t = {
        .digest = cn_digest_of(image.at, image.n), .image = image, .now_ms = cn_clock_wall_ms()};
    struct edge_own_label own;
    int64_t example, undone;
    bool crowded;

    enum cn_err e = understand(d, p, word, &t, &own, err);
    if (!e)
        e = choose_state(d, &t, &crowded, err);
    if (!e)
        e = edge_store_teach(d->store, &t, &example, &undone, err);
    if (e)
        return e;
    if (crowded && edge_store_release_held(d->store, t.label, t.now_ms, err))
        cn_log(CN_LOG_WARN, "held-out.crowded", "label=%u", t.label);
    if (t.own)
        edge_labels_put_own(d->labels, t.own);
    if (undone)
        edge_phicache_drop(d->phis, undone);
    if (t.state != EDGE_COUNTED)
        edge_phicache_put(d->phis, example, p->phi);
    *ret = (struct edge_taught){example, t.label, t.answer, t.state, NULL, NULL};
    return CN_OK;
}

/* ---- making it effective ---- */

static void on_trained(void *user, struct edge_trained *r, const struct cn_error *err)
{
    struct lesson_out *out = user;

    out->taught.trained = err ? NULL : r;
    out->taught.train_err = err;
    out->fn(out->user, &out->taught, NULL);
    free(out);
}

static void train(struct edge_daemon *d, const struct edge_prediction *p,
                  const struct edge_taught *taught, edge_taught_fn fn, void *user)
{
    const struct edge_lesson lesson = {taught->receipt, taught->label, true, NULL, p->phi};
    struct edge_lessons fresh = {0}, others = {0};
    struct lesson_out *out = cn_calloc(1, sizeof *out);

    *out = (struct lesson_out){*taught, fn, user};
    edge_lessons_add(&fresh, &lesson);
    edge_replay_others(d, taught->receipt, &others);
    edge_trainer_train(d->trainer, &fresh, &others, on_trained, out);
}

void edge_teach(struct edge_daemon *d, const struct edge_prediction *p, const char *word,
                edge_taught_fn fn, void *user)
{
    struct edge_taught taught;
    struct cn_error err;

    if (write_down(d, p, word, &taught, &err)) {
        fn(user, NULL, &err);
        return;
    }
    if (taught.answer == EDGE_CONFIRMED)
        fn(user, &taught, NULL);
    else
        train(d, p, &taught, fn, user);
    if (taught.answer == EDGE_NEW_LABEL)
        edge_session_propose(d->session, taught.label);
    edge_session_counted(d->session);
    edge_session_queue_changed(d->session);
}
