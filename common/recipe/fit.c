/* Gradient descent in the metric of metric.h changes row c by a combination of the examples,
       dV_c = sum_i alpha_ic u_i,        dc_c = sum_i alpha_ic,
   so the whole descent runs on the coefficients alpha (n, rows) and the kernel K = U U^T + 1
   (n, n); only the result is a vector of the features' size. The loss is softmax cross-entropy with
   the logits shifted by the log of each row's share of the batch (Menon et al., arXiv 2007.07314).

   A promise is a promise: what is still wrong after the steps is put right by the smallest change
   of its own row that does it, the passive-aggressive step (Crammer et al., JMLR 7, 2006, section
   3) in that metric. In some thousand nearly orthogonal directions it hardly moves the others. */
#include "common/recipe/fit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/matrix.h"
#include "common/nn/net.h"

enum { FIRM_PASSES = 16 };
static const float RATE = 1.5f, MOMENTUM = 0.9f; /* the weighted kernel's norm is about 1 */

struct fit {
    uint32_t n, rows, dim;
    float *u;        /* (n, dim) */
    float *k;        /* (n, n) */
    float *z0, *z;   /* (n, rows) logits before, and now */
    float *alpha;    /* (n, rows) */
    float *velocity; /* (n, rows) */
    float *d;        /* (n, rows) gradient */
    float *adjust;   /* (rows) */
    float *weight;   /* (n) mean 1: cn_loss_softmax divides by n */
    uint32_t *hard;  /* (n) */
};

static void fit_fini(struct fit *f)
{
    free(f->u);
    free(f->k);
    free(f->z0);
    free(f->z);
    free(f->alpha);
    free(f->velocity);
    free(f->d);
    free(f->adjust);
    free(f->weight);
    free(f->hard);
}

static void fit_init(struct fit *f, const struct cn_head *head, uint32_t n)
{
    size_t cells = (size_t)n * head->n_rows;

    *f = (struct fit){.n = n, .rows = head->n_rows, .dim = head->dim};
    f->u = cn_alloc_aligned((size_t)n * head->dim, sizeof(float));
    f->k = cn_alloc_aligned((size_t)n * n, sizeof(float));
    f->z0 = cn_alloc_aligned(cells, sizeof(float));
    f->z = cn_alloc_aligned(cells, sizeof(float));
    f->alpha = cn_calloc(cells, sizeof(float));
    f->velocity = cn_calloc(cells, sizeof(float));
    f->d = cn_calloc(cells, sizeof(float));
    f->adjust = cn_calloc(head->n_rows, sizeof(float));
    f->weight = cn_calloc(n, sizeof(float));
    f->hard = cn_calloc(n, sizeof(uint32_t));
}

void cn_fit_logits(const struct cn_head *head, const float *const *phi, uint32_t n, float *z)
{
    enum { SLICE = 64 };
    CN_CLEANUP(cn_freep) float *x = cn_alloc_aligned((size_t)SLICE * head->dim, sizeof *x);
    uint32_t rows = head->n_rows, dim = head->dim;

    for (uint32_t i = 0, k; i < n; i += k) {
        k = n - i < SLICE ? n - i : SLICE;
        for (uint32_t j = 0; j < k; j++)
            memcpy(x + (size_t)j * dim, phi[i + j], dim * sizeof *x);
        cn_gemm(false, true, k, rows, dim, 1, x, dim, head->w, dim, 0, z + (size_t)i * rows, rows);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < rows; c++) {
            float *at = z + (size_t)i * rows + c;
            *at = head->absent && head->absent[c] ? CN_FIT_ABSENT : *at + head->b[c];
        }
}

static void load(struct fit *f, const struct cn_head *head, const struct cn_metric *metric,
                 const struct cn_fit_sample *samples)
{
    CN_CLEANUP(cn_freep) const float **phi = cn_calloc(f->n, sizeof *phi);
    double total = 0;

    for (uint32_t i = 0; i < f->n; i++) {
        assert(samples[i].row < f->rows && samples[i].weight >= 0);
        phi[i] = samples[i].phi;
        total += samples[i].weight;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        f->hard[i] = samples[i].row;
        f->weight[i] = total > 0 ? (float)(samples[i].weight * f->n / total) : 0;
        f->adjust[f->hard[i]] += total > 0 ? (float)(samples[i].weight / total) : 0;
    }
    /* One imagined sample of every row: a label that is alone here must still win against others.
     */
    for (uint32_t c = 0; c < f->rows; c++)
        f->adjust[c] = logf((f->adjust[c] * (float)f->n + 1) / (float)(f->n + f->rows));
    cn_fit_logits(head, phi, f->n, f->z0);
    memcpy(f->z, f->z0, (size_t)f->n * f->rows * sizeof *f->z);
    cn_metric_whiten(metric, phi, f->n, f->u);
    for (size_t i = 0; i < (size_t)f->n * f->n; i++)
        f->k[i] = 1;
    cn_gemm(false, true, f->n, f->n, f->dim, 1, f->u, f->dim, f->u, f->dim, 1, f->k, f->n);
}

/* By how much the best other logit is nearer than the margin, and whose it is; <= 0: right. */
static float lack(const struct fit *f, uint32_t i, float margin, uint32_t *ret_other)
{
    const float *z = f->z + (size_t)i * f->rows;
    uint32_t best = f->hard[i] == 0 ? 1 : 0;

    for (uint32_t c = 0; c < f->rows; c++)
        if (c != f->hard[i] && z[c] > z[best])
            best = c;
    if (ret_other)
        *ret_other = best;
    return margin - (z[f->hard[i]] - z[best]);
}

