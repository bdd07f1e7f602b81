/* Pixels of every format, upright. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/image/decode.h"
#include "tests/unit/image/picture.h"

/* ---- helpers ---- */

static struct cn_pixels decode(const struct cn_buf *b, uint32_t channels)
{
    struct cn_pixels p = {0};

    assert_int_equal(cn_decode(picture_bytes(b), channels, &p, NULL), CN_OK);
    assert_int_equal(p.channels, channels);
    return p;
}

static void assert_colour(const struct cn_pixels *p, uint32_t x, uint32_t y, uint32_t rgb, int off)
{
    const uint8_t *at = p->at + (y * p->width + x) * p->channels;

    for (uint32_t c = 0; c < p->channels; c++) {
        int want = p->channels == 3 ? (int)(rgb >> (16 - 8 * c)) & 0xff : (int)rgb;
        if (abs((int)at[c] - want) > off)
            fail_msg("pixel (%u, %u) channel %u is %d, not %d", x, y, c, at[c], want);
    }
}

enum { RED = 0xff0000, GREEN = 0x00ff00, BLUE = 0x0000ff, WHITE = 0xffffff };

/* The colours in the corners, from the top left, row by row. */
static void assert_corners(const struct cn_pixels *p, const uint32_t rgb[4], int off)
{
    assert_colour(p, 1, 1, rgb[0], off);
    assert_colour(p, p->width - 2, 1, rgb[1], off);
    assert_colour(p, 1, p->height - 2, rgb[2], off);
    assert_colour(p, p->width - 2, p->height - 2, rgb[3], off);
}

static const uint32_t flag[4] = {RED, GREEN, BLUE, WHITE};
static const uint32_t luma[4] = {76, 150, 29, 255}; /* .299, .587, .114 */

/* ---- formats ---- */

static void lossless_formats_give_the_exact_colours(void **state)
{
    static const char *const names[] = {"flag.png", "palette.png", "alpha.png",
                                        "flag.bmp", "flag.gif",    "flag.ppm"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(names[i]);
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);
        assert_int_equal(p.width, 24);
        assert_int_equal(p.height, 16);
        assert_corners(&p, flag, 0);
        assert_colour(&p, 11, 7, RED, 0); /* around the middle: no row or column is shifted */
        assert_colour(&p, 12, 7, GREEN, 0);
        assert_colour(&p, 11, 8, BLUE, 0);
        assert_colour(&p, 12, 8, WHITE, 0);
    }
}

static void jpegs_of_every_kind_give_nearly_the_colours(void **state)
{
    static const char *const names[] = {"flag.jpg", "subsampled.jpg", "progressive.jpg",
                                        "restarts.jpg"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(names[i]);
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);
        assert_corners(&p, flag, 12);
    }
}

static void grey_files_and_colour_files_give_luma(void **state)
{
    static const char *const names[] = {"grey.png", "grey.pgm", "grey.bmp", "grey16.png",
                                        "grey.jpg", "flag.png", "flag.jpg"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(names[i]);
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 1);
        assert_corners(&p, luma, strstr(names[i], "jpg") ? 12 : 1);
    }
}

static void a_grey_file_as_colour_has_equal_channels(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read("grey.png");
    CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);

    (void)state;
    assert_corners(&p, (const uint32_t[]){0x4c4c4c, 0x969696, 0x1d1d1d, WHITE}, 0);
}

static void pnm_samples_are_scaled_by_their_maximum(void **state)
{
    static const char deep[] = "P5 # made by hand\n3 1\n65535\n\0\0\x80\0\xff\xff";
    static const char shallow[] = "P6 1 1 15 \x0f\x08\x1f";
    struct cn_pixels p;

    (void)state;
    assert_int_equal(
        cn_decode((struct cn_bytes){(const uint8_t *)deep, sizeof deep - 1}, 1, &p, NULL), CN_OK);
    assert_memory_equal(p.at, "\0\x80\xff", 3);
    cn_pixels_fini(&p);
    assert_int_equal(
        cn_decode((struct cn_bytes){(const uint8_t *)shallow, sizeof shallow - 1}, 3, &p, NULL),
        CN_OK);
    assert_memory_equal(p.at, "\xff\x88\xff", 3); /* what is over the maximum is the maximum */
    cn_pixels_fini(&p);
}

/* ---- orientation ---- */

