/* Losses over a batch, with their gradients. A NaN anywhere in the logits or the target comes out
   as a NaN loss. */
#include <assert.h>
#include <math.h>

#include "common/nn/net.h"

/* log sum exp(z * scale + add) over n numbers. */
static float log_sum_exp(const float *z, const float *add, uint32_t n, float scale)
{
    float top = -INFINITY, sum = 0;

    for (uint32_t c = 0; c < n; c++) {
        float v = z[c] * scale + (add ? add[c] : 0);
        top = v > top ? v : top;
    }
    for (uint32_t c = 0; c < n; c++)
        sum += expf(z[c] * scale + (add ? add[c] : 0) - top);
    return top + logf(sum);
}

/* Cross-entropy with a class index; d += weight * its gradient. */
static double hard_loss(const float *z, uint32_t n, uint32_t class, const float *adjust,
                        float weight, float *d)
{
    float lse = log_sum_exp(z, adjust, n, 1);

    assert(class < n);
    for (uint32_t c = 0; c < n; c++)
        d[c] += weight * expf(z[c] + (adjust ? adjust[c] : 0) - lse);
    d[class] -= weight;
    return (double)weight * (lse - z[class] - (adjust ? adjust[class] : 0));
}

/* T^2 * cross-entropy with probabilities q; T^2 undoes the 1/T^2 of its gradient. */
static double soft_loss(const float *z, uint32_t n, const float *q, float temperature, float weight,
                        float *d)
{
    float scale = 1 / temperature, lse = log_sum_exp(z, NULL, n, scale);
    double loss = 0, sum_q = 0;

    for (uint32_t c = 0; c < n; c++) {
        loss += (double)q[c] * (lse - z[c] * scale);
        sum_q += q[c];
    }
    for (uint32_t c = 0; c < n; c++)
        d[c] += weight * temperature * ((float)sum_q * expf(z[c] * scale - lse) - q[c]);
    return (double)weight * temperature * temperature * loss;
}

float cn_loss_softmax(const float *z, uint32_t n, uint32_t classes,
                      const struct cn_softmax_target *target, float *d)
{
    const struct cn_softmax_target *t = target;
    float w = !t->soft ? 0 : !t->hard ? 1 : t->soft_weight;
    double loss = 0;

    assert(n > 0 && (t->hard || t->soft));
    assert(!t->soft || t->temperature > 0);
    for (uint32_t i = 0; i < n; i++, z += classes, d += classes) {
        float share = (t->weight ? t->weight[i] : 1) / (float)n;
        for (uint32_t c = 0; c < classes; c++)
            d[c] = 0;
        if (t->hard)
            loss += hard_loss(z, classes, t->hard[i], t->adjust, (1 - w) * share, d);
        if (t->soft)
            loss +=
                soft_loss(z, classes, t->soft + (size_t)i * classes, t->temperature, w * share, d);
    }
    return (float)loss;
}

float cn_loss_binary(const float *z, uint32_t n, const float *target, float *d)
{
    double loss = 0;

    for (uint32_t i = 0; i < n; i++) {
        float e = expf(-fabsf(z[i])), p = z[i] >= 0 ? 1 / (1 + e) : e / (1 + e);
        loss += fmaxf(z[i], 0) - z[i] * target[i] + log1pf(e);
        d[i] = (p - target[i]) / (float)n;
    }
    return (float)(loss / n);
}

void cn_softmax(const float *z, uint32_t n, uint32_t classes, float temperature, float *p)
{
    float scale = 1 / temperature;

    for (uint32_t i = 0; i < n; i++, z += classes, p += classes) {
        float lse = log_sum_exp(z, NULL, classes, scale);
        for (uint32_t c = 0; c < classes; c++)
            p[c] = expf(z[c] * scale - lse);
    }
}
