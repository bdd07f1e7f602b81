/* Layer by layer. The image networks are the article's: dense 256, 512, 1024 with leaky ReLU and
   batch norm against dense 512, 512, 512 with dropout. */
#include "common/synth/cgan_arch.h"

#include <assert.h>
#include <string.h>

enum { HIDDEN = 128 };

static struct cn_layer *layer(struct cn_arch *a, enum cn_layer_kind kind, const char *name)
{
    struct cn_layer *l = &a->layers[a->n_layers++];

    assert(a->n_layers <= CN_MAX_LAYERS);
    l->kind = kind;
    memcpy(l->name, name, strlen(name) + 1);
    return l;
}

static void dense(struct cn_arch *a, const char *name, uint32_t out)
{
    layer(a, CN_LAYER_DENSE, name)->out = out;
}

static void leaky(struct cn_arch *a, const char *name)
{
    layer(a, CN_LAYER_LEAKY_RELU, name)->alpha = 0.2f;
}

static void norm(struct cn_arch *a, const char *name)
{
    struct cn_layer *l = layer(a, CN_LAYER_BATCH_NORM, name);

    l->momentum = 0.8f;
    l->eps = 1e-3f;
}

static void dropout(struct cn_arch *a, const char *name)
{
    layer(a, CN_LAYER_DROPOUT, name)->rate = 0.4f;
}

static struct cn_arch arch_new(uint32_t inputs)
{
    return (struct cn_arch){.channels = inputs, .height = 1, .width = 1};
}

struct cn_arch cn_cgan_arch_image_generator(uint32_t dim)
{
    struct cn_arch a = arch_new(CN_CGAN_IMAGE_LATENT);

    layer(&a, CN_LAYER_LABEL_SCALE, "label");
    dense(&a, "fc1", 256);
    leaky(&a, "act1");
    norm(&a, "norm1");
    dense(&a, "fc2", 512);
    leaky(&a, "act2");
    norm(&a, "norm2");
    dense(&a, "fc3", 1024);
    leaky(&a, "act3");
    norm(&a, "norm3");
    dense(&a, "out", dim);
    layer(&a, CN_LAYER_TANH, "tanh");
    return a;
}

struct cn_arch cn_cgan_arch_image_discriminator(uint32_t dim)
{
    struct cn_arch a = arch_new(dim);

    layer(&a, CN_LAYER_LABEL_SCALE, "label");
    dense(&a, "fc1", 512);
    leaky(&a, "act1");
    dense(&a, "fc2", 512);
    leaky(&a, "act2");
    dropout(&a, "drop2");
    dense(&a, "fc3", 512);
    leaky(&a, "act3");
    dropout(&a, "drop3");
    dense(&a, "out", 1);
    return a;
}

struct cn_arch cn_cgan_arch_residual_generator(uint32_t dim)
{
    struct cn_arch a = arch_new(CN_CGAN_RESIDUAL_LATENT);

    layer(&a, CN_LAYER_LABEL_SCALE, "label");
    dense(&a, "fc1", HIDDEN);
    leaky(&a, "act1");
    dense(&a, "fc2", HIDDEN);
    leaky(&a, "act2");
    dense(&a, "out", dim);
    layer(&a, CN_LAYER_TANH, "tanh");
    return a;
}

struct cn_arch cn_cgan_arch_residual_discriminator(uint32_t dim)
{
    struct cn_arch a = arch_new(dim);

    dense(&a, "fc1", HIDDEN);
    leaky(&a, "act1");
    layer(&a, CN_LAYER_LABEL_SCALE, "label");
    dense(&a, "fc2", HIDDEN);
    leaky(&a, "act2");
    dense(&a, "out", 1);
    return a;
}
