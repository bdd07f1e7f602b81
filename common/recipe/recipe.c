/* The two recipes: their defaults, what they may hold, and a fleet's first model. */
#include "common/recipe/recipe.h"

#include "common/base/label.h"
#include "common/base/limits.h"
#include "common/recipe/weights.h"

static struct cn_recipe features(void)
{
    return (struct cn_recipe){.kind = CN_RECIPE_FEATURES,
                              .synth = CN_SYNTH_CGAN,
                              .pipeline = {.standardize = true, .scale = 1},
                              .n_filters = 64,
                              .rank = 32,
                              .min_count = 3,
                              .local_steps = 100,
                              .gan_steps = 30,
                              .consolidate_steps = 150};
}

/* Pixels in [-1, 1], the range of the generator's tanh. */
static struct cn_recipe article(void)
{
    return (struct cn_recipe){.kind = CN_RECIPE_ARTICLE,
                              .synth = CN_SYNTH_CGAN,
                              .pipeline = {.scale = 2, .offset = -1},
                              .min_count = 1,
                              .local_steps = 200,
                              .gan_steps = 30,
                              .consolidate_steps = 100};
}

struct cn_recipe cn_recipe_default(enum cn_recipe_kind kind, uint32_t channels, uint32_t height,
                                   uint32_t width)
{
    struct cn_recipe r = {0};

    switch (kind) {
    case CN_RECIPE_FEATURES: r = features(); break;
    case CN_RECIPE_ARTICLE: r = article(); break;
    }
    r.pipeline.channels = channels;
    r.pipeline.height = height;
    r.pipeline.width = width;
    r.pipeline.fit = CN_FIT_STRETCH;
    r.seed = 1;
    return r;
}

static enum cn_err check_range(const char *what, uint32_t v, uint32_t low, uint32_t high,
                               struct cn_error *err)
{
    if (v < low || v > high)
        return cn_fail(err, CN_E_LIMIT, "recipe: %s is %u, must be %u to %u", what, v, low, high);
    return CN_OK;
}

static enum cn_err check_kind(const struct cn_recipe *r, struct cn_error *err)
{
    enum cn_err e;

    switch (r->kind) {
    case CN_RECIPE_FEATURES:
        if ((e = check_range("filters", r->n_filters, 1, CN_MAX_FILTERS, err)) ||
            (e = check_range("rank", r->rank, 1, CN_MAX_RANK, err)))
            return e;
        /* A covariance has no more directions than there are features. */
        return check_range("rank", r->rank, 1, 32 * r->n_filters, err);
    case CN_RECIPE_ARTICLE:
        if (r->synth == CN_SYNTH_MOMENTS)
            return cn_fail(err, CN_E_UNSUPPORTED,
                           "recipe article has no statistics: synth is none or cgan");
        if (r->pipeline.height < 2 || r->pipeline.width < 2)
            return cn_fail(err, CN_E_LIMIT, "recipe article needs images of at least 2x2");
        return check_range("image size (channels x height x width)",
                           (uint32_t)cn_pipeline_size(&r->pipeline), 1, CN_MAX_ARTICLE_PIXELS, err);
    }
    return cn_fail(err, CN_E_PARSE, "recipe: kind %d is not known", (int)r->kind);
}

enum cn_err cn_recipe_check(const struct cn_recipe *r, struct cn_error *err)
{
    enum cn_err e;

    if ((e = cn_pipeline_check(&r->pipeline, err)) ||
        (e = check_range("min_count", r->min_count, 1, CN_MAX_COUNT_PER_UPDATE, err)) ||
        (e = check_range("local_steps", r->local_steps, 1, CN_MAX_STEPS, err)) ||
        (e = check_range("gan_steps", r->gan_steps, 0, CN_MAX_STEPS, err)) ||
        (e = check_range("consolidate_steps", r->consolidate_steps, 0, CN_MAX_STEPS, err)))
        return e;
    if (r->synth != CN_SYNTH_NONE && r->synth != CN_SYNTH_MOMENTS && r->synth != CN_SYNTH_CGAN)
        return cn_fail(err, CN_E_PARSE, "recipe: synth %d is not known", (int)r->synth);
    return check_kind(r, err);
}

enum cn_err cn_recipe_genesis(const struct cn_recipe *r, struct cn_blob **ret_model,
                              struct cn_error *err)
{
    static const uint32_t noise = CN_LABEL_NOISE;
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    enum cn_err e;

    if ((e = cn_weights_new(&w, r, &noise, 1, err)) || (e = cn_weights_encode(w, &bytes, err)))
        return e;
    *ret_model = cn_blob_take(&bytes);
    return CN_OK;
}
