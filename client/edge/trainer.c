/* The trainer's jobs. A job is one struct for all verbs: its inputs, its results and the callback;
   run() fills in results or an error, done() hands them over and frees the job. What run() touches
   of the trainer (the learner) no other thread touches. */
#include "client/edge/trainer.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/recipe/consolidate.h"

struct edge_trainer {
    struct cn_worker *worker;
    struct cn_learner *learner; /* of the worker's thread; NULL before the first release */
    uint32_t release;           /* likewise */
    uint64_t seed;
    bool is_ending; /* of the loop's thread */
};

struct job {
    struct cn_job base; /* first */
    struct edge_trainer *trainer;
    void (*tell)(struct job *job, const struct cn_error *err);
    struct cn_error err; /* code CN_OK: the results are there */
    void *user;
    /* inputs */
    struct cn_blob *blob; /* an image or a model */
    struct edge_lessons fresh, others;
    bool released;
    uint32_t release, from, to;
    /* results, and who is told */
    union {
        edge_predicted_fn predicted;
        edge_trained_fn trained;
        edge_install_fn installed;
        edge_scored_fn scored;
        edge_verified_fn verified;
    } fn;
    struct edge_prediction prediction;
    struct edge_trained trained;
    struct edge_install_result install;
    struct edge_scores scores;
    uint32_t *predicted;
};

static void free_job(struct job *j)
{
    cn_blob_unref(&j->blob);
    edge_lessons_fini(&j->fresh);
    edge_lessons_fini(&j->others);
    edge_prediction_fini(&j->prediction);
    edge_prediction_fini(&j->trained.now);
    edge_lessons_fini(&j->install.replayed);
    free(j->install.labels);
    free(j->scores.tallies);
    free(j->predicted);
    free(j);
}

static void done(struct cn_job *base)
{
    struct job *j = (struct job *)base;

    /* A result that comes while we end would only lead to new jobs. */
    if (base->abandoned || j->trainer->is_ending)
        cn_fail(&j->err, CN_E_STATE, "the daemon is stopping");
    if (j->tell)
        j->tell(j, j->err.code ? &j->err : NULL);
    free_job(j);
}

static struct job *new_job(struct edge_trainer *t, void (*run)(struct cn_job *), void *user)
{
    struct job *j = cn_calloc(1, sizeof *j);

    j->base.run = run;
    j->base.done = done;
    j->trainer = t;
    j->user = user;
    return j;
}

static void take_lessons(struct edge_lessons *to, struct edge_lessons *from)
{
    if (!from)
        return;
    *to = *from;
    *from = (struct edge_lessons){0};
}

/* ---- predict ---- */

static enum cn_err need_release(struct job *j)
{
    if (j->trainer->learner)
        return CN_OK;
    return cn_fail(&j->err, CN_E_STATE,
                   "no release yet: this device has not heard from its coordinator since it "
                   "joined; see cairn-edge status");
}

/* The likeliest labels, by insertion into a short sorted list. */
static void pick_top(const float *p, const uint32_t *labels, uint32_t n,
                     struct edge_prediction *out)
{
    out->n_top = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = out->n_top;
        while (at > 0 && out->top[at - 1].p < p[i])
            at--;
        if (at == EDGE_MAX_TOP)
            continue;
        uint32_t last = out->n_top < EDGE_MAX_TOP ? out->n_top++ : EDGE_MAX_TOP - 1;
        for (; last > at; last--)
            out->top[last] = out->top[last - 1];
        out->top[at] = (struct edge_guess){labels[i], p[i]};
    }
}

static void predict_phi(struct edge_trainer *t, const float *phi, bool released,
                        struct edge_prediction *out)
{
    uint32_t n;
    const uint32_t *labels = cn_learner_labels(t->learner, &n);
    CN_CLEANUP(cn_freep) float *p = cn_alloc_aligned(n, sizeof *p);

    cn_learner_predict(t->learner, phi, 1, released, p);
    pick_top(p, labels, n, out);
    out->release = t->release;
}

static void run_predict(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct edge_trainer *t = j->trainer;
    struct edge_prediction *p = &j->prediction;

    if (need_release(j) || edge_embed(t->learner, cn_blob_bytes(j->blob), &p->phi, &j->err))
        return;
    predict_phi(t, edge_phi(p->phi), j->released, p);
    p->image = cn_steal(j->blob);
}

