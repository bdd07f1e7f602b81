/* Whichever synthesizer the recipe chose, asked for the same number of every label. */
#include "common/recipe/balance.h"

#include <stdlib.h>

/* A generator that was never trained equals the moments below it (features), or knows nothing
   (article). */
static bool can_draw(const struct cn_weights *w)
{
    switch (w->recipe.synth) {
    case CN_SYNTH_NONE: return false;
    case CN_SYNTH_MOMENTS: return w->moments.n_labels > 0;
    case CN_SYNTH_CGAN: return w->cgan != NULL || w->moments.n_labels > 0;
    }
    return false;
}

uint32_t cn_balance_labels(const struct cn_weights *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; can_draw(w) && i < w->n_labels; i++)
        n += w->known[i];
    return n;
}

static void draw(struct cn_weights *w, const uint32_t *rows, uint32_t n, struct cn_rng *rng,
                 float *phi)
{
    if (w->recipe.synth == CN_SYNTH_CGAN && w->cgan) {
        cn_cgan_sample(w->cgan, w->moments.n_labels > 0 ? &w->moments : NULL, rows, n, rng, phi);
        return;
    }
    for (uint32_t i = 0, k; i < n; i += k) {
        for (k = 1; i + k < n && rows[i + k] == rows[i]; k++)
            ;
        cn_moments_sample(&w->moments, rows[i], k, rng, phi + i * w->phi_size);
    }
}

void cn_balance_draw(struct cn_weights *w, uint32_t per_label, uint32_t n_max, uint64_t seed,
                     struct cn_balance *ret)
{
    uint32_t n_known = 0, n_labels = cn_balance_labels(w);
    CN_CLEANUP(cn_freep) uint32_t *order = cn_calloc(w->n_labels, sizeof *order);
    struct cn_balance b = {0};
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; n_labels > 0 && i < w->n_labels; i++)
        if (w->known[i])
            order[n_known++] = i;
    if (n_known > n_max) {
        cn_rng_shuffle(&rng, order, n_known);
        n_known = n_max;
    }
    if (n_known > 0 && per_label > n_max / n_known)
        per_label = n_max / n_known;
    b.n = n_known * per_label;
    b.phi = cn_alloc_aligned(b.n * w->phi_size, sizeof *b.phi);
    b.rows = cn_calloc(b.n, sizeof *b.rows);
    for (uint32_t i = 0; i < b.n; i++)
        b.rows[i] = order[i / per_label];
    if (b.n > 0)
        draw(w, b.rows, b.n, &rng, b.phi);
    *ret = b;
}

void cn_balance_fini(struct cn_balance *b)
{
    free(b->phi);
    free(b->rows);
    *b = (struct cn_balance){0};
}
