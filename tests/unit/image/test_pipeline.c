/* From a file's bytes to the network's input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/image/pipeline.h"
#include "tests/unit/image/picture.h"

/* ---- helpers ---- */

static struct cn_pipeline plain(uint32_t channels, uint32_t height, uint32_t width, enum cn_fit fit)
{
    return (struct cn_pipeline){channels, height, width, fit, .scale = 1};
}

static void apply(const struct cn_pipeline *p, const char *name, float *x)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(name);

    assert_int_equal(cn_pipeline_check(p, NULL), CN_OK);
    assert_int_equal(cn_pipeline_apply(p, picture_bytes(&b), x, NULL), CN_OK);
}

/* A picture of samples, as a binary PGM. */
static enum cn_err apply_samples(const struct cn_pipeline *p, uint32_t width, uint32_t height,
                                 const uint8_t *samples, float *x)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};

    cn_buf_printf(&b, "P5 %u %u 255\n", width, height);
    cn_buf_append(&b, samples, (size_t)width * height);
    return cn_pipeline_apply(p, picture_bytes(&b), x, NULL);
}

/* ---- numbers ---- */

static void samples_become_zero_to_one(void **state)
{
    const uint8_t in[4] = {0, 51, 102, 255};
    struct cn_pipeline p = plain(1, 2, 2, CN_FIT_STRETCH);
    float x[4];

    (void)state;
    assert_int_equal(apply_samples(&p, 2, 2, in, x), CN_OK);
    for (int i = 0; i < 4; i++)
        assert_true(x[i] == (float)in[i] / 255); /* exactly */
}

static void scale_and_offset_come_last(void **state)
{
    const uint8_t in[2] = {0, 255};
    struct cn_pipeline p = plain(1, 1, 2, CN_FIT_STRETCH);
    float x[2];

    (void)state;
    p.scale = 2;
    p.offset = -1;
    assert_int_equal(apply_samples(&p, 2, 1, in, x), CN_OK);
    assert_true(x[0] == -1 && x[1] == 1);
}

static void standardize_takes_mean_and_deviation_of_the_image(void **state)
{
    const uint8_t in[4] = {0, 0, 255, 255}; /* mean 1/2, deviation 1/2 */
    struct cn_pipeline p = plain(1, 2, 2, CN_FIT_STRETCH);
    float x[4];

    (void)state;
    p.standardize = true;
    assert_int_equal(apply_samples(&p, 2, 2, in, x), CN_OK);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(x[i] - (i < 2 ? -.5f : .5f) / .55f) < 1e-6f);
    p.scale = 2;
    p.offset = 1;
    assert_int_equal(apply_samples(&p, 2, 2, in, x), CN_OK);
    assert_true(fabsf(x[3] - (2 * .5f / .55f + 1)) < 1e-6f);
}

static void one_colour_standardizes_to_zeros(void **state)
{
    uint8_t in[30];
    struct cn_pipeline p = plain(1, 28, 28, CN_FIT_CROP);
    float x[28 * 28];

    (void)state;
    memset(in, 200, sizeof in);
    p.standardize = true;
    assert_int_equal(apply_samples(&p, 6, 5, in, x), CN_OK);
    for (int i = 0; i < 28 * 28; i++)
        assert_true(x[i] == 0);
}

static void channels_come_one_after_the_other(void **state)
{
    struct cn_pipeline p = plain(3, 16, 24, CN_FIT_STRETCH);
    float x[3 * 16 * 24];

    (void)state;
    apply(&p, "flag.png", x);
    for (int c = 0; c < 3; c++) { /* red, green, blue in three corners, white in the fourth */
        const float *plane = x + c * 16 * 24;
        assert_true(plane[0] == (c == 0));
        assert_true(plane[23] == (c == 1));
        assert_true(plane[15 * 24] == (c == 2));
        assert_true(plane[16 * 24 - 1] == 1);
    }
}

/* ---- shapes ---- */

