/* The adversarial loop. One step, as the article trains (Goodfellow et al., arXiv 1406.2661, with
   the generator's loss turned round, section 3): discriminator: real -> 1, then generated -> 0, an
   optimizer step each; generator: generated -> 1 through the discriminator, which stays as it is.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/synth/cgan.h"

enum { BATCH = 32 };

struct loop {
    struct cn_cgan *g;
    const struct cn_moments *base;
    const float *x;
    uint32_t n, n_present;
    uint32_t *order;      /* (n) examples sorted by row */
    uint32_t *start;      /* (n_present + 1) where a row's examples begin in order */
    uint32_t *row_of;     /* (n_present) */
    uint32_t rows[BATCH]; /* labels of the batch at hand */
    float target[BATCH], d[BATCH];
    float *z;           /* (BATCH, latent) */
    float *real, *fake; /* (BATCH, dim) */
    float *mean, *std;  /* (dim) standardization of RESIDUAL; NULL otherwise */
    struct cn_opt *opt_g, *opt_d;
    struct cn_rng rng;
};

static void loop_fini(struct loop *l)
{
    free(l->order);
    free(l->start);
    free(l->row_of);
    free(l->z);
    free(l->real);
    free(l->fake);
    free(l->mean);
    free(l->std);
    cn_opt_destroy(&l->opt_g);
    cn_opt_destroy(&l->opt_d);
}

/* Counting sort by row: a batch picks a label first, then one of its examples. */
static void sort_by_row(struct loop *l, const uint32_t *rows)
{
    uint32_t n_rows = 0;

    for (uint32_t i = 0; i < l->n; i++)
        n_rows = rows[i] + 1 > n_rows ? rows[i] + 1 : n_rows;
    l->order = cn_calloc(l->n, sizeof *l->order);
    l->start = cn_calloc((size_t)n_rows + 1, sizeof *l->start);
    l->row_of = cn_calloc(n_rows, sizeof *l->row_of);
    CN_CLEANUP(cn_freep) uint32_t *count = cn_calloc(n_rows, sizeof *count);
    for (uint32_t i = 0; i < l->n; i++)
        count[rows[i]]++;
    uint32_t at = 0;
    for (uint32_t r = 0; r < n_rows; r++) {
        if (count[r] == 0)
            continue;
        l->row_of[l->n_present] = r;
        l->start[l->n_present++] = at;
        at += count[r];
        count[r] = at - count[r]; /* from now on: where the next example of r goes */
    }
    l->start[l->n_present] = at;
    for (uint32_t i = 0; i < l->n; i++)
        l->order[count[rows[i]]++] = i;
}

/* The middle and spread of the features, so that the discriminator sees numbers of size one. */
static void standardize_by(struct loop *l)
{
    uint32_t dim = l->g->dim;

    l->mean = cn_calloc(dim, sizeof *l->mean);
    l->std = cn_calloc(dim, sizeof *l->std);
    for (uint32_t p = 0; p < l->n_present; p++)
        for (uint32_t d = 0; d < dim; d++)
            l->mean[d] += l->base->mean[(size_t)l->row_of[p] * dim + d] / (float)l->n_present;
    cn_cgan_spread(l->base, l->std);
}

static void loop_init(struct loop *l, struct cn_cgan *g, const struct cn_moments *base,
                      const float *x, const uint32_t *rows, uint32_t n, uint64_t seed)
{
    static const struct cn_opt_conf adam = {
        .kind = CN_OPT_ADAM, .rate = 2e-4f, .beta1 = 0.5f, .beta2 = 0.999f, .epsilon = 1e-7f};

    *l = (struct loop){.g = g, .base = base, .x = x, .n = n};
    sort_by_row(l, rows);
    l->z = cn_alloc_aligned((size_t)BATCH * cn_cgan_latent(g), sizeof(float));
    l->real = cn_alloc_aligned((size_t)BATCH * g->dim, sizeof(float));
    l->fake = cn_alloc_aligned((size_t)BATCH * g->dim, sizeof(float));
    if (base)
        standardize_by(l);
    l->opt_g = cn_opt_new(&adam, g->generator);
    l->opt_d = cn_opt_new(&adam, g->discriminator);
    cn_rng_init(&l->rng, seed);
    cn_net_seed(g->discriminator, cn_rng_next(&l->rng));
}

