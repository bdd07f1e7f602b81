/* With s = diag(noise) and F' = F s^-1, the covariance is s (I + F'^T F') s. The eigenvectors Q of
   F'^T F' come from the small matrix F' F'^T, and the inverse root is
       A^-1/2 = (I + Q diag((1 + w)^-1/2 - 1) Q^T) s^-1,
   so whitening costs rank x dim per vector and no dim x dim matrix is ever made. */
#include "common/recipe/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/matrix.h"
#include "common/doors/solve.h"

/* Of the mean residual variance, added to every feature's: what was silent so far may speak up
   with the next label. */
static const double SHRINK = 0.25;
static const double NEGLIGIBLE = 1e-9; /* of the largest eigenvalue: such an axis is left out */

static struct cn_metric *metric_new(uint32_t dim, uint32_t rank)
{
    struct cn_metric *m = cn_calloc(1, sizeof *m);

    m->dim = dim;
    m->rank = rank;
    m->centre = cn_alloc_aligned(dim, sizeof(float));
    m->scale = cn_alloc_aligned(dim, sizeof(float));
    m->axis = cn_alloc_aligned((size_t)(rank ? rank : 1) * dim, sizeof(float));
    m->shrink = cn_calloc(rank ? rank : 1, sizeof(float));
    return m;
}

void cn_metric_destroy(struct cn_metric **m)
{
    if (!*m)
        return;
    free((*m)->centre);
    free((*m)->scale);
    free((*m)->axis);
    free((*m)->shrink);
    free(cn_steal(*m));
}

/* axis = F s^-1 on entry; on return orthonormal, with the shrinkage of each. */
static enum cn_err find_axes(struct cn_metric *m, struct cn_error *err)
{
    uint32_t r = m->rank;
    CN_CLEANUP(cn_freep) double *gram = cn_calloc((size_t)r * r, sizeof *gram);
    CN_CLEANUP(cn_freep) double *value = cn_calloc(r, sizeof *value);
    CN_CLEANUP(cn_freep) double *vector = cn_calloc((size_t)r * r, sizeof *vector);
    CN_CLEANUP(cn_freep) float *small = cn_calloc((size_t)r * r, sizeof *small);
    CN_CLEANUP(cn_freep) float *mix = cn_calloc((size_t)r * r, sizeof *mix);

    cn_gemm(false, true, r, r, m->dim, 1, m->axis, m->dim, m->axis, m->dim, 0, small, r);
    for (size_t i = 0; i < (size_t)r * r; i++)
        gram[i] = small[i];
    enum cn_err e = cn_eig_top(gram, r, r, value, vector, err);
    if (e)
        return e;
    for (uint32_t k = 0; k < r; k++) {
        if (!(value[k] > NEGLIGIBLE * value[0]))
            continue; /* a zero axis with zero shrinkage */
        m->shrink[k] = (float)(1 / sqrt(1 + value[k]) - 1);
        for (uint32_t j = 0; j < r; j++)
            mix[(size_t)k * r + j] = (float)(vector[(size_t)k * r + j] / sqrt(value[k]));
    }
    float *q = cn_alloc_aligned((size_t)r * m->dim, sizeof *q);
    cn_gemm(false, false, r, m->dim, r, 1, mix, r, m->axis, m->dim, 0, q, m->dim);
    free(m->axis);
    m->axis = q;
    return CN_OK;
}

enum cn_err cn_metric_new(struct cn_metric **ret, uint32_t dim, uint32_t rank, const float *centre,
                          const float *factor, const float *noise, struct cn_error *err)
{
    CN_CLEANUP(cn_metric_destroy) struct cn_metric *m = metric_new(dim, rank);
    double norm = 1 / sqrt((double)dim); /* E |A^-1/2 x|^2 = dim */
    double floor = 0;

    memcpy(m->centre, centre, dim * sizeof *centre);
    for (uint32_t d = 0; d < dim; d++)
        floor += SHRINK * noise[d] * noise[d] / dim;
    floor = floor > 0 ? floor : 1; /* no spread at all: any scale does */
    for (uint32_t d = 0; d < dim; d++)
        m->scale[d] = (float)(1 / sqrt((double)noise[d] * noise[d] + floor));
    for (uint32_t k = 0; k < rank; k++)
        for (uint32_t d = 0; d < dim; d++)
            m->axis[(size_t)k * dim + d] = factor[(size_t)k * dim + d] * m->scale[d];
    enum cn_err e = rank ? find_axes(m, err) : CN_OK;
    if (e)
        return e;
    for (uint32_t d = 0; d < dim; d++)
        m->scale[d] *= (float)norm;
    *ret = cn_steal(m);
    return CN_OK;
}

struct cn_metric *cn_metric_from_examples(uint32_t dim, const float *const *phi, uint32_t n)
{
    struct cn_metric *m = metric_new(dim, 0);
    double square = 0;

    /* One imagined example at the origin: a single image must not become its own centre. */
    memset(m->centre, 0, dim * sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < dim; d++)
            m->centre[d] += phi[i][d] / (float)(n + 1);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < dim; d++)
            square += (phi[i][d] - m->centre[d]) * (phi[i][d] - m->centre[d]);
    float scale = square > 0 ? (float)sqrt(n / square) : 1;
    for (uint32_t d = 0; d < dim; d++)
        m->scale[d] = scale;
    return m;
}

/* y (n, dim) -> y + sum over axes of shrink (q.y) q, in place: the symmetric half of A^-1/2. */
static void flatten(const struct cn_metric *m, float *y, uint32_t n)
{
    if (m->rank == 0 || n == 0)
        return;
    CN_CLEANUP(cn_freep) float *along = cn_alloc_aligned((size_t)n * m->rank, sizeof *along);
    cn_gemm(false, true, n, m->rank, m->dim, 1, y, m->dim, m->axis, m->dim, 0, along, m->rank);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < m->rank; k++)
            along[(size_t)i * m->rank + k] *= m->shrink[k];
    cn_gemm(false, false, n, m->dim, m->rank, 1, along, m->rank, m->axis, m->dim, 1, y, m->dim);
}

void cn_metric_whiten(const struct cn_metric *m, const float *const *phi, uint32_t n, float *u)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < m->dim; d++)
            u[(size_t)i * m->dim + d] = (phi[i][d] - m->centre[d]) * m->scale[d];
    flatten(m, u, n);
}

void cn_metric_pull_back(const struct cn_metric *m, float *v, float *c, uint32_t n)
{
    flatten(m, v, n);
    for (uint32_t i = 0; i < n; i++) {
        float *row = v + (size_t)i * m->dim;
        double shift = 0;
        for (uint32_t d = 0; d < m->dim; d++) {
            row[d] *= m->scale[d];
            shift += (double)row[d] * m->centre[d];
        }
        c[i] -= (float)shift;
    }
}
