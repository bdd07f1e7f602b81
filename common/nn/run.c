/* Running a network: forward, backward, and the two verbs made of them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/nn/flush.h"
#include "common/nn/node.h"
#include "common/nn/vec.h"

static bool needs_labels(const struct cn_net *net)
{
    for (uint32_t i = 0; i < net->arch.n_layers; i++)
        if (net->arch.layers[i].kind == CN_LAYER_LABEL_SCALE ||
            net->arch.layers[i].kind == CN_LAYER_LABEL_ADD)
            return true;
    return false;
}

static void check_labels(const struct cn_net *net, const uint32_t *labels, uint32_t n)
{
    if (!needs_labels(net))
        return;
    assert(labels);
    for (uint32_t i = 0; i < n; i++)
        assert(labels[i] < net->n_labels);
}

const float *cn_net_forward(struct cn_net *net, const float *x, const uint32_t *labels, uint32_t n,
                            bool train)
{
    unsigned flush = cn_flush_enter();

    assert(n > 0);
    check_labels(net, labels, n);
    cn_net_reserve(net, n);
    net->last =
        (struct cn_pass){.n = n, .train = train, .labels = labels, .x = x, .rng = &net->dropout};
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        struct cn_node *node = &net->node[i];
        struct cn_pass p = net->last;

        if (!node->ops->forward)
            continue;
        p.x = x;
        p.y = node->y;
        node->ops->forward(node, &p);
        x = node->y;
    }
    cn_flush_leave(flush);
    return x;
}

/* The activations that went into node i. */
static const float *input_of(const struct cn_net *net, uint32_t i)
{
    while (i-- > 0)
        if (net->node[i].ops->forward)
            return net->node[i].y;
    return net->last.x;
}

/* Where the gradient below a node goes: over the one above it when both it and the buffer allow. */
static float *scratch_for(const struct cn_net *net, const struct cn_node *node, const float *dy)
{
    float *a = net->scratch[0], *b = net->scratch[1];

    if (node->ops->in_place && (dy == a || dy == b))
        return dy == a ? a : b;
    return dy == a ? b : a;
}

/* outer: a weight gradient may stay unwritten, see struct cn_outer. */
static const float *run_back(struct cn_net *net, const float *dy, bool want_dx, bool outer)
{
    uint32_t end = want_dx ? 0 : net->first_trained;
    unsigned flush = cn_flush_enter();

    assert(net->last.n > 0); /* after a forward */
    cn_net_need_grads(net);
    for (uint32_t i = net->n_nodes; i-- > end;) {
        struct cn_node *node = &net->node[i];
        struct cn_pass p = net->last;
        struct cn_outer *at = node->n_params ? &net->outer[node->grad - net->grad] : NULL;

        if (at)
            *at = (struct cn_outer){0};
        if (!node->ops->backward)
            continue;
        p.x = input_of(net, i);
        p.y = node->y;
        p.dy = dy;
        p.outer = outer ? at : NULL;
        if (want_dx || i > end)
            p.dx = scratch_for(net, node, dy);
        node->ops->backward(node, &p);
        dy = p.dx;
    }
    cn_flush_leave(flush);
    return want_dx ? dy : NULL;
}

const float *cn_net_backward(struct cn_net *net, const float *dy, bool want_dx)
{
    return run_back(net, dy, want_dx, false);
}

enum cn_err cn_net_train_on_batch(struct cn_net *net, struct cn_opt *opt, const float *x,
                                  uint32_t n, const struct cn_softmax_target *target,
                                  float *ret_loss, struct cn_error *err)
{
    uint32_t classes = (uint32_t)cn_net_out_size(net);

    if (!isfinite(cn_vec_max_abs(x, n * cn_net_in_size(net))))
        return cn_fail(err, CN_E_NUMERIC, "the batch holds a number that is not finite");
    const float *z = cn_net_forward(net, x, NULL, n, true);
    float loss = cn_loss_softmax(z, n, classes, target, net->loss_grad);
    if (!isfinite(loss))
        return cn_fail(err, CN_E_NUMERIC, "the loss is not finite");
    run_back(net, net->loss_grad, false, true);
    enum cn_err e = cn_opt_step(opt, net, err);
    memset(net->outer, 0, sizeof net->outer); /* its x is good until the next forward only */
    if (e == CN_OK)
        *ret_loss = loss;
    return e;
}

/* As many samples at once as keep the widest activations near 16 MiB. */
static uint32_t slice_size(const struct cn_net *net)
{
    size_t widest = cn_net_in_size(net);

    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (cn_shape_size(net->node[i].out) > widest)
            widest = cn_shape_size(net->node[i].out);
    size_t n = (4u << 20) / widest;
    return n < 1 ? 1 : n > 64 ? 64 : (uint32_t)n;
}

void cn_net_predict(struct cn_net *net, const float *x, uint32_t n, float *p)
{
    size_t in = cn_net_in_size(net), out = cn_net_out_size(net);
    uint32_t slice = slice_size(net);

    for (uint32_t at = 0; at < n; at += slice) {
        uint32_t now = n - at < slice ? n - at : slice;
        const float *z = cn_net_forward(net, x + at * in, NULL, now, false);
        cn_softmax(z, now, (uint32_t)out, 1, p + at * out);
    }
}
