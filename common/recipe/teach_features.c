/* Recipe features: a closed fit of the head's rows (fit.h) on three kinds of samples: what was just
   taught, what was taught before, and synthesized samples of all labels. A few milliseconds. */
#include <math.h>
#include <stdlib.h>

#include "common/recipe/balance.h"
#include "common/recipe/teach.h"

/* At most so many of each kind in one fit; more fresh ones are taught in several. */
enum { FRESH = 448, OTHERS = 256, SYNTH = 320, SYNTH_PER_LABEL = 24 };
_Static_assert(FRESH + OTHERS + SYNTH <= CN_FIT_MAX_SAMPLES, "the fit's cap");

/* Weight in the loss; a synthesized sample has 1. Light ones: the promise sees to it that what was
   taught holds, and the weights only say who yields. Fresh ones have half of the loss at most. */
static const float WEIGHT_FRESH = 2, WEIGHT_OTHERS = 0.1f;
static const float MARGIN = 0.5f; /* between logits */
static const float SOFT_SHARE = 0.8f;

struct batch {
    struct cn_fit_sample *samples; /* synthesized ones first */
    uint32_t n, n_synth;
};

static void batch_fini(struct batch *l)
{
    free(l->samples);
}

static void add(struct batch *l, struct cn_weights *w, const struct cn_example *e, float weight,
                bool firm)
{
    l->samples[l->n++] = (struct cn_fit_sample){
        .phi = e->phi, .row = cn_weights_row(w, e->label), .weight = weight, .firm = firm};
}

static void add_others(struct batch *l, struct cn_weights *w, const struct cn_example *others,
                       uint32_t n_others, struct cn_rng *rng)
{
    uint32_t n = n_others < OTHERS ? n_others : OTHERS;
    CN_CLEANUP(cn_freep) uint32_t *pick = cn_calloc(n_others, sizeof *pick);

    for (uint32_t i = 0; i < n_others; i++)
        pick[i] = i;
    if (n_others > OTHERS)
        cn_rng_shuffle(rng, pick, n_others);
    for (uint32_t i = 0; i < n; i++)
        add(l, w, &others[pick[i]], WEIGHT_OTHERS, others[pick[i]].corrected);
}

enum cn_err cn_teach_metric(const struct cn_weights *w, const float *const *phi, uint32_t n,
                            struct cn_metric **ret, struct cn_error *err)
{
    const struct cn_moments *m = &w->moments;
    uint32_t n_known = 0;

    for (uint32_t i = 0; i < w->n_labels; i++)
        n_known += w->known[i];
    if (m->n_labels == 0 || n_known == 0) {
        *ret = cn_metric_from_examples((uint32_t)w->phi_size, phi, n);
        return CN_OK;
    }
    CN_CLEANUP(cn_freep) float *centre = cn_calloc(m->dim, sizeof *centre);
    for (uint32_t i = 0; i < w->n_labels; i++)
        for (uint32_t d = 0; w->known[i] && d < m->dim; d++)
            centre[d] += m->mean[(size_t)i * m->dim + d] / (float)n_known;
    return cn_metric_new(ret, m->dim, m->rank, centre, m->factor, m->noise, err);
}

/* (n, n_labels) what to think of every sample: of a synthesized one what the head thinks now, among
   the labels that the synthesizer knows; of a real one its label. NULL without synthesized ones. */
static float *own_opinion(const struct cn_weights *w, const struct cn_head *head,
                          const struct batch *l, const float *const *phi)
{
    float *soft = l->n_synth > 0 ? cn_calloc((size_t)l->n * w->n_labels, sizeof *soft) : NULL;

    if (!soft)
        return NULL;
    cn_fit_logits(head, phi, l->n_synth, soft);
    for (uint32_t i = 0; i < l->n; i++)
        for (uint32_t c = 0; c < w->n_labels; c++) {
            bool is_real = i >= l->n_synth;
            float *z = soft + (size_t)i * w->n_labels + c;
            if (is_real ? c != l->samples[i].row : !w->known[c])
                *z = CN_FIT_ABSENT;
        }
    cn_softmax(soft, l->n, w->n_labels, 1, soft);
    return soft;
}