static void pick_labels(struct loop *l)
{
    for (uint32_t i = 0; i < BATCH; i++)
        l->rows[i] = l->row_of[cn_rng_below(&l->rng, l->n_present)];
}

static void pick_real(struct loop *l)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        uint32_t p = cn_rng_below(&l->rng, l->n_present), from = l->start[p];
        uint32_t j = l->order[from + cn_rng_below(&l->rng, l->start[p + 1] - from)];
        l->rows[i] = l->row_of[p];
        memcpy(l->real + (size_t)i * l->g->dim, l->x + (size_t)j * l->g->dim,
               l->g->dim * sizeof(float));
    }
}

static void standardize(const struct loop *l, float *x)
{
    if (!l->std)
        return;
    for (uint32_t i = 0; i < BATCH; i++)
        for (uint32_t d = 0; d < l->g->dim; d++) {
            float *at = x + (size_t)i * l->g->dim + d;
            *at = (*at - l->mean[d]) / l->std[d];
        }
}

/* Loss of the discriminator's answer to x against one truth for all; gradients are ready after it.
 */
static float judge(struct loop *l, const float *x, float truth)
{
    const float *z = cn_net_forward(l->g->discriminator, x, l->rows, BATCH, true);

    for (uint32_t i = 0; i < BATCH; i++)
        l->target[i] = truth;
    return cn_loss_binary(z, BATCH, l->target, l->d);
}

static enum cn_err learn_half(struct loop *l, const float *x, float truth, float *loss,
                              struct cn_error *err)
{
    *loss += judge(l, x, truth) / 2;
    (void)cn_net_backward(l->g->discriminator, l->d, false);
    return cn_opt_step(l->opt_d, l->g->discriminator, err);
}

static enum cn_err step_discriminator(struct loop *l, float *loss, struct cn_error *err)
{
    enum cn_err e;

    *loss = 0;
    pick_real(l);
    standardize(l, l->real);
    cn_cgan_generate(l->g, l->base, l->rows, BATCH, true, &l->rng, l->z, l->fake);
    standardize(l, l->fake);
    if ((e = learn_half(l, l->real, 1, loss, err)))
        return e;
    return learn_half(l, l->fake, 0, loss, err);
}

static enum cn_err step_generator(struct loop *l, float *loss, struct cn_error *err)
{
    size_t size = (size_t)BATCH * l->g->dim;

    pick_labels(l);
    cn_cgan_generate(l->g, l->base, l->rows, BATCH, true, &l->rng, l->z, l->fake);
    CN_CLEANUP(cn_freep) bool *floored = cn_calloc(size, sizeof *floored);
    for (size_t i = 0; l->base && i < size; i++)
        floored[i] = l->fake[i] <= 0;
    standardize(l, l->fake);
    *loss = judge(l, l->fake, 1);
    const float *dx = cn_net_backward(l->g->discriminator, l->d, true);
    /* A residual counts in standard deviations, as the discriminator's input does: the two scales
       cancel. Where the sample was floored at zero nothing flows back. */
    memcpy(l->fake, dx, size * sizeof *dx);
    for (size_t i = 0; l->base && i < size; i++)
        l->fake[i] = floored[i] ? 0 : l->fake[i];
    (void)cn_net_backward(l->g->generator, l->fake, false);
    return cn_opt_step(l->opt_g, l->g->generator, err);
}

enum cn_err cn_cgan_train(struct cn_cgan *g, const struct cn_moments *base, const float *x,
                          const uint32_t *rows, uint32_t n, uint32_t n_steps, uint64_t seed,
                          struct cn_cgan_report *report, struct cn_error *err)
{
    CN_CLEANUP(loop_fini) struct loop l;
    struct cn_cgan_report r = {0};
    enum cn_err e;

    assert(n > 0);
    loop_init(&l, g, base, x, rows, n, seed);
    for (; r.n_steps < n_steps; r.n_steps++) {
        if ((e = step_discriminator(&l, &r.loss_d, err)) ||
            (e = step_generator(&l, &r.loss_g, err)))
            return e;
        if (!isfinite(r.loss_d) || !isfinite(r.loss_g))
            return cn_fail(err, CN_E_NUMERIC,
                           "the generator's training gave a loss that is not finite at step %u",
                           r.n_steps + 1);
    }
    *report = r;
    return CN_OK;
}
