/* What summed statistics are for: the rows of a head, and the moments of a synthesizer. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/doors/solve.h"
#include "common/model/stats_form.h"

/* Fixed point and the subtraction of means leave this much of a variance that is zero. */
static const double LEAST_SPREAD = 0x1p-18;

static const double SUM_UNIT = 1.0 / (1 << CN_STATS_SUM_BITS);
static const double PRODUCT_UNIT = 1.0 / (1 << CN_STATS_PRODUCT_BITS);

static void read_means(const struct cn_stats *s, double *mean)
{
    for (uint32_t c = 0; c < s->n_labels; c++)
        for (uint32_t j = 0; j < s->dim; j++)
            mean[(size_t)c * s->dim + j] = (double)s->sums[c][j] * SUM_UNIT / s->counts[c].n;
}

/* (dim, dim), upper triangle: the covariance around label means, pooled over labels. The centring
   happens here, in double, and nowhere before. */
static double *covariance(const struct cn_stats *s, const double *mean)
{
    uint32_t dim = s->dim;
    double *c = cn_calloc((size_t)dim * dim, sizeof *c);
    CN_CLEANUP(cn_freep) double *rows = cn_alloc_aligned((size_t)s->n_labels * dim, sizeof *rows);
    size_t k = 0;

    for (uint32_t i = 0; i < dim; i++)
        for (uint32_t j = i; j < dim; j++)
            c[(size_t)i * dim + j] = -(double)s->product[k++] * PRODUCT_UNIT;
    for (uint32_t l = 0; l < s->n_labels; l++)
        for (uint32_t j = 0; j < dim; j++)
            rows[(size_t)l * dim + j] = sqrt(s->counts[l].n) * mean[(size_t)l * dim + j];
    cn_syrk(rows, s->n_labels, dim, c);
    for (size_t i = 0; i < (size_t)dim * dim; i++)
        c[i] *= -1.0 / (double)s->n_images;
    return c;
}

static double trace(const double *a, uint32_t n)
{
    double t = 0;
    for (uint32_t i = 0; i < n; i++)
        t += a[(size_t)i * n + i];
    return t;
}

static enum cn_err check_images(const struct cn_stats *s, struct cn_error *err)
{
    if (s->n_labels == 0)
        return cn_fail(err, CN_E_STATE, "there are no statistics yet: no update brought any");
    return CN_OK;
}

/* ---- the head ---- */

/* Factors cov + lam T I. Half floats can leave the sum of small scatters slightly indefinite: then
   more shrinkage, up to three times ten. */
static enum cn_err factor(const double *cov, uint32_t n, double spread, double *lambda, double *a,
                          struct cn_error *err)
{
    enum cn_err rc = CN_OK;

    for (int attempt = 0; attempt < 4; attempt++, *lambda *= 10) {
        memcpy(a, cov, (size_t)n * n * sizeof *a);
        for (uint32_t i = 0; i < n; i++)
            a[(size_t)i * n + i] += *lambda * spread;
        rc = cn_chol(a, n, err);
        if (rc != CN_E_NUMERIC)
            break;
    }
    return rc;
}

static void fill_rows(const struct cn_stats *s, const double *mean, const double *solved,
                      double d_eff, struct cn_stats_head *h)
{
    for (uint32_t c = 0; c < s->n_labels; c++) {
        double dot = 0;
        for (uint32_t j = 0; j < s->dim; j++) {
            size_t at = (size_t)c * s->dim + j;
            dot += mean[at] * solved[at];
            h->weight[at] = (float)solved[at];
        }
        h->bias[c] = (float)(-.5 * (dot - d_eff / s->counts[c].n));
        h->labels[c] = s->counts[c].label;
    }
}

enum cn_err cn_stats_solve(const struct cn_stats *s, struct cn_stats_head *ret,
                           struct cn_error *err)
{
    size_t n = (size_t)s->n_labels * s->dim;
    enum cn_err rc = check_images(s, err);

