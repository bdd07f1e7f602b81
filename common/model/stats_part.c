/* An update's statistics as integers.

   They must come out the same on every machine, or order independence would end at the next
   processor. Sums in the order of the labels do (this file is compiled without contraction to
   fused multiply-adds). R^T R goes through BLAS, whose order is its own affair, so it is made
   exact: R's numbers are half floats of at most 1, rounded to multiples of 2^-20; a product is a
   multiple of 2^-40, and a sum of 4096 of them needs 52 bits: a double holds it whatever the
   order. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/solve.h"
#include "common/model/stats_form.h"

_Static_assert(CN_STATS_MAX_DIM <= 4096, "R^T R must be exact in a double");

/* The nearest multiple of 2^-20: the sum has no lower bits. */
static double on_grid(float x)
{
    return ((double)x + 0x1.8p32) - 0x1.8p32;
}

/* ---- checks ---- */

static enum cn_err check_labels(struct cn_stats_part *p, struct cn_error *err)
{
    for (uint32_t c = 0; c < p->n_labels; c++) {
        int64_t n = cn_pack_int(p->count, c);
        if (n < 1 || n > CN_MAX_COUNT_PER_UPDATE)
            return cn_fail(err, CN_E_LIMIT,
                           "statistics of %lld images of label %u, 1 to %d are "
                           "allowed",
                           (long long)n, p->labels[c], CN_MAX_COUNT_PER_UPDATE);
        p->n_images += n;
    }
    for (size_t i = 0; i < p->mean->n; i++) {
        float m;
        cn_pack_floats(p->mean, i, 1, &m);
        if (!(fabsf(m) <= CN_STATS_MAX_VALUE))
            return cn_fail(err, CN_E_NUMERIC,
                           "feature %zu of the mean of label %u is %g, at most "
                           "%d is allowed",
                           i % p->dim, p->labels[i / p->dim], (double)m, CN_STATS_MAX_VALUE);
    }
    return CN_OK;
}

/* The spread has the form that the counts call for. */
static enum cn_err check_form(struct cn_stats_part *p, const struct cn_pack *update,
                              struct cn_error *err)
{
    const struct cn_pack_tensor *factor = cn_pack_find(update, "stats.factor"),
                                *scatter = cn_pack_find(update, "stats.scatter"),
                                *scale = cn_pack_find(update, "stats.scale");
    int64_t n_contrasts = p->n_images - p->n_labels;
    float s;

    if (n_contrasts == 0) {
        if (factor || scatter || scale)
            return cn_fail(err, CN_E_SHAPE, "single images have no spread, and there is one");
        return CN_OK;
    }
    p->is_factor = n_contrasts < p->dim;
    p->n_rows = p->is_factor ? (uint32_t)n_contrasts : p->dim;
    p->spread = p->is_factor ? factor : scatter;
    if (!p->spread || (factor && scatter) || p->spread->type != CN_PACK_F16 ||
        p->spread->n_dims != 1 || p->spread->n != cn_stats_packed(p->n_rows, p->dim))
        return cn_fail(err, CN_E_SHAPE, "the spread of %lld images and %u labels has another shape",
                       (long long)p->n_images, p->n_labels);
    if (!scale || scale->type != CN_PACK_F32 || scale->n != 1)
        return cn_fail(err, CN_E_SHAPE, "stats.scale is missing or has another shape");
    cn_pack_floats(scale, 0, 1, &s);
    if (!(s >= 0 && s <= 0x1p40f))
        return cn_fail(err, CN_E_NUMERIC, "stats.scale is %g", (double)s);
    p->scale = (double)s;
    return CN_OK;
}

/* diagonal (dim): the diagonal of the scatter, unscaled. */
static enum cn_err read_factor(const struct cn_stats_part *p, double *diagonal,
                               struct cn_error *err)
{
    CN_CLEANUP(cn_freep) float *row = cn_alloc_aligned(p->dim, sizeof *row);

    for (uint32_t i = 0; i < p->n_rows; i++) {
        cn_pack_floats(p->spread, cn_stats_packed(i, p->dim), p->dim - i, row + i);
        for (uint32_t j = i; j < p->dim; j++) {
            if (!(fabsf(row[j]) <= 1))
                return cn_fail(err, CN_E_NUMERIC,
                               "stats.factor holds %g in row %u, at most 1 is "
                               "allowed",
                               (double)row[j], i);
            diagonal[j] += on_grid(row[j]) * on_grid(row[j]);
        }
    }
    return CN_OK;
}