/* still: rows that stay, NULL when a promise has to be kept. */
static enum cn_err fit(struct cn_weights *w, const struct batch *l, const bool *still,
                       struct cn_fit_report *report, struct cn_error *err)
{
    CN_CLEANUP(cn_metric_destroy) struct cn_metric *metric = NULL;
    CN_CLEANUP(cn_freep) const float **phi = cn_calloc(l->n, sizeof *phi);
    struct cn_head head = cn_weights_head(w);
    struct cn_fit_conf conf = {.max_steps = w->recipe.local_steps,
                               .until_firm = true,
                               .promise = !still,
                               .still = still,
                               .margin = MARGIN,
                               .soft_weight = SOFT_SHARE,
                               .temperature = 1};

    for (uint32_t i = 0; i < l->n; i++)
        phi[i] = l->samples[i].phi;
    CN_CLEANUP(cn_freep) float *soft = own_opinion(w, &head, l, phi);
    conf.soft = soft;
    enum cn_err e = cn_teach_metric(w, phi, l->n, &metric, err);
    if (!e)
        e = cn_fit_rows(&head, metric, l->samples, l->n, &conf, report, err);
    cn_net_touch(w->net);
    return e;
}

/* An update carries the rows of its own labels only, so it must get along without moving others. */
static bool *rows_not_in(const struct cn_weights *w, const struct cn_lesson *lesson)
{
    bool *still = cn_alloc(w->n_labels * sizeof *still);

    for (uint32_t i = 0; i < w->n_labels; i++)
        still[i] = true;
    for (uint32_t i = 0; i < lesson->n_fresh; i++)
        still[cn_weights_row(w, lesson->fresh[i].label)] = false;
    return still;
}

/* Without those that a later one of the same image overrules. */
static uint32_t newest(const struct cn_weights *w, const struct cn_example *in, uint32_t n,
                       const struct cn_example *later, uint32_t n_later, struct cn_example *out)
{
    uint32_t n_out = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!cn_teach_is_overruled(w, &in[i], later, n_later) &&
            !cn_teach_is_overruled(w, &in[i], in + i + 1, n - i - 1))
            out[n_out++] = in[i];
    return n_out;
}

enum cn_err cn_teach_features(struct cn_weights *w, const struct cn_lesson *lesson,
                              struct cn_train_report *report, struct cn_error *err)
{
    uint32_t n = lesson->n_fresh, n_others = lesson->n_others;
    /* known: others, then the fresh ones taught so far; a later part keeps the earlier ones. */
    CN_CLEANUP(cn_freep) struct cn_example *known = cn_calloc(n_others + n, sizeof *known);
    CN_CLEANUP(cn_freep) struct cn_example *now = cn_calloc(n, sizeof *now);
    CN_CLEANUP(cn_balance_fini) struct cn_balance synth = {0};
    CN_CLEANUP(batch_fini) struct batch l = {0};
    CN_CLEANUP(cn_freep) bool *still = lesson->promise ? NULL : rows_not_in(w, lesson);
    uint32_t n_known = newest(w, lesson->others, n_others, lesson->fresh, n, known);
    uint32_t n_now = newest(w, lesson->fresh, n, NULL, 0, now);
    struct cn_rng rng;

    cn_rng_init(&rng, lesson->seed);
    cn_balance_draw(w, SYNTH_PER_LABEL, SYNTH, lesson->seed, &synth);
    l.samples = cn_calloc(CN_FIT_MAX_SAMPLES, sizeof *l.samples);
    *report = (struct cn_train_report){.n_synthesized = synth.n};
    for (uint32_t i = 0, k; i < n_now; i += k) {
        struct cn_fit_report r;
        k = n_now - i < FRESH ? n_now - i : FRESH;
        float weight = fminf(WEIGHT_FRESH, synth.n > 0 ? (float)synth.n / (float)k : 1);
        l.n = 0;
        l.n_synth = synth.n;
        for (uint32_t j = 0; j < synth.n; j++)
            l.samples[l.n++] = (struct cn_fit_sample){
                .phi = synth.phi + j * w->phi_size, .row = synth.rows[j], .weight = 1};
        add_others(&l, w, known, n_known, &rng);
        for (uint32_t j = 0; j < k; j++)
            add(&l, w, &now[i + j], weight, true);
        enum cn_err e = fit(w, &l, still, &r, err);
        if (e)
            return e;
        report->n_steps += r.n_steps;
        report->loss = r.loss;
        for (uint32_t j = 0; j < k; j++)
            known[n_known++] = now[i + j];
    }
    report->n_wrong = cn_teach_count_wrong(w, now, n_now);
    return CN_OK;
}