static void crop_takes_the_middle(void **state)
{
    const uint8_t in[10] = {9, 9, 9, 9, 51, 102, 9, 9, 9, 9};
    struct cn_pipeline p = plain(1, 1, 2, CN_FIT_CROP);
    float x[2];

    (void)state;
    assert_int_equal(apply_samples(&p, 10, 1, in, x), CN_OK);
    assert_true(x[0] == .2f && x[1] == .4f);
    assert_int_equal(apply_samples(&p, 2, 5, in, x), CN_OK); /* too high: the middle row */
    assert_true(x[0] == .2f && x[1] == .4f);
}

static void pad_shows_all_of_it_with_black_around(void **state)
{
    const uint8_t in[2] = {255, 255};
    struct cn_pipeline p = plain(1, 4, 4, CN_FIT_PAD);
    float x[16];

    (void)state;
    assert_int_equal(apply_samples(&p, 2, 1, in, x), CN_OK);
    for (int i = 0; i < 16; i++)
        assert_true(x[i] == (i >= 4 && i < 12)); /* the two rows in the middle */
    assert_int_equal(apply_samples(&p, 1, 2, in, x), CN_OK);
    for (int i = 0; i < 16; i++)
        assert_true(x[i] == (i % 4 == 1 || i % 4 == 2));
}

static void extreme_shapes_fit_in_every_way(void **state)
{
    static const struct {
        uint32_t width, height;
    } shapes[] = {{1, 1}, {1, 16384}, {16384, 1}, {3, 10000}, {2, 2}, {1023, 1025}};
    static const struct cn_pipeline inputs[] = {
        {1, 28, 28, .scale = 1},  {1, 1, 1, .scale = 1},   {1, 1, 1024, .scale = 1},
        {1, 1024, 1, .scale = 1}, {1, 64, 48, .scale = 1},
    };
    static uint8_t in[1023 * 1025];
    static float x[1024 * 1024];

    (void)state;
    memset(in, 255, sizeof in);
    for (size_t i = 0; i < CN_COUNT(shapes); i++) {
        for (size_t k = 0; k < CN_COUNT(inputs); k++) {
            for (int fit = 0; fit < 3; fit++) {
                struct cn_pipeline p = inputs[k];
                p.fit = (enum cn_fit)fit;
                assert_int_equal(apply_samples(&p, shapes[i].width, shapes[i].height, in, x),
                                 CN_OK);
                float sum = 0;
                for (size_t n = 0; n < cn_pipeline_size(&p); n++)
                    sum += x[n];
                assert_true(sum >= 1); /* something of it is there */
                if (p.fit != CN_FIT_PAD)
                    assert_true(sum == (float)cn_pipeline_size(&p));
            }
        }
    }
}

static void a_turned_photograph_gives_the_input_of_the_upright_one(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_with_orientation("flag.jpg", 3, false);
    struct cn_pipeline p = plain(3, 8, 8, CN_FIT_CROP);
    float upright[3 * 64], turned[3 * 64];

    (void)state;
    apply(&p, "flag.jpg", upright);
    assert_int_equal(cn_pipeline_apply(&p, picture_bytes(&b), turned, NULL), CN_OK);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 64; i++)
            assert_true(fabsf(turned[c * 64 + i] - upright[c * 64 + 63 - i]) < 1e-3f);
}

static void equal_bytes_give_equal_bits(void **state)
{
    struct cn_pipeline p = plain(3, 20, 20, CN_FIT_CROP);
    static float a[3 * 400], b[3 * 400];

    (void)state;
    p.standardize = true;
    apply(&p, "subsampled.jpg", a);
    apply(&p, "subsampled.jpg", b);
    assert_memory_equal(a, b, sizeof a);
}

/* ---- trouble ---- */

