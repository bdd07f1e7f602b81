/* A network made from an architecture: forward, backward, train on a batch, widen by label id.
   Threads: one at a time per network; different networks in different threads. */
#ifndef CN_NET_H
#define CN_NET_H

#include "common/base/rng.h"
#include "common/nn/arch.h"
#include "common/nn/tensor.h"

struct cn_net;

/* Parameters drawn from seed (Glorot uniform as Keras does; biases 0, embeddings U(-.05, .05)). */
enum cn_err cn_net_new(struct cn_net **ret, const struct cn_arch *arch, uint32_t n_labels,
                       uint64_t seed, struct cn_error *err) CN_NODISCARD;
void cn_net_destroy(struct cn_net **net);

const struct cn_arch *cn_net_arch(const struct cn_net *net);
uint32_t cn_net_n_labels(const struct cn_net *net);
size_t cn_net_in_size(const struct cn_net *net);
size_t cn_net_out_size(const struct cn_net *net);
/* The parameters, in layer order, owned by the network, in plain (out, in...) layout: write into
   their data freely between calls, then call cn_net_touch. */
struct cn_tensor *cn_net_tensors(struct cn_net *net, uint32_t *ret_n);
/* Gradients of the last cn_net_backward (train_on_batch may not write them out): same order, names
 * and shapes as cn_net_tensors. */
struct cn_tensor *cn_net_grads(struct cn_net *net, uint32_t *ret_n);
/* The parameters were changed from outside: drops every cached (blocked) copy. */
void cn_net_touch(struct cn_net *net);

/* x (n, in) -> y (n, out), owned by the network until the next call. labels (n): row index per
   sample for label layers, NULL when there are none. train: dropout on, batch statistics used; the
   running ones move when cn_opt_step succeeds. x and labels are read again by a backward. */
const float *cn_net_forward(struct cn_net *net, const float *x, const uint32_t *labels, uint32_t n,
                            bool train);
/* After a forward: dy (n, out) -> parameter gradients (overwritten) and dx (n, in), or NULL when
   want_dx is false. */
const float *cn_net_backward(struct cn_net *net, const float *dy, bool want_dx);

/* Rebuilds every by_label tensor for another list of label ids (see cn_tensor_relabel); every other
   number stays bit for bit. New dense rows are drawn N(0, new_std) from rng, new embedding rows
   too; their biases are 0. Drops optimizer state: make a new optimizer. */
enum cn_err cn_net_widen(struct cn_net *net, const uint32_t *from, uint32_t n_from,
                         const uint32_t *to, uint32_t n_to, float new_std, struct cn_rng *rng,
                         struct cn_error *err) CN_NODISCARD;

/* Masks for dropout come from this generator. */
void cn_net_seed(struct cn_net *net, uint64_t seed);

/* ---- optimizers ---- */

enum cn_opt_kind { CN_OPT_SGD, CN_OPT_ADAM };

struct cn_opt_conf {
    enum cn_opt_kind kind;
    float rate;                  /* learning rate */
    float momentum;              /* SGD */
    float beta1, beta2, epsilon; /* Adam: Kingma & Ba, arXiv 1412.6980, algorithm 1 */
};

struct cn_opt;

struct cn_opt *cn_opt_new(const struct cn_opt_conf *conf, struct cn_net *net) CN_NODISCARD;
void cn_opt_destroy(struct cn_opt **opt);
/* One step with the network's gradients; frozen tensors stay. CN_E_NUMERIC, naming the tensor, when
   a gradient is not finite (Adam: or its square is not): then nothing was changed. */
enum cn_err cn_opt_step(struct cn_opt *opt, struct cn_net *net, struct cn_error *err) CN_NODISCARD;

/* ---- losses: mean over the batch; the gradient with respect to the logits goes to d ---- */

struct cn_softmax_target {
    const uint32_t *hard; /* (n) class indices, or NULL */
    const float *soft;    /* (n, classes) probabilities at `temperature`, or NULL */
    float soft_weight;    /* loss = (1-w) hard + w * T^2 * soft (Hinton et al., arXiv 1503.02531);
                             the one that is not NULL when the other is */
    float temperature;
    const float *adjust; /* (classes) added to the logits before the hard loss, or NULL
                            (Menon et al., arXiv 2007.07314) */
    const float *weight; /* (n) weight per sample, or NULL; loss = sum weight_i loss_i / n */
};

/* z (n, classes) logits -> loss; d (n, classes). */
float cn_loss_softmax(const float *z, uint32_t n, uint32_t classes,
                      const struct cn_softmax_target *target, float *d);
/* z (n) logits, target (n) in [0, 1] -> loss; d (n). Binary cross-entropy of sigmoid(z). */
float cn_loss_binary(const float *z, uint32_t n, const float *target, float *d);
/* z (n, classes) -> p, in place allowed. */
void cn_softmax(const float *z, uint32_t n, uint32_t classes, float temperature, float *p);

/* ---- the two verbs ---- */

/* Forward, softmax loss, backward, one optimizer step; for networks without label layers. Returns
   CN_E_NUMERIC (parameters as before) when an input, the loss or a gradient is not finite. */
enum cn_err cn_net_train_on_batch(struct cn_net *net, struct cn_opt *opt, const float *x,
                                  uint32_t n, const struct cn_softmax_target *target,
                                  float *ret_loss, struct cn_error *err) CN_NODISCARD;
/* x (n, in) -> probabilities p (n, out), any n (run in slices). */
void cn_net_predict(struct cn_net *net, const float *x, uint32_t n, float *p);

#endif
