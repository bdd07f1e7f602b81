/* A synthesizer from second moments. */
#include "common/synth/moments.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void cn_moments_init(struct cn_moments *m, uint32_t n_labels, uint32_t dim, uint32_t rank)
{
    *m = (struct cn_moments){.n_labels = n_labels,
                             .dim = dim,
                             .rank = rank,
                             .mean = cn_calloc((size_t)n_labels * dim, sizeof *m->mean),
                             .factor = cn_calloc((size_t)rank * dim, sizeof *m->factor),
                             .noise = cn_calloc(dim, sizeof *m->noise)};
}

void cn_moments_fini(struct cn_moments *m)
{
    free(m->mean);
    free(m->factor);
    free(m->noise);
    *m = (struct cn_moments){0};
}

/* out = means weighted by counts. */
static void mean_of_all(const struct cn_label_count *counts, const float *mean, uint32_t n,
                        uint32_t dim, float *out)
{
    double total = 0;

    for (uint32_t c = 0; c < n; c++)
        total += counts[c].n;
    for (uint32_t j = 0; j < dim; j++) {
        double sum = 0;
        for (uint32_t c = 0; c < n; c++)
            sum += counts[c].n * (double)mean[(size_t)c * dim + j];
        out[j] = (float)(sum / total);
    }
}

enum cn_err cn_moments_from_stats(struct cn_moments *ret, const struct cn_stats *s,
                                  const uint32_t *labels, uint32_t n, uint32_t rank, bool *has,
                                  struct cn_error *err)
{
    CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0};
    uint32_t n_known, dim = cn_stats_dim(s);
    const struct cn_label_count *counts = cn_stats_counts(s, &n_known);
    CN_CLEANUP(cn_freep) float *mean = cn_calloc((size_t)n_known * dim, sizeof *mean);
    CN_CLEANUP(cn_freep) float *all = cn_calloc(dim, sizeof *all);

    if (rank > dim)
        rank = dim;
    cn_moments_init(&m, n, dim, rank);
    enum cn_err rc = cn_stats_moments(s, rank, mean, m.factor, m.noise, err);
    if (rc)
        return rc;
    mean_of_all(counts, mean, n_known, dim, all);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = 0;
        while (at < n_known && counts[at].label != labels[i])
            at++;
        memcpy(m.mean + (size_t)i * dim, at < n_known ? mean + (size_t)at * dim : all,
               dim * sizeof *mean);
        if (has)
            has[i] = at < n_known;
    }
    *ret = m;
    m = (struct cn_moments){0};
    return CN_OK;
}

void cn_moments_sample(const struct cn_moments *m, uint32_t row, uint32_t n, struct cn_rng *rng,
                       float *out)
{
    assert(row < m->n_labels);
    for (uint32_t i = 0; i < n; i++) {
        float *x = out + (size_t)i * m->dim;

        memcpy(x, m->mean + (size_t)row * m->dim, m->dim * sizeof *x);
        for (uint32_t r = 0; r < m->rank; r++) {
            const float *f = m->factor + (size_t)r * m->dim;
            float z = cn_rng_normal(rng);
            for (uint32_t j = 0; j < m->dim; j++)
                x[j] += z * f[j];
        }
        for (uint32_t j = 0; j < m->dim; j++)
            x[j] = fmaxf(0, x[j] + cn_rng_normal(rng) * m->noise[j]);
    }
}

/* ---- in a pack ---- */

void cn_moments_put(const struct cn_moments *m, struct cn_pack_writer *w)
{
    struct cn_tensor mean = {.name = "synth.mean",
                             .n_dims = 2,
                             .dims = {m->n_labels, m->dim, 1, 1},
                             .by_label = true,
                             .data = m->mean};
    struct cn_tensor factor = {
        .name = "synth.factor", .n_dims = 2, .dims = {m->rank, m->dim, 1, 1}, .data = m->factor};
    struct cn_tensor noise = {
        .name = "synth.noise", .n_dims = 1, .dims = {m->dim, 1, 1, 1}, .data = m->noise};

    cn_pack_put(w, &mean, CN_PACK_F32, NULL);
    if (m->rank)
        cn_pack_put(w, &factor, CN_PACK_F32, NULL);
    cn_pack_put(w, &noise, CN_PACK_F32, NULL);
}

static enum cn_err take(float *out, const struct cn_pack_tensor *t, struct cn_error *err)
{
    if (!cn_pack_is_finite(t))
        return cn_fail(err, CN_E_NUMERIC, "tensor %s holds a number that is not finite", t->name);
    cn_pack_floats(t, 0, t->n, out);
    return CN_OK;
}

static bool is_matrix(const struct cn_pack_tensor *t, uint32_t n_dims)
{
    return t->n_dims == n_dims && t->type == CN_PACK_F32;
}

enum cn_err cn_moments_open(struct cn_moments *ret, const struct cn_pack *p, struct cn_error *err)
{
    CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0};
    const struct cn_pack_tensor *mean = cn_pack_find(p, "synth.mean"),
                                *factor = cn_pack_find(p, "synth.factor"),
                                *noise = cn_pack_find(p, "synth.noise");

    if (!mean || !noise)
        return cn_fail(err, CN_E_NOTFOUND, "the pack has no moments");
    if (!is_matrix(mean, 2) || !mean->by_label || mean->rows || !is_matrix(noise, 1) ||
        noise->dims[0] != mean->dims[1] ||
        (factor && (!is_matrix(factor, 2) || factor->dims[1] != mean->dims[1])))
        return cn_fail(err, CN_E_SHAPE, "the moments' tensors do not fit each other");
    cn_moments_init(&m, mean->dims[0], mean->dims[1], factor ? factor->dims[0] : 0);
    enum cn_err rc = take(m.mean, mean, err);
    if (!rc && factor)
        rc = take(m.factor, factor, err);
    if (!rc)
        rc = take(m.noise, noise, err);
    if (rc)
        return rc;
    *ret = m;
    m = (struct cn_moments){0};
    return CN_OK;
}
