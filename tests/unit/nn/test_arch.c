/* Architectures from files and peers: what fits, what is refused, and by which name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "tests/unit/nn/nets.h"

static enum cn_err check(const struct cn_arch *a, uint32_t n_labels, size_t *out)
{
    struct cn_error err = {0};
    size_t size = 77;
    enum cn_err e = cn_arch_check(a, n_labels, &size, &err);

    if (e) {
        assert_int_equal(size, 77); /* written only on success */
        assert_int_equal(err.code, e);
        assert_true(err.text[0]);
    }
    *out = size;
    return e;
}

static struct cn_arch one(uint32_t c, uint32_t side, struct cn_layer layer)
{
    return (struct cn_arch){c, side, side, 1, {layer}};
}

static void expect_size(struct cn_arch a, size_t want)
{
    size_t out;

    assert_int_equal(check(&a, 3, &out), CN_OK);
    assert_int_equal(out, want);
}

static void expect(struct cn_arch a, enum cn_err want)
{
    size_t out;

    assert_int_equal(check(&a, 3, &out), want);
}

#define CONV .kind = CN_LAYER_CONV, .name = "conv"

static void the_output_of_every_kind_has_its_size(void **state)
{
    (void)state;
    expect_size(classifier(28, 64), 3);
    expect_size(
        one(3, 9, (struct cn_layer){CONV, .out = 4, .kernel_h = 3, .kernel_w = 2, .stride = 2}),
        4 * 4 * 4);
    expect_size(
        one(3, 9, (struct cn_layer){CONV, .out = 4, .kernel_h = 3, .kernel_w = 3, .pad = 1}),
        4 * 9 * 9);
    expect_size(one(3, 9,
                    (struct cn_layer){
                        .kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 2, .stride = 2}),
                3 * 4 * 4);
    expect_size(one(3, 9, (struct cn_layer){.kind = CN_LAYER_GRID_POOL, .out = 4}), 3 * 16);
    expect_size(one(3, 9, (struct cn_layer){.kind = CN_LAYER_GLOBAL_POOL}), 3);
    expect_size(one(3, 9, (struct cn_layer){.kind = CN_LAYER_UPSAMPLE, .stride = 2}), 3 * 18 * 18);
    expect_size(
        one(4, 3,
            (struct cn_layer){.kind = CN_LAYER_RESHAPE, .out = 9, .kernel_h = 2, .kernel_w = 2}),
        36);
    expect_size(one(4, 3, (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "d", .out = 8}), 8);
    expect_size(one(4, 3, (struct cn_layer){.kind = CN_LAYER_LABEL_ADD, .name = "d"}), 36);
}

static void a_layer_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    expect(one(3, 4, (struct cn_layer){CONV, .out = 4, .kernel_h = 5, .kernel_w = 2}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){CONV, .out = 4, .kernel_w = 2}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){CONV, .kernel_h = 2, .kernel_w = 2}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){CONV, .out = 4, .kernel_h = 2, .kernel_w = 2, .groups = 2}),
           CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){CONV, .out = 4, .kernel_h = 2, .kernel_w = 2, .pad = 2}),
           CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "d"}), CN_E_SHAPE);
    expect(one(3, 4,
               (struct cn_layer){.kind = CN_LAYER_RESHAPE, .out = 7, .kernel_h = 7, .kernel_w = 1}),
           CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = CN_LAYER_GRID_POOL, .out = 5}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = CN_LAYER_DROPOUT, .rate = 1}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = CN_LAYER_DROPOUT, .rate = NAN}), CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = CN_LAYER_BATCH_NORM, .name = "n", .momentum = .9f}),
           CN_E_SHAPE);
    expect(one(3, 4, (struct cn_layer){.kind = 99}), CN_E_UNSUPPORTED);
}

static void sizes_beyond_the_limits_are_refused_without_overflow(void **state)
{
    (void)state;
    uint32_t huge = UINT32_MAX;

    expect((struct cn_arch){huge, huge, huge, 1, {{.kind = CN_LAYER_RELU}}}, CN_E_LIMIT);
    expect(one(1, 4, (struct cn_layer){CONV, .out = huge, .kernel_h = 2, .kernel_w = 2}),
           CN_E_LIMIT);
    expect(one(1, 4, (struct cn_layer){CONV, .out = 1, .kernel_h = 2, .kernel_w = 2, .pad = huge}),
           CN_E_LIMIT);
    expect(one(1, 4096, (struct cn_layer){.kind = CN_LAYER_UPSAMPLE, .stride = 1 << 20}),
           CN_E_LIMIT);
    expect(one(1, 4096, (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "d", .out = 100}),
           CN_E_LIMIT);
    struct cn_arch a = {.channels = 1, .height = 1, .width = 1, .n_layers = CN_MAX_LAYERS + 1};
    expect(a, CN_E_LIMIT);
    a.n_layers = 0;
    expect(a, CN_E_LIMIT);
}

static void tensors_have_names_and_no_two_the_same(void **state)
{
    (void)state;
    struct cn_layer d = {.kind = CN_LAYER_DENSE, .name = "d", .out = 2};

    expect((struct cn_arch){2, 1, 1, 2, {d, d}}, CN_E_EXISTS);
    memset(d.name, 'x', sizeof d.name);
    expect(one(2, 1, d), CN_E_PARSE);
    memcpy(d.name, "a\nb", 4);
    expect(one(2, 1, d), CN_E_PARSE);
    d.name[0] = 0;
    expect(one(2, 1, d), CN_E_PARSE);
}

static void only_activations_follow_rows_of_labels(void **state)
{
    (void)state;
    struct cn_arch a = classifier(8, 4);
    size_t out;

    a.layers[a.n_layers++] = (struct cn_layer){.kind = CN_LAYER_DROPOUT, .rate = .5f};
    assert_int_equal(check(&a, 5, &out), CN_OK);
    assert_int_equal(out, 5);
    a.layers[a.n_layers++] = (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "d", .out = 2};
    assert_int_equal(check(&a, 5, &out), CN_E_SHAPE);
    a = classifier(8, 4);
    assert_int_equal(check(&a, 0, &out), CN_E_SHAPE);
    assert_int_equal(check(&a, CN_MAX_LABELS + 1, &out), CN_E_LIMIT);
}

static void the_error_names_the_layer(void **state)
{
    (void)state;
    struct cn_arch a = classifier(8, 4);
    struct cn_error err;
    size_t out;

    a.layers[0].kernel_h = 20;
    assert_int_equal(cn_arch_check(&a, 3, &out, &err), CN_E_SHAPE);
    assert_non_null(strstr(err.text, "layer 0 \"conv\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_output_of_every_kind_has_its_size),
        cmocka_unit_test(a_layer_that_does_not_fit_is_refused),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused_without_overflow),
        cmocka_unit_test(tensors_have_names_and_no_two_the_same),
        cmocka_unit_test(only_activations_follow_rows_of_labels),
        cmocka_unit_test(the_error_names_the_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
