/* Recipe article: local_steps times train-on-batch on the correction, as the article does, with
   earlier examples and the generator's samples of all labels in the batch when there are any. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/balance.h"
#include "common/recipe/teach.h"

/* Of one batch, at most; of a wide network's batch, the same shares of fewer. */
enum { FRESH = 8, OTHERS = 4, SYNTH = 8, BATCH = FRESH + OTHERS + SYNTH };
enum { SYNTH_POOL = 128, MORE_TIMES = 4, CHECK_EVERY = 10 };

/* Adam moves every weight by its rate, so a step moves a logit by rate * inputs * mean |input|:
   this keeps it at a fraction of one, whatever the image's size. */
float cn_teach_article_rate(const struct cn_weights *w)
{
    size_t inputs = cn_tensor_row_size(cn_weights_tensor(w, "head.weight"));

    return fminf(1e-3f, 5 / (float)inputs);
}

struct article {
    struct cn_weights *w;
    const struct cn_example *fresh, *others;
    uint32_t n_fresh, n_others;
    struct cn_balance synth;
    struct cn_rng rng;
    struct cn_opt *opt;
    float *x;      /* (BATCH, phi_size) */
    float *adjust; /* (n_labels) */
    uint32_t hard[BATCH], n;
    uint32_t batch;      /* samples in a batch, at most */
    uint32_t next_fresh; /* fresh examples take turns */
    float loss;
};

static void article_fini(struct article *l)
{
    cn_balance_fini(&l->synth);
    cn_opt_destroy(&l->opt);
    free(l->x);
    free(l->adjust);
}

static void add(struct article *l, const float *phi, uint32_t row)
{
    memcpy(l->x + l->n * l->w->phi_size, phi, l->w->phi_size * sizeof *phi);
    l->hard[l->n++] = row;
}

/* How many of `there` are in a batch in which there may be `most` of BATCH. */
static uint32_t share(const struct article *l, uint32_t there, uint32_t most)
{
    uint32_t n = most * l->batch / BATCH;

    n = n > 0 ? n : 1;
    return there < n ? there : n;
}

static void fill_batch(struct article *l)
{
    uint32_t n_fresh = share(l, l->n_fresh, FRESH);
    uint32_t n_others = share(l, l->n_others, OTHERS);
    uint32_t n_synth = share(l, l->synth.n, SYNTH);

    l->n = 0;
    for (uint32_t i = 0; i < n_fresh; i++) {
        const struct cn_example *e = &l->fresh[l->next_fresh++ % l->n_fresh];
        add(l, e->phi, cn_weights_row(l->w, e->label));
    }
    for (uint32_t i = 0; i < n_others; i++) {
        const struct cn_example *e = &l->others[cn_rng_below(&l->rng, l->n_others)];
        add(l, e->phi, cn_weights_row(l->w, e->label));
    }
    for (uint32_t i = 0; i < n_synth; i++) {
        uint32_t j = cn_rng_below(&l->rng, l->synth.n);
        add(l, l->synth.phi + j * l->w->phi_size, l->synth.rows[j]);
    }
}

/* log of the labels' frequencies among the real examples, one imagined example per label added: a
   single correction still has to win against labels that are not here. Arxiv 2007.07314. */
static void adjust_by_frequency(struct article *l)
{
    uint32_t n_labels = l->w->n_labels, total = l->n_fresh + l->n_others + n_labels;

    for (uint32_t c = 0; c < n_labels; c++)
        l->adjust[c] = 1;
    for (uint32_t i = 0; i < l->n_fresh; i++)
        l->adjust[cn_weights_row(l->w, l->fresh[i].label)]++;
    for (uint32_t i = 0; i < l->n_others; i++)
        l->adjust[cn_weights_row(l->w, l->others[i].label)]++;
    for (uint32_t c = 0; c < n_labels; c++)
        l->adjust[c] = l->w->absent[c] ? -1e9f : logf(l->adjust[c] / (float)total);
}

static enum cn_err run(struct article *l, uint32_t n_steps, struct cn_error *err)
{
    struct cn_softmax_target target = {.hard = l->hard, .adjust = l->adjust};

    for (uint32_t i = 0; i < n_steps; i++) {
        fill_batch(l);
        enum cn_err e =
            cn_net_train_on_batch(l->w->net, l->opt, l->x, l->n, &target, &l->loss, err);
        if (e)
            return e;
    }
    return CN_OK;
}

enum cn_err cn_teach_article(struct cn_weights *w, const struct cn_lesson *lesson,
                             struct cn_train_report *report, struct cn_error *err)
{
    struct cn_opt_conf adam = {.kind = CN_OPT_ADAM,
                               .rate = cn_teach_article_rate(w),
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .epsilon = 1e-7f};
    CN_CLEANUP(article_fini)
    struct article l = {.w = w,
                        .fresh = lesson->fresh,
                        .n_fresh = lesson->n_fresh,
                        .others = lesson->others,
                        .n_others = lesson->n_others,
                        .batch = cn_weights_batch(w, BATCH)};
    uint32_t steps = w->recipe.local_steps, done = steps;

    cn_rng_init(&l.rng, lesson->seed);
    cn_balance_draw(w, SYNTH_POOL, SYNTH_POOL, lesson->seed, &l.synth);
    l.opt = cn_opt_new(&adam, w->net);
    l.x = cn_alloc_aligned(BATCH * w->phi_size, sizeof *l.x);
    l.adjust = cn_calloc(w->n_labels, sizeof *l.adjust);
    adjust_by_frequency(&l);
    enum cn_err e = run(&l, steps, err);
    uint32_t n_wrong = e ? 0 : cn_teach_count_wrong(w, l.fresh, l.n_fresh);
    /* A promise is kept if a bounded number of further steps can keep it. */
    while (!e && lesson->promise && n_wrong > 0 && done < MORE_TIMES * steps) {
        e = run(&l, CHECK_EVERY, err);
        done += CHECK_EVERY;
        n_wrong = e ? 0 : cn_teach_count_wrong(w, l.fresh, l.n_fresh);
    }
    if (!e)
        *report = (struct cn_train_report){
            .n_steps = done, .n_synthesized = l.synth.n, .n_wrong = n_wrong, .loss = l.loss};
    return e;
}
