/* Building a network from its architecture: tensors, nodes, buffers. */
#include "common/nn/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/node.h"

/* ---- tensors ---- */

static void add_tensors(struct cn_net *net, const struct cn_layer *l, struct cn_shape in,
                        struct cn_rng *rng)
{
    struct cn_param param[CN_MAX_PARAMS];
    uint32_t n = cn_param_list(l, in, net->n_labels, param);

    for (uint32_t i = 0; i < n; i++) {
        struct cn_tensor *t = &net->tensor[net->n_tensors++];
        char name[CN_MAX_TENSOR_NAME_BYTES + 1];

        snprintf(name, sizeof name, "%s.%s", l->name, param[i].suffix);
        cn_tensor_init(t, name, param[i].n_dims, param[i].dims);
        t->by_label = param[i].by_label;
        t->frozen = l->frozen || param[i].running;
        cn_param_fill(&param[i], t->data, cn_tensor_size(t), rng);
    }
}

void cn_net_drop_grads(struct cn_net *net)
{
    for (uint32_t i = 0; i < net->n_tensors; i++) {
        free(net->grad[i].data);
        net->grad[i] = net->tensor[i];
        net->grad[i].data = NULL;
    }
}

void cn_net_need_grads(struct cn_net *net)
{
    for (uint32_t i = 0; i < net->n_tensors; i++) {
        struct cn_tensor *g = &net->grad[i], shape = *g;

        if (g->data)
            continue;
        cn_tensor_init(g, shape.name, shape.n_dims, shape.dims);
        g->by_label = shape.by_label;
        g->frozen = shape.frozen;
    }
}

/* The architecture was checked, so shapes cannot fail. */
static struct cn_shape shape_after(const struct cn_net *net, uint32_t layer, struct cn_shape in)
{
    struct cn_shape out = in;
    enum cn_err e = cn_shape_next(&net->arch.layers[layer], in, net->n_labels, &out, NULL);

    assert(e == CN_OK);
    return out;
}

static struct cn_shape first_shape(const struct cn_net *net)
{
    return (struct cn_shape){net->arch.channels, net->arch.height, net->arch.width};
}

/* ---- nodes ---- */

static struct cn_node *add_node(struct cn_net *net, const struct cn_node_ops *ops,
                                struct cn_shape in, struct cn_shape out)
{
    struct cn_node *node = &net->node[net->n_nodes++];

    *node = (struct cn_node){.ops = ops, .in = in, .out = out};
    return node;
}

/* One channel, or one pixel, lies the same in both orders. */
static bool has_order(struct cn_shape s)
{
    return s.c > 1 && (size_t)s.h * s.w > 1;
}

static void add_order(struct cn_net *net, struct cn_shape s, bool is_nhwc, bool want_nhwc)
{
    if (is_nhwc != want_nhwc && has_order(s))
        add_node(net, want_nhwc ? &cn_node_to_nhwc : &cn_node_to_nchw, s, s);
}

static void add_layer(struct cn_net *net, const struct cn_node_ops *ops, uint32_t layer,
                      struct cn_shape in, uint32_t first_tensor)
{
    struct cn_node *node = add_node(net, ops, in, shape_after(net, layer, in));
    struct cn_param param[CN_MAX_PARAMS];

    node->layer = &net->arch.layers[layer];
    node->n_params = cn_param_list(node->layer, in, net->n_labels, param);
    node->param = net->tensor + first_tensor;
    node->grad = net->grad + first_tensor;
    node->trained = node->n_params > 0 && !node->layer->frozen;
}

void cn_net_wire(struct cn_net *net)
{
    struct cn_shape s = first_shape(net);
    uint32_t n_tensors = 0;
    bool nhwc = false;

    net->n_nodes = 0;
    for (uint32_t i = 0; i < net->arch.n_layers; i++) {
        const struct cn_node_ops *ops = cn_node_ops_of(&net->arch.layers[i], s);
        bool want = ops->any_order ? nhwc : ops->nhwc;

        add_order(net, s, nhwc, want);
        add_layer(net, ops, i, s, n_tensors);
        struct cn_node *node = &net->node[net->n_nodes - 1];
        node->nhwc = nhwc = want;
        n_tensors += node->n_params;
        s = node->out;
    }
    add_order(net, s, nhwc, false);
    net->first_trained = net->n_nodes;
    for (uint32_t i = net->n_nodes; i-- > 0;) {
        if (net->node[i].trained)
            net->first_trained = i;
        if (net->node[i].ops->open)
            net->node[i].ops->open(&net->node[i]);
    }
}