    if (rc)
        return rc;
    CN_CLEANUP(cn_freep) double *mean = cn_alloc_aligned(n, sizeof *mean);
    CN_CLEANUP(cn_freep) double *solved = cn_alloc_aligned(n, sizeof *solved);
    read_means(s, mean);
    CN_CLEANUP(cn_freep) double *cov = covariance(s, mean);
    CN_CLEANUP(cn_freep) double *a = cn_alloc_aligned((size_t)s->dim * s->dim, sizeof *a);
    double spread = trace(cov, s->dim) / s->dim, lambda = fmax(.003, 30 / (double)s->n_images);
    if (!(spread > LEAST_SPREAD))
        return cn_fail(err, CN_E_STATE, "the statistics show no spread around the labels' means");
    rc = factor(cov, s->dim, spread, &lambda, a, err);
    if (rc)
        return cn_fail_prefix(err, "the statistics of %lld images cannot be solved",
                              (long long)s->n_images);
    cn_freep(&cov); /* the inverse below needs as much again */
    memcpy(solved, mean, n * sizeof *solved);
    cn_chol_solve(a, s->dim, solved, s->n_labels);
    double d_eff = s->dim - lambda * spread * cn_chol_inverse_trace(a, s->dim);
    *ret = (struct cn_stats_head){.n_labels = s->n_labels,
                                  .dim = s->dim,
                                  .labels = cn_calloc(s->n_labels, sizeof *ret->labels),
                                  .weight = cn_alloc_aligned(n, sizeof *ret->weight),
                                  .bias = cn_calloc(s->n_labels, sizeof *ret->bias),
                                  .lambda = lambda};
    fill_rows(s, mean, solved, d_eff, ret);
    return CN_OK;
}

void cn_stats_head_fini(struct cn_stats_head *h)
{
    free(h->labels);
    free(h->weight);
    free(h->bias);
    *h = (struct cn_stats_head){0};
}

/* ---- moments ---- */

enum { OVERSAMPLE = 8, POWER_ROUNDS = 4 };

/* The rank largest eigenpairs of cov by subspace iteration from fixed random directions:
   factor (rank, dim) = sqrt(w) v. */
static enum cn_err top_part(const double *cov, uint32_t dim, uint32_t rank, float *factor,
                            struct cn_error *err)
{
    uint32_t k = rank + OVERSAMPLE < dim ? rank + OVERSAMPLE : dim;
    CN_CLEANUP(cn_freep) double *q = cn_alloc_aligned((size_t)k * dim, sizeof *q);
    CN_CLEANUP(cn_freep) double *y = cn_alloc_aligned((size_t)k * dim, sizeof *y);
    CN_CLEANUP(cn_freep) double *small = cn_alloc_aligned((size_t)k * k, sizeof *small);
    CN_CLEANUP(cn_freep) double *w = cn_calloc(rank, sizeof *w);
    CN_CLEANUP(cn_freep) double *u = cn_alloc_aligned((size_t)rank * k, sizeof *u);
    struct cn_rng rng;

    cn_rng_init(&rng, 0x636169726e);
    for (size_t i = 0; i < (size_t)k * dim; i++)
        q[i] = (double)cn_rng_normal(&rng);
    enum cn_err rc = cn_orthonormalize(q, k, dim, err);
    for (int round = 0; round < POWER_ROUNDS && !rc; round++) {
        cn_symm(cov, dim, q, k, y);
        memcpy(q, y, (size_t)k * dim * sizeof *q);
        rc = cn_orthonormalize(q, k, dim, err);
    }
    if (rc)
        return rc;
    cn_symm(cov, dim, q, k, y);
    cn_gemm_nt(y, k, q, k, dim, small);
    rc = cn_eig_top(small, k, rank, w, u, err);
    if (rc)
        return rc;
    cn_gemm_nn(u, rank, q, dim, k, y);
    for (uint32_t r = 0; r < rank; r++)
        for (uint32_t j = 0; j < dim; j++)
            factor[(size_t)r * dim + j] = (float)(sqrt(fmax(0, w[r])) * y[(size_t)r * dim + j]);
    return CN_OK;
}

enum cn_err cn_stats_moments(const struct cn_stats *s, uint32_t rank, float *mean, float *factor,
                             float *noise, struct cn_error *err)
{
    size_t n = (size_t)s->n_labels * s->dim;
    enum cn_err rc = check_images(s, err);

    assert(rank <= s->dim);
    if (rc)
        return rc;
    CN_CLEANUP(cn_freep) double *exact = cn_alloc_aligned(n, sizeof *exact);
    read_means(s, exact);
    CN_CLEANUP(cn_freep) double *cov = covariance(s, exact);
    if (rank) {
        rc = top_part(cov, s->dim, rank, factor, err);
        if (rc)
            return cn_fail_prefix(err, "the moments of %lld images", (long long)s->n_images);
    }
    for (size_t i = 0; i < n; i++)
        mean[i] = (float)exact[i];
    for (uint32_t j = 0; j < s->dim; j++) {
        double left = cov[(size_t)j * s->dim + j];
        for (uint32_t r = 0; r < rank; r++)
            left -= (double)factor[(size_t)r * s->dim + j] * (double)factor[(size_t)r * s->dim + j];
        noise[j] = (float)sqrt(fmax(0, left));
    }
    return CN_OK;
}