static void tell_predicted(struct job *j, const struct cn_error *err)
{
    j->fn.predicted(j->user, &j->prediction, err);
}

void edge_trainer_predict(struct edge_trainer *t, struct cn_blob **image, bool released,
                          edge_predicted_fn fn, void *user)
{
    struct job *j = new_job(t, run_predict, user);

    j->blob = cn_steal(*image);
    j->released = released;
    j->fn.predicted = fn;
    j->tell = tell_predicted;
    cn_worker_submit(t->worker, &j->base);
}

/* ---- train ---- */

static enum cn_err add_labels(struct cn_learner *l, const struct edge_lessons *lessons,
                              struct cn_error *err)
{
    for (uint32_t i = 0; i < lessons->n; i++) {
        enum cn_err e = cn_learner_add_label(l, lessons->at[i].label, err);
        if (e)
            return e;
    }
    return CN_OK;
}

/* Teaches the learner `fresh`, with `others` mixed in. */
static enum cn_err teach(struct edge_trainer *t, struct cn_learner *l, struct job *j,
                         struct cn_train_report *report)
{
    edge_lessons_embed(&j->fresh, l);
    edge_lessons_embed(&j->others, l);
    enum cn_err e = add_labels(l, &j->fresh, &j->err);
    if (!e)
        e = add_labels(l, &j->others, &j->err);
    if (e || !j->fresh.n)
        return e;
    CN_CLEANUP(cn_freep) struct cn_example *fresh = edge_lessons_examples(&j->fresh);
    CN_CLEANUP(cn_freep) struct cn_example *others = edge_lessons_examples(&j->others);
    return cn_learner_train(l, fresh, j->fresh.n, others, j->others.n, ++t->seed, report, &j->err);
}

static void run_train(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct edge_trainer *t = j->trainer;
    uint64_t start_ms = cn_clock_mono_ms();

    if (need_release(j) || teach(t, t->learner, j, &j->trained.report))
        return;
    if (j->fresh.n)
        predict_phi(t, edge_phi(j->fresh.at[0].phi), false, &j->trained.now);
    j->trained.ms = cn_clock_mono_ms() - start_ms;
}

static void tell_trained(struct job *j, const struct cn_error *err)
{
    j->fn.trained(j->user, &j->trained, err);
}

void edge_trainer_train(struct edge_trainer *t, struct edge_lessons *fresh,
                        struct edge_lessons *others, edge_trained_fn fn, void *user)
{
    struct job *j = new_job(t, run_train, user);

    take_lessons(&j->fresh, fresh);
    take_lessons(&j->others, others);
    j->fn.trained = fn;
    j->tell = tell_trained;
    cn_worker_submit(t->worker, &j->base);
}

static void run_rename(struct cn_job *base)
{
    struct job *j = (struct job *)base;

    if (j->trainer->learner)
        cn_learner_rename_label(j->trainer->learner, j->from, j->to);
}

void edge_trainer_rename(struct edge_trainer *t, uint32_t from, uint32_t to)
{
    struct job *j = new_job(t, run_rename, NULL);

    j->from = from;
    j->to = to;
    cn_worker_submit(t->worker, &j->base);
}

/* ---- install ---- */

/* Features of one trunk mean nothing to another. */
static bool is_same_trunk(const struct cn_recipe *a, const struct cn_recipe *b)
{
    const struct cn_pipeline *p = &a->pipeline, *q = &b->pipeline;

    return a->kind == b->kind && a->seed == b->seed && a->n_filters == b->n_filters &&
           p->channels == q->channels && p->height == q->height && p->width == q->width &&
           p->fit == q->fit && p->standardize == q->standardize && p->scale == q->scale &&
           p->offset == q->offset;
}

static void describe(const struct cn_learner *l, struct edge_install_result *r)
{
    const uint32_t *labels = cn_learner_labels(l, &r->n_labels);

    r->labels = cn_calloc(r->n_labels, sizeof *r->labels);
    for (uint32_t i = 0; i < r->n_labels; i++)
        r->labels[i] = labels[i];
    r->recipe = *cn_learner_recipe(l);
    r->n_phi = cn_learner_phi_size(l);
}

