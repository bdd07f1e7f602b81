/* Convolution, in two ways. Everything that has many taps goes through the convolution door on
   (h, w, c) images. A kernel of few taps (the article's 2x2 over one channel) is `direct`, on plain
   images: a scratch plane as wide as the input turns every tap into one long shifted row, because
   output pixel i of that plane reads input pixel i + the tap's offset, whatever its row. The
   columns that the kernel would wrap around in are zero (backward) or dropped (forward). */
#include <stdlib.h>
#include <string.h>

#include "common/doors/conv.h"
#include "common/nn/node.h"
#include "common/nn/simd.h"
#include "common/nn/vec.h"

static uint32_t or_one(uint32_t x)
{
    return x ? x : 1;
}

/* ---- direct: stride 1, one group, no padding ---- */

enum { MAX_DIRECT_TAPS = 16, TAPS_AT_ONCE = 4 };

struct direct {
    uint32_t n_taps;
    size_t offset[MAX_DIRECT_TAPS]; /* of each tap's first input pixel */
    size_t length;                  /* of the scratch plane, up to its last output pixel */
    float *plane;
};

static bool is_direct(const struct cn_layer *l, struct cn_shape in)
{
    uint64_t taps = (uint64_t)in.c * l->kernel_h * l->kernel_w;

    return taps <= MAX_DIRECT_TAPS && or_one(l->groups) == 1 && or_one(l->stride) == 1 &&
           l->pad == 0;
}

static void direct_open(struct cn_node *node)
{
    const struct cn_layer *l = node->layer;
    struct direct *s = node->state = cn_calloc(1, sizeof *s);

    for (uint32_t c = 0; c < node->in.c; c++)
        for (uint32_t h = 0; h < l->kernel_h; h++)
            for (uint32_t w = 0; w < l->kernel_w; w++)
                s->offset[s->n_taps++] = ((size_t)c * node->in.h + h) * node->in.w + w;
    s->length = (size_t)(node->out.h - 1) * node->in.w + node->out.w;
    s->plane = cn_alloc_aligned(s->length, sizeof *s->plane);
    memset(s->plane, 0, s->length * sizeof *s->plane);
}

static void direct_close(struct cn_node *node)
{
    struct direct *s = node->state;

    free(s->plane);
    free(s);
}

/* y += the rows of x of four taps */
CN_SIMD static void add_taps(float *restrict y, const float *restrict x, const size_t *at,
                             const float *k, size_t n)
{
    const float *restrict x0 = x + at[0], *restrict x1 = x + at[1], *restrict x2 = x + at[2],
                          *restrict x3 = x + at[3];

    for (size_t i = 0; i < n; i++)
        y[i] += k[0] * x0[i] + k[1] * x1[i] + k[2] * x2[i] + k[3] * x3[i];
}

/* dk[t] += dy . x at tap t */
CN_SIMD static void dot_taps(float *dk, const float *restrict dy, const float *restrict x,
                             const size_t *at, size_t n)
{
    const float *restrict x0 = x + at[0], *restrict x1 = x + at[1], *restrict x2 = x + at[2],
                          *restrict x3 = x + at[3];
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;

#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (size_t i = 0; i < n; i++) {
        s0 += dy[i] * x0[i];
        s1 += dy[i] * x1[i];
        s2 += dy[i] * x2[i];
        s3 += dy[i] * x3[i];
    }
    dk[0] += s0;
    dk[1] += s1;
    dk[2] += s2;
    dk[3] += s3;
}

static void direct_forward(struct cn_node *node, const struct cn_pass *p)
{
    struct direct *s = node->state;
    const float *x = p->x;
    float *y = p->y;
    size_t w = node->out.w;

    for (uint32_t i = 0; i < p->n; i++, x += cn_shape_size(node->in))
        for (uint32_t o = 0; o < node->out.c; o++) {
            const float *k = node->param[0].data + (size_t)o * s->n_taps;
            uint32_t t = 0;
            cn_vec_fill(s->plane, node->param[1].data[o], s->length);
            for (; t + TAPS_AT_ONCE <= s->n_taps; t += TAPS_AT_ONCE)
                add_taps(s->plane, x, s->offset + t, k + t, s->length);
            for (; t < s->n_taps; t++)
                cn_vec_axpy(s->plane, k[t], x + s->offset[t], s->length);
            for (uint32_t r = 0; r < node->out.h; r++, y += w)
                memcpy(y, s->plane + (size_t)r * node->in.w, w * sizeof *y);
        }
}

/* Spreads one plane of dy to the input's width; the columns between stay zero. */
static void widen_plane(const struct cn_node *node, const float *dy)
{
    struct direct *s = node->state;
    size_t w = node->out.w, gap = node->in.w - w;

    for (uint32_t r = 0; r < node->out.h; r++) {
        float *row = s->plane + (size_t)r * node->in.w;
        memcpy(row, dy + r * w, w * sizeof *dy);
        if (r + 1 < node->out.h)
            memset(row + w, 0, gap * sizeof *dy);
    }
}

static void direct_backward(struct cn_node *node, const struct cn_pass *p)
{
    struct direct *s = node->state;
    const float *x = p->x, *dy = p->dy;
    float *dx = p->dx;
    size_t in = cn_shape_size(node->in), plane = (size_t)node->out.h * node->out.w;

    for (int i = 0; node->trained && i < 2; i++)
        memset(node->grad[i].data, 0, cn_tensor_size(&node->grad[i]) * sizeof(float));
    if (dx)
        memset(dx, 0, p->n * in * sizeof *dx);
    for (uint32_t i = 0; i < p->n; i++, x += in, dx = dx ? dx + in : NULL)
        for (uint32_t o = 0; o < node->out.c; o++, dy += plane) {
            const float *k = node->param[0].data + (size_t)o * s->n_taps;
            float *dk = node->grad[0].data + (size_t)o * s->n_taps;
            uint32_t t = 0;
            widen_plane(node, dy);
            if (node->trained) {
                node->grad[1].data[o] += cn_vec_sum(dy, plane);
                for (; t + TAPS_AT_ONCE <= s->n_taps; t += TAPS_AT_ONCE)
                    dot_taps(dk + t, s->plane, x, s->offset + t, s->length);
                for (; t < s->n_taps; t++)
                    dk[t] += cn_vec_dot(s->plane, x + s->offset[t], s->length);
            }
            for (t = 0; dx && t < s->n_taps; t++)
                cn_vec_axpy(dx + s->offset[t], k[t], s->plane, s->length);
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

static const struct cn_node_ops direct = {.open = direct_open,
                                          .close = direct_close,
                                          .forward = direct_forward,
                                          .backward = direct_backward};
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