static uint32_t count_wrong(const struct fit *f, const struct cn_fit_sample *samples, float margin)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n; i++)
        n += samples[i].firm && !(lack(f, i, margin, NULL) <= 0);
    return n;
}

static float step(struct fit *f, const struct cn_fit_conf *conf)
{
    size_t cells = (size_t)f->n * f->rows;
    struct cn_softmax_target target = {.hard = f->hard,
                                       .soft = conf->soft,
                                       .soft_weight = conf->soft_weight,
                                       .temperature = conf->temperature,
                                       .adjust = f->adjust,
                                       .weight = f->weight};
    float loss = cn_loss_softmax(f->z, f->n, f->rows, &target, f->d);

    for (size_t i = 0; i < cells; i++) {
        bool moves = !conf->still || !conf->still[i % f->rows];
        f->velocity[i] = moves ? MOMENTUM * f->velocity[i] - RATE * f->d[i] : 0;
        f->alpha[i] += f->velocity[i];
    }
    memcpy(f->z, f->z0, cells * sizeof *f->z);
    cn_gemm(false, false, f->n, f->rows, f->n, 1, f->k, f->n, f->alpha, f->rows, 1, f->z, f->rows);
    return loss;
}

static void nudge(struct fit *f, uint32_t i, uint32_t row, float tau)
{
    const float *k = f->k + (size_t)i * f->n;

    f->alpha[(size_t)i * f->rows + row] += tau;
    for (uint32_t j = 0; j < f->n; j++)
        f->z[(size_t)j * f->rows + row] += tau * k[j];
}

/* Half of the lack upwards for the right row, half downwards for the best other: passes over all
   firm samples converge where the samples can be separated at all. At the end the newest one, which
   comes last, has its way alone: its own row rises by all that it needs. */
static void make_firm(struct fit *f, const struct cn_fit_sample *samples, float margin)
{
    static const float MORE = 1.02f; /* over the margin, against rounding */
    uint32_t newest = f->n;

    for (uint32_t pass = 0; pass < FIRM_PASSES && count_wrong(f, samples, margin) > 0; pass++)
        for (uint32_t i = 0; i < f->n; i++) {
            uint32_t other;
            float need = samples[i].firm ? lack(f, i, margin, &other) : 0;
            if (!(need > 0) || !isfinite(need))
                continue;
            float tau = MORE * need / (2 * f->k[(size_t)i * f->n + i]);
            nudge(f, i, f->hard[i], tau);
            nudge(f, i, other, -tau);
        }
    for (uint32_t i = 0; i < f->n; i++)
        newest = samples[i].firm ? i : newest;
    if (newest == f->n)
        return;
    float need = lack(f, newest, margin, NULL);
    if (need > 0 && isfinite(need))
        nudge(f, newest, f->hard[newest], MORE * need / f->k[(size_t)newest * f->n + newest]);
}

/* w += A^-1/2 (alpha^T u), and the offsets with it. */
static enum cn_err apply(const struct fit *f, const struct cn_head *head,
                         const struct cn_metric *metric, struct cn_error *err)
{
    size_t size = (size_t)f->rows * f->dim;
    CN_CLEANUP(cn_freep) float *v = cn_alloc_aligned(size, sizeof *v);
    CN_CLEANUP(cn_freep) float *c = cn_calloc(f->rows, sizeof *c);
    bool finite = true;

    cn_gemm(true, false, f->rows, f->dim, f->n, 1, f->alpha, f->rows, f->u, f->dim, 0, v, f->dim);
    for (uint32_t i = 0; i < f->n; i++)
        for (uint32_t r = 0; r < f->rows; r++)
            c[r] += f->alpha[(size_t)i * f->rows + r];
    cn_metric_pull_back(metric, v, c, f->rows);
    for (size_t i = 0; i < size; i++)
        finite = finite && isfinite(v[i]);
    for (uint32_t r = 0; r < f->rows; r++)
        finite = finite && isfinite(c[r]);
    if (!finite)
        return cn_fail(err, CN_E_NUMERIC,
                       "training the head gave numbers that are not finite; it stays as it was");
    for (size_t i = 0; i < size; i++)
        head->w[i] += v[i];
    for (uint32_t r = 0; r < f->rows; r++)
        head->b[r] += c[r];
    return CN_OK;
}

enum cn_err cn_fit_rows(const struct cn_head *head, const struct cn_metric *metric,
                        const struct cn_fit_sample *samples, uint32_t n,
                        const struct cn_fit_conf *conf, struct cn_fit_report *report,
                        struct cn_error *err)
{
    CN_CLEANUP(fit_fini) struct fit f;
    struct cn_fit_report r = {0};

    assert(n <= CN_FIT_MAX_SAMPLES && metric->dim == head->dim && head->n_rows > 1);
    assert(!conf->promise || !conf->still);
    fit_init(&f, head, n);
    load(&f, head, metric, samples);
    while (r.n_steps < conf->max_steps &&
           !(conf->until_firm && count_wrong(&f, samples, conf->margin) == 0)) {
        r.loss = step(&f, conf);
        r.n_steps++;
    }
    if (conf->promise)
        make_firm(&f, samples, conf->margin);
    r.n_wrong = count_wrong(&f, samples, conf->margin);
    enum cn_err e = apply(&f, head, metric, err);
    if (!e)
        *report = r;
    return e;
}