static void run_install(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct edge_trainer *t = j->trainer;
    struct edge_install_result *r = &j->install;
    struct cn_learner *CN_CLEANUP(cn_learner_destroy) l = NULL;
    struct cn_train_report report;

    if (cn_learner_open(&l, j->blob, &j->err))
        return;
    describe(l, r);
    r->is_new_trunk = t->learner && !is_same_trunk(cn_learner_recipe(t->learner), &r->recipe);
    if (!r->is_new_trunk && teach(t, l, j, &report)) {
        r->replay_err = j->err; /* the release stands without it */
        j->err = (struct cn_error){0};
    }
    take_lessons(&r->replayed, &j->fresh);
    cn_learner_destroy(&t->learner);
    t->learner = cn_steal(l);
    t->release = j->release;
}

static void tell_installed(struct job *j, const struct cn_error *err)
{
    j->fn.installed(j->user, &j->install, err);
}

void edge_trainer_install(struct edge_trainer *t, struct cn_blob **model, uint32_t release,
                          struct edge_lessons *fresh, struct edge_lessons *others,
                          edge_install_fn fn, void *user)
{
    struct job *j = new_job(t, run_install, user);

    j->blob = cn_steal(*model);
    j->release = release;
    take_lessons(&j->fresh, fresh);
    take_lessons(&j->others, others);
    j->fn.installed = fn;
    j->tell = tell_installed;
    cn_worker_submit(t->worker, &j->base);
}

/* ---- score and verify ---- */

static void run_score(struct cn_job *base)
{
    struct job *j = (struct job *)base;

    if (need_release(j))
        return;
    edge_lessons_embed(&j->fresh, j->trainer->learner);
    CN_CLEANUP(cn_freep) struct cn_example *examples = edge_lessons_examples(&j->fresh);
    if (cn_score(j->blob, examples, j->fresh.n, &j->scores.tallies, &j->scores.n, &j->err))
        j->scores = (struct edge_scores){0};
}

static void tell_scored(struct job *j, const struct cn_error *err)
{
    j->fn.scored(j->user, &j->scores, err);
}

void edge_trainer_score(struct edge_trainer *t, struct cn_blob **model,
                        struct edge_lessons *lessons, edge_scored_fn fn, void *user)
{
    struct job *j = new_job(t, run_score, user);

    j->blob = cn_steal(*model);
    take_lessons(&j->fresh, lessons);
    j->fn.scored = fn;
    j->tell = tell_scored;
    cn_worker_submit(t->worker, &j->base);
}

static void run_verify(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct edge_prediction p = {0};

    if (need_release(j))
        return;
    edge_lessons_embed(&j->fresh, j->trainer->learner);
    j->predicted = cn_calloc(j->fresh.n, sizeof *j->predicted);
    for (uint32_t i = 0; i < j->fresh.n; i++) {
        predict_phi(j->trainer, edge_phi(j->fresh.at[i].phi), true, &p);
        j->predicted[i] = p.n_top ? p.top[0].label : CN_LABEL_NONE;
    }
}

static void tell_verified(struct job *j, const struct cn_error *err)
{
    struct edge_verified v = {j->fresh, j->predicted};

    j->fn.verified(j->user, &v, err);
    j->fresh = v.lessons;
    j->predicted = v.predicted;
}

void edge_trainer_verify(struct edge_trainer *t, struct edge_lessons *lessons, edge_verified_fn fn,
                         void *user)
{
    struct job *j = new_job(t, run_verify, user);

    take_lessons(&j->fresh, lessons);
    j->fn.verified = fn;
    j->tell = tell_verified;
    cn_worker_submit(t->worker, &j->base);
}

/* ---- life ---- */

enum cn_err edge_trainer_new(struct edge_trainer **ret, struct cn_loop *loop, struct cn_error *err)
{
    struct edge_trainer *CN_CLEANUP(edge_trainer_destroy) t = cn_calloc(1, sizeof *t);

    enum cn_err e = cn_worker_new(&t->worker, "trainer", loop, err);
    if (e)
        return e;
    *ret = cn_steal(t);
    return CN_OK;
}

void edge_trainer_destroy(struct edge_trainer **p)
{
    struct edge_trainer *t = cn_steal(*p);

    if (!t)
        return;
    t->is_ending = true;
    cn_worker_destroy(&t->worker);
    cn_learner_destroy(&t->learner);
    free(t);
}
