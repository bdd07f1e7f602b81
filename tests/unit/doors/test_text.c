/* Names in all scripts: what is the same, what is refused, what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/doors/text.h"

static char out[CN_MAX_LABEL_NAME_BYTES + 1], key[CN_MAX_LABEL_KEY_BYTES + 1];

static enum cn_err normalize(const char *s)
{
    struct cn_error err;

    strcpy(out, "untouched");
    strcpy(key, "untouched");
    enum cn_err e = cn_text_normalize_label(s, strlen(s), out, key, &err);
    if (e) { /* written only on success */
        assert_string_equal(out, "untouched");
        assert_string_equal(key, "untouched");
    }
    return e;
}

static void assert_name(const char *typed, const char *display, const char *equality)
{
    assert_int_equal(normalize(typed), CN_OK);
    assert_string_equal(out, display);
    assert_string_equal(key, equality);
}

static void white_space_is_trimmed_and_folded(void **state)
{
    (void)state;
    assert_name("  red \t\n panda  ", "red panda", "red panda");
    assert_name("red\u00a0\u3000panda", "red panda", "red panda"); /* no-break, ideographic */
    assert_name("red\u2028panda\u2029", "red panda", "red panda"); /* line, paragraph separator */
}

static void names_equal_but_for_case_and_compatibility_have_one_key(void **state)
{
    (void)state;
    assert_name("Cat", "Cat", "cat");
    assert_name("\uff23\uff21\uff34", "CAT", "cat");             /* full-width letters */
    assert_name("Stra\u00dfe", "Stra\u00dfe", "strasse");        /* sharp s */
    assert_name("\ufb01nch", "finch", "finch");                  /* the ligature fi */
    assert_name("cafe\u0301", "caf\u00e9", "caf\u00e9");         /* combining acute */
    assert_name("\u03a3\u03a3", "\u03a3\u03a3", "\u03c3\u03c3"); /* Greek, capital */
    assert_name("\u03c3\u03c2", "\u03c3\u03c2", "\u03c3\u03c3"); /* and with its final form */
    assert_name("\u0421at", "\u0421at", "\u0441at");             /* a Cyrillic look-alike */
    assert_name("\u304b\u3099", "\u304c", "\u304c");             /* kana and its voice mark */
    assert_name("\u1100\u1161", "\uac00", "\uac00");             /* Hangul from jamo */
    assert_name("\U0001f431", "\U0001f431", "\U0001f431");
}

static void invisible_characters_make_no_other_label(void **state)
{
    (void)state;
    assert_name("ca\u200dt", "ca\u200dt", "cat");          /* zero-width joiner */
    assert_name("\u2764\ufe0f", "\u2764\ufe0f", "\u2764"); /* emoji variation */
    assert_name("a \u200d b", "a \u200d b", "a b");
}

static void a_name_is_its_own_display_form(void **state)
{
    static const char *const names[] = {"red  panda", "\uff23at", "Stra\u00dfe", "\u0130x",
                                        "\ufdfa",     "\u1e9e",   "\u00bd cup",  "a\u0345\u0301"};
    char first_out[sizeof out], first_key[sizeof key];

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++) {
        assert_int_equal(normalize(names[i]), CN_OK);
        memcpy(first_out, out, sizeof out);
        memcpy(first_key, key, sizeof key);
        assert_name(first_out, first_out, first_key);
        assert_int_equal(normalize(first_key), CN_OK);
        assert_string_equal(key, first_key);
    }
}

static void what_disguises_a_name_is_refused(void **state)
{
    static const char *const names[] = {
        "bell\a",         "a\x7f",          "esc\x1b[2J",  "soft\u00adhyphen", "bom\ufeff",
        "over\u202eride", "iso\u2066late",  "mark\u200e",  "arabic\u061c",     "private\ue000",
        "\ufdd0",         "last\U0010ffff", "nel\xc2\x85", "tag\U000e0041",
    };

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++)
        assert_int_equal(normalize(names[i]), CN_E_PARSE);
}

static void what_is_not_utf8_is_refused(void **state)
{
    static const char *const names[] = {
        "\xff",         "a\x80",    "\xc3",
        "\xc0\xaf",                                     /* overlong slash */
        "\xed\xa0\x80", "\xe2\x82", "\xf5\x80\x80\x80", /* surrogate, cut, beyond */
    };

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++)
        assert_int_equal(normalize(names[i]), CN_E_PARSE);
}

