/* A network for another list of labels. */
#include <string.h>

#include "common/nn/node.h"

static bool has_id(const uint32_t *ids, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Biases (one number per row) of new labels stay at 0. */
static void draw_new_rows(struct cn_tensor *t, const uint32_t *from, uint32_t n_from,
                          const uint32_t *to, float std, struct cn_rng *rng)
{
    size_t row = cn_tensor_row_size(t);

    if (!t->by_label || t->n_dims < 2)
        return;
    for (uint32_t i = 0; i < t->dims[0]; i++)
        if (!has_id(from, n_from, to[i]))
            cn_rng_fill_normal(rng, t->data + i * row, row, std);
}

enum cn_err cn_net_widen(struct cn_net *net, const uint32_t *from, uint32_t n_from,
                         const uint32_t *to, uint32_t n_to, float new_std, struct cn_rng *rng,
                         struct cn_error *err)
{
    size_t n_out;

    if (n_from != net->n_labels)
        return cn_fail(err, CN_E_SHAPE, "%u label ids for a network of %u labels", n_from,
                       net->n_labels);
    enum cn_err e = cn_arch_check(&net->arch, n_to, &n_out, err);
    if (e)
        return e;
    cn_net_unwire(net);
    net->n_labels = n_to;
    for (uint32_t i = 0; i < net->n_tensors; i++) {
        cn_tensor_relabel(&net->tensor[i], from, n_from, to, n_to);
        draw_new_rows(&net->tensor[i], from, n_from, to, new_std, rng);
    }
    cn_net_drop_grads(net); /* they were of another shape */
    cn_net_wire(net);
    return CN_OK;
}
