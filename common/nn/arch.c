/* Checks of an architecture that came from a file or a peer. */
#include "common/nn/arch.h"

#include <string.h>

#include "common/nn/node.h"

static enum cn_err check_name(const struct cn_arch *a, uint32_t i, bool has_tensors,
                              struct cn_error *err)
{
    const struct cn_layer *l = &a->layers[i];

    if (!memchr(l->name, 0, sizeof l->name))
        return cn_fail(err, CN_E_PARSE, "its name does not end");
    if (!l->name[0])
        return has_tensors ? cn_fail(err, CN_E_PARSE, "it has tensors but no name") : CN_OK;
    for (const char *p = l->name; *p; p++)
        if (*p <= ' ' || *p > '~')
            return cn_fail(err, CN_E_PARSE, "its name is not printable ASCII");
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(a->layers[j].name, l->name) == 0)
            return cn_fail(err, CN_E_EXISTS, "layer %u has the same name", j);
    return CN_OK;
}

static bool is_activation(enum cn_layer_kind k)
{
    return k == CN_LAYER_RELU || k == CN_LAYER_LEAKY_RELU || k == CN_LAYER_TANH ||
           k == CN_LAYER_SIGMOID || k == CN_LAYER_DROPOUT;
}

/* What has been seen of an architecture so far. */
struct walk {
    struct cn_shape shape;
    uint32_t n_labels, n_tensors;
    uint64_t n_numbers;
    bool by_label; /* the width is the number of labels */
};

static enum cn_err check_layer(struct walk *k, const struct cn_arch *a, uint32_t i,
                               struct cn_error *err)
{
    const struct cn_layer *l = &a->layers[i];
    struct cn_shape in = k->shape;
    struct cn_param param[CN_MAX_PARAMS];
    enum cn_err e = cn_shape_next(l, in, k->n_labels, &k->shape, err);

    if (e)
        return e;
    if (k->by_label && !is_activation(l->kind)) /* widening must change no other layer */
        return cn_fail(err, CN_E_SHAPE, "it follows a layer whose width is the number of labels");
    k->by_label |= l->kind == CN_LAYER_DENSE && l->by_label;
    uint32_t n = cn_param_list(l, in, k->n_labels, param);
    k->n_tensors += n;
    for (uint32_t p = 0; p < n; p++) {
        uint64_t size = 1;
        for (uint32_t d = 0; d < param[p].n_dims; d++) {
            size *= param[p].dims[d];
            if (size > CN_MAX_LAYER_NUMBERS)
                return cn_fail(err, CN_E_LIMIT, "its %s has more than %d numbers", param[p].suffix,
                               (int)CN_MAX_LAYER_NUMBERS);
        }
        k->n_numbers += size;
    }
    return check_name(a, i, n > 0, err);
}

enum cn_err cn_arch_check(const struct cn_arch *a, uint32_t n_labels, size_t *ret_out,
                          struct cn_error *err)
{
    struct cn_shape shape = {a->channels, a->height, a->width};
    struct walk k = {.shape = shape, .n_labels = n_labels};

    if (a->n_layers == 0 || a->n_layers > CN_MAX_LAYERS)
        return cn_fail(err, CN_E_LIMIT, "%u layers: not 1 to %d", a->n_layers, (int)CN_MAX_LAYERS);
    if (n_labels > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "%u labels: more than %d", n_labels, (int)CN_MAX_LABELS);
    if (shape.c == 0 || shape.h == 0 || shape.w == 0 || shape.c > CN_MAX_LAYER_SIDE ||
        shape.h > CN_MAX_IMAGE_SIDE || shape.w > CN_MAX_IMAGE_SIDE ||
        (uint64_t)shape.c * shape.h * shape.w > CN_MAX_LAYER_NUMBERS)
        return cn_fail(err, CN_E_LIMIT, "an input of %ux%ux%u cannot be", shape.c, shape.h,
                       shape.w);
    for (uint32_t i = 0; i < a->n_layers; i++) {
        enum cn_err e = check_layer(&k, a, i, err);
        if (e) {
            cn_fail_prefix(err, "layer %u \"%.15s\"", i, a->layers[i].name);
            return e;
        }
    }
    if (k.n_tensors > CN_MAX_TENSORS || k.n_numbers > CN_MAX_NETWORK_NUMBERS)
        return cn_fail(err, CN_E_LIMIT, "the network has more than %d tensors or %d numbers",
                       (int)CN_MAX_TENSORS, (int)CN_MAX_NETWORK_NUMBERS);
    *ret_out = cn_shape_size(k.shape);
    return CN_OK;
}