static enum cn_err read_scatter(const struct cn_stats_part *p, double *diagonal,
                                struct cn_error *err)
{
    CN_CLEANUP(cn_freep) float *row = cn_alloc_aligned(p->dim, sizeof *row);

    for (uint32_t i = 0; i < p->dim; i++) {
        float d;
        cn_pack_floats(p->spread, cn_stats_packed(i, p->dim), 1, &d);
        if (!(d >= 0 && d <= 1))
            return cn_fail(err, CN_E_NUMERIC, "the scatter of feature %u is %g of the largest", i,
                           (double)d);
        diagonal[i] = (double)d;
    }
    /* |s_ij|^2 <= s_ii s_jj, give or take what half floats round away. */
    for (uint32_t i = 0; i < p->dim; i++) {
        cn_pack_floats(p->spread, cn_stats_packed(i, p->dim), p->dim - i, row + i);
        for (uint32_t j = i + 1; j < p->dim; j++) {
            double bound = 1.01 * (diagonal[i] + 0x1p-24) * (diagonal[j] + 0x1p-24);
            if (!((double)row[j] * (double)row[j] <= bound))
                return cn_fail(err, CN_E_NUMERIC,
                               "the scatter of features %u and %u is more than "
                               "their own allow",
                               i, j);
        }
    }
    return CN_OK;
}

/* The mean square of every feature stays within CN_STATS_MAX_VALUE. */
static enum cn_err check_energy(const struct cn_stats_part *p, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) double *energy = cn_calloc(p->dim, sizeof *energy);
    CN_CLEANUP(cn_freep) float *mean = cn_alloc_aligned(p->dim, sizeof *mean);
    double factor = p->is_factor ? p->scale * p->scale : p->scale;
    double most = (double)p->n_images * CN_STATS_MAX_VALUE * CN_STATS_MAX_VALUE;
    enum cn_err rc = CN_OK;

    if (p->spread)
        rc = p->is_factor ? read_factor(p, energy, err) : read_scatter(p, energy, err);
    if (rc)
        return rc;
    for (uint32_t j = 0; j < p->dim; j++)
        energy[j] *= factor;
    for (uint32_t c = 0; c < p->n_labels; c++) {
        double n = (double)cn_pack_int(p->count, c);
        cn_pack_floats(p->mean, (size_t)c * p->dim, p->dim, mean);
        for (uint32_t j = 0; j < p->dim; j++)
            energy[j] += n * (double)mean[j] * (double)mean[j];
    }
    for (uint32_t j = 0; j < p->dim; j++)
        if (!(energy[j] <= most))
            return cn_fail(err, CN_E_NUMERIC,
                           "feature %u has a mean square of %g, at most %d is "
                           "allowed",
                           j, energy[j] / (double)p->n_images,
                           CN_STATS_MAX_VALUE * CN_STATS_MAX_VALUE);
    return CN_OK;
}

static bool has_any(const struct cn_pack *update)
{
    uint32_t n;
    const struct cn_pack_tensor *t = cn_pack_tensors(update, &n);

    for (uint32_t i = 0; i < n; i++)
        if (strncmp(t[i].name, "stats.", 6) == 0)
            return true;
    return false;
}

enum cn_err cn_stats_part_open(struct cn_stats_part *ret, const struct cn_pack *update,
                               uint32_t dim, struct cn_error *err)
{
    struct cn_stats_part p = {.dim = dim};

    if (!has_any(update)) {
        *ret = p;
        return CN_OK;
    }
    p.count = cn_pack_find(update, "stats.count");
    p.mean = cn_pack_find(update, "stats.mean");
    if (!p.count || !p.count->rows || p.count->type != CN_PACK_I64 || p.count->n_dims != 1)
        return cn_fail(err, CN_E_SHAPE, "stats.count is missing or has another shape");
    p.n_labels = p.count->dims[0];
    p.labels = p.count->rows;
    if (!p.mean || !p.mean->rows || p.mean->type != CN_PACK_F32 || p.mean->n_dims != 2 ||
        p.mean->dims[0] != p.n_labels || p.mean->dims[1] != dim ||
        memcmp(p.mean->rows, p.labels, p.n_labels * sizeof *p.labels) != 0)
        return cn_fail(err, CN_E_SHAPE, "stats.mean is missing, or is not (%u labels, %u features)",
                       p.n_labels, dim);
    enum cn_err rc = check_labels(&p, err);
    if (!rc)
        rc = check_form(&p, update, err);
    if (!rc)
        rc = check_energy(&p, err);
    if (!rc)
        *ret = p;
    return rc;
}

