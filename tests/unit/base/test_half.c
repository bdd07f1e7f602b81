/* binary16: every value there and back, and rounding to nearest even against an independent rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/base/half.h"
#include "common/base/rng.h"

static uint32_t bits(float x)
{
    uint32_t u;

    memcpy(&u, &x, 4);
    return u;
}

static void every_half_survives_the_way_through_float(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = cn_half_to_float((uint16_t)h);
        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff)) {
            assert_true(isnan(x));
            assert_true(isnan(cn_half_to_float(cn_half_from_float(x))));
        } else {
            assert_int_equal(cn_half_from_float(x), h);
        }
    }
}

static void values_are_those_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        uint16_t half;
        float value;
    } known[] = {{0x0000, 0.0f},     {0x3c00, 1.0f},        {0xc000, -2.0f},
                 {0x7bff, 65504.0f}, {0x0400, 0x1p-14f},    {0x03ff, 0x1.ff8p-15f},
                 {0x0001, 0x1p-24f}, {0x3555, 0x1.554p-2f}, {0x7c00, INFINITY},
                 {0xfc00, -INFINITY}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(cn_half_to_float(known[i].half) == known[i].value);
        assert_int_equal(cn_half_from_float(known[i].value), known[i].half);
    }
    assert_int_equal(bits(cn_half_to_float(0x8000)), 0x80000000); /* minus zero */
    assert_int_equal(cn_half_from_float(-0.0f), 0x8000);
}

/* Between each two neighbours: below the middle goes down, above it up, the middle to the even one.
 */
static void rounding_is_to_nearest_and_to_even_in_the_middle(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7c00; h++) {
        float low = cn_half_to_float(h);
        float high = h == 0x7bff ? 65536.0f : cn_half_to_float((uint16_t)(h + 1));
        float middle = low + (high - low) / 2; /* exact: a float has 13 more bits */
        uint16_t even = h & 1 ? (uint16_t)(h + 1) : h;
        assert_int_equal(cn_half_from_float(nextafterf(middle, 0)), h);
        assert_int_equal(cn_half_from_float(middle), even);
        assert_int_equal(cn_half_from_float(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(cn_half_from_float(-middle), even | 0x8000);
    }
}

static void what_is_too_large_becomes_infinity_and_what_is_too_small_zero(void **state)
{
    (void)state;
    assert_int_equal(cn_half_from_float(65519.99f), 0x7bff);
    assert_int_equal(cn_half_from_float(65520.0f), 0x7c00);
    assert_int_equal(cn_half_from_float(-3e38f), 0xfc00);
    assert_int_equal(cn_half_from_float(0x1p-25f), 0);
    assert_int_equal(cn_half_from_float(-0x1p-149f), 0x8000);
    assert_true(isnan(cn_half_to_float(cn_half_from_float(NAN))));
}

static void arrays_are_converted_like_single_values(void **state)
{
    (void)state;
    enum { N = 257 };
    float in[N], back[N];
    uint16_t half[N];
    struct cn_rng r;

    cn_rng_init(&r, 1);
    cn_rng_fill_normal(&r, in, N, 3);
    cn_half_encode(half, in, N);
    cn_half_decode(back, half, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(half[i], cn_half_from_float(in[i]));
        assert_true(fabsf(back[i] - in[i]) <= fabsf(in[i]) * 0x1p-11f + 0x1p-25f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_survives_the_way_through_float),
        cmocka_unit_test(values_are_those_of_the_standard),
        cmocka_unit_test(rounding_is_to_nearest_and_to_even_in_the_middle),
        cmocka_unit_test(what_is_too_large_becomes_infinity_and_what_is_too_small_zero),
        cmocka_unit_test(arrays_are_converted_like_single_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
