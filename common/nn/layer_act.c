/* Activations, dropout, and the layers that change a shape alone. Derivatives are taken from the
   output, so all of them work in place. */
#include <stdlib.h>

#include "common/nn/node.h"
#include "common/nn/simd.h"
#include "common/nn/vec.h"

/* ---- rectifiers ---- */

/* NaN stays NaN: a comparison that it fails must not make it a clean zero. */
CN_SIMD static void rectify(float *y, const float *x, size_t n, float alpha)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? alpha * x[i] : x[i];
}

CN_SIMD static void rectify_back(float *dx, const float *dy, const float *y, size_t n, float alpha)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0 ? dy[i] : alpha * dy[i];
}

static float slope(const struct cn_node *node)
{
    return node->layer->kind == CN_LAYER_LEAKY_RELU ? node->layer->alpha : 0;
}

static void relu_forward(struct cn_node *node, const struct cn_pass *p)
{
    rectify(p->y, p->x, p->n * cn_shape_size(node->out), slope(node));
}

static void relu_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (p->dx)
        rectify_back(p->dx, p->dy, p->y, p->n * cn_shape_size(node->out), slope(node));
}

/* ---- tanh and sigmoid ---- */

static void tanh_forward(struct cn_node *node, const struct cn_pass *p)
{
    cn_vec_tanh(p->y, p->x, p->n * cn_shape_size(node->out));
}

CN_SIMD static void tanh_back(float *dx, const float *dy, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (1 - y[i] * y[i]);
}

static void tanh_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (p->dx)
        tanh_back(p->dx, p->dy, p->y, p->n * cn_shape_size(node->out));
}

static void sigmoid_forward(struct cn_node *node, const struct cn_pass *p)
{
    cn_vec_sigmoid(p->y, p->x, p->n * cn_shape_size(node->out));
}

CN_SIMD static void sigmoid_back(float *dx, const float *dy, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * y[i] * (1 - y[i]);
}

static void sigmoid_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (p->dx)
        sigmoid_back(p->dx, p->dy, p->y, p->n * cn_shape_size(node->out));
}

/* ---- dropout: kept numbers are scaled up in training, so that nothing is to do outside ---- */

struct dropout {
    float *mask; /* 0 or 1 / (1 - rate) */
    size_t n_mask;
    bool used; /* by the last forward */
};

static void dropout_open(struct cn_node *node)
{
    node->state = cn_calloc(1, sizeof(struct dropout));
}

static void dropout_close(struct cn_node *node)
{
    struct dropout *d = node->state;

    free(d->mask);
    free(d);
}

CN_SIMD static void multiply(float *y, const float *x, const float *mask, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * mask[i];
}

static void copy(float *y, const float *x, size_t n)
{
    if (y != x)
        for (size_t i = 0; i < n; i++)
            y[i] = x[i];
}

static void draw_mask(struct dropout *d, size_t n, float rate, struct cn_rng *rng)
{
    uint32_t drop_below = (uint32_t)(rate * 65536.0f); /* four draws from every 64 bits */
    float keep = 1 / (1 - rate);
    uint64_t bits = 0;

    if (n > d->n_mask) {
        free(d->mask);
        d->mask = cn_alloc_aligned(n, sizeof *d->mask);
        d->n_mask = n;
    }
    for (size_t i = 0; i < n; i++) {
        bits = i % 4 ? bits >> 16 : cn_rng_next(rng);
        d->mask[i] = (bits & 0xffff) < drop_below ? 0 : keep;
    }
}

static void dropout_forward(struct cn_node *node, const struct cn_pass *p)
{
    struct dropout *d = node->state;
    size_t n = p->n * cn_shape_size(node->out);

    d->used = p->train && node->layer->rate > 0;
    if (!d->used) {
        copy(p->y, p->x, n);
        return;
    }
    draw_mask(d, n, node->layer->rate, p->rng);
    multiply(p->y, p->x, d->mask, n);
}

static void dropout_backward(struct cn_node *node, const struct cn_pass *p)
{
    struct dropout *d = node->state;
    size_t n = p->n * cn_shape_size(node->out);

    if (!p->dx)
        return;
    if (d->used)
        multiply(p->dx, p->dy, d->mask, n);
    else
        copy(p->dx, p->dy, n);
}

const struct cn_node_ops cn_layer_relu = {.in_place = true,
                                          .needs_output = true,
                                          .any_order = true,
                                          .forward = relu_forward,
                                          .backward = relu_backward};
const struct cn_node_ops cn_layer_tanh = {.in_place = true,
                                          .needs_output = true,
                                          .any_order = true,
                                          .forward = tanh_forward,
                                          .backward = tanh_backward};
const struct cn_node_ops cn_layer_sigmoid = {.in_place = true,
                                             .needs_output = true,
                                             .any_order = true,
                                             .forward = sigmoid_forward,
                                             .backward = sigmoid_backward};
const struct cn_node_ops cn_layer_dropout = {.in_place = true,
                                             .any_order = true,
                                             .open = dropout_open,
                                             .close = dropout_close,
                                             .forward = dropout_forward,
                                             .backward = dropout_backward};
/* Flatten and reshape: the numbers stay where they are. */
const struct cn_node_ops cn_layer_shape = {.in_place = true};
