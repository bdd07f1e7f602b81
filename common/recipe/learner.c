/* Live weights over a release's. The release itself is opened a second time, and only when
   somebody asks for it. */
#include "common/recipe/learner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/teach.h"
#include "common/recipe/trunk.h"
#include "common/recipe/weights.h"

struct cn_learner {
    struct cn_blob *model;
    struct cn_weights *live;
    struct cn_weights *released; /* NULL until needed */
    struct cn_net *trunk;        /* features */
};

void cn_learner_destroy(struct cn_learner **l)
{
    if (!*l)
        return;
    cn_blob_unref(&(*l)->model);
    cn_weights_destroy(&(*l)->live);
    cn_weights_destroy(&(*l)->released);
    cn_net_destroy(&(*l)->trunk);
    free(cn_steal(*l));
}

enum cn_err cn_learner_open(struct cn_learner **ret, struct cn_blob *model, struct cn_error *err)
{
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = cn_calloc(1, sizeof *l);
    enum cn_err e = cn_weights_open(&l->live, cn_blob_bytes(model), false, err);

    if (!e && l->live->recipe.kind == CN_RECIPE_FEATURES)
        e = cn_trunk_new(&l->trunk, &l->live->recipe, err);
    if (e)
        return e;
    l->model = cn_blob_ref(model);
    *ret = cn_steal(l);
    return CN_OK;
}

const struct cn_recipe *cn_learner_recipe(const struct cn_learner *l)
{
    return &l->live->recipe;
}

const uint32_t *cn_learner_labels(const struct cn_learner *l, uint32_t *ret_n)
{
    *ret_n = l->live->n_labels;
    return l->live->labels;
}

size_t cn_learner_phi_size(const struct cn_learner *l)
{
    return l->live->phi_size;
}

void cn_learner_embed(struct cn_learner *l, const float *x, uint32_t n, float *phi)
{
    if (l->trunk)
        cn_trunk_embed(l->trunk, x, n, phi);
    else
        memcpy(phi, x, n * l->live->phi_size * sizeof *phi);
}

/* The same bytes opened before, so they open again. */
static struct cn_weights *released(struct cn_learner *l)
{
    if (!l->released) {
        enum cn_err e = cn_weights_open(&l->released, cn_blob_bytes(l->model), true, NULL);
        assert(!e);
    }
    return l->released;
}

void cn_learner_predict(struct cn_learner *l, const float *phi, uint32_t n, bool of_release,
                        float *p)
{
    struct cn_weights *w = of_release ? released(l) : l->live;
    uint32_t n_live = l->live->n_labels;
    CN_CLEANUP(cn_freep) const float **at = cn_calloc(n, sizeof *at);
    CN_CLEANUP(cn_freep) float *z = cn_calloc((size_t)n * w->n_labels, sizeof *z);

    for (uint32_t i = 0; i < n; i++)
        at[i] = phi + i * w->phi_size;
    cn_weights_logits(w, at, n, z);
    cn_softmax(z, n, w->n_labels, 1, z);
    memset(p, 0, (size_t)n * n_live * sizeof *p);
    for (uint32_t c = 0; c < w->n_labels; c++) {
        uint32_t to = of_release ? cn_weights_row(l->live, w->labels[c]) : c;
        for (uint32_t i = 0; to != CN_WEIGHTS_NO_ROW && i < n; i++)
            p[(size_t)i * n_live + to] = z[(size_t)i * w->n_labels + c];
    }
}

enum cn_err cn_learner_add_label(struct cn_learner *l, uint32_t id, struct cn_error *err)
{
    struct cn_weights *w = l->live;
    uint32_t n = w->n_labels;
    CN_CLEANUP(cn_freep) uint32_t *to = cn_calloc((size_t)n + 1, sizeof *to);

    if (cn_weights_row(w, id) != CN_WEIGHTS_NO_ROW)
        return CN_OK;
    memcpy(to, w->labels, n * sizeof *to);
    if (n == 1 && to[0] == CN_LABEL_NOISE)
        n = 0; /* the placeholder gives its place */
    if (n == CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "a model has at most %d labels; merge or retire some",
                       CN_MAX_LABELS);
    to[n] = id;
    return cn_weights_relabel(w, to, n + 1, err);
}

void cn_learner_rename_label(struct cn_learner *l, uint32_t from, uint32_t to)
{
    struct cn_weights *w = l->live;
    uint32_t source = cn_weights_row(w, from), target = cn_weights_row(w, to), n = 0;

    if (from == to || source == CN_WEIGHTS_NO_ROW)
        return;
    if (target == CN_WEIGHTS_NO_ROW) {
        w->labels[source] = to;
        return;
    }
    /* Two rows become one: the fleet's, unless nobody taught it. */
    CN_CLEANUP(cn_freep) uint32_t *keep = cn_calloc(w->n_labels, sizeof *keep);
    if (w->absent[target]) {
        w->labels[target] = CN_LABEL_NONE;
        w->labels[source] = to;
        target = source;
    } else {
        w->labels[source] = CN_LABEL_NONE;
    }
    for (uint32_t i = 0; i < w->n_labels; i++)
        if (w->labels[i] != CN_LABEL_NONE)
            keep[n++] = w->labels[i];
    enum cn_err e = cn_weights_relabel(w, keep, n, NULL);
    assert(!e); /* fewer rows of the same shape */
}

enum cn_err cn_learner_train(struct cn_learner *l, const struct cn_example *fresh, uint32_t n,
                             const struct cn_example *others, uint32_t n_others, uint64_t seed,
                             struct cn_train_report *report, struct cn_error *err)
{
    struct cn_lesson lesson = {.fresh = fresh,
                               .others = others,
                               .n_fresh = n,
                               .n_others = n_others,
                               .promise = true,
                               .seed = seed};

    return cn_teach(l->live, &lesson, report, err);
}
