/* Configuration: what the file says is what the program does, or an error that names the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf.h"

static char name[16];
static uint64_t updates;
static double share;
static bool keep;
static int synth;

static const struct cn_conf_key keys[] = {
    {"fleet", "name", CN_CONF_STRING, name, sizeof name},
    {"round", "updates", CN_CONF_UINT, &updates, .min = 1, .max = 4096},
    {"round", "share", CN_CONF_DOUBLE, &share, .min = -1, .max = 1},
    {"round", "keep", CN_CONF_BOOL, &keep},
    {"recipe", "synth", CN_CONF_ENUM, &synth, .names = "none|moments|cgan"},
};

static char path[64];

static int begin(void **state)
{
    (void)state;
    snprintf(name, sizeof name, "default");
    updates = 8;
    share = 0.5;
    keep = true;
    synth = 2;
    snprintf(path, sizeof path, "/tmp/cairn-conf-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

static enum cn_err read_text(const char *text, struct cn_error *err)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return cn_conf_read(path, keys, CN_COUNT(keys), err);
}

static void values_of_every_type_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("# a comment\n[fleet]\nname = kiosk 7\n\n[round]\nupdates = 12\n"
                               "share = -0.25\nkeep = off\n[recipe]\nsynth = Moments\n",
                               NULL),
                     CN_OK);
    assert_string_equal(name, "kiosk 7");
    assert_int_equal(updates, 12);
    assert_true(share == -0.25);
    assert_false(keep);
    assert_int_equal(synth, 1);
}

static void what_is_printed_reads_back(void **state)
{
    static const char *const expected[] = {"default", "8", "0.5", "yes", "cgan"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(keys); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
        cn_conf_print(&keys[i], &text);
        assert_string_equal(cn_buf_cstr(&text), expected[i]);
        assert_int_equal(cn_conf_set(&keys[i], cn_buf_cstr(&text), NULL), CN_OK);
    }
    assert_int_equal(updates, 8);
    assert_int_equal(synth, 2);
}

static void what_is_absent_keeps_its_default(void **state)
{
    (void)state;
    assert_int_equal(read_text("[round]\nupdates = 3\n", NULL), CN_OK);
    assert_int_equal(updates, 3);
    assert_string_equal(name, "default");
    assert_true(share == 0.5);
    assert_true(keep);
    assert_int_equal(synth, 2);
}

/* The sentence names file, line and setting. */
static void assert_refused(const char *text, int line, const char *part)
{
    struct cn_error err;
    char where[96];

    assert_true(read_text(text, &err) != CN_OK);
    snprintf(where, sizeof where, "%s:%d: ", path, line);
    assert_memory_equal(err.text, where, strlen(where));
    if (!strstr(err.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
}

static void an_unknown_key_is_an_error_at_its_line(void **state)
{
    (void)state;
    assert_refused("[fleet]\nname = x\nnmae = y\n", 3, "[fleet] nmae");
    assert_refused("[rounds]\nupdates = 2\n", 2, "[rounds] updates");
    assert_refused("updates = 2\n", 1, "updates"); /* the section is part of the name */
}

static void a_value_that_does_not_fit_is_an_error_at_its_line(void **state)
{
    (void)state;
    assert_refused("[round]\nupdates = many\n", 2, "\"many\" is not a number");
    assert_refused("[round]\nupdates = 3x\n", 2, "\"3x\" is not a number");
    assert_refused("[round]\nupdates =\n", 2, "is not a number");
    assert_refused("[round]\n\n\nupdates = 0\n", 4, "outside 1 to 4096");
    assert_refused("[round]\nupdates = 2.5\n", 2, "\"2.5\" is not a whole number");
    assert_refused("[round]\nshare = nan\n", 2, "is not a number");
    assert_refused("[round]\nshare = 1.01\n", 2, "outside -1 to 1");
    assert_refused("[round]\nkeep = maybe\n", 2, "neither yes nor no");
    assert_refused("[recipe]\nsynth = gan\n", 2, "is not one of none|moments|cgan");
    assert_refused("[fleet]\nname = 1234567890123456\n", 2, "longer than 15 bytes");
}

static void a_line_that_is_nothing_at_all_is_an_error(void **state)
{
    (void)state;
    assert_refused("[fleet]\nname = x\nwhat is this\n", 3, "key = value");
}

static void a_file_that_is_not_there_is_an_error_with_its_path(void **state)
{
    (void)state;
    struct cn_error err;

    assert_int_equal(cn_conf_read("/no/such.conf", keys, CN_COUNT(keys), &err), CN_E_NOTFOUND);
    assert_non_null(strstr(err.text, "/no/such.conf"));
}

static void a_setting_of_the_command_line_is_read_as_in_the_file(void **state)
{
    (void)state;
    struct cn_error err;
    const struct cn_conf_key *k = cn_conf_find(keys, CN_COUNT(keys), "round", "updates");

    assert_non_null(k);
    assert_int_equal(cn_conf_set(k, "4096", &err), CN_OK);
    assert_int_equal(updates, 4096);
    assert_int_equal(cn_conf_set(k, "4097", &err), CN_E_PARSE);
    assert_int_equal(updates, 4096);
    assert_null(cn_conf_find(keys, CN_COUNT(keys), "fleet", "updates"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_every_type_are_read),
        TEST(what_is_printed_reads_back),
        TEST(what_is_absent_keeps_its_default),
        TEST(an_unknown_key_is_an_error_at_its_line),
        TEST(a_value_that_does_not_fit_is_an_error_at_its_line),
        TEST(a_line_that_is_nothing_at_all_is_an_error),
        TEST(a_file_that_is_not_there_is_an_error_with_its_path),
        TEST(a_setting_of_the_command_line_is_read_as_in_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