static void all_orientations_stand_upright(void **state)
{
    /* Where the stored corners (red, green, blue, white) come to stand. */
    static const uint32_t upright[9][4] = {
        [1] = {RED, GREEN, BLUE, WHITE}, [2] = {GREEN, RED, WHITE, BLUE}, /* mirrored */
        [3] = {WHITE, BLUE, GREEN, RED}, [4] = {BLUE, WHITE, RED, GREEN}, /* half a turn, flipped */
        [5] = {RED, BLUE, GREEN, WHITE}, [6] = {BLUE, RED, WHITE, GREEN}, /* transposed, right */
        [7] = {WHITE, GREEN, BLUE, RED}, [8] = {GREEN, WHITE, RED, BLUE}, /* transversed, left */
    };

    (void)state;
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            CN_CLEANUP(cn_buf_fini)
            struct cn_buf b = picture_with_orientation("flag.jpg", orientation, big_endian);
            CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);
            assert_int_equal(p.width, orientation < 5 ? 24 : 16);
            assert_int_equal(p.height, orientation < 5 ? 16 : 24);
            assert_corners(&p, upright[orientation], 12);
        }
    }
}

static void an_orientation_that_cannot_be_is_ignored(void **state)
{
    static const uint32_t wrong[] = {0, 9, 255};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(wrong); i++) {
        CN_CLEANUP(cn_buf_fini)
        struct cn_buf b = picture_with_orientation("flag.jpg", wrong[i], false);
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);
        assert_corners(&p, flag, 12);
    }
}

static void a_damaged_exif_block_does_not_spoil_the_picture(void **state)
{
    (void)state;
    for (size_t at = 12; at < 38; at++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_with_orientation("flag.jpg", 6, false);
        b.at[at] ^= 0xff;
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(&b, 3);
        assert_int_equal(p.width * p.height, 24 * 16);
    }
}

/* ---- trouble ---- */

static void damage_inside_the_data_is_an_error_and_leaves_the_output_alone(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read("flag.png");
    struct cn_pixels p = {1, 2, 3, NULL};
    struct cn_error err;
    uint8_t *data = memmem(b.at, b.n, "IDAT", 4);

    (void)state;
    assert_non_null(data);
    data[4] ^= 0x0f; /* the zlib header */
    assert_int_equal(cn_decode(picture_bytes(&b), 3, &p, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "the PNG file cannot be decoded"));
    assert_int_equal(p.width, 1);
    assert_null(p.at);
}

/* 64 MB of zeros in a file of 64 kB that declares 8 x 8 pixels: the decoder must not hold them. */
static void data_that_expands_beyond_its_declared_size_is_refused(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_png(8, 8, 2, 64 << 20);
    struct cn_pixels p;
    struct cn_error err;

    (void)state;
    assert_int_equal(cn_decode(picture_bytes(&b), 3, &p, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "outofmem"));
}

static void the_largest_and_the_narrowest_sizes_decode(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf one = picture_png(1, 1, 0, 2);
    CN_CLEANUP(cn_buf_fini) struct cn_buf wide = picture_png(16384, 1, 2, 16384 * 3 + 1);
    CN_CLEANUP(cn_buf_fini) struct cn_buf tall = picture_png(1, 16384, 2, 16384 * 4);

    (void)state;
    const struct cn_buf *all[] = {&one, &wide, &tall};
    for (size_t i = 0; i < CN_COUNT(all); i++) {
        CN_CLEANUP(cn_pixels_fini) struct cn_pixels p = decode(all[i], 3);
        assert_int_equal(p.at[0], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_formats_give_the_exact_colours),
        cmocka_unit_test(jpegs_of_every_kind_give_nearly_the_colours),
        cmocka_unit_test(grey_files_and_colour_files_give_luma),
        cmocka_unit_test(pnm_samples_are_scaled_by_their_maximum),
        cmocka_unit_test(a_grey_file_as_colour_has_equal_channels),
        cmocka_unit_test(all_orientations_stand_upright),
        cmocka_unit_test(an_orientation_that_cannot_be_is_ignored),
        cmocka_unit_test(a_damaged_exif_block_does_not_spoil_the_picture),
        cmocka_unit_test(damage_inside_the_data_is_an_error_and_leaves_the_output_alone),
        cmocka_unit_test(data_that_expands_beyond_its_declared_size_is_refused),
        cmocka_unit_test(the_largest_and_the_narrowest_sizes_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
