#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/unit/recipe/toy.h"

struct cn_recipe toy_features(enum cn_synth_kind synth)
{
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_FEATURES, 1, 16, 16);

    r.synth = synth;
    r.n_filters = 4;
    r.rank = 8;
    r.gan_steps = 4;
    r.consolidate_steps = 20;
    return r;
}

struct cn_recipe toy_article(enum cn_synth_kind synth)
{
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_ARTICLE, 1, 12, 12);

    r.synth = synth;
    r.local_steps = 40;
    r.gan_steps = 4;
    r.consolidate_steps = 5;
    return r;
}

struct toy toy_make(const struct cn_recipe *r, const uint32_t *labels, uint32_t n_labels,
                    uint32_t per_label, uint64_t seed)
{
    bool features = r->kind == CN_RECIPE_FEATURES;
    struct toy t = {.n = n_labels * per_label};
    struct cn_rng rng, centre;

    t.size = features ? (size_t)32 * r->n_filters : cn_pipeline_size(&r->pipeline);
    t.phi = cn_alloc_aligned(t.n * t.size, sizeof *t.phi);
    t.examples = cn_calloc(t.n, sizeof *t.examples);
    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; i < t.n; i++) {
        uint32_t label = labels[i / per_label];
        float *phi = t.phi + i * t.size;
        cn_rng_init(&centre, 1000 + label);
        for (size_t d = 0; d < t.size; d++) {
            float c = cn_rng_uniform(&centre), x = c + 0.15f * cn_rng_normal(&rng);
            phi[d] = features ? fmaxf(0, 0.4f * x) : fmaxf(-1, fminf(1, 2 * x - 1));
        }
        t.examples[i] = (struct cn_example){.label = label, .corrected = true, .phi = phi};
    }
    return t;
}

void toy_fini(struct toy *t)
{
    free(t->phi);
    free(t->examples);
}

uint32_t toy_predict(struct cn_learner *l, const float *phi, bool released)
{
    uint32_t n, best = 0;
    const uint32_t *labels = cn_learner_labels(l, &n);
    CN_CLEANUP(cn_freep) float *p = cn_calloc(n, sizeof *p);

    cn_learner_predict(l, phi, 1, released, p);
    for (uint32_t i = 1; i < n; i++)
        best = p[i] > p[best] ? i : best;
    return p[best] > 0 ? labels[best] : CN_LABEL_NONE;
}

double toy_accuracy(struct cn_learner *l, const struct toy *t)
{
    uint32_t right = 0;

    for (uint32_t i = 0; i < t->n; i++)
        right += toy_predict(l, t->examples[i].phi, false) == t->examples[i].label;
    return (double)right / t->n;
}

static void must(enum cn_err e, const struct cn_error *err)
{
    if (e)
        fail_msg("%s: %s", cn_err_name(e), err->text);
}

struct cn_buf toy_update(struct cn_blob *model, const struct toy *t, uint64_t seed)
{
    struct cn_update_report report;
    struct cn_buf update = {0};
    struct cn_error err;

    must(cn_update_build(model, t->examples, t->n, seed, &update, &report, &err), &err);
    return update;
}

struct cn_consolidation toy_round(struct cn_blob *model, struct cn_blob *stats,
                                  const struct cn_buf *updates, uint32_t n,
                                  const struct cn_label_move *moves, uint32_t n_moves)
{
    static const uint32_t labels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *m = NULL;
    struct cn_consolidation c = {0};
    struct cn_error err;

    must(cn_merge_new(&m, model, &err), &err);
    for (uint32_t i = 0; i < n; i++)
        must(cn_merge_add(m, (struct cn_bytes){updates[i].at, updates[i].n}, labels,
                          CN_COUNT(labels), 0, &err),
             &err);
    struct cn_consolidate_in in = {
        .model = model, .stats = stats, .merge = m, .moves = moves, .n_moves = n_moves, .seed = 7};
    must(cn_consolidate(&in, &c, &err), &err);
    return c;
}

struct cn_blob *toy_release(const struct cn_recipe *r, uint32_t n_labels,
                            struct cn_blob **ret_stats)
{
    static const uint32_t labels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *genesis = NULL;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(r, labels, n_labels, 20, 1);
    struct cn_error err;

    must(cn_recipe_genesis(r, &genesis, &err), &err);
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(genesis, &t, 1);
    struct cn_consolidation c = toy_round(genesis, NULL, &update, 1, NULL, 0);
    struct cn_blob *model = cn_blob_ref(c.candidate[0].model);
    if (ret_stats)
        *ret_stats = c.stats ? cn_blob_ref(c.stats) : NULL;
    cn_consolidation_fini(&c);
    return model;
}
