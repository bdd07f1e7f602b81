/* Batch normalization (Ioffe & Szegedy, arXiv 1502.03167): per channel over all pixels of the
   batch. The running statistics move in commit, so that a step that failed leaves them as they
   were. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/node.h"
#include "common/nn/simd.h"

enum { GAMMA, BETA, MEAN, VAR };

struct norm {
    float *mean, *var;          /* (c) of the last batch */
    float *centre, *scale;      /* (c) what the last forward used: mean and 1 / sqrt(var + eps) */
    float *gain;                /* (c) gamma * scale */
    float *a, *b;               /* (c) of the backward at hand */
    double *sum_a, *sum_b;      /* (c) */
    bool by_batch, uncommitted; /* by_batch: the last forward used the batch's own statistics */
};

static void norm_open(struct cn_node *node)
{
    struct norm *s = node->state = cn_calloc(1, sizeof *s);
    uint32_t c = node->in.c;
    float **f[] = {&s->mean, &s->var, &s->centre, &s->scale, &s->gain, &s->a, &s->b};

    for (size_t i = 0; i < CN_COUNT(f); i++)
        *f[i] = cn_calloc(c, sizeof **f[i]);
    s->sum_a = cn_calloc(c, sizeof *s->sum_a);
    s->sum_b = cn_calloc(c, sizeof *s->sum_b);
}

static void norm_close(struct cn_node *node)
{
    struct norm *s = node->state;
    void *owned[] = {s->mean, s->var, s->centre, s->scale, s->gain, s->a, s->b, s->sum_a, s->sum_b};

    for (size_t i = 0; i < CN_COUNT(owned); i++)
        free(owned[i]);
    free(s);
}

static size_t rows_of(const struct cn_node *node, uint32_t n)
{
    return (size_t)n * node->in.h * node->in.w;
}

/* ---- loops over x (rows, c) ---- */

CN_SIMD static void sums(const float *restrict x, size_t rows, size_t c, double *restrict sum)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++)
            sum[i] += x[r * c + i];
}

CN_SIMD static void square_sums(const float *restrict x, const float *restrict mean, size_t rows,
                                size_t c, double *restrict sum)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++) {
            float d = x[r * c + i] - mean[i];
            sum[i] += d * d;
        }
}

/* y = (x - mean) * gain + beta */
CN_SIMD static void affine(float *restrict y, const float *restrict x, const struct norm *s,
                           const float *restrict beta, size_t rows, size_t c)
{
    const float *restrict mean = s->centre, *restrict gain = s->gain;

    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++)
            y[r * c + i] = (x[r * c + i] - mean[i]) * gain[i] + beta[i];
}

/* sum_dy += dy; sum_dyx += dy * (x - mean) */
CN_SIMD static void grad_sums(const float *restrict dy, const float *restrict x,
                              const float *restrict mean, size_t rows, size_t c,
                              double *restrict sum_dy, double *restrict sum_dyx)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++) {
            float d = dy[r * c + i];
            sum_dy[i] += d;
            sum_dyx[i] += d * (x[r * c + i] - mean[i]);
        }
}

/* dx = (dy - b - (x - mean) * a) * gain */
CN_SIMD static void grad_back(float *restrict dx, const float *restrict dy, const float *restrict x,
                              const struct norm *s, size_t rows, size_t c)
{
    const float *restrict mean = s->centre, *restrict gain = s->gain;
    const float *restrict a = s->a, *restrict b = s->b;

    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++)
            dx[r * c + i] = (dy[r * c + i] - b[i] - (x[r * c + i] - mean[i]) * a[i]) * gain[i];
}

/* ---- the layer ---- */

static void batch_statistics(struct norm *s, const float *x, size_t rows, uint32_t c)
{
    memset(s->sum_a, 0, c * sizeof *s->sum_a);
    memset(s->sum_b, 0, c * sizeof *s->sum_b);
    sums(x, rows, c, s->sum_a);
    for (uint32_t i = 0; i < c; i++)
        s->mean[i] = (float)(s->sum_a[i] / (double)rows);
    square_sums(x, s->mean, rows, c, s->sum_b);
    for (uint32_t i = 0; i < c; i++)
        s->var[i] = (float)(s->sum_b[i] / (double)rows);
}

static void norm_forward(struct cn_node *node, const struct cn_pass *p)
{
    struct norm *s = node->state;
    uint32_t c = node->in.c;
    size_t rows = rows_of(node, p->n);

    s->by_batch = s->uncommitted = p->train && node->trained;
    if (s->by_batch)
        batch_statistics(s, p->x, rows, c);
    const float *mean = s->by_batch ? s->mean : node->param[MEAN].data;
    const float *var = s->by_batch ? s->var : node->param[VAR].data;
    for (uint32_t i = 0; i < c; i++) {
        s->centre[i] = mean[i];
        s->scale[i] = 1 / sqrtf(var[i] + node->layer->eps);
        s->gain[i] = node->param[GAMMA].data[i] * s->scale[i];
    }
    affine(p->y, p->x, s, node->param[BETA].data, rows, c);
}

static void norm_backward(struct cn_node *node, const struct cn_pass *p)
{
    struct norm *s = node->state;
    uint32_t c = node->in.c;
    size_t rows = rows_of(node, p->n);
    double share = s->by_batch ? 1.0 / (double)rows : 0; /* fixed statistics do not move with x */

    memset(s->sum_a, 0, c * sizeof *s->sum_a);
    memset(s->sum_b, 0, c * sizeof *s->sum_b);
    grad_sums(p->dy, p->x, s->centre, rows, c, s->sum_a, s->sum_b);
    for (uint32_t i = 0; i < c; i++) {
        s->b[i] = (float)(s->sum_a[i] * share);
        s->a[i] = (float)(s->sum_b[i] * share) * s->scale[i] * s->scale[i];
        if (node->trained) {
            node->grad[GAMMA].data[i] = (float)s->sum_b[i] * s->scale[i];
            node->grad[BETA].data[i] = (float)s->sum_a[i];
        }
    }
    if (p->dx)
        grad_back(p->dx, p->dy, p->x, s, rows, c);
}

static void norm_commit(struct cn_node *node)
{
    struct norm *s = node->state;
    float keep = node->layer->momentum;

    if (!s->uncommitted)
        return;
    s->uncommitted = false;
    for (uint32_t i = 0; i < node->in.c; i++) {
        if (!isfinite(s->var[i])) /* finite numbers too large to square */
            continue;
        float *mean = &node->param[MEAN].data[i], *var = &node->param[VAR].data[i];
        *mean = keep * *mean + (1 - keep) * s->mean[i];
        *var = keep * *var + (1 - keep) * s->var[i];
    }
}

const struct cn_node_ops cn_layer_norm = {.nhwc = true,
                                          .open = norm_open,
                                          .close = norm_close,
                                          .forward = norm_forward,
                                          .backward = norm_backward,
                                          .commit = norm_commit};
