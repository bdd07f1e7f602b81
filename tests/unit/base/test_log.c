/* The log: one line per event, whatever is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

static void quoting_lets_nobody_forge_a_line(void **state)
{
    (void)state;
    char out[64];

    assert_string_equal(cn_log_quote(out, sizeof out, "plain words"), "\"plain words\"");
    assert_string_equal(cn_log_quote(out, sizeof out, "a\nerror forged key=\"1\"\\"),
                        "\"a\\x0aerror forged key=\\\"1\\\"\\\\\"");
    assert_string_equal(cn_log_quote(out, sizeof out, "\x1b[31m\x7f\r\t"),
                        "\"\\x1b[31m\\x7f\\x0d\\x09\"");
    assert_string_equal(cn_log_quote(out, sizeof out, "caf\xc3\xa9"), "\"caf\xc3\xa9\"");
    assert_string_equal(cn_log_quote(out, sizeof out, ""), "\"\"");
}

static void quoting_stays_within_its_buffer(void **state)
{
    (void)state;
    for (size_t size = 0; size < 40; size++) {
        char *out = malloc(size + 1);
        out[size] = '#';
        const char *q = cn_log_quote(out, size, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
        assert_int_equal(out[size], '#');
        assert_true(strlen(q) < (size ? size : 1));
        if (size >= 3)
            assert_true(q[0] == '"' && q[strlen(q) - 1] == '"');
        free(out);
    }
}

/* What standard error gets while fn runs. */
static void capture(void (*fn)(void), char *out, size_t size)
{
    int p[2], before = dup(STDERR_FILENO);

    assert_int_equal(pipe(p), 0);
    dup2(p[1], STDERR_FILENO);
    close(p[1]);
    fn();
    dup2(before, STDERR_FILENO);
    close(before);
    size_t n = 0;
    for (ssize_t got; (got = read(p[0], out + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    out[n] = 0;
    close(p[0]);
}

static void say_something(void)
{
    cn_log(CN_LOG_DEBUG, "not.seen", NULL);
    cn_log(CN_LOG_INFO, "release.committed", "number=%d updates=%d", 7, 8);
    cn_log(CN_LOG_ERROR, "store.failed", NULL);
}

static void a_line_has_time_level_event_and_values(void **state)
{
    (void)state;
    char out[4096], *line, *rest;

    capture(say_something, out, sizeof out);
    line = strtok_r(out, "\n", &rest);
    assert_non_null(line);
    assert_int_equal(strspn(line, "0123456789-T:.Z"), strlen("2026-01-01T00:00:00.000Z"));
    assert_string_equal(line + strlen("2026-01-01T00:00:00.000Z"),
                        " info release.committed number=7 updates=8");
    line = strtok_r(NULL, "\n", &rest);
    assert_non_null(line);
    assert_non_null(strstr(line, " error store.failed"));
    assert_null(strtok_r(NULL, "\n", &rest));
}

static void say_too_much(void)
{
    static char text[5000];

    memset(text, 'x', sizeof text - 1);
    cn_log(CN_LOG_WARN, "long", "text=%s", text);
}

static void a_line_too_long_is_cut_and_still_one_line(void **state)
{
    (void)state;
    char out[8192];

    capture(say_too_much, out, sizeof out);
    assert_true(strlen(out) > 1000 && strlen(out) <= 2048);
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoting_lets_nobody_forge_a_line),
        cmocka_unit_test(quoting_stays_within_its_buffer),
        cmocka_unit_test(a_line_has_time_level_event_and_values),
        cmocka_unit_test(a_line_too_long_is_cut_and_still_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
