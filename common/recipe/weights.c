/* What a release knows: built from its recipe, looked up and relabelled by label id. */
#include "common/recipe/weights.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/trunk.h"
#include "common/synth/grow.h"

enum { ARTICLE_FILTERS = 64, ARTICLE_KERNEL = 2, SLICE = 32 };
enum { MOST_NUMBERS = 8 * 1024 * 1024 }; /* in one layer, for one batch */

static struct cn_arch arch_of(const struct cn_recipe *r, size_t phi_size)
{
    struct cn_arch a = {.channels = (uint32_t)phi_size, .height = 1, .width = 1};

    if (r->kind == CN_RECIPE_ARTICLE) {
        a.channels = r->pipeline.channels;
        a.height = r->pipeline.height;
        a.width = r->pipeline.width;
        a.layers[a.n_layers++] = (struct cn_layer){.kind = CN_LAYER_CONV,
                                                   .name = "conv",
                                                   .out = ARTICLE_FILTERS,
                                                   .kernel_h = ARTICLE_KERNEL,
                                                   .kernel_w = ARTICLE_KERNEL,
                                                   .stride = 1,
                                                   .groups = 1};
        a.layers[a.n_layers++] = (struct cn_layer){.kind = CN_LAYER_RELU, .name = "relu"};
        a.layers[a.n_layers++] = (struct cn_layer){.kind = CN_LAYER_FLATTEN, .name = "flatten"};
    }
    a.layers[a.n_layers++] =
        (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "head", .by_label = true};
    return a;
}

static size_t phi_size_of(const struct cn_recipe *r)
{
    return r->kind == CN_RECIPE_FEATURES ? cn_trunk_size(r) : cn_pipeline_size(&r->pipeline);
}

/* A features row starts at zero and is then fitted in closed form; a trainable network's starts
   as Glorot & Bengio (AISTATS 2010) would draw it. */
static struct cn_grow_conf row_conf(const struct cn_weights *w)
{
    const struct cn_tensor *head = cn_weights_tensor(w, "head.weight");
    size_t inputs = cn_tensor_row_size(head);

    return (struct cn_grow_conf){
        .std = w->recipe.kind == CN_RECIPE_FEATURES ? 0 : sqrtf(2 / (float)inputs),
        .seed = w->recipe.seed,
    };
}

void cn_weights_destroy(struct cn_weights **w)
{
    if (!*w)
        return;
    free((*w)->labels);
    free((*w)->seen);
    free((*w)->absent);
    free((*w)->known);
    cn_net_destroy(&(*w)->net);
    cn_moments_fini(&(*w)->moments);
    cn_cgan_destroy(&(*w)->cgan);
    free(cn_steal(*w));
}

static bool is_placeholder(uint32_t label)
{
    return label == CN_LABEL_NOISE;
}

static struct cn_weights *blank(const struct cn_recipe *r, const uint32_t *labels, uint32_t n)
{
    struct cn_weights *w = cn_calloc(1, sizeof *w);

    w->recipe = *r;
    w->phi_size = phi_size_of(r);
    w->n_labels = n;
    w->labels = cn_calloc(n, sizeof *w->labels);
    memcpy(w->labels, labels, n * sizeof *labels);
    w->seen = cn_calloc(n, sizeof *w->seen);
    w->absent = cn_calloc(n, sizeof *w->absent);
    w->known = cn_calloc(n, sizeof *w->known);
    for (uint32_t i = 0; i < n; i++)
        w->absent[i] = !is_placeholder(labels[i]);
    return w;
}

enum cn_err cn_weights_new(struct cn_weights **ret, const struct cn_recipe *r,
                           const uint32_t *labels, uint32_t n, struct cn_error *err)
{
    static const uint32_t nobody = CN_LABEL_NONE;
    enum cn_err e = cn_recipe_check(r, err);

    if (e)
        return e;
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = blank(r, labels, n);
    struct cn_arch arch = arch_of(r, w->phi_size);
    if ((e = cn_net_new(&w->net, &arch, 1, r->seed, err)))
        return e;
    struct cn_grow_conf conf = row_conf(w);
    if ((e = cn_grow(w->net, &nobody, 1, labels, n, &conf, err)))
        return e;
    *ret = cn_steal(w);
    return CN_OK;
}

uint32_t cn_weights_row(const struct cn_weights *w, uint32_t label)
{
    for (uint32_t i = 0; i < w->n_labels; i++)
        if (w->labels[i] == label)
            return i;
    return CN_WEIGHTS_NO_ROW;
}

