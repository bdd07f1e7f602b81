/* Random filters of zero mean and unit norm, each with its negation, so that after the ReLU both
   signs of an edge survive; a threshold keeps flat noise out. What the head needs of the image is
   then linear in phi (Coates & Ng, "Selecting Receptive Fields in Deep Networks", NIPS 2011). */
#include "common/recipe/trunk.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { KERNEL = 5, SLICE = 32 };
static const float THRESHOLD = 0.2f;

size_t cn_trunk_size(const struct cn_recipe *r)
{
    return (size_t)2 * r->n_filters * CN_TRUNK_GRID * CN_TRUNK_GRID;
}

static struct cn_arch arch_of(const struct cn_recipe *r)
{
    struct cn_arch a = {
        .channels = r->pipeline.channels,
        .height = r->pipeline.height,
        .width = r->pipeline.width,
        .n_layers = 3,
    };

    a.layers[0] = (struct cn_layer){.kind = CN_LAYER_CONV,
                                    .name = "trunk",
                                    .out = 2 * r->n_filters,
                                    .kernel_h = KERNEL,
                                    .kernel_w = KERNEL,
                                    .stride = 1,
                                    .pad = KERNEL / 2,
                                    .groups = 1,
                                    .frozen = true};
    a.layers[1] = (struct cn_layer){.kind = CN_LAYER_RELU, .name = "relu"};
    a.layers[2] =
        (struct cn_layer){.kind = CN_LAYER_GRID_POOL, .name = "grid", .out = CN_TRUNK_GRID};
    return a;
}

static void draw_filter(struct cn_rng *rng, float *w, size_t n)
{
    double mean = 0, square = 0;

    cn_rng_fill_normal(rng, w, n, 1);
    for (size_t i = 0; i < n; i++)
        mean += w[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (w[i] - mean) * (w[i] - mean);
    for (size_t i = 0; i < n; i++)
        w[i] = (float)((w[i] - mean) / sqrt(square));
}

enum cn_err cn_trunk_new(struct cn_net **ret, const struct cn_recipe *r, struct cn_error *err)
{
    struct cn_arch arch = arch_of(r);
    CN_CLEANUP(cn_net_destroy) struct cn_net *net = NULL;
    enum cn_err e = cn_net_new(&net, &arch, 0, r->seed, err);
    uint32_t n_tensors;
    struct cn_rng rng;

    if (e)
        return e;
    struct cn_tensor *t = cn_net_tensors(net, &n_tensors);
    struct cn_tensor *weight = cn_tensor_find(t, n_tensors, "trunk.weight");
    struct cn_tensor *bias = cn_tensor_find(t, n_tensors, "trunk.bias");
    assert(weight && bias);
    size_t row = cn_tensor_row_size(weight), half = r->n_filters * row;
    cn_rng_init(&rng, r->seed);
    for (uint32_t f = 0; f < r->n_filters; f++)
        draw_filter(&rng, weight->data + f * row, row);
    for (size_t i = 0; i < half; i++)
        weight->data[half + i] = -weight->data[i];
    for (uint32_t f = 0; f < 2 * r->n_filters; f++)
        bias->data[f] = -THRESHOLD;
    cn_net_touch(net);
    *ret = cn_steal(net);
    return CN_OK;
}

void cn_trunk_embed(struct cn_net *trunk, const float *x, uint32_t n, float *phi)
{
    size_t in = cn_net_in_size(trunk), out = cn_net_out_size(trunk);

    for (uint32_t i = 0, k; i < n; i += k) {
        k = n - i < SLICE ? n - i : SLICE;
        const float *y = cn_net_forward(trunk, x + i * in, NULL, k, false);
        memcpy(phi + i * out, y, k * out * sizeof *phi);
    }
}