static void a_nul_inside_is_refused(void **state)
{
    (void)state;
    assert_int_equal(cn_text_normalize_label("a\0b", 3, out, key, NULL), CN_E_PARSE);
}

static void an_empty_or_invisible_name_is_refused(void **state)
{
    static const char *const names[] = {"", "   ", "\t\u3000", "\u200d", "\u3164", "\ufe0f"};

    (void)state;
    for (size_t i = 0; i < CN_COUNT(names); i++)
        assert_int_equal(normalize(names[i]), CN_E_PARSE);
}

static void a_leading_combining_mark_is_refused(void **state)
{
    (void)state;
    assert_int_equal(normalize("\u0301a"), CN_E_PARSE);
}

static void a_name_that_reads_as_an_id_is_refused(void **state)
{
    (void)state;
    assert_int_equal(normalize("#12"), CN_E_PARSE);
    assert_int_equal(normalize(" \uff03\uff11 "), CN_E_PARSE); /* full-width #1 */
    assert_name("#12 bus", "#12 bus", "#12 bus");
    assert_name("#", "#", "#");
}

static void the_longest_name_passes_and_one_byte_more_does_not(void **state)
{
    char name[CN_MAX_LABEL_NAME_BYTES + 2];

    (void)state;
    memset(name, 'x', sizeof name);
    name[CN_MAX_LABEL_NAME_BYTES] = 0;
    assert_name(name, name, name);
    name[CN_MAX_LABEL_NAME_BYTES] = 'x';
    name[CN_MAX_LABEL_NAME_BYTES + 1] = 0;
    assert_int_equal(normalize(name), CN_E_LIMIT);
}

static void a_name_that_grows_too_long_when_normalized_is_refused(void **state)
{
    char name[3 * 42 + 1] = ""; /* 42 times U+FDFA: 33 bytes each in NFKC */

    (void)state;
    for (int i = 0; i < 42; i++)
        memcpy(name + 3 * i, "\ufdfa", 3);
    name[sizeof name - 1] = 0;
    assert_int_equal(normalize(name), CN_E_LIMIT);
}

static void a_megabyte_is_refused_unread(void **state)
{
    static char big[1 << 20];

    (void)state;
    assert_int_equal(cn_text_normalize_label(big, sizeof big, out, key, NULL), CN_E_LIMIT);
}

static void the_error_says_what_is_wrong(void **state)
{
    struct cn_error err;

    (void)state;
    assert_int_equal(cn_text_normalize_label("a\u202eb", 5, out, key, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "writing direction"));
}

static void a_line_has_no_breaks_controls_or_overrides(void **state)
{
    (void)state;
    assert_true(cn_text_is_line("wrong: it is a \u732b", strlen("wrong: it is a \u732b")));
    assert_true(cn_text_is_line("", 0));
    assert_false(cn_text_is_line("a\nb", 3));
    assert_false(cn_text_is_line("a\0b", 3));
    assert_false(cn_text_is_line("a\u2028b", 5));
    assert_false(cn_text_is_line("a\u202eb", 5));
    assert_false(cn_text_is_line("\xff", 1));
}

static void width_counts_columns(void **state)
{
    (void)state;
    assert_int_equal(cn_text_display_width(""), 0);
    assert_int_equal(cn_text_display_width("cat"), 3);
    assert_int_equal(cn_text_display_width("\u732b"), 2);
    assert_int_equal(cn_text_display_width("e\u0301"), 1);
    assert_int_equal(cn_text_display_width("\xff"
                                           "a"),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_is_trimmed_and_folded),
        cmocka_unit_test(names_equal_but_for_case_and_compatibility_have_one_key),
        cmocka_unit_test(invisible_characters_make_no_other_label),
        cmocka_unit_test(a_name_is_its_own_display_form),
        cmocka_unit_test(what_disguises_a_name_is_refused),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(a_nul_inside_is_refused),
        cmocka_unit_test(an_empty_or_invisible_name_is_refused),
        cmocka_unit_test(a_leading_combining_mark_is_refused),
        cmocka_unit_test(a_name_that_reads_as_an_id_is_refused),
        cmocka_unit_test(the_longest_name_passes_and_one_byte_more_does_not),
        cmocka_unit_test(a_name_that_grows_too_long_when_normalized_is_refused),
        cmocka_unit_test(a_megabyte_is_refused_unread),
        cmocka_unit_test(the_error_says_what_is_wrong),
        cmocka_unit_test(a_line_has_no_breaks_controls_or_overrides),
        cmocka_unit_test(width_counts_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