static void a_declaration_that_cannot_be_is_refused(void **state)
{
    struct cn_pipeline p = plain(3, 64, 64, CN_FIT_CROP), bad;

    (void)state;
    assert_int_equal(cn_pipeline_check(&p, NULL), CN_OK);
    bad = p, bad.channels = 2;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_PARSE);
    bad = p, bad.height = 0;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_LIMIT);
    bad = p, bad.width = CN_MAX_INPUT_SIDE + 1;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_LIMIT);
    bad = p, bad.fit = (enum cn_fit)3;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_PARSE);
    bad = p, bad.scale = NAN;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_PARSE);
    bad = p, bad.offset = INFINITY;
    assert_int_equal(cn_pipeline_check(&bad, NULL), CN_E_PARSE);
}

static void what_is_no_image_leaves_the_input_alone(void **state)
{
    static const char *const texts[] = {"", "hello", "P6", "\xff\xd8\xff", "<svg/>"};
    struct cn_pipeline p = plain(1, 1, 1, CN_FIT_CROP);
    float x[1] = {42};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(texts); i++) {
        struct cn_bytes b = {(const uint8_t *)texts[i], strlen(texts[i])};
        assert_int_equal(cn_pipeline_apply(&p, b, x, NULL), CN_E_PARSE);
        assert_true(x[0] == 42);
    }
}

/* ---- photographs ---- */

static const char *photographs(char path[512])
{
    const char *shared = getenv("CAIRN_SHARED");

    snprintf(path, 512, "%s/data/intel-scenes/test", shared ? shared : "../shared");
    return cn_fs_exists(path) ? path : NULL;
}

/* Every photograph at hand decodes, in both sizes, and differs from the others. */
static void photographs_become_inputs(void **state)
{
    static const char *const scenes[] = {"buildings", "forest", "glacier",
                                         "mountain",  "sea",    "street"};
    struct cn_pipeline p = plain(3, 64, 64, CN_FIT_CROP);
    char root[512], path[1024];
    float x[3 * 64 * 64], last = NAN;

    (void)state;
    if (!photographs(root)) {
        print_message("no data/intel-scenes in $CAIRN_SHARED or ../shared: skipped\n");
        skip();
    }
    p.standardize = true;
    for (size_t i = 0; i < CN_COUNT(scenes); i++) {
        CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names names = {0};
        snprintf(path, sizeof path, "%s/%s", root, scenes[i]);
        assert_int_equal(cn_fs_list(path, 10000, &names, NULL), CN_OK);
        assert_true(names.n > 0);
        for (size_t k = 0; k < names.n && k < 20; k++) {
            CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
            struct cn_error err;
            snprintf(path, sizeof path, "%s/%s/%s", root, scenes[i], names.at[k]);
            assert_int_equal(cn_fs_read(path, CN_MAX_IMAGE_BYTES, &b, &err), CN_OK);
            if (cn_pipeline_apply(&p, picture_bytes(&b), x, &err))
                fail_msg("%s: %s", path, err.text);
            double sum = 0;
            for (size_t n = 0; n < CN_COUNT(x); n++)
                sum += x[n];
            assert_true(fabs(sum) < 1); /* standardized: the mean is 0 */
            assert_true(x[0] != last);
            last = x[0];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_become_zero_to_one),
        cmocka_unit_test(scale_and_offset_come_last),
        cmocka_unit_test(standardize_takes_mean_and_deviation_of_the_image),
        cmocka_unit_test(one_colour_standardizes_to_zeros),
        cmocka_unit_test(channels_come_one_after_the_other),
        cmocka_unit_test(crop_takes_the_middle),
        cmocka_unit_test(pad_shows_all_of_it_with_black_around),
        cmocka_unit_test(extreme_shapes_fit_in_every_way),
        cmocka_unit_test(a_turned_photograph_gives_the_input_of_the_upright_one),
        cmocka_unit_test(equal_bytes_give_equal_bits),
        cmocka_unit_test(a_declaration_that_cannot_be_is_refused),
        cmocka_unit_test(what_is_no_image_leaves_the_input_alone),
        cmocka_unit_test(photographs_become_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
