/* Optimizers. A step reads every gradient first, so that one that is not finite changes nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/node.h"
#include "common/nn/simd.h"
#include "common/nn/vec.h"

struct moments {
    size_t n;
    float *m, *v; /* (n): Adam's two, or SGD's velocity in m alone; NULL for frozen tensors */
};

struct cn_opt {
    struct cn_opt_conf conf;
    uint64_t step;
    uint32_t n_tensors;
    struct moments at[CN_MAX_TENSORS];
};

static float *zeros(size_t n)
{
    float *x = cn_alloc_aligned(n, sizeof *x);

    memset(x, 0, n * sizeof *x);
    return x;
}

struct cn_opt *cn_opt_new(const struct cn_opt_conf *conf, struct cn_net *net)
{
    struct cn_opt *opt = cn_calloc(1, sizeof *opt);
    const struct cn_tensor *t = cn_net_tensors(net, &opt->n_tensors);

    opt->conf = *conf;
    for (uint32_t i = 0; i < opt->n_tensors; i++) {
        struct moments *at = &opt->at[i];
        at->n = cn_tensor_size(&t[i]);
        if (t[i].frozen)
            continue;
        if (conf->kind == CN_OPT_ADAM || conf->momentum != 0)
            at->m = zeros(at->n);
        if (conf->kind == CN_OPT_ADAM)
            at->v = zeros(at->n);
    }
    return opt;
}

void cn_opt_destroy(struct cn_opt **p)
{
    struct cn_opt *opt = cn_steal(*p);

    if (!opt)
        return;
    for (uint32_t i = 0; i < opt->n_tensors; i++) {
        free(opt->at[i].m);
        free(opt->at[i].v);
    }
    free(opt);
}

/* The numbers of one Adam step that are the same for every parameter. */
struct adam {
    float beta1, beta2, rate, root, epsilon;
};

static struct adam adam_at(const struct cn_opt_conf *c, uint64_t step)
{
    double fix1 = 1 - pow(c->beta1, (double)step), fix2 = 1 - pow(c->beta2, (double)step);

    return (struct adam){c->beta1, c->beta2, (float)(c->rate / fix1), (float)(1 / sqrt(fix2)),
                         c->epsilon};
}

CN_SIMD static void adam_update(const struct adam *a, float *restrict w, float *restrict m,
                                float *restrict v, const float *restrict g, size_t n)
{
    float b1 = a->beta1, b2 = a->beta2, rate = a->rate, root = a->root, epsilon = a->epsilon;

    for (size_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * (g[i] * g[i]);
        w[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

CN_SIMD static void sgd_update(float rate, float momentum, float *restrict w, float *restrict m,
                               const float *restrict g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] + g[i];
        w[i] -= rate * m[i];
    }
}

static enum cn_err check_grads(const struct cn_opt *opt, const struct cn_tensor *grad,
                               struct cn_error *err)
{
    for (uint32_t i = 0; i < opt->n_tensors; i++) {
        if (grad[i].frozen)
            continue;
        assert(cn_tensor_size(&grad[i]) ==
               opt->at[i].n); /* a widened network has a new optimizer */
        float top = cn_vec_max_abs(grad[i].data, opt->at[i].n);
        if (!isfinite(opt->conf.kind == CN_OPT_ADAM ? top * top : top))
            return cn_fail(err, CN_E_NUMERIC, "the gradient of %s is not finite", grad[i].name);
    }
    return CN_OK;
}

enum cn_err cn_opt_step(struct cn_opt *opt, struct cn_net *net, struct cn_error *err)
{
    enum cn_err e = check_grads(opt, net->grad, err);

    if (e)
        return e;
    assert(net->n_tensors == opt->n_tensors);
    struct adam adam = adam_at(&opt->conf, ++opt->step);
    for (uint32_t i = 0; i < opt->n_tensors; i++) {
        const struct moments *at = &opt->at[i];
        float *w = net->tensor[i].data;
        const float *g = net->grad[i].data;

        if (net->grad[i].frozen)
            continue;
        switch (opt->conf.kind) {
        case CN_OPT_ADAM: adam_update(&adam, w, at->m, at->v, g, at->n); break;
        case CN_OPT_SGD:
            if (at->m)
                sgd_update(opt->conf.rate, opt->conf.momentum, w, at->m, g, at->n);
            else
                cn_vec_axpy(w, -opt->conf.rate, g, at->n);
            break;
        }
    }
    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (net->node[i].ops->commit)
            net->node[i].ops->commit(&net->node[i]);
    cn_net_touch(net);
    return CN_OK;
}
