/* Jobs about whole models: a release goes live, candidates are scored, examples of a release are
   verified. */
#include <stdlib.h>

#include "client/edge/trainer_impl.h"
#include "common/recipe/consolidate.h"

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
    struct edge_job *j = (struct edge_job *)base;
    struct edge_trainer *t = j->trainer;
    struct edge_install_result *r = &j->install;
    struct cn_learner *CN_CLEANUP(cn_learner_destroy) l = NULL;
    struct cn_train_report report;

    if (cn_learner_open(&l, j->blob, &j->err))
        return;
    describe(l, r);
    r->is_new_trunk = t->learner && !is_same_trunk(cn_learner_recipe(t->learner), &r->recipe);
    if (!r->is_new_trunk && edge_job_teach(t, l, j, &report)) {
        r->replay_err = j->err; /* the release stands without it */
        j->err = (struct cn_error){0};
    }
    edge_job_take(&r->replayed, &j->fresh);
    cn_learner_destroy(&t->learner);
    t->learner = cn_steal(l);
    t->release = j->release;
}

static void tell_installed(struct edge_job *j, const struct cn_error *err)
{
    j->fn.installed(j->user, &j->install, err);
}

void edge_trainer_install(struct edge_trainer *t, struct cn_blob **model, uint32_t release,
                          struct edge_lessons *fresh, struct edge_lessons *others,
                          edge_install_fn fn, void *user)
{
    struct edge_job *j = edge_job_new(t, run_install, user);

    j->blob = cn_steal(*model);
    j->release = release;
    edge_job_take(&j->fresh, fresh);
    edge_job_take(&j->others, others);
    j->fn.installed = fn;
    j->tell = tell_installed;
    cn_worker_submit(t->worker, &j->base);
}

/* ---- score and verify ---- */

static void run_score(struct cn_job *base)
{
    struct edge_job *j = (struct edge_job *)base;

    if (edge_job_need_release(j))
        return;
    edge_lessons_embed(&j->fresh, j->trainer->learner);
    CN_CLEANUP(cn_freep) struct cn_example *examples = edge_lessons_examples(&j->fresh);
    if (cn_score(j->blob, examples, j->fresh.n, &j->scores.tallies, &j->scores.n, &j->err))
        j->scores = (struct edge_scores){0};
}

static void tell_scored(struct edge_job *j, const struct cn_error *err)
{
    j->fn.scored(j->user, &j->scores, err);
}

void edge_trainer_score(struct edge_trainer *t, struct cn_blob **model,
                        struct edge_lessons *lessons, edge_scored_fn fn, void *user)
{
    struct edge_job *j = edge_job_new(t, run_score, user);

    j->blob = cn_steal(*model);
    edge_job_take(&j->fresh, lessons);
    j->fn.scored = fn;
    j->tell = tell_scored;
    cn_worker_submit(t->worker, &j->base);
}

static void run_verify(struct cn_job *base)
{
    struct edge_job *j = (struct edge_job *)base;
    struct edge_prediction p = {0};

    if (edge_job_need_release(j))
        return;
    edge_lessons_embed(&j->fresh, j->trainer->learner);
    j->predicted = cn_calloc(j->fresh.n, sizeof *j->predicted);
    for (uint32_t i = 0; i < j->fresh.n; i++) {
        edge_job_predict(j->trainer, edge_phi(j->fresh.at[i].phi), true, &p);
        j->predicted[i] = p.n_top ? p.top[0].label : CN_LABEL_NONE;
    }
}

static void tell_verified(struct edge_job *j, const struct cn_error *err)
{
    struct edge_verified v = {j->fresh, j->predicted};

    j->fn.verified(j->user, &v, err);
    j->fresh = v.lessons;
    j->predicted = v.predicted;
}

void edge_trainer_verify(struct edge_trainer *t, struct edge_lessons *lessons, edge_verified_fn fn,
                         void *user)
{
    struct edge_job *j = edge_job_new(t, run_verify, user);

    edge_job_take(&j->fresh, lessons);
    j->fn.verified = fn;
    j->tell = tell_verified;
    cn_worker_submit(t->worker, &j->base);
}
