/* Other sizes: exact where it can be said what is right, near Pillow everywhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/image/decode.h"
#include "common/image/resize.h"
#include "tests/unit/image/picture.h"

static void resize(const uint8_t *at, uint32_t from_width, uint32_t from_height, uint32_t width,
                   uint32_t height, uint16_t *out)
{
    struct cn_view v = {from_width, from_height, 1, at, from_width};

    cn_resize(&v, width, height, out, width, (size_t)width * height);
}

static void the_same_size_changes_nothing(void **state)
{
    static const uint8_t in[6] = {0, 1, 128, 200, 254, 255};
    uint16_t out[6];

    (void)state;
    resize(in, 3, 2, 3, 2, out);
    for (int i = 0; i < 6; i++)
        assert_int_equal(out[i], in[i] * 256);
}

static void one_colour_stays_exactly_that_colour(void **state)
{
    static const uint32_t sides[] = {1, 2, 3, 7, 28, 64, 97, 1024};
    static uint8_t in[97 * 97];
    static uint16_t out[1024 * 1024];

    (void)state;
    for (int colour = 0; colour < 256; colour += 51) {
        memset(in, colour, sizeof in);
        for (size_t i = 0; i < CN_COUNT(sides); i++) {
            uint32_t other = sides[CN_COUNT(sides) - 1 - i];
            resize(in, 97, 31, sides[i], other, out);
            for (uint32_t k = 0; k < sides[i] * other; k++)
                if (out[k] != colour * 256)
                    fail_msg("%d became %d", colour * 256, out[k]);
        }
    }
}

static void a_pixel_becomes_an_area(void **state)
{
    static const uint8_t in[1] = {77};
    uint16_t out[12];

    (void)state;
    resize(in, 1, 1, 4, 3, out);
    for (int i = 0; i < 12; i++)
        assert_int_equal(out[i], 77 * 256);
}

static void enlarging_is_bilinear(void **state)
{
    static const uint8_t in[2] = {0, 100};
    uint16_t out[4];

    (void)state;
    resize(in, 2, 1, 4, 1, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 25 * 256);
    assert_int_equal(out[2], 75 * 256);
    assert_int_equal(out[3], 100 * 256);
}

static void every_source_pixel_counts_when_shrinking(void **state)
{
    uint8_t in[64] = {0};
    uint16_t out[4];

    (void)state;
    for (int i = 0; i < 64; i++) {
        in[i] = 255;
        resize(in, 64, 1, 4, 1, out);
        assert_true(out[0] + out[1] + out[2] + out[3] > 0);
        in[i] = 0;
    }
}

static void channels_stay_apart(void **state)
{
    static const uint8_t in[2 * 3] = {10, 20, 30, 10, 20, 30};
    struct cn_view v = {2, 1, 3, in, 6};
    uint16_t out[3 * 5];

    (void)state;
    cn_resize(&v, 5, 1, out, 5, 5);
    for (int i = 0; i < 15; i++)
        assert_int_equal(out[i], (i / 5 + 1) * 10 * 256);
}

static void the_result_is_near_pillows(void **state)
{
    static const char *const names[] = {"pattern-small.pgm", "pattern-large.pgm"};
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read("pattern.pgm");
    CN_CLEANUP(cn_pixels_fini) struct cn_pixels from = {0};

    (void)state;
    assert_int_equal(cn_decode(picture_bytes(&b), 1, &from, NULL), CN_OK);
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf w = picture_read(names[i]);
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels want = {0};
        assert_int_equal(cn_decode(picture_bytes(&w), 1, &want, NULL), CN_OK);
        size_t n = (size_t)want.width * want.height;
        CN_CLEANUP(cn_freep) uint16_t *out = cn_calloc(n, sizeof *out);
        resize(from.at, from.width, from.height, want.width, want.height, out);
        for (size_t k = 0; k < n; k++)
            if (abs((out[k] + 128) / 256 - want.at[k]) > 1)
                fail_msg("%s: pixel %zu is %.2f, Pillow says %d", names[i], k, out[k] / 256.0,
                         want.at[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_size_changes_nothing),
        cmocka_unit_test(one_colour_stays_exactly_that_colour),
        cmocka_unit_test(a_pixel_becomes_an_area),
        cmocka_unit_test(enlarging_is_bilinear),
        cmocka_unit_test(every_source_pixel_counts_when_shrinking),
        cmocka_unit_test(channels_stay_apart),
        cmocka_unit_test(the_result_is_near_pillows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
