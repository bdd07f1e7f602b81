/* Fully connected layer: y = x W^T + b, W (out, in). */
#include "common/doors/matrix.h"
#include "common/nn/node.h"
#include "common/nn/vec.h"

/* A product with so few samples is bound by reading W once; packing it for a matrix product costs
   more than it saves. */
enum { FEW_SAMPLES = 1 };

static void forward(struct cn_node *node, const struct cn_pass *p)
{
    uint32_t in = (uint32_t)cn_shape_size(node->in), out = node->out.c;
    const float *w = node->param[0].data, *b = node->param[1].data;

    if (p->n <= FEW_SAMPLES) {
        for (uint32_t o = 0; o < out; o++)
            for (uint32_t i = 0; i < p->n; i++)
                p->y[(size_t)i * out + o] =
                    b[o] + cn_vec_dot(w + (size_t)o * in, p->x + (size_t)i * in, in);
        return;
    }
    cn_vec_fill_rows(p->y, b, p->n, out);
    cn_gemm(false, true, p->n, out, in, 1, p->x, in, w, in, 1, p->y, out);
}

static void backward(struct cn_node *node, const struct cn_pass *p)
{
    uint32_t in = (uint32_t)cn_shape_size(node->in), out = node->out.c;
    const float *w = node->param[0].data;

    if (node->trained) {
        float *dw = node->grad[0].data;
        cn_vec_sum_rows(node->grad[1].data, p->dy, p->n, out);
        if (p->n == 1 && p->outer)
            *p->outer = (struct cn_outer){node->grad[1].data, p->x};
        else if (p->n == 1)
            for (uint32_t o = 0; o < out; o++)
                cn_vec_scale(dw + (size_t)o * in, p->dy[o], p->x, in);
        else
            cn_gemm(true, false, out, in, p->n, 1, p->dy, out, p->x, in, 0, dw, in);
    }
    if (p->dx)
        cn_gemm(false, false, p->n, in, out, 1, p->dy, out, w, in, 0, p->dx, in);
}

const struct cn_node_ops cn_layer_dense = {.forward = forward, .backward = backward};
