/* The trainer's jobs. A job is one struct for all verbs: its inputs, its results and the callback;
   run() fills in results or an error, done() hands them over and frees the job. What run() touches
   of the trainer (the learner) no other thread touches. Here: predictions and corrections; jobs
   about whole models stand in trainer_release.c. */
#include "client/edge/trainer_impl.h"

#include <stdlib.h>

#include "common/base/clock.h"

static void free_job(struct edge_job *j)
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
    struct edge_job *j = (struct edge_job *)base;

    /* A result that comes while we end would only lead to new jobs. */
    if (base->abandoned || j->trainer->is_ending)
        cn_fail(&j->err, CN_E_STATE, "the daemon is stopping");
    if (j->tell)
        j->tell(j, j->err.code ? &j->err : NULL);
    free_job(j);
}

struct edge_job *edge_job_new(struct edge_trainer *t, void (*run)(struct cn_job *), void *user)
{
    struct edge_job *j = cn_calloc(1, sizeof *j);

    j->base.run = run;
    j->base.done = done;
    j->trainer = t;
    j->user = user;
    return j;
}

void edge_job_take(struct edge_lessons *to, struct edge_lessons *from)
{
    if (!from)
        return;
    *to = *from;
    *from = (struct edge_lessons){0};
}

/* ---- predict ---- */

enum cn_err edge_job_need_release(struct edge_job *j)
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

void edge_job_predict(struct edge_trainer *t, const float *phi, bool released,
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
    struct edge_job *j = (struct edge_job *)base;
    struct edge_trainer *t = j->trainer;
    struct edge_prediction *p = &j->prediction;

    if (edge_job_need_release(j) ||
        edge_embed(t->learner, cn_blob_bytes(j->blob), &p->phi, &j->err))
        return;
    edge_job_predict(t, edge_phi(p->phi), j->released, p);
    p->image = cn_steal(j->blob);
}

static void tell_predicted(struct edge_job *j, const struct cn_error *err)
{
    j->fn.predicted(j->user, &j->prediction, err);
}

void edge_trainer_predict(struct edge_trainer *t, struct cn_blob **image, bool released,
                          edge_predicted_fn fn, void *user)
{
    struct edge_job *j = edge_job_new(t, run_predict, user);

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

enum cn_err edge_job_teach(struct edge_trainer *t, struct cn_learner *l, struct edge_job *j,
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
    struct edge_job *j = (struct edge_job *)base;
    struct edge_trainer *t = j->trainer;
    uint64_t start_ms = cn_clock_mono_ms();

    if (edge_job_need_release(j) || edge_job_teach(t, t->learner, j, &j->trained.report))
        return;
    if (j->fresh.n)
        edge_job_predict(t, edge_phi(j->fresh.at[0].phi), false, &j->trained.now);
    j->trained.ms = cn_clock_mono_ms() - start_ms;
}

static void tell_trained(struct edge_job *j, const struct cn_error *err)
{
    j->fn.trained(j->user, &j->trained, err);
}

void edge_trainer_train(struct edge_trainer *t, struct edge_lessons *fresh,
                        struct edge_lessons *others, edge_trained_fn fn, void *user)
{
    struct edge_job *j = edge_job_new(t, run_train, user);

    edge_job_take(&j->fresh, fresh);
    edge_job_take(&j->others, others);
    j->fn.trained = fn;
    j->tell = tell_trained;
    cn_worker_submit(t->worker, &j->base);
}

static void run_rename(struct cn_job *base)
{
    struct edge_job *j = (struct edge_job *)base;

    if (j->trainer->learner)
        cn_learner_rename_label(j->trainer->learner, j->from, j->to);
}

void edge_trainer_rename(struct edge_trainer *t, uint32_t from, uint32_t to)
{
    struct edge_job *j = edge_job_new(t, run_rename, NULL);

    j->from = from;
    j->to = to;
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
