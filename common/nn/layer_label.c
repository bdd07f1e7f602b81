/* Layers conditioned on a label: one row of an embedding per label, times or plus the input. */
#include <string.h>

#include "common/nn/node.h"
#include "common/nn/simd.h"

CN_SIMD static void multiply(float *restrict y, const float *restrict x, const float *restrict row,
                             size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * row[i];
}

CN_SIMD static void multiply_add(float *restrict y, const float *restrict x,
                                 const float *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i] * row[i];
}

CN_SIMD static void add(float *y, const float *x, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + row[i];
}

static float *clear_grad(struct cn_node *node)
{
    memset(node->grad[0].data, 0, cn_tensor_size(&node->grad[0]) * sizeof(float));
    return node->grad[0].data;
}

static void scale_forward(struct cn_node *node, const struct cn_pass *p)
{
    size_t n = cn_shape_size(node->in);

    for (uint32_t i = 0; i < p->n; i++)
        multiply(p->y + i * n, p->x + i * n, node->param[0].data + p->labels[i] * n, n);
}

static void scale_backward(struct cn_node *node, const struct cn_pass *p)
{
    size_t n = cn_shape_size(node->in);
    float *grad = node->trained ? clear_grad(node) : NULL;

    for (uint32_t i = 0; i < p->n; i++) {
        size_t at = i * n, row = p->labels[i] * n;
        if (grad)
            multiply_add(grad + row, p->dy + at, p->x + at, n);
        if (p->dx)
            multiply(p->dx + at, p->dy + at, node->param[0].data + row, n);
    }
}

static void add_forward(struct cn_node *node, const struct cn_pass *p)
{
    size_t n = cn_shape_size(node->in);

    for (uint32_t i = 0; i < p->n; i++)
        add(p->y + i * n, p->x + i * n, node->param[0].data + p->labels[i] * n, n);
}

static void add_backward(struct cn_node *node, const struct cn_pass *p)
{
    size_t n = cn_shape_size(node->in);

    if (node->trained) {
        float *grad = clear_grad(node);
        for (uint32_t i = 0; i < p->n; i++) {
            float *row = grad + p->labels[i] * n;
            add(row, row, p->dy + i * n, n);
        }
    }
    if (p->dx && p->dx != p->dy)
        memcpy(p->dx, p->dy, p->n * n * sizeof *p->dx);
}

const struct cn_node_ops cn_layer_label_scale = {.forward = scale_forward,
                                                 .backward = scale_backward};
const struct cn_node_ops cn_layer_label_add = {
    .in_place = true, .forward = add_forward, .backward = add_backward};
