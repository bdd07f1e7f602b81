/* Layers that move numbers: the order of an image's numbers, and nearest-neighbour upsampling. */
#include <string.h>

#include "common/nn/node.h"

enum { TILE = 16 };

/* out (cols, rows) = the transpose of in (rows, cols), in tiles that stay in the first cache. */
static void transpose(float *restrict out, const float *restrict in, size_t rows, size_t cols)
{
    for (size_t r0 = 0; r0 < rows; r0 += TILE)
        for (size_t c0 = 0; c0 < cols; c0 += TILE) {
            size_t r1 = r0 + TILE < rows ? r0 + TILE : rows;
            size_t c1 = c0 + TILE < cols ? c0 + TILE : cols;
            for (size_t c = c0; c < c1; c++)
                for (size_t r = r0; r < r1; r++)
                    out[c * rows + r] = in[r * cols + c];
        }
}

static void reorder(const struct cn_node *node, float *out, const float *in, uint32_t n,
                    bool from_nchw)
{
    size_t c = node->in.c, hw = (size_t)node->in.h * node->in.w;

    for (uint32_t i = 0; i < n; i++, out += c * hw, in += c * hw)
        transpose(out, in, from_nchw ? c : hw, from_nchw ? hw : c);
}

static void to_nhwc_forward(struct cn_node *node, const struct cn_pass *p)
{
    reorder(node, p->y, p->x, p->n, true);
}

static void to_nhwc_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (p->dx)
        reorder(node, p->dx, p->dy, p->n, false);
}

static void to_nchw_forward(struct cn_node *node, const struct cn_pass *p)
{
    reorder(node, p->y, p->x, p->n, false);
}

static void to_nchw_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (p->dx)
        reorder(node, p->dx, p->dy, p->n, true);
}

const struct cn_node_ops cn_node_to_nhwc = {.forward = to_nhwc_forward,
                                            .backward = to_nhwc_backward};
const struct cn_node_ops cn_node_to_nchw = {.forward = to_nchw_forward,
                                            .backward = to_nchw_backward};

/* ---- upsampling; planes and depth as in layer_pool.c ---- */

static void upsample_run(const struct cn_node *node, uint32_t n, float *small, float *large,
                         bool back)
{
    size_t depth = node->nhwc ? node->in.c : 1, planes = node->nhwc ? n : (size_t)n * node->in.c;
    uint32_t by = node->layer->stride ? node->layer->stride : 1;

    for (size_t i = 0; i < planes; i++, small += (size_t)node->in.h * node->in.w * depth)
        for (uint32_t r = 0; r < node->out.h; r++)
            for (uint32_t c = 0; c < node->out.w; c++, large += depth) {
                float *pixel = small + ((size_t)(r / by) * node->in.w + c / by) * depth;
                for (size_t k = 0; k < depth; k++) {
                    if (back)
                        pixel[k] += large[k];
                    else
                        large[k] = pixel[k];
                }
            }
}

static void upsample_forward(struct cn_node *node, const struct cn_pass *p)
{
    upsample_run(node, p->n, (float *)p->x, p->y, false);
}

static void upsample_backward(struct cn_node *node, const struct cn_pass *p)
{
    if (!p->dx)
        return;
    memset(p->dx, 0, p->n * cn_shape_size(node->in) * sizeof *p->dx);
    upsample_run(node, p->n, p->dx, (float *)p->dy, true);
}

const struct cn_node_ops cn_layer_upsample = {
    .any_order = true, .forward = upsample_forward, .backward = upsample_backward};
