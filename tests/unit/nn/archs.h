/* Networks that several tests use. */
#ifndef TEST_NN_ARCHS_H
#define TEST_NN_ARCHS_H

#include "common/nn/net.h"

/* The article's classifier: 2x2 convolution, ReLU, dense rows of labels. */
static inline struct cn_arch classifier(uint32_t side, uint32_t filters)
{
    return (struct cn_arch){
        1,
        side,
        side,
        4,
        {{.kind = CN_LAYER_CONV, .name = "conv", .out = filters, .kernel_h = 2, .kernel_w = 2},
         {.kind = CN_LAYER_RELU},
         {.kind = CN_LAYER_FLATTEN},
         {.kind = CN_LAYER_DENSE, .name = "head", .by_label = true}}};
}

#endif
