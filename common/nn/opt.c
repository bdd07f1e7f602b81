/* Optimizers. A step reads every gradient first, so that one that is not finite changes nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/flush.h"
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

/* Some parameters with their moments and their gradient, which is scale * x: a whole tensor with
   scale 1, or one row of an outer product. */
struct part {
    float *w, *m, *v;
    const float *x;
    float scale;
    size_t n;
};

CN_SIMD static void adam_update(const struct adam *a, const struct part *p)
{
    float b1 = a->beta1, b2 = a->beta2, rate = a->rate, root = a->root, epsilon = a->epsilon;
    float *restrict w = p->w, *restrict m = p->m, *restrict v = p->v, scale = p->scale;
    const float *restrict x = p->x;

    for (size_t i = 0; i < p->n; i++) {
        float g = scale * x[i];
        m[i] = b1 * m[i] + (1 - b1) * g;
        v[i] = b2 * v[i] + (1 - b2) * (g * g);
        w[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

CN_SIMD static void momentum_update(float rate, float momentum, const struct part *p)
{
    float *restrict w = p->w, *restrict m = p->m, scale = p->scale;
    const float *restrict x = p->x;

    for (size_t i = 0; i < p->n; i++) {
        m[i] = momentum * m[i] + scale * x[i];
        w[i] -= rate * m[i];
    }
}

static void update(const struct cn_opt_conf *conf, const struct adam *adam, const struct part *p)
{
    switch (conf->kind) {
    case CN_OPT_ADAM: adam_update(adam, p); break;
    case CN_OPT_SGD:
        if (p->m)
            momentum_update(conf->rate, conf->momentum, p);
        else
            cn_vec_axpy(p->w, -conf->rate * p->scale, p->x, p->n);
        break;
    }
}

static void update_tensor(const struct cn_opt *opt, const struct adam *adam, struct cn_net *net,
                          uint32_t i)
{
    const struct cn_outer *outer = &net->outer[i];
    size_t cols = cn_tensor_row_size(&net->tensor[i]);
    struct part p = {net->tensor[i].data, opt->at[i].m, opt->at[i].v, net->grad[i].data, 1,
                     opt->at[i].n};

    if (!outer->x) {
        update(&opt->conf, adam, &p);
        return;
    }
    p.x = outer->x;
    p.n = cols;
    for (uint32_t r = 0; r < net->tensor[i].dims[0]; r++) {
        p.scale = outer->dy[r];
        update(&opt->conf, adam, &p);
        p.w += cols;
        p.m = p.m ? p.m + cols : NULL;
        p.v = p.v ? p.v + cols : NULL;
    }
}

/* The largest |gradient|; of an outer product it is the product of the largest. */
static float largest(const struct cn_net *net, uint32_t i)
{
    const struct cn_tensor *g = &net->grad[i];
    const struct cn_outer *outer = &net->outer[i];

    if (!outer->x)
        return cn_vec_max_abs(g->data, cn_tensor_size(g));
    return cn_vec_max_abs(outer->dy, g->dims[0]) * cn_vec_max_abs(outer->x, cn_tensor_row_size(g));
}

static enum cn_err check_grads(const struct cn_opt *opt, const struct cn_net *net,
                               struct cn_error *err)
{
    for (uint32_t i = 0; i < opt->n_tensors; i++) {
        const struct cn_tensor *g = &net->grad[i];
        if (g->frozen)
            continue;
        assert(cn_tensor_size(g) == opt->at[i].n); /* a widened network has a new optimizer */
        float top = largest(net, i);
        if (!isfinite(opt->conf.kind == CN_OPT_ADAM ? top * top : top))
            return cn_fail(err, CN_E_NUMERIC, "the gradient of %s is not finite", g->name);
    }
    return CN_OK;
}

enum cn_err cn_opt_step(struct cn_opt *opt, struct cn_net *net, struct cn_error *err)
{
    assert(net->n_tensors == opt->n_tensors);
    cn_net_need_grads(net);
    enum cn_err e = check_grads(opt, net, err);

    if (e)
        return e;
    struct adam adam = adam_at(&opt->conf, ++opt->step);
    unsigned flush = cn_flush_enter();
    for (uint32_t i = 0; i < opt->n_tensors; i++)
        if (!net->grad[i].frozen)
            update_tensor(opt, &adam, net, i);
    cn_flush_leave(flush);
    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (net->node[i].ops->commit)
            net->node[i].ops->commit(&net->node[i]);
    cn_net_touch(net);
    return CN_OK;
}
