/* Inside the network: one layer with its shapes, parameters and activations, and what every kind of
   layer can do. Private to common/nn. Threads: as net.h. */
#ifndef CN_NODE_H
#define CN_NODE_H

#include "common/nn/net.h"

/* ---- shapes and parameters (shape.c, param.c) ---- */

struct cn_shape {
    uint32_t c, h, w;
};

static inline size_t cn_shape_size(struct cn_shape s)
{
    return (size_t)s.c * s.h * s.w;
}

/* The output shape of a layer; sizes are within limits.h. The error does not name the layer. */
enum cn_err cn_shape_next(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                          struct cn_shape *ret, struct cn_error *err) CN_NODISCARD;

enum { CN_MAX_PARAMS = 4 };

struct cn_param {
    const char *suffix;
    uint32_t n_dims, dims[CN_MAX_DIMS];
    bool by_label, running; /* running: a statistic, not trained */
    float uniform, value;   /* starts U(-uniform, uniform), or at value when uniform is 0 */
};

/* The tensors of a layer, in order; returns how many. */
uint32_t cn_param_list(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                       struct cn_param ret[CN_MAX_PARAMS]);
void cn_param_fill(const struct cn_param *p, float *x, size_t n, struct cn_rng *rng);

/* ---- nodes ---- */

/* One run through a node. x, y, dy, dx hold n samples; images lie (c, h, w), or (h, w, c) when the
   node says nhwc. */
struct cn_pass {
    uint32_t n;
    bool train;
    const uint32_t *labels;
    const float *x;
    float *y;
    const float *dy; /* backward only */
    float *dx;       /* backward only; NULL: not wanted; == dy when ops->in_place */
    struct cn_outer
        *outer; /* backward only: where a weight gradient may be left unwritten, or NULL */
    struct cn_rng *rng;
};

struct cn_node;

struct cn_node_ops {
    bool in_place;     /* y may be x, dx may be dy */
    bool needs_output; /* backward reads y */
    bool any_order;    /* works on both orders of an image; else on (c, h, w) alone ... */
    bool nhwc;         /* ... or on (h, w, c) alone */
    void (*open)(struct cn_node *node); /* all below: NULL where there is nothing to do */
    void (*close)(struct cn_node *node);
    void (*touch)(struct cn_node *node); /* parameters changed */
    void (*forward)(struct cn_node *node, const struct cn_pass *pass);
    void (*backward)(struct cn_node *node, const struct cn_pass *pass);
    void (*commit)(struct cn_node *node); /* an optimizer step succeeded */
};

struct cn_node {
    const struct cn_node_ops *ops;
    const struct cn_layer *layer; /* NULL for the changes of order between layers */
    struct cn_shape in, out;
    bool nhwc;    /* the order of its images, in and out */
    bool trained; /* has parameters that are */
    uint32_t n_params;
    struct cn_tensor *param, *grad; /* n_params each, inside the network's arrays */
    void *state;                    /* of ops, freed by close */
    float *y;                       /* (n, out), owned unless it is the node's before */
    bool owns_y;
};

const struct cn_node_ops *cn_node_ops_of(const struct cn_layer *l, struct cn_shape in);
const struct cn_node_ops *cn_layer_conv(const struct cn_layer *l, struct cn_shape in);
extern const struct cn_node_ops cn_layer_dense, cn_layer_max_pool, cn_layer_mean_pool,
    cn_layer_norm, cn_layer_relu, cn_layer_tanh, cn_layer_sigmoid, cn_layer_dropout, cn_layer_shape,
    cn_layer_upsample, cn_layer_label_scale, cn_layer_label_add, cn_node_to_nhwc, cn_node_to_nchw;

/* The weight gradient of a dense layer for one sample, dy x^T, not written out: the optimizer makes
   it on the fly, because such a step consists of going through memory. */
struct cn_outer {
    const float *dy; /* (rows): the bias gradient, which for one sample is the same */
    const float *x;  /* (cols); NULL where the gradient tensor holds the gradient */
};

struct cn_net {
    struct cn_arch arch;
    uint32_t n_labels, n_nodes, n_tensors;
    /* Between any two layers there can be one change of order, and one at the end. */
    struct cn_node node[2 * CN_MAX_LAYERS + 1];
    struct cn_tensor *tensor, *grad;
    struct cn_outer outer[CN_MAX_TENSORS]; /* beside grad; set in train_on_batch alone */
    struct cn_rng dropout;
    uint32_t capacity;      /* samples that the buffers hold */
    float *scratch[2];      /* gradients on their way down: (n, widest) each */
    uint32_t first_trained; /* no node before it has parameters to train */
    struct cn_pass last;    /* what the last forward saw */
    float *loss_grad;       /* (capacity, out), for train_on_batch */
};

/* Builds the nodes over net->tensor as it is (at the start and after a widen). */
void cn_net_wire(struct cn_net *net);
/* Frees nodes and buffers; the tensors stay. */
void cn_net_unwire(struct cn_net *net);
/* Gradients take memory with the first backward; a widen drops them, being of another shape. */
void cn_net_need_grads(struct cn_net *net);
void cn_net_drop_grads(struct cn_net *net);
/* Buffers for n samples at least. */
void cn_net_reserve(struct cn_net *net, uint32_t n);

#endif
