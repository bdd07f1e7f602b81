/* Convolution, in two ways. A kernel of few taps (the article's 2x2 over one channel) is a handful
   of scaled rows: `direct` adds them up on plain images. Everything else goes through the
   convolution door on (h, w, c) images. */
#include <stdlib.h>
#include <string.h>

#include "common/doors/conv.h"
#include "common/nn/node.h"
#include "common/nn/vec.h"

static uint32_t or_one(uint32_t x)
{
    return x ? x : 1;
}

/* ---- direct: stride 1, one group, no padding ---- */

enum { MAX_DIRECT_TAPS = 16 };

static bool is_direct(const struct cn_layer *l, struct cn_shape in)
{
    uint64_t taps = (uint64_t)in.c * l->kernel_h * l->kernel_w;

    return taps <= MAX_DIRECT_TAPS && or_one(l->groups) == 1 && or_one(l->stride) == 1 &&
           l->pad == 0;
}

/* The input row that tap t of the kernel reads for output row r, and its first pixel. */
static size_t tap_at(const struct cn_node *node, uint32_t t, uint32_t r)
{
    const struct cn_layer *l = node->layer;
    uint32_t kw = t % l->kernel_w, kh = t / l->kernel_w % l->kernel_h,
             c = t / l->kernel_w / l->kernel_h;

    return ((size_t)c * node->in.h + r + kh) * node->in.w + kw;
}

static void direct_forward(struct cn_node *node, const struct cn_pass *p)
{
    uint32_t taps = (uint32_t)cn_tensor_row_size(&node->param[0]);
    const float *bias = node->param[1].data, *x = p->x;
    float *y = p->y;
    size_t w = node->out.w;

    for (uint32_t i = 0; i < p->n; i++, x += cn_shape_size(node->in))
        for (uint32_t o = 0; o < node->out.c; o++)
            for (uint32_t r = 0; r < node->out.h; r++, y += w) {
                const float *k = node->param[0].data + (size_t)o * taps;
                cn_vec_fill(y, bias[o], w);
                for (uint32_t t = 0; t < taps; t++)
                    cn_vec_axpy(y, k[t], x + tap_at(node, t, r), w);
            }
}

static void direct_backward(struct cn_node *node, const struct cn_pass *p)
{
    uint32_t taps = (uint32_t)cn_tensor_row_size(&node->param[0]);
    const float *x = p->x, *dy = p->dy;
    float *dx = p->dx;
    size_t w = node->out.w, in = cn_shape_size(node->in);

    for (int i = 0; node->trained && i < 2; i++)
        memset(node->grad[i].data, 0, cn_tensor_size(&node->grad[i]) * sizeof(float));
    if (dx)
        memset(dx, 0, p->n * in * sizeof *dx);
    for (uint32_t i = 0; i < p->n; i++, x += in, dx = dx ? dx + in : NULL)
        for (uint32_t o = 0; o < node->out.c; o++)
            for (uint32_t r = 0; r < node->out.h; r++, dy += w) {
                const float *k = node->param[0].data + (size_t)o * taps;
                if (node->trained)
                    node->grad[1].data[o] += cn_vec_sum(dy, w);
                for (uint32_t t = 0; t < taps; t++) {
                    size_t at = tap_at(node, t, r);
                    if (node->trained)
                        node->grad[0].data[(size_t)o * taps + t] += cn_vec_dot(dy, x + at, w);
                    if (dx)
                        cn_vec_axpy(dx + at, k[t], dy, w);
                }
            }
}

/* ---- through the door ---- */

struct door {
    struct cn_conv *conv; /* for the batch size of the last run */
    uint32_t n;
    bool fresh; /* it has the weights as they are */
};

static void door_open(struct cn_node *node)
{
    node->state = cn_calloc(1, sizeof(struct door));
}

static void door_close(struct cn_node *node)
{
    struct door *s = node->state;

    cn_conv_destroy(&s->conv);
    free(s);
}

static void door_touch(struct cn_node *node)
{
    struct door *s = node->state;

    s->fresh = false;
}

static struct cn_conv *prepare(struct cn_node *node, uint32_t n)
{
    struct door *s = node->state;
    const struct cn_layer *l = node->layer;

    if (s->n != n) {
        cn_conv_destroy(&s->conv);
        s->conv = cn_conv_new(&(struct cn_conv_shape){.n = n,
                                                      .in = node->in.c,
                                                      .out = node->out.c,
                                                      .groups = or_one(l->groups),
                                                      .in_h = node->in.h,
                                                      .in_w = node->in.w,
                                                      .out_h = node->out.h,
                                                      .out_w = node->out.w,
                                                      .kernel_h = l->kernel_h,
                                                      .kernel_w = l->kernel_w,
                                                      .stride = or_one(l->stride),
                                                      .pad = l->pad});
        s->n = n;
        s->fresh = false;
    }
    if (!s->fresh)
        cn_conv_load(s->conv, node->param[0].data, node->param[1].data);
    s->fresh = true;
    return s->conv;
}

static void door_forward(struct cn_node *node, const struct cn_pass *p)
{
    cn_conv_forward(prepare(node, p->n), p->x, p->y);
}

static void door_backward(struct cn_node *node, const struct cn_pass *p)
{
    struct cn_conv *conv = prepare(node, p->n);

    if (node->trained)
        cn_conv_backward_weights(conv, p->x, p->dy, node->grad[0].data, node->grad[1].data);
    if (p->dx)
        cn_conv_backward_data(conv, p->dy, p->dx);
}

static const struct cn_node_ops direct = {.forward = direct_forward, .backward = direct_backward};
static const struct cn_node_ops door = {.nhwc = true,
                                        .open = door_open,
                                        .close = door_close,
                                        .touch = door_touch,
                                        .forward = door_forward,
                                        .backward = door_backward};

const struct cn_node_ops *cn_layer_conv(const struct cn_layer *l, struct cn_shape in)
{
    return is_direct(l, in) ? &direct : &door;
}
