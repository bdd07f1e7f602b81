#include "tests/bench/recipe/fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"

/* In tests and benches a failure here is the end. */
static void must(enum cn_err e, const struct cn_error *err)
{
    if (!e)
        return;
    fprintf(stderr, "fleet: %s: %s\n", cn_err_name(e), err->text);
    abort();
}

void fleet_init(struct fleet *f, const struct cn_recipe *r)
{
    struct cn_error err;

    *f = (struct fleet){.recipe = *r, .seed = 1};
    for (uint32_t i = 0; i < FLEET_MAX_LABELS; i++)
        f->labels[f->n_labels++] = i;
    must(cn_recipe_genesis(r, &f->model, &err), &err);
}

void fleet_fini(struct fleet *f)
{
    cn_blob_unref(&f->model);
    cn_blob_unref(&f->stats);
}

void fleet_build(struct fleet *f, const struct cn_example *examples, uint32_t n,
                 struct cn_buf *update)
{
    struct cn_error err;

    must(cn_update_build(f->model, examples, n, f->seed++, update, &f->last_update, &err), &err);
    f->bytes_sent += update->n;
}

void fleet_consolidate(struct fleet *f, const struct cn_buf *updates, uint32_t n,
                       struct cn_consolidation *out)
{
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *m = NULL;
    struct cn_error err;

    must(cn_merge_new(&m, f->model, &err), &err);
    for (uint32_t i = 0; i < n; i++)
        must(cn_merge_add(m, (struct cn_bytes){updates[i].at, updates[i].n}, f->labels, f->n_labels,
                          0, &err),
             &err);
    struct cn_consolidate_in in = {
        .model = f->model, .stats = f->stats, .merge = m, .seed = f->seed++};
    must(cn_consolidate(&in, out, &err), &err);
}

void fleet_take(struct fleet *f, struct cn_consolidation *c, const char *name)
{
    uint32_t at = 0;

    for (uint32_t i = 0; name && i < c->n_candidates; i++)
        if (strcmp(c->candidate[i].name, name) == 0)
            at = i;
    cn_blob_unref(&f->model);
    cn_blob_unref(&f->stats);
    f->model = cn_blob_ref(c->candidate[at].model);
    f->stats = c->stats ? cn_blob_ref(c->stats) : NULL;
}

double fleet_accuracy(struct cn_blob *model, const struct cn_example *examples, uint32_t n)
{
    CN_CLEANUP(cn_freep) struct cn_label_tally *t = NULL;
    struct cn_error err;
    uint32_t n_tallies, right = 0;

    must(cn_score(model, examples, n, &t, &n_tallies, &err), &err);
    for (uint32_t i = 0; i < n_tallies; i++)
        right += t[i].right;
    return n ? (double)right / n : 0;
}

/* Gamma(a), a <= 1, by Johnk's generator's simple cousin: Marsaglia & Tsang on a + 1. */
static double gamma_draw(struct cn_rng *rng, double a)
{
    double d = a + 1 - 1.0 / 3, c = 1 / sqrt(9 * d);

    for (;;) {
        double x = cn_rng_normal(rng), v = 1 + c * x, u = cn_rng_uniform(rng);
        v = v * v * v;
        if (v > 0 && log(u + 1e-12) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * pow(cn_rng_uniform(rng) + 1e-12, 1 / a);
    }
}

void fleet_spread(const struct cn_example *examples, uint32_t n, uint32_t n_devices, double alpha,
                  uint64_t seed, uint32_t *device)
{
    double share[FLEET_MAX_LABELS][64];
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t c = 0; c < FLEET_MAX_LABELS; c++) {
        double total = 0;
        for (uint32_t k = 0; k < n_devices; k++)
            total += share[c][k] = gamma_draw(&rng, alpha);
        for (uint32_t k = 0; k < n_devices; k++)
            share[c][k] /= total;
    }
    for (uint32_t i = 0; i < n; i++) {
        double u = cn_rng_uniform(&rng);
        uint32_t k = 0;
        while (k + 1 < n_devices && u >= share[examples[i].label][k])
            u -= share[examples[i].label][k++];
        device[i] = k;
    }
}