static void free_buffers(struct cn_net *net)
{
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        if (net->node[i].owns_y)
            free(net->node[i].y);
        net->node[i].y = NULL;
        net->node[i].owns_y = false;
    }
    for (int i = 0; i < 2; i++) {
        free(net->scratch[i]);
        net->scratch[i] = NULL;
    }
    free(net->loss_grad);
    net->loss_grad = NULL;
    net->capacity = 0;
}

void cn_net_unwire(struct cn_net *net)
{
    free_buffers(net);
    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (net->node[i].ops->close)
            net->node[i].ops->close(&net->node[i]);
    net->n_nodes = 0;
    net->last = (struct cn_pass){0};
}

/* A node writes over the activations before it when nobody will look at them again. */
void cn_net_reserve(struct cn_net *net, uint32_t n)
{
    const struct cn_node *producer = NULL;
    size_t widest = cn_net_in_size(net);

    if (n <= net->capacity)
        return;
    free_buffers(net);
    net->capacity = n;
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        struct cn_node *node = &net->node[i];
        size_t size = cn_shape_size(node->out);

        widest = size > widest ? size : widest;
        if (!node->ops->forward)
            continue;
        node->owns_y = !node->ops->in_place || !producer || producer->ops->needs_output;
        node->y = node->owns_y ? cn_alloc_aligned(n * size, sizeof(float)) : producer->y;
        producer = node;
    }
    for (int i = 0; i < 2; i++)
        net->scratch[i] = cn_alloc_aligned(n * widest, sizeof(float));
    net->loss_grad = cn_alloc_aligned(n * cn_net_out_size(net), sizeof(float));
}

/* ---- the network ---- */

enum cn_err cn_net_new(struct cn_net **ret, const struct cn_arch *arch, uint32_t n_labels,
                       uint64_t seed, struct cn_error *err)
{
    size_t n_out;
    enum cn_err e = cn_arch_check(arch, n_labels, &n_out, err);

    if (e)
        return e;
    struct cn_net *net = cn_calloc(1, sizeof *net);
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    cn_rng_init(&net->dropout, cn_rng_next(&rng));
    net->arch = *arch;
    net->n_labels = n_labels;
    net->tensor = cn_calloc(CN_MAX_TENSORS, sizeof *net->tensor);
    net->grad = cn_calloc(CN_MAX_TENSORS, sizeof *net->grad);
    struct cn_shape s = first_shape(net);
    for (uint32_t i = 0; i < arch->n_layers; i++) {
        add_tensors(net, &net->arch.layers[i], s, &rng);
        s = shape_after(net, i, s);
    }
    cn_net_drop_grads(net);
    cn_net_wire(net);
    *ret = net;
    return CN_OK;
}

void cn_net_destroy(struct cn_net **p)
{
    struct cn_net *net = cn_steal(*p);

    if (!net)
        return;
    cn_net_unwire(net);
    for (uint32_t i = 0; i < net->n_tensors; i++) {
        cn_tensor_fini(&net->tensor[i]);
        cn_tensor_fini(&net->grad[i]);
    }
    free(net->tensor);
    free(net->grad);
    free(net);
}

const struct cn_arch *cn_net_arch(const struct cn_net *net)
{
    return &net->arch;
}

uint32_t cn_net_n_labels(const struct cn_net *net)
{
    return net->n_labels;
}

size_t cn_net_in_size(const struct cn_net *net)
{
    return cn_shape_size(first_shape(net));
}

size_t cn_net_out_size(const struct cn_net *net)
{
    return cn_shape_size(net->node[net->n_nodes - 1].out);
}

struct cn_tensor *cn_net_tensors(struct cn_net *net, uint32_t *ret_n)
{
    *ret_n = net->n_tensors;
    return net->tensor;
}

struct cn_tensor *cn_net_grads(struct cn_net *net, uint32_t *ret_n)
{
    cn_net_need_grads(net);
    *ret_n = net->n_tensors;
    return net->grad;
}

void cn_net_touch(struct cn_net *net)
{
    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (net->node[i].ops->touch)
            net->node[i].ops->touch(&net->node[i]);
}

void cn_net_seed(struct cn_net *net, uint64_t seed)
{
    cn_rng_init(&net->dropout, seed);
}
