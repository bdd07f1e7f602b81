/* What is seen of an image file before it is decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/image/scan.h"
#include "tests/unit/image/picture.h"

static const struct {
    const char *name;
    enum cn_image_format format;
} files[] = {
    {"flag.jpg", CN_IMAGE_JPEG},        {"subsampled.jpg", CN_IMAGE_JPEG},
    {"progressive.jpg", CN_IMAGE_JPEG}, {"restarts.jpg", CN_IMAGE_JPEG},
    {"grey.jpg", CN_IMAGE_JPEG},        {"flag.png", CN_IMAGE_PNG},
    {"palette.png", CN_IMAGE_PNG},      {"alpha.png", CN_IMAGE_PNG},
    {"grey.png", CN_IMAGE_PNG},         {"grey16.png", CN_IMAGE_PNG},
    {"flag.bmp", CN_IMAGE_BMP},         {"grey.bmp", CN_IMAGE_BMP},
    {"flag.gif", CN_IMAGE_GIF},         {"flag.ppm", CN_IMAGE_PNM},
    {"grey.pgm", CN_IMAGE_PNM},
};

static enum cn_err scan(const void *p, size_t n, struct cn_error *err)
{
    struct cn_scan s;

    return cn_scan_image((struct cn_bytes){p, n}, &s, err);
}

static void every_format_declares_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < CN_COUNT(files); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(files[i].name);
        struct cn_scan s;
        assert_int_equal(cn_scan_image(picture_bytes(&b), &s, NULL), CN_OK);
        assert_int_equal(s.format, files[i].format);
        assert_int_equal(s.width, 24);
        assert_int_equal(s.height, 16);
        assert_int_equal(s.exif.n, 0);
    }
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CN_COUNT(files); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(files[i].name);
        for (size_t n = 0; n < b.n; n++) {
            CN_CLEANUP(cn_freep) uint8_t *part = cn_alloc(n); /* ASan sees a read beyond */
            memcpy(part, b.at, n);
            assert_int_equal(scan(part, n, NULL), CN_E_PARSE);
        }
    }
}

static void a_file_whose_tail_was_never_written_is_refused(void **state)
{
    static const char *const names[] = {"flag.jpg", "progressive.jpg", "flag.png", "flag.gif"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(names[i]);
        memset(b.at + b.n / 2, 0, b.n - b.n / 2);
        assert_int_equal(scan(b.at, b.n, NULL), CN_E_PARSE);
    }
}

static void the_sentence_says_what_is_wrong(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read("flag.jpg");
    struct cn_error err;

    (void)state;
    assert_int_equal(scan(b.at, b.n / 2, &err), CN_E_PARSE);
    assert_string_equal(err.text, "the JPEG file is cut off before its end; copy it again");
    assert_int_equal(scan("hello, world", 12, &err), CN_E_PARSE);
    assert_string_equal(err.text,
                        "these 12 bytes are no image; JPEG, PNG, BMP, GIF and binary PNM are read");
    assert_int_equal(scan("", 0, &err), CN_E_PARSE);
    assert_string_equal(err.text, "the image file is empty");
}

static void bytes_after_the_end_do_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < CN_COUNT(files); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read(files[i].name);
        cn_buf_append(&b, "trailer", 7);
        assert_int_equal(scan(b.at, b.n, NULL), CN_OK);
    }
}

