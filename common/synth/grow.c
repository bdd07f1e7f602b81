/* Widening with rows drawn per label id. */
#include "common/synth/grow.h"

#include <assert.h>

static bool has(const uint32_t *ids, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void draw_row(struct cn_tensor *t, uint32_t row, uint32_t id,
                     const struct cn_grow_conf *conf)
{
    size_t n = cn_tensor_row_size(t);
    float *at = t->data + row * n;
    uint64_t seed = conf->seed;
    struct cn_rng rng;

    for (const char *c = t->name; *c; c++)
        seed = (seed ^ (unsigned char)*c) * 0x100000001b3u; /* FNV-1a's prime */
    cn_rng_init(&rng, (seed ^ id) * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < n; i++)
        at[i] = conf->mean + conf->std * cn_rng_normal(&rng);
}

enum cn_err cn_grow(struct cn_net *net, const uint32_t *from, uint32_t n_from, const uint32_t *to,
                    uint32_t n_to, const struct cn_grow_conf *conf, struct cn_error *err)
{
    struct cn_rng unused;
    uint32_t n_tensors;

    cn_rng_init(&unused, conf->seed);
    enum cn_err e = cn_net_widen(net, from, n_from, to, n_to, 0, &unused, err);
    if (e)
        return e;
    struct cn_tensor *t = cn_net_tensors(net, &n_tensors);
    for (uint32_t i = 0; i < n_tensors; i++)
        for (uint32_t row = 0; row < n_to; row++)
            if (t[i].by_label && t[i].n_dims > 1 && !has(from, n_from, to[row]))
                draw_row(&t[i], row, to[row], conf);
    cn_net_touch(net);
    return CN_OK;
}
