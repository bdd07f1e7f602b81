/* What a device says of its features.

   Each label's rows are turned one after the other into contrasts, y_k = sqrt(k / (k+1)) (x_(k+1) -
   mean of x_1..x_k), k = 1..n-1 (Welford 1962; rows of Helmert's matrix): sum y y^T is exactly the
   scatter around the label's mean, with one row less per label and no second pass. */
#include "common/model/stats_form.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/half.h"
#include "common/doors/solve.h"

enum { CHUNK_ROWS = 256 };

struct order {
    uint32_t label, at;
};

static int by_label(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Rows grouped by label, groups below min_count left out; *ret_n rows, *ret_labels groups. */
static struct order *group(const uint32_t *labels, uint32_t n, uint32_t min_count, uint32_t *ret_n,
                           uint32_t *ret_labels)
{
    struct order *order = cn_calloc(n, sizeof *order);
    uint32_t kept = 0, n_labels = 0;

    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct order){labels[i], i};
    qsort(order, n, sizeof *order, by_label);
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && order[end].label == order[i].label; end++)
            ;
        if (end - i < min_count)
            continue;
        memmove(order + kept, order + i, (end - i) * sizeof *order);
        kept += end - i;
        n_labels++;
    }
    *ret_n = kept;
    *ret_labels = n_labels;
    return order;
}

static enum cn_err check_rows(const float *phi, uint32_t n, uint32_t dim, struct cn_error *err)
{
    for (size_t i = 0; i < (size_t)n * dim; i++)
        if (!(fabsf(phi[i]) <= CN_STATS_MAX_VALUE)) /* NaN too */
            return cn_fail(err, CN_E_NUMERIC,
                           "feature %zu of image %zu is %g, at most %d is allowed", i % dim,
                           i / dim, (double)phi[i], CN_STATS_MAX_VALUE);
    return CN_OK;
}

/* ---- the spread, as R or as the upper triangle ---- */

struct spread {
    uint32_t dim, n_rows; /* rows of contrasts in all */
    float *rows;          /* (n_rows, dim) while they are fewer than dim */
    double *scatter;      /* (dim, dim) otherwise */
    double *chunk;        /* (CHUNK_ROWS, dim) that wait to be added to scatter */
    uint32_t n_done, n_chunk;
};

static void spread_init(struct spread *s, uint32_t dim, uint32_t n_rows)
{
    *s = (struct spread){.dim = dim, .n_rows = n_rows};
    if (n_rows < dim) {
        s->rows = cn_alloc_aligned((size_t)n_rows * dim, sizeof *s->rows);
    } else {
        s->scatter = cn_calloc((size_t)dim * dim, sizeof *s->scatter);
        s->chunk = cn_alloc_aligned((size_t)CHUNK_ROWS * dim, sizeof *s->chunk);
    }
}

static void spread_fini(struct spread *s)
{
    free(s->rows);
    free(s->scatter);
    free(s->chunk);
}

static void spread_flush(struct spread *s)
{
    cn_syrk(s->chunk, s->n_chunk, s->dim, s->scatter);
    s->n_chunk = 0;
}

static void spread_add(struct spread *s, const double *y)
{
    assert(s->n_done < s->n_rows);
    if (s->rows) {
        float *row = s->rows + (size_t)s->n_done * s->dim;
        for (uint32_t j = 0; j < s->dim; j++)
            row[j] = (float)y[j];
    } else {
        memcpy(s->chunk + (size_t)s->n_chunk * s->dim, y, s->dim * sizeof *y);
        if (++s->n_chunk == CHUNK_ROWS)
            spread_flush(s);
    }
    s->n_done++;
}

/* Packs the first m rows of the upper triangle of a, scaled so that the largest number is 1. */
static void put_packed(struct cn_pack_writer *w, const char *name, uint32_t m, uint32_t dim,
                       const float *a)
{
    uint32_t n = (uint32_t)cn_stats_packed(m, dim), at = 0;
    struct cn_tensor t, scale;
    float largest = 0;

    for (size_t i = 0; i < (size_t)m * dim; i++)
        if (i % dim >= i / dim)
            largest = fmaxf(largest, fabsf(a[i]));
    cn_tensor_init(&t, name, 1, &n);
    cn_tensor_init(&scale, "stats.scale", 1, (const uint32_t[]){1});
    for (uint32_t i = 0; i < m; i++)
        for (uint32_t j = i; j < dim; j++)
            t.data[at++] = largest > 0 ? a[(size_t)i * dim + j] / largest : 0;
    scale.data[0] = largest;
    cn_pack_put(w, &t, CN_PACK_F16, NULL);
    cn_pack_put(w, &scale, CN_PACK_F32, NULL);
    cn_tensor_fini(&t);
    cn_tensor_fini(&scale);
}

