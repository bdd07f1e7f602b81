/* Batches are drawn anew all the time, so nothing can be learnt by heart. */
#include "common/recipe/tune.h"

#include <stdlib.h>
#include <string.h>

#include "common/recipe/balance.h"
#include "common/recipe/teach.h"

enum {
    DRAW = 256,    /* features: samples per draw... */
    PER_DRAW = 10, /* ...and steps on it */
    BATCH = 16,    /* article: samples per step, at most */
};
static const float TEMPERATURE = 2, SOFT_SHARE = 0.5f;

struct tuning {
    struct cn_weights *w, *before;
    struct cn_weights *merged; /* w as it came */
    uint64_t seed;
    struct cn_tune_report report;
};

static enum cn_err copy_of(const struct cn_weights *w, struct cn_weights **ret,
                           struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    enum cn_err e = cn_weights_encode(w, &bytes, err);

    return e ? e : cn_weights_open(ret, (struct cn_bytes){bytes.at, bytes.n}, true, err);
}

/* soft (n, n_labels): what a teacher thinks of every sample, at the temperature. */
static void ask_teachers(struct tuning *t, const struct cn_balance *b, const float *const *phi,
                         float *soft)
{
    uint32_t n_labels = t->w->n_labels, n_old = t->before->n_labels;
    CN_CLEANUP(cn_freep) float *old = cn_calloc((size_t)b->n * n_old, sizeof *old);

    cn_weights_logits(t->merged, phi, b->n, soft);
    cn_weights_logits(t->before, phi, b->n, old);
    for (uint32_t i = 0; i < b->n; i++) {
        float *row = soft + (size_t)i * n_labels;
        if (cn_weights_row(t->before, t->w->labels[b->rows[i]]) == CN_WEIGHTS_NO_ROW)
            continue;
        for (uint32_t c = 0; c < n_labels; c++) {
            uint32_t at = cn_weights_row(t->before, t->w->labels[c]);
            row[c] = at == CN_WEIGHTS_NO_ROW ? CN_FIT_ABSENT : old[(size_t)i * n_old + at];
        }
    }
    cn_softmax(soft, b->n, n_labels, TEMPERATURE, soft);
}

static enum cn_err tune_rows(struct tuning *t, const struct cn_balance *b, const float *const *phi,
                             const float *soft, struct cn_error *err)
{
    CN_CLEANUP(cn_metric_destroy) struct cn_metric *metric = NULL;
    CN_CLEANUP(cn_freep) struct cn_fit_sample *samples = cn_calloc(b->n, sizeof *samples);
    struct cn_fit_conf conf = {
        .max_steps = PER_DRAW, .soft = soft, .soft_weight = SOFT_SHARE, .temperature = TEMPERATURE};
    struct cn_head head = cn_weights_head(t->w);
    struct cn_fit_report r;
    enum cn_err e = cn_teach_metric(t->w, phi, b->n, &metric, err);

    for (uint32_t i = 0; i < b->n; i++)
        samples[i] = (struct cn_fit_sample){.phi = phi[i], .row = b->rows[i], .weight = 1};
    if (!e)
        e = cn_fit_rows(&head, metric, samples, b->n, &conf, &r, err);
    cn_net_touch(t->w->net);
    return e;
}

static enum cn_err tune_features(struct tuning *t, struct cn_error *err)
{
    uint32_t steps = t->w->recipe.consolidate_steps;
    uint32_t per_label = DRAW / cn_balance_labels(t->w);

    for (uint32_t done = 0; done < steps; done += PER_DRAW) {
        CN_CLEANUP(cn_balance_fini) struct cn_balance b = {0};
        cn_balance_draw(t->w, per_label > 0 ? per_label : 1, DRAW, t->seed + done, &b);
        CN_CLEANUP(cn_freep) const float **phi = cn_calloc(b.n, sizeof *phi);
        CN_CLEANUP(cn_freep) float *soft = cn_calloc((size_t)b.n * t->w->n_labels, sizeof *soft);
        for (uint32_t i = 0; i < b.n; i++)
            phi[i] = b.phi + i * t->w->phi_size;
        ask_teachers(t, &b, phi, soft);
        enum cn_err e = tune_rows(t, &b, phi, soft, err);
        if (e)
            return e;
        t->report.n_steps += PER_DRAW;
        t->report.per_label += per_label;
    }
    return CN_OK;
}

static enum cn_err tune_article(struct tuning *t, struct cn_error *err)
{
    struct cn_weights *w = t->w;
    struct cn_opt_conf adam = {.kind = CN_OPT_ADAM,
                               .rate = cn_teach_article_rate(w),
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .epsilon = 1e-7f};
    CN_CLEANUP(cn_opt_destroy) struct cn_opt *opt = cn_opt_new(&adam, w->net);
    CN_CLEANUP(cn_freep) float *soft = cn_calloc((size_t)BATCH * w->n_labels, sizeof *soft);
    uint32_t batch = cn_weights_batch(w, BATCH), n_drawn = 0;
    const float *phi[BATCH];

    for (uint32_t i = 0; i < w->recipe.consolidate_steps; i++) {
        CN_CLEANUP(cn_balance_fini) struct cn_balance b = {0};
        float loss;
        cn_balance_draw(w, batch, batch, t->seed + i, &b);
        for (uint32_t j = 0; j < b.n; j++)
            phi[j] = b.phi + j * w->phi_size;
        ask_teachers(t, &b, phi, soft);
        struct cn_softmax_target target = {
            .hard = b.rows, .soft = soft, .soft_weight = SOFT_SHARE, .temperature = TEMPERATURE};
        enum cn_err e = cn_net_train_on_batch(w->net, opt, b.phi, b.n, &target, &loss, err);
        if (e)
            return e;
        t->report.n_steps++;
        n_drawn += b.n;
    }
    t->report.per_label = n_drawn / cn_balance_labels(w); /* a batch may have less than one */
    return CN_OK;
}

enum cn_err cn_tune(struct cn_weights *w, struct cn_weights *before, uint64_t seed,
                    struct cn_tune_report *report, struct cn_error *err)
{
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *merged = NULL;
    struct tuning t = {.w = w, .before = before, .seed = seed};
    enum cn_err e = CN_OK;

    if (cn_balance_labels(w) >= 2 && w->recipe.consolidate_steps > 0) {
        if ((e = copy_of(w, &merged, err)))
            return e;
        t.merged = merged;
        e = w->recipe.kind == CN_RECIPE_FEATURES ? tune_features(&t, err) : tune_article(&t, err);
    }
    if (!e)
        *report = t.report;
    return e;
}
