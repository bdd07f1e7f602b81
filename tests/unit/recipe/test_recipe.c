/* Recipes as data: what they may hold, how they travel, and a fleet's first model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/recipe/settings.h"
#include "common/recipe/trunk.h"
#include "common/recipe/weights.h"
#include "tests/unit/recipe/toy.h"

static void the_defaults_are_valid(void **state)
{
    struct cn_error err;

    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        struct cn_recipe f = cn_recipe_default(CN_RECIPE_FEATURES, channels, 64, 64);
        struct cn_recipe a = cn_recipe_default(CN_RECIPE_ARTICLE, channels, 64, 64);
        assert_int_equal(cn_recipe_check(&f, &err), CN_OK);
        assert_int_equal(cn_recipe_check(&a, &err), CN_OK);
        assert_int_equal(cn_trunk_size(&f), 2048);
    }
}

static void refused(struct cn_recipe r, enum cn_err code, const char *word)
{
    struct cn_blob *model = NULL;
    struct cn_error err = {0};

    assert_int_equal(cn_recipe_check(&r, &err), code);
    assert_non_null(strstr(err.text, word));
    assert_int_equal(cn_recipe_genesis(&r, &model, &err), code);
    assert_null(model);
}

static void what_cannot_be_is_named(void **state)
{
    struct cn_recipe f = toy_features(CN_SYNTH_CGAN), a = toy_article(CN_SYNTH_CGAN), r;

    (void)state;
    r = f, r.n_filters = 0;
    refused(r, CN_E_LIMIT, "filters");
    r = f, r.n_filters = CN_MAX_FILTERS + 1;
    refused(r, CN_E_LIMIT, "filters");
    r = f, r.rank = 129; /* of 128 features */
    refused(r, CN_E_LIMIT, "rank");
    r = f, r.min_count = 0;
    refused(r, CN_E_LIMIT, "min_count");
    r = f, r.local_steps = CN_MAX_STEPS + 1;
    refused(r, CN_E_LIMIT, "local_steps");
    r = f, r.pipeline.channels = 2;
    refused(r, CN_E_PARSE, "channels");
    r = a, r.synth = CN_SYNTH_MOMENTS;
    refused(r, CN_E_UNSUPPORTED, "article");
    r = a, r.pipeline.width = 1000, r.pipeline.height = 1000;
    refused(r, CN_E_LIMIT, "image size");
    r = f, r.kind = (enum cn_recipe_kind)7;
    refused(r, CN_E_PARSE, "kind");
}

static void a_recipe_survives_its_settings(void **state)
{
    struct cn_recipe r = toy_article(CN_SYNTH_NONE), back;
    struct cn_setting settings[CN_SETTINGS_N];
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;

    (void)state;
    r.seed = UINT64_MAX - 3;
    r.pipeline.offset = -0.37f;
    r.pipeline.fit = CN_FIT_PAD;
    cn_settings_write(&r, settings);
    struct cn_pack_head head = {
        .kind = CN_PACK_MODEL, .settings = settings, .n_settings = CN_SETTINGS_N};
    assert_int_equal(cn_pack_finish(w, &head, &bytes, NULL), CN_OK);
    assert_int_equal(cn_pack_open(&p, (struct cn_bytes){bytes.at, bytes.n}, NULL), CN_OK);
    assert_int_equal(cn_settings_read(p, &back, NULL), CN_OK);
    assert_null(cn_settings_differ(&r, &back));
    back.gan_steps++;
    assert_string_equal(cn_settings_differ(&r, &back), "recipe.gan_steps");
}

static void genesis_is_the_same_everywhere(void **state)
{
    struct cn_recipe recipes[] = {toy_features(CN_SYNTH_CGAN), toy_article(CN_SYNTH_CGAN)};

    (void)state;
    for (int i = 0; i < 2; i++) {
        CN_CLEANUP(cn_blob_unref) struct cn_blob *a = NULL;
        CN_CLEANUP(cn_blob_unref) struct cn_blob *b = NULL;
        assert_int_equal(cn_recipe_genesis(&recipes[i], &a, NULL), CN_OK);
        assert_int_equal(cn_recipe_genesis(&recipes[i], &b, NULL), CN_OK);
        assert_int_equal(cn_blob_bytes(a).n, cn_blob_bytes(b).n);
        assert_memory_equal(cn_blob_bytes(a).at, cn_blob_bytes(b).at, cn_blob_bytes(a).n);
    }
}

static void the_trunk_is_grown_from_the_seed(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_NONE);
    CN_CLEANUP(cn_net_destroy) struct cn_net *a = NULL;
    CN_CLEANUP(cn_net_destroy) struct cn_net *b = NULL;
    float x[3 * 256], p[3 * 128], q[3 * 128];
    struct cn_rng rng;

    (void)state;
    cn_rng_init(&rng, 1);
    cn_rng_fill_normal(&rng, x, CN_COUNT(x), 1);
    assert_int_equal(cn_trunk_new(&a, &r, NULL), CN_OK);
    cn_trunk_embed(a, x, 3, p);
    r.seed++;
    assert_int_equal(cn_trunk_new(&b, &r, NULL), CN_OK);
    cn_trunk_embed(b, x, 3, q);
    assert_memory_not_equal(p, q, sizeof p);
    /* One by one or together: the same features. */
    for (int i = 0; i < 3; i++)
        cn_trunk_embed(a, x + (size_t)i * 256, 1, q + (size_t)i * 128);
    for (size_t i = 0; i < CN_COUNT(p); i++) {
        assert_true(p[i] >= 0);
        assert_true(fabsf(p[i] - q[i]) < 1e-5f);
    }
}

/* A filter has zero mean: an image without edges has only its border to tell of. */
static void the_trunk_does_not_see_brightness(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_NONE);
    CN_CLEANUP(cn_net_destroy) struct cn_net *trunk = NULL;
    float x[256], phi[128];

    (void)state;
    assert_int_equal(cn_trunk_new(&trunk, &r, NULL), CN_OK);
    for (int i = 0; i < 256; i++)
        x[i] = 0.8f;
    cn_trunk_embed(trunk, x, 1, phi);
    for (int map = 0; map < 8; map++)
        for (int cell = 0; cell < 16; cell++)
            if (cell / 4 % 3 && cell % 4 % 3) /* the four in the middle */
                assert_true(phi[map * 16 + cell] == 0);
}

/* 64 filters on 150x150 pixels are 5.7 MB a sample. */
static void large_images_go_through_the_network_in_small_batches(void **state)
{
    static const struct {
        uint32_t side, batch;
    } want[] = {{28, 20}, {150, 5}, {256, 2}};
    static const uint32_t label = 1;

    (void)state;
    for (size_t i = 0; i < CN_COUNT(want); i++) {
        struct cn_recipe r = cn_recipe_default(CN_RECIPE_ARTICLE, 1, want[i].side, want[i].side);
        CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = NULL;
        assert_int_equal(cn_weights_new(&w, &r, &label, 1, NULL), CN_OK);
        assert_int_equal(cn_weights_batch(w, 20), want[i].batch);
        assert_int_equal(cn_weights_batch(w, 1), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_valid),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(a_recipe_survives_its_settings),
        cmocka_unit_test(genesis_is_the_same_everywhere),
        cmocka_unit_test(the_trunk_is_grown_from_the_seed),
        cmocka_unit_test(the_trunk_does_not_see_brightness),
        cmocka_unit_test(large_images_go_through_the_network_in_small_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