static enum cn_err put_spread(struct cn_pack_writer *w, struct spread *s, struct cn_error *err)
{
    assert(s->n_done == s->n_rows);
    if (s->n_rows == 0)
        return CN_OK;
    if (s->rows) {
        enum cn_err rc = cn_qr_r(s->rows, s->n_rows, s->dim, err);
        if (!rc)
            put_packed(w, "stats.factor", s->n_rows, s->dim, s->rows);
        return rc;
    }
    spread_flush(s);
    CN_CLEANUP(cn_freep) float *a = cn_alloc_aligned((size_t)s->dim * s->dim, sizeof *a);
    for (size_t i = 0; i < (size_t)s->dim * s->dim; i++)
        a[i] = (float)s->scatter[i];
    put_packed(w, "stats.scatter", s->dim, s->dim, a);
    return CN_OK;
}

/* ---- one pass over the rows ---- */

struct pass {
    const float *phi;
    const struct order *order;
    uint32_t n, dim, n_labels;
    uint32_t *labels;       /* (n_labels) */
    int64_t *counts;        /* (n_labels) */
    struct cn_tensor means; /* (n_labels, dim) */
};

static void walk(struct pass *p, struct spread *spread)
{
    CN_CLEANUP(cn_freep) double *mean = cn_alloc_aligned(p->dim, sizeof *mean);
    CN_CLEANUP(cn_freep) double *y = cn_alloc_aligned(p->dim, sizeof *y);
    uint32_t c = 0;

    for (uint32_t i = 0; i < p->n; c++) {
        uint32_t label = p->order[i].label, k = 0;

        memset(mean, 0, p->dim * sizeof *mean);
        for (; i < p->n && p->order[i].label == label; i++, k++) {
            const float *x = p->phi + (size_t)p->order[i].at * p->dim;
            double root = sqrt((double)k / (k + 1));
            for (uint32_t j = 0; j < p->dim; j++) {
                double d = (double)x[j] - mean[j];
                y[j] = root * d;
                mean[j] += d / (k + 1);
            }
            if (k)
                spread_add(spread, y);
        }
        p->labels[c] = label;
        p->counts[c] = k;
        for (uint32_t j = 0; j < p->dim; j++)
            p->means.data[(size_t)c * p->dim + j] = (float)mean[j];
    }
}

static void put_labels(struct cn_pack_writer *w, const struct pass *p)
{
    cn_pack_put_raw(w, &(struct cn_pack_tensor){.name = "stats.count",
                                                .type = CN_PACK_I64,
                                                .n_dims = 1,
                                                .dims = {p->n_labels},
                                                .by_label = true,
                                                .rows = p->labels,
                                                .data = (const uint8_t *)p->counts});
    cn_pack_put(w, &p->means, CN_PACK_F32, p->labels);
}

static void pass_fini(struct pass *p)
{
    free(p->labels);
    free(p->counts);
    cn_tensor_fini(&p->means);
}

enum cn_err cn_stats_measure(struct cn_pack_writer *w, const float *phi, const uint32_t *labels,
                             uint32_t n, uint32_t dim, uint32_t min_count, struct cn_error *err)
{
    CN_CLEANUP(spread_fini) struct spread spread = {0};
    CN_CLEANUP(pass_fini) struct pass p = {.phi = phi, .dim = dim};

    if (dim == 0 || dim > CN_STATS_MAX_DIM || n > CN_MAX_COUNT_PER_UPDATE)
        return cn_fail(err, CN_E_LIMIT,
                       "statistics of %u images with %u features, at most %d and %d", n, dim,
                       CN_MAX_COUNT_PER_UPDATE, CN_STATS_MAX_DIM);
    enum cn_err rc = check_rows(phi, n, dim, err);
    if (rc)
        return rc;
    CN_CLEANUP(cn_freep) struct order *order = group(labels, n, min_count, &p.n, &p.n_labels);
    if (p.n_labels == 0)
        return CN_OK;
    if (p.n_labels > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "statistics of %u labels, at most %d", p.n_labels,
                       CN_MAX_LABELS);
    p.order = order;
    p.labels = cn_calloc(p.n_labels, sizeof *p.labels);
    p.counts = cn_calloc(p.n_labels, sizeof *p.counts);
    cn_tensor_init(&p.means, "stats.mean", 2, (const uint32_t[]){p.n_labels, dim});
    p.means.by_label = true;
    spread_init(&spread, dim, p.n - p.n_labels);
    walk(&p, &spread);
    put_labels(w, &p);
    return put_spread(w, &spread, err);
}
