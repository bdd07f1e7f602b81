/* Networks that several tests use, and what the tests do with them. Include it after cmocka.h. */
#ifndef TEST_NN_NETS_H
#define TEST_NN_NETS_H

#include <stdlib.h>
#include <string.h>

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

static const struct cn_opt_conf adam = {
    .kind = CN_OPT_ADAM, .rate = 1e-2f, .beta1 = .9f, .beta2 = .999f, .epsilon = 1e-8f};

static inline struct cn_net *make(const struct cn_arch *a, uint32_t n_labels, uint64_t seed)
{
    struct cn_error err;
    struct cn_net *net;

    assert_int_equal(cn_net_new(&net, a, n_labels, seed, &err), CN_OK);
    return net;
}

static inline float *numbers(size_t n, uint64_t seed)
{
    float *x = cn_alloc(n * sizeof *x);
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    cn_rng_fill_normal(&rng, x, n, 1);
    return x;
}

/* All parameters, one after the other. */
static inline struct cn_tensor *snapshot(struct cn_net *net)
{
    uint32_t n;
    const struct cn_tensor *t = cn_net_tensors(net, &n);
    struct cn_tensor *copy = cn_calloc(n, sizeof *copy);

    for (uint32_t i = 0; i < n; i++)
        cn_tensor_copy(&copy[i], &t[i]);
    return copy;
}

static inline void drop(struct cn_net *net, struct cn_tensor *copy)
{
    uint32_t n;

    cn_net_tensors(net, &n);
    for (uint32_t i = 0; i < n; i++)
        cn_tensor_fini(&copy[i]);
    free(copy);
}

static inline bool is_same(struct cn_net *net, const struct cn_tensor *copy)
{
    uint32_t n;
    const struct cn_tensor *t = cn_net_tensors(net, &n);

    for (uint32_t i = 0; i < n; i++)
        if (memcmp(t[i].data, copy[i].data, cn_tensor_size(&t[i]) * sizeof(float)) != 0)
            return false;
    return true;
}

/* A network with everything that has a state: two convolutions, batch norm, dropout. */
static inline struct cn_arch deep(void)
{
    return (struct cn_arch){
        1,
        8,
        8,
        8,
        {{.kind = CN_LAYER_CONV, .name = "a", .out = 4, .kernel_h = 3, .kernel_w = 3, .pad = 1},
         {.kind = CN_LAYER_BATCH_NORM, .name = "n", .momentum = .8f, .eps = 1e-3f},
         {.kind = CN_LAYER_RELU},
         {.kind = CN_LAYER_CONV, .name = "b", .out = 6, .kernel_h = 3, .kernel_w = 3},
         {.kind = CN_LAYER_RELU},
         {.kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 2, .stride = 2},
         {.kind = CN_LAYER_DROPOUT, .rate = .2f},
         {.kind = CN_LAYER_DENSE, .name = "head", .by_label = true}}};
}

#endif
