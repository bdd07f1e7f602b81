/* Buffers and little-endian numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/base/buf.h"

static void what_is_appended_stays_in_order_while_the_buffer_grows(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};

    for (uint32_t i = 0; i < 10000; i++) {
        uint8_t four[4];
        cn_put32(four, i * 2654435761u);
        cn_buf_append(&b, four, 4);
    }
    assert_int_equal(b.n, 40000);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(cn_get32(b.at + 4 * (size_t)i), i * 2654435761u);
    cn_buf_append(&b, NULL, 0);
    assert_int_equal(b.n, 40000);
}

static void extending_gives_zeros_even_where_something_was(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};

    cn_buf_append(&b, "xxxxxxxx", 8);
    b.n = 2;
    uint8_t *at = cn_buf_extend(&b, 6);
    assert_ptr_equal(at, b.at + 2);
    assert_memory_equal(b.at, "xx\0\0\0\0\0\0", 8);
    assert_non_null(cn_buf_extend(&b, 0));
    assert_int_equal(b.n, 8);
}

static void text_is_printed_behind_what_is_there_and_ends_with_a_nul(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};

    assert_string_equal(cn_buf_cstr(&b), "");
    cn_buf_printf(&b, "%d-%s", 7, "seven");
    cn_buf_printf(&b, "%s", "");
    cn_buf_printf(&b, "%0200d", 8);
    assert_int_equal(b.n, 207);
    assert_memory_equal(cn_buf_cstr(&b), "7-seven000", 10);
    assert_int_equal(strlen(cn_buf_cstr(&b)), b.n);
}

static void numbers_are_little_endian_wherever_we_run(void **state)
{
    (void)state;
    uint8_t p[8];

    cn_put32(p, 0x01020304u);
    assert_memory_equal(p, "\x04\x03\x02\x01", 4);
    assert_int_equal(cn_get32(p), 0x01020304u);
    cn_put64(p, 0x8102030405060708ull);
    assert_memory_equal(p, "\x08\x07\x06\x05\x04\x03\x02\x81", 8);
    assert_true(cn_get64(p) == 0x8102030405060708ull);
}

static void a_finished_buffer_is_an_empty_one(void **state)
{
    (void)state;
    struct cn_buf b = {0};

    cn_buf_append(&b, "x", 1);
    cn_buf_fini(&b);
    assert_null(b.at);
    assert_int_equal(b.n, 0);
    cn_buf_append(&b, "y", 1);
    assert_int_equal(b.at[0], 'y');
    cn_buf_fini(&b);
    cn_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_stays_in_order_while_the_buffer_grows),
        cmocka_unit_test(extending_gives_zeros_even_where_something_was),
        cmocka_unit_test(text_is_printed_behind_what_is_there_and_ends_with_a_nul),
        cmocka_unit_test(numbers_are_little_endian_wherever_we_run),
        cmocka_unit_test(a_finished_buffer_is_an_empty_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
