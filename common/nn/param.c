/* Which tensors a layer has, and the numbers that they start with. */
#include <math.h>

#include "common/nn/node.h"

static float glorot(double fan_in, double fan_out)
{
    return (float)sqrt(6.0 / (fan_in + fan_out)); /* Glorot & Bengio 2010, eq. 16 */
}

static uint32_t conv(const struct cn_layer *l, struct cn_shape in, struct cn_param *p)
{
    uint32_t in_group = in.c / (l->groups ? l->groups : 1);
    double field = (double)l->kernel_h * l->kernel_w;

    p[0] = (struct cn_param){.suffix = "weight",
                             .n_dims = 4,
                             .dims = {l->out, in_group, l->kernel_h, l->kernel_w},
                             .uniform = glorot(in_group * field, l->out * field)};
    p[1] = (struct cn_param){.suffix = "bias", .n_dims = 1, .dims = {l->out}};
    return 2;
}

static uint32_t dense(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                      struct cn_param *p)
{
    uint32_t n_in = in.c * in.h * in.w, n_out = l->by_label ? n_labels : l->out;

    p[0] = (struct cn_param){.suffix = "weight",
                             .n_dims = 2,
                             .dims = {n_out, n_in},
                             .by_label = l->by_label,
                             .uniform = glorot(n_in, n_out)};
    p[1] =
        (struct cn_param){.suffix = "bias", .n_dims = 1, .dims = {n_out}, .by_label = l->by_label};
    return 2;
}

static uint32_t norm(struct cn_shape in, struct cn_param *p)
{
    p[0] = (struct cn_param){.suffix = "weight", .n_dims = 1, .dims = {in.c}, .value = 1};
    p[1] = (struct cn_param){.suffix = "bias", .n_dims = 1, .dims = {in.c}};
    p[2] = (struct cn_param){.suffix = "mean", .n_dims = 1, .dims = {in.c}, .running = true};
    p[3] = (struct cn_param){
        .suffix = "var", .n_dims = 1, .dims = {in.c}, .running = true, .value = 1};
    return 4;
}

static uint32_t label(struct cn_shape in, uint32_t n_labels, struct cn_param *p)
{
    p[0] = (struct cn_param){.suffix = "weight",
                             .n_dims = 2,
                             .dims = {n_labels, in.c * in.h * in.w},
                             .by_label = true,
                             .uniform = 0.05f};
    return 1;
}

uint32_t cn_param_list(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                       struct cn_param ret[CN_MAX_PARAMS])
{
    switch (l->kind) {
    case CN_LAYER_CONV: return conv(l, in, ret);
    case CN_LAYER_DENSE: return dense(l, in, n_labels, ret);
    case CN_LAYER_BATCH_NORM: return norm(in, ret);
    case CN_LAYER_LABEL_SCALE:
    case CN_LAYER_LABEL_ADD: return label(in, n_labels, ret);
    case CN_LAYER_MAX_POOL:
    case CN_LAYER_AVG_POOL:
    case CN_LAYER_GRID_POOL:
    case CN_LAYER_GLOBAL_POOL:
    case CN_LAYER_RELU:
    case CN_LAYER_LEAKY_RELU:
    case CN_LAYER_TANH:
    case CN_LAYER_SIGMOID:
    case CN_LAYER_DROPOUT:
    case CN_LAYER_FLATTEN:
    case CN_LAYER_RESHAPE:
    case CN_LAYER_UPSAMPLE: return 0;
    }
    return 0;
}

void cn_param_fill(const struct cn_param *p, float *x, size_t n, struct cn_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        x[i] = p->uniform > 0 ? (2 * cn_rng_uniform(rng) - 1) * p->uniform : p->value;
}
