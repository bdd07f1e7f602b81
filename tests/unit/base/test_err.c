/* Errors: codes, sentences, and nothing written past their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

static void a_failure_has_its_code_and_its_sentence(void **state)
{
    (void)state;
    struct cn_error err;

    assert_int_equal(cn_fail(&err, CN_E_LIMIT, "%d is over %d", 3, 2), CN_E_LIMIT);
    assert_int_equal(err.code, CN_E_LIMIT);
    assert_string_equal(err.text, "3 is over 2");
    assert_int_equal(cn_fail(NULL, CN_E_STATE, "nobody listens"), CN_E_STATE);
}

static void errno_becomes_a_code_and_a_reason(void **state)
{
    (void)state;
    static const struct {
        int e;
        enum cn_err code;
    } known[] = {{ENOSPC, CN_E_FULL},     {EDQUOT, CN_E_FULL},       {EROFS, CN_E_READONLY},
                 {EACCES, CN_E_READONLY}, {EPERM, CN_E_READONLY},    {ENOENT, CN_E_NOTFOUND},
                 {EEXIST, CN_E_EXISTS},   {EADDRINUSE, CN_E_EXISTS}, {EBUSY, CN_E_BUSY},
                 {EAGAIN, CN_E_BUSY},     {ETIMEDOUT, CN_E_TIMEOUT}, {EIO, CN_E_IO}};
    struct cn_error err;
    char expected[128];

    for (size_t i = 0; i < CN_COUNT(known); i++) {
        errno = known[i].e;
        assert_int_equal(cn_fail_errno(&err, "cannot write %s", "f"), known[i].code);
        snprintf(expected, sizeof expected, "cannot write f: %s", strerror(known[i].e));
        assert_string_equal(err.text, expected);
        errno = known[i].e;
        assert_int_equal(cn_fail_errno(NULL, "x"), known[i].code);
    }
}

static void a_prefix_goes_before_the_sentence_and_keeps_the_code(void **state)
{
    (void)state;
    struct cn_error err;

    cn_fail(&err, CN_E_SHAPE, "row 3 is too long");
    assert_int_equal(cn_fail_prefix(&err, "update %u", 7u), CN_E_SHAPE);
    assert_string_equal(err.text, "update 7: row 3 is too long");
}

static void long_sentences_are_cut_not_overrun(void **state)
{
    (void)state;
    struct cn_error err;
    char text[2 * CN_ERROR_TEXT_BYTES];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    cn_fail(&err, CN_E_IO, "%s", text);
    assert_int_equal(strlen(err.text), CN_ERROR_TEXT_BYTES - 1);
    errno = EIO;
    cn_fail_errno(&err, "%s", text);
    assert_int_equal(strlen(err.text), CN_ERROR_TEXT_BYTES - 1);
    cn_fail_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), CN_ERROR_TEXT_BYTES - 1);
    cn_fail_prefix(&err, "short");
    assert_memory_equal(err.text, "short: xxx", 10);
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = CN_OK; a <= CN_E_UNSUPPORTED; a++) {
        assert_string_not_equal(cn_err_name((enum cn_err)a), "unknown");
        for (int b = CN_OK; b < a; b++)
            assert_string_not_equal(cn_err_name((enum cn_err)a), cn_err_name((enum cn_err)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_its_code_and_its_sentence),
        cmocka_unit_test(errno_becomes_a_code_and_a_reason),
        cmocka_unit_test(a_prefix_goes_before_the_sentence_and_keeps_the_code),
        cmocka_unit_test(long_sentences_are_cut_not_overrun),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