struct cn_tensor *cn_weights_tensor(const struct cn_weights *w, const char *name)
{
    uint32_t n;
    struct cn_tensor *all = cn_net_tensors(w->net, &n), *t = cn_tensor_find(all, n, name);

    assert(t);
    return t;
}

struct cn_head cn_weights_head(const struct cn_weights *w)
{
    return (struct cn_head){.n_rows = w->n_labels,
                            .dim = (uint32_t)w->phi_size,
                            .w = cn_weights_tensor(w, "head.weight")->data,
                            .b = cn_weights_tensor(w, "head.bias")->data,
                            .absent = w->absent};
}

enum cn_err cn_weights_need_cgan(struct cn_weights *w, struct cn_error *err)
{
    enum cn_cgan_kind kind = w->recipe.kind == CN_RECIPE_ARTICLE ? CN_CGAN_IMAGE : CN_CGAN_RESIDUAL;

    if (w->cgan)
        return CN_OK;
    return cn_cgan_new(&w->cgan, kind, (uint32_t)w->phi_size, w->labels, w->n_labels,
                       w->recipe.seed, err);
}

uint32_t cn_weights_batch(const struct cn_weights *w, uint32_t most)
{
    size_t widest = cn_tensor_row_size(cn_weights_tensor(w, "head.weight"));
    size_t n = MOST_NUMBERS / widest;

    return n < 1 ? 1 : n < most ? (uint32_t)n : most;
}

void cn_weights_logits(const struct cn_weights *w, const float *const *phi, uint32_t n, float *z)
{
    size_t in = w->phi_size;

    if (w->recipe.kind == CN_RECIPE_FEATURES) {
        struct cn_head head = cn_weights_head(w);
        cn_fit_logits(&head, phi, n, z);
        return;
    }
    uint32_t slice = cn_weights_batch(w, SLICE);
    CN_CLEANUP(cn_freep) float *x = cn_alloc_aligned(slice * in, sizeof *x);
    for (uint32_t i = 0, k; i < n; i += k) {
        k = n - i < slice ? n - i : slice;
        for (uint32_t j = 0; j < k; j++)
            memcpy(x + j * in, phi[i + j], in * sizeof *x);
        const float *y = cn_net_forward(w->net, x, NULL, k, false);
        memcpy(z + (size_t)i * w->n_labels, y, (size_t)k * w->n_labels * sizeof *z);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < w->n_labels; c++)
            if (w->absent[c])
                z[(size_t)i * w->n_labels + c] = CN_FIT_ABSENT;
}

uint32_t cn_weights_best(const float *z, uint32_t n)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < n; i++)
        if (z[i] > z[best])
            best = i;
    return best;
}

/* ---- relabel ---- */

static void carry(const struct cn_weights *w, uint32_t from, struct cn_weights *to, uint32_t row)
{
    to->seen[row] = w->seen[from];
    to->absent[row] = w->absent[from];
    to->known[row] = w->known[from];
}

static void relabel_moments(struct cn_weights *w, const uint32_t *to, uint32_t n)
{
    struct cn_moments moved;

    if (w->moments.n_labels == 0)
        return;
    cn_moments_init(&moved, n, w->moments.dim, w->moments.rank);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = cn_weights_row(w, to[i]);
        if (from != CN_WEIGHTS_NO_ROW)
            memcpy(moved.mean + (size_t)i * moved.dim, w->moments.mean + (size_t)from * moved.dim,
                   moved.dim * sizeof(float));
    }
    memcpy(moved.factor, w->moments.factor, (size_t)moved.rank * moved.dim * sizeof(float));
    memcpy(moved.noise, w->moments.noise, moved.dim * sizeof(float));
    cn_moments_fini(&w->moments);
    w->moments = moved;
}

enum cn_err cn_weights_relabel(struct cn_weights *w, const uint32_t *to, uint32_t n,
                               struct cn_error *err)
{
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *now = blank(&w->recipe, to, n);
    struct cn_grow_conf conf = row_conf(w);
    enum cn_err e = cn_grow(w->net, w->labels, w->n_labels, to, n, &conf, err);

    if (!e && w->cgan)
        e = cn_cgan_widen(w->cgan, w->labels, w->n_labels, to, n, err);
    if (e)
        return e;
    relabel_moments(w, to, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = cn_weights_row(w, to[i]);
        if (from != CN_WEIGHTS_NO_ROW)
            carry(w, from, now, i);
    }
    now->net = cn_steal(w->net);
    now->cgan = cn_steal(w->cgan);
    now->moments = w->moments;
    w->moments = (struct cn_moments){0};
    struct cn_weights old = *w;
    *w = *now;
    *now = old;
    return CN_OK;
}