static void a_giant_declared_size_is_refused_in_every_format(void **state)
{
    struct cn_error err;
    CN_CLEANUP(cn_buf_fini) struct cn_buf png = picture_png(60000, 60000, 2, 10);
    CN_CLEANUP(cn_buf_fini) struct cn_buf area = picture_png(16384, 16384, 0, 10);
    CN_CLEANUP(cn_buf_fini) struct cn_buf bmp = picture_read("flag.bmp");
    CN_CLEANUP(cn_buf_fini) struct cn_buf gif = picture_read("flag.gif");
    CN_CLEANUP(cn_buf_fini) struct cn_buf jpeg = picture_read("flag.jpg");

    (void)state;
    assert_int_equal(scan(png.at, png.n, &err), CN_E_LIMIT);
    assert_string_equal(err.text, "the image has 60000 x 60000 pixels; at most 16384 a side and 40 "
                                  "million in all");
    assert_int_equal(scan(png.at, 33, NULL), CN_E_LIMIT); /* before the rest is looked for */
    assert_int_equal(scan(area.at, area.n, NULL), CN_E_LIMIT);
    cn_put32(bmp.at + 18, 0x7fffffff);
    assert_int_equal(scan(bmp.at, bmp.n, NULL), CN_E_LIMIT);
    gif.at[7] = gif.at[9] = 0xff;
    assert_int_equal(scan(gif.at, gif.n, NULL), CN_E_LIMIT);
    assert_int_equal(scan("P6 99999 99999 255\n", 19, NULL), CN_E_LIMIT);
    uint8_t *frame = memmem(jpeg.at, jpeg.n, "\xff\xc0", 2);
    assert_non_null(frame);
    frame[5] = frame[7] = 0xff;
    assert_int_equal(scan(jpeg.at, jpeg.n, NULL), CN_E_LIMIT);
}

static void no_width_or_height_is_refused(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf png = picture_png(0, 5, 2, 10);
    CN_CLEANUP(cn_buf_fini) struct cn_buf bmp = picture_read("flag.bmp");

    (void)state;
    assert_int_equal(scan(png.at, png.n, NULL), CN_E_PARSE);
    cn_put32(bmp.at + 22, 0);
    assert_int_equal(scan(bmp.at, bmp.n, NULL), CN_E_PARSE);
    assert_int_equal(scan("P5 0 5 255\n", 11, NULL), CN_E_PARSE);
}

static void too_many_bytes_are_refused_unread(void **state)
{
    uint8_t b = 0xff;

    (void)state; /* one byte is there: ASan would see a second being read */
    assert_int_equal(scan(&b, CN_MAX_IMAGE_BYTES + 1, NULL), CN_E_LIMIT);
}

/* Each scan of a progressive JPEG costs a pass over all pixels. */
static void a_jpeg_of_endless_scans_is_refused(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf file = picture_read("flag.jpg"), b = {0};
    const uint8_t *sos = memmem(file.at, file.n, "\xff\xda", 2);

    (void)state;
    assert_non_null(sos);
    cn_buf_append(&b, file.at, (size_t)(sos - file.at));
    for (int i = 0; i <= CN_MAX_JPEG_SCANS; i++)
        cn_buf_append(&b, "\xff\xda\0\x02", 4);
    cn_buf_append(&b, "\xff\xd9", 2);
    assert_int_equal(scan(b.at, b.n, NULL), CN_E_LIMIT);
    cn_buf_fini(&b);
}

/* The decoder would write past the end of its own. */
static void a_jpeg_with_an_overfull_code_table_is_refused(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_read("flag.jpg");
    uint8_t *dht = memmem(b.at, b.n, "\xff\xc4", 2);
    struct cn_error err;

    (void)state;
    assert_non_null(dht);
    memset(dht + 5, 0xff, 16); /* the counts of codes of each length */
    assert_int_equal(scan(b.at, b.n, &err), CN_E_PARSE);
    assert_string_equal(err.text, "the JPEG file is damaged: a code table that cannot be");
}

static void the_exif_block_of_a_jpeg_is_found(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = picture_with_orientation("flag.jpg", 6, false);
    struct cn_scan s;

    (void)state;
    assert_int_equal(cn_scan_image(picture_bytes(&b), &s, NULL), CN_OK);
    assert_int_equal(s.exif.n, 32);
    assert_memory_equal(s.exif.at, "Exif\0\0II", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_declares_its_size),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_file_whose_tail_was_never_written_is_refused),
        cmocka_unit_test(the_sentence_says_what_is_wrong),
        cmocka_unit_test(bytes_after_the_end_do_not_matter),
        cmocka_unit_test(a_giant_declared_size_is_refused_in_every_format),
        cmocka_unit_test(no_width_or_height_is_refused),
        cmocka_unit_test(too_many_bytes_are_refused_unread),
        cmocka_unit_test(a_jpeg_of_endless_scans_is_refused),
        cmocka_unit_test(a_jpeg_with_an_overfull_code_table_is_refused),
        cmocka_unit_test(the_exif_block_of_a_jpeg_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
