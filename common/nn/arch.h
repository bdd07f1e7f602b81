/* An architecture as data: a list of layers, stored in the release, turned into a network by net.h.
 */
#ifndef CN_ARCH_H
#define CN_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

enum cn_layer_kind {
    CN_LAYER_CONV,        /* out, kernel_h, kernel_w, stride, pad, groups; bias included */
    CN_LAYER_DENSE,       /* out (ignored when by_label: as many as labels); input is flattened */
    CN_LAYER_MAX_POOL,    /* kernel_h, kernel_w, stride, pad */
    CN_LAYER_AVG_POOL,    /* the same; padding is not counted in the mean */
    CN_LAYER_GRID_POOL,   /* average to out x out cells, cell i covers [floor(i*H/out),
                             ceil((i+1)*H/out)) */
    CN_LAYER_GLOBAL_POOL, /* average over h and w */
    CN_LAYER_BATCH_NORM,  /* momentum, eps; statistics over n (dense) or n,h,w (images) */
    CN_LAYER_RELU,
    CN_LAYER_LEAKY_RELU, /* alpha */
    CN_LAYER_TANH,
    CN_LAYER_SIGMOID,
    CN_LAYER_DROPOUT, /* rate; identity outside training */
    CN_LAYER_FLATTEN,
    CN_LAYER_RESHAPE,     /* to out x kernel_h x kernel_w */
    CN_LAYER_UPSAMPLE,    /* nearest, by stride */
    CN_LAYER_LABEL_SCALE, /* x * embedding[label], embedding (n_labels, inputs), always by_label */
    CN_LAYER_LABEL_ADD    /* x + embedding[label]; the same table shape */
};

struct cn_layer {
    enum cn_layer_kind kind;
    /* Unique in the network, empty only where there are no tensors; "NAME.weight", "NAME.bias"...
     */
    char name[16];
    uint32_t out, kernel_h, kernel_w, stride, pad, groups; /* stride and groups: 0 means 1 */
    float alpha, rate, momentum, eps;
    bool by_label; /* of a dense layer: its rows belong to labels; only activations may follow */
    bool frozen;   /* its tensors are not trained */
};

struct cn_arch {
    uint32_t channels, height, width; /* of one input; dense input: n x 1 x 1 */
    uint32_t n_layers;
    struct cn_layer layers[CN_MAX_LAYERS];
};

/* Checks that every layer fits the one before and nothing overflows; writes the numbers of one
   output (for n_labels labels) to *ret_out. The error names the layer. */
enum cn_err cn_arch_check(const struct cn_arch *a, uint32_t n_labels, size_t *ret_out,
                          struct cn_error *err) CN_NODISCARD;

#endif
