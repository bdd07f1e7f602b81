/* Which code runs a layer. */
#include "common/nn/node.h"

#include <assert.h>

const struct cn_node_ops *cn_node_ops_of(const struct cn_layer *l, struct cn_shape in)
{
    switch (l->kind) {
    case CN_LAYER_CONV: return cn_layer_conv(l, in);
    case CN_LAYER_DENSE: return &cn_layer_dense;
    case CN_LAYER_MAX_POOL: return &cn_layer_max_pool;
    case CN_LAYER_AVG_POOL:
    case CN_LAYER_GRID_POOL:
    case CN_LAYER_GLOBAL_POOL: return &cn_layer_mean_pool;
    case CN_LAYER_BATCH_NORM: return &cn_layer_norm;
    case CN_LAYER_RELU:
    case CN_LAYER_LEAKY_RELU: return &cn_layer_relu;
    case CN_LAYER_TANH: return &cn_layer_tanh;
    case CN_LAYER_SIGMOID: return &cn_layer_sigmoid;
    case CN_LAYER_DROPOUT: return &cn_layer_dropout;
    case CN_LAYER_FLATTEN:
    case CN_LAYER_RESHAPE: return &cn_layer_shape;
    case CN_LAYER_UPSAMPLE: return &cn_layer_upsample;
    case CN_LAYER_LABEL_SCALE: return &cn_layer_label_scale;
    case CN_LAYER_LABEL_ADD: return &cn_layer_label_add;
    }
    assert(!"a checked architecture has no other kinds");
    return NULL;
}
