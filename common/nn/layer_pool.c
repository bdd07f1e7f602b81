/* Pooling: every kind is "one number from each window", and differs in where its windows lie. Both
   orders of an image are planes of pixels of `depth` numbers: n * c planes of depth 1, or n planes
   of depth c. */
#include <stdlib.h>
#include <string.h>

#include "common/nn/node.h"
#include "common/nn/simd.h"

struct span {
    uint32_t from, to; /* never empty */
};

struct pool {
    struct span *row, *col; /* (out.h), (out.w): what of the input each output sees */
    uint32_t *winner;       /* max pool: (n, out) pixel in the input's plane */
    size_t n_winners;
};

static struct span clip(int64_t from, int64_t to, uint32_t size)
{
    return (struct span){(uint32_t)(from < 0 ? 0 : from), (uint32_t)(to > size ? size : to)};
}

static struct span *spans(const struct cn_layer *l, uint32_t kernel, uint32_t in, uint32_t out)
{
    struct span *s = cn_calloc(out, sizeof *s);
    bool grid = l->kind == CN_LAYER_GRID_POOL || l->kind == CN_LAYER_GLOBAL_POOL;
    int64_t stride = l->stride ? l->stride : 1;

    for (int64_t i = 0; i < out; i++)
        s[i] = grid ? clip(i * in / out, ((i + 1) * in + out - 1) / out, in)
                    : clip(i * stride - l->pad, i * stride - l->pad + kernel, in);
    return s;
}

static void pool_open(struct cn_node *node)
{
    const struct cn_layer *l = node->layer;
    struct pool *s = node->state = cn_calloc(1, sizeof *s);

    s->row = spans(l, l->kernel_h, node->in.h, node->out.h);
    s->col = spans(l, l->kernel_w, node->in.w, node->out.w);
}

static void pool_close(struct cn_node *node)
{
    struct pool *s = node->state;

    free(s->row);
    free(s->col);
    free(s->winner);
    free(s);
}

static size_t depth_of(const struct cn_node *node)
{
    return node->nhwc ? node->in.c : 1;
}

static size_t planes_of(const struct cn_node *node, uint32_t n)
{
    return node->nhwc ? n : (size_t)n * node->in.c;
}

/* ---- maximum ---- */

CN_SIMD static void max_pixel(float *restrict y, uint32_t *restrict winner, const float *restrict x,
                              uint32_t pixel, size_t depth)
{
    for (size_t c = 0; c < depth; c++) {
        bool wins = x[c] > y[c] || x[c] != x[c]; /* NaN comes through */
        y[c] = wins ? x[c] : y[c];
        winner[c] = wins ? pixel : winner[c];
    }
}

static void max_window(const struct cn_node *node, struct span row, struct span col, const float *x,
                       float *y, uint32_t *winner)
{
    size_t depth = depth_of(node);

    for (uint32_t r = row.from; r < row.to; r++) {
        for (uint32_t c = col.from; c < col.to; c++) {
            uint32_t pixel = r * node->in.w + c;
            if (r == row.from && c == col.from) {
                memcpy(y, x + pixel * depth, depth * sizeof *y);
                for (size_t i = 0; i < depth; i++)
                    winner[i] = pixel;
            } else {
                max_pixel(y, winner, x + pixel * depth, pixel, depth);
            }
        }
    }
}

static void max_forward(struct cn_node *node, const struct cn_pass *p)
{
    struct pool *s = node->state;
    size_t depth = depth_of(node), planes = planes_of(node, p->n),
           n = p->n * cn_shape_size(node->out);
    size_t plane = (size_t)node->in.h * node->in.w * depth, at = 0;

    if (n > s->n_winners) {
        free(s->winner);
        s->winner = cn_alloc_aligned(n, sizeof *s->winner);
        s->n_winners = n;
    }
    for (size_t i = 0; i < planes; i++)
        for (uint32_t r = 0; r < node->out.h; r++)
            for (uint32_t c = 0; c < node->out.w; c++, at += depth)
                max_window(node, s->row[r], s->col[c], p->x + i * plane, p->y + at, s->winner + at);
}

static void max_backward(struct cn_node *node, const struct cn_pass *p)
{
    struct pool *s = node->state;
    size_t depth = depth_of(node), planes = planes_of(node, p->n);
    size_t plane = (size_t)node->in.h * node->in.w * depth, at = 0;

    if (!p->dx)
        return;
    memset(p->dx, 0, p->n * cn_shape_size(node->in) * sizeof *p->dx);
    for (size_t i = 0; i < planes; i++)
        for (size_t j = (size_t)node->out.h * node->out.w; j > 0; j--)
            for (size_t c = 0; c < depth; c++, at++)
                p->dx[i * plane + s->winner[at] * depth + c] += p->dy[at];
}

/* ---- mean ---- */

CN_SIMD static void add_scaled(float *restrict y, const float *restrict x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

/* Adds every window of x to y, or with `back` every y (then dy) to its window of x (then dx). */
static void mean_run(const struct cn_node *node, uint32_t n, float *x, float *y, bool back)
{
    const struct pool *s = node->state;
    size_t depth = depth_of(node), planes = planes_of(node, n);

    for (size_t i = 0; i < planes; i++, x += (size_t)node->in.h * node->in.w * depth)
        for (uint32_t r = 0; r < node->out.h; r++)
            for (uint32_t c = 0; c < node->out.w; c++, y += depth) {
                struct span row = s->row[r], col = s->col[c];
                float share = 1.0f / ((float)(row.to - row.from) * (float)(col.to - col.from));
                for (uint32_t u = row.from; u < row.to; u++)
                    for (uint32_t v = col.from; v < col.to; v++) {
                        float *pixel = x + ((size_t)u * node->in.w + v) * depth;
                        add_scaled(back ? pixel : y, back ? y : pixel, share, depth);
                    }
            }
}

static void mean_forward(struct cn_node *node, const struct cn_pass *p)
{
    memset(p->y, 0, p->n * cn_shape_size(node->out) * sizeof *p->y);
    mean_run(node, p->n, (float *)p->x, p->y, false);
}

static void mean_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (!p->dx)
        return;
    memset(p->dx, 0, p->n * cn_shape_size(node->in) * sizeof *p->dx);
    mean_run(node, p->n, p->dx, (float *)p->dy, true);
}

const struct cn_node_ops cn_layer_max_pool = {.any_order = true,
                                              .open = pool_open,
                                              .close = pool_close,
                                              .forward = max_forward,
                                              .backward = max_backward};
const struct cn_node_ops cn_layer_mean_pool = {.any_order = true,
                                               .open = pool_open,
                                               .close = pool_close,
                                               .forward = mean_forward,
                                               .backward = mean_backward};