/* ---- integers ---- */

enum { PANEL_ROWS = 64 };

/* R (n_rows, dim), unscaled. */
static double *read_rows(const struct cn_stats_part *p)
{
    CN_CLEANUP(cn_freep) float *row = cn_alloc_aligned(p->dim, sizeof *row);
    double *r = cn_calloc((size_t)p->n_rows * p->dim, sizeof *r);

    for (uint32_t i = 0; i < p->n_rows; i++) {
        cn_pack_floats(p->spread, cn_stats_packed(i, p->dim), p->dim - i, row + i);
        for (uint32_t j = i; j < p->dim; j++)
            r[(size_t)i * p->dim + j] = on_grid(row[j]);
    }
    return r;
}

/* out (n_rows, dim - first): rows [first, first + n_rows) of the scatter, from the diagonal's first
   column on. r: R when the spread is a factor. */
static void scatter_rows(const struct cn_stats_part *p, const double *r, uint32_t first,
                         uint32_t n_rows, double *out)
{
    uint32_t width = p->dim - first;
    double factor = p->is_factor ? p->scale * p->scale : p->scale;
    CN_CLEANUP(cn_freep) float *half = cn_alloc_aligned(width, sizeof *half);

    memset(out, 0, (size_t)n_rows * width * sizeof *out);
    if (r)
        cn_gram(r, p->n_rows, p->dim, first, n_rows, out);
    for (uint32_t i = 0; i < n_rows && p->spread; i++) {
        double *row = out + (size_t)i * width;
        if (!r) {
            cn_pack_floats(p->spread, cn_stats_packed(first + i, p->dim), width - i, half);
            for (uint32_t j = i; j < width; j++)
                row[j] = (double)half[j - i];
        }
        for (uint32_t j = i; j < width; j++)
            row[j] *= factor;
    }
}

static void apply_products(const struct cn_stats_part *p, const float *means, int64_t *product,
                           int sign)
{
    CN_CLEANUP(cn_freep) double *r = p->spread && p->is_factor ? read_rows(p) : NULL;
    CN_CLEANUP(cn_freep)
    double *panel = cn_alloc_aligned((size_t)PANEL_ROWS * p->dim, sizeof *panel);

    for (uint32_t i = 0; i < p->dim; i++) {
        uint32_t first = i - i % PANEL_ROWS, left = p->dim - first;
        if (i == first)
            scatter_rows(p, r, first, left < PANEL_ROWS ? left : PANEL_ROWS, panel);
        double *row = panel + (size_t)(i - first) * left + (i - first); /* from column i on */
        for (uint32_t c = 0; c < p->n_labels; c++) {
            const float *m = means + (size_t)c * p->dim + i;
            double nm = (double)cn_pack_int(p->count, c) * (double)m[0];
            for (uint32_t j = 0; j < p->dim - i; j++)
                row[j] += nm * (double)m[j];
        }
        int64_t *out = product + cn_stats_packed(i, p->dim);
        for (uint32_t j = 0; j < p->dim - i; j++)
            out[j] += sign * llrint(row[j] * (1 << CN_STATS_PRODUCT_BITS));
    }
}

void cn_stats_part_apply(const struct cn_stats_part *p, struct cn_stats *s, int sign)
{
    if (p->n_labels == 0)
        return;
    CN_CLEANUP(cn_freep) float *means = cn_alloc_aligned(p->mean->n, sizeof *means);
    cn_pack_floats(p->mean, 0, p->mean->n, means);
    for (uint32_t c = 0; c < p->n_labels; c++) {
        uint32_t at = cn_stats_find(s, p->labels[c]), n = (uint32_t)cn_pack_int(p->count, c);
        const float *m = means + (size_t)c * p->dim;

        assert(at != UINT32_MAX);
        s->counts[at].n += sign > 0 ? n : -n;
        for (uint32_t j = 0; j < p->dim; j++)
            s->sums[at][j] += sign * llrint(n * (double)m[j] * (1 << CN_STATS_SUM_BITS));
    }
    s->n_images += sign * p->n_images;
    apply_products(p, means, s->product, sign);
}
