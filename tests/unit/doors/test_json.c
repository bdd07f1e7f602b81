/* JSON, built and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/doors/json.h"

static enum cn_err parse(const char *text, struct cn_json **ret, struct cn_error *err)
{
    return cn_json_parse((struct cn_bytes){(const uint8_t *)text, strlen(text)}, CN_MAX_JSON_BYTES,
                         ret, err);
}

static void assert_dump(const struct cn_json *j, const char *text)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) out = {0};

    cn_json_dump(j, false, &out);
    assert_string_equal(cn_buf_cstr(&out), text);
}

static void what_was_built_comes_out_in_order(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_json *value = cn_json_new_array();

    cn_json_set_string(j, "zebra", "\"caf\xc3\xa9\"\n");
    cn_json_set_int(j, "id", INT64_MIN);
    cn_json_set_real(j, "share", 0.1);
    cn_json_set_bool(j, "ok", true);
    cn_json_set_null(j, "release");
    cn_json_set_string(j, "waiting", NULL);
    struct cn_json *list = cn_json_set_array(j, "list");
    cn_json_push_int(list, 1);
    cn_json_push_real(list, 2.5);
    cn_json_push_string(list, "three");
    cn_json_set_int(cn_json_push_object(list), "four", 4);
    cn_json_push_int(cn_json_push_array(list), 5);
    cn_json_set_bool(cn_json_set_object(j, "in"), "out", false);
    cn_json_set(j, "taken", &value);
    assert_null(value);
    cn_json_set_int(j, "ok", 2); /* a set replaces, in place */
    assert_dump(j, "{\"zebra\":\"\\\"caf\xc3\xa9\\\"\\n\",\"id\":-9223372036854775808,"
                   "\"share\":0.1,\"ok\":2,\"release\":null,\"waiting\":null,"
                   "\"list\":[1,2.5,\"three\",{\"four\":4},[5]],\"in\":{\"out\":false},"
                   "\"taken\":[]}");
    struct cn_json *CN_CLEANUP(cn_json_destroy) copy = cn_json_copy(j);
    cn_json_push_int(list, 6);
    assert_int_equal(cn_json_n(cn_json_get(j, "list")), 6);
    assert_int_equal(cn_json_n(cn_json_get(copy, "list")), 5);
}

static void what_cannot_be_json_becomes_something_that_can(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_array();

    cn_json_push_string(j, "bad \xff\xfe bytes");
    cn_json_push_real(j, NAN);
    cn_json_push_real(j, INFINITY);
    assert_dump(j, "[\"bad ?? bytes\",null,null]");
}

static void floats_survive_the_way_through_text(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_array();
    struct cn_json *CN_CLEANUP(cn_json_destroy) back = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) out = {0};
    static const float values[] = {1.0f / 3, 0x1p-149f, 3.4e38f, 16777217.0f, -0.87654321f};

    for (size_t i = 0; i < CN_COUNT(values); i++)
        cn_json_push_real(j, values[i]);
    cn_json_dump(j, true, &out);
    assert_int_equal(parse(cn_buf_cstr(&out), &back, NULL), CN_OK);
    for (size_t i = 0; i < CN_COUNT(values); i++)
        assert_true((float)cn_json_as_real(cn_json_at(back, i), NAN) == values[i]);
}

static void getters_give_the_value_or_the_default(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;

    assert_int_equal(
        parse("{\"s\":\"x\",\"i\":7,\"r\":1.5,\"b\":true,\"n\":null,\"a\":[3]}", &j, NULL), CN_OK);
    assert_string_equal(cn_json_string(j, "s", "d"), "x");
    assert_string_equal(cn_json_string(j, "i", "d"), "d");
    assert_string_equal(cn_json_string(j, "none", "d"), "d");
    assert_null(cn_json_string(NULL, "s", NULL));
    assert_int_equal(cn_json_int(j, "i", 1), 7);
    assert_int_equal(cn_json_int(j, "r", 1), 1);
    assert_true(cn_json_real(j, "r", 0) == 1.5);
    assert_true(cn_json_real(j, "i", 0) == 7);
    assert_true(cn_json_real(j, "s", 0.25) == 0.25);
    assert_true(cn_json_bool(j, "b", false));
    assert_true(cn_json_bool(j, "n", true));
    assert_int_equal(cn_json_type(cn_json_get(j, "n")), CN_JSON_NULL);
    assert_int_equal(cn_json_type(cn_json_get(j, "b")), CN_JSON_BOOL);
    assert_int_equal(cn_json_type(NULL), CN_JSON_NULL);
    assert_int_equal(cn_json_as_int(cn_json_at(cn_json_get(j, "a"), 0), 0), 3);
    assert_null(cn_json_at(cn_json_get(j, "a"), 1));
    assert_int_equal(cn_json_n(NULL), 0);
    assert_int_equal(cn_json_n(j), 6);
}

static void what_must_be_there_is_named_when_it_is_not(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    struct cn_error err;
    const char *s = NULL;
    int64_t i = 0;
    const struct cn_json *part = NULL;

    assert_int_equal(parse("{\"do\":\"x\",\"id\":\"7\",\"args\":{}}", &j, NULL), CN_OK);
    assert_int_equal(cn_json_need_string(j, "do", &s, &err), CN_OK);
    assert_string_equal(s, "x");
    assert_int_equal(cn_json_need_object(j, "args", &part, &err), CN_OK);
    assert_int_equal(cn_json_need_int(j, "id", &i, &err), CN_E_PARSE);
    assert_string_equal(err.text, "\"id\" must be a whole number, not a string");
    assert_int_equal(cn_json_need_array(j, "labels", &part, &err), CN_E_PARSE);
    assert_string_equal(err.text, "\"labels\" is missing; it must be an array");

    assert_int_equal(cn_json_only(j, "id do args", &err), CN_OK);
    assert_int_equal(cn_json_only(j, "id args dot", &err), CN_E_PARSE);
    assert_string_equal(err.text, "\"do\" is not known here; known: id args dot");
}

static void pairs_come_in_order(void **state)
{
    (void)state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    void *it = NULL;
    const char *key;
    const struct cn_json *value;
    char keys[8] = "";
    int64_t sum = 0;

    assert_int_equal(parse("{\"z\":1,\"a\":2,\"m\":3}", &j, NULL), CN_OK);
    while (cn_json_next(j, &it, &key, &value)) {
        strncat(keys, key, sizeof keys - strlen(keys) - 1);
        sum += cn_json_as_int(value, 0);
    }
    assert_string_equal(keys, "zam");
    assert_int_equal(sum, 6);
}

static void text_that_is_not_json_is_refused(void **state)
{
    (void)state;
    struct cn_json *j = NULL;
    struct cn_error err;
    static const char *const bad[] = {"",
                                      "{",
                                      "{}x",
                                      "{\"a\":1,\"a\":2}",
                                      "[1,]",
                                      "{'a':1}",
                                      "\"\xff\"",
                                      "\"\\ud800\"",
                                      "\"a\\u0000\"",
                                      "[1e999]",
                                      "99999999999999999999"};

    for (size_t i = 0; i < CN_COUNT(bad); i++) {
        assert_int_equal(parse(bad[i], &j, &err), CN_E_PARSE);
        assert_null(j);
    }
    assert_int_equal(parse("{\n  \"a\": nope\n}", &j, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "line 2"));
    assert_int_equal(cn_json_parse((struct cn_bytes){(const uint8_t *)"[1]", 3}, 2, &j, &err),
                     CN_E_LIMIT);
}

static void nesting_is_limited_but_brackets_in_strings_do_not_count(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_json *j = NULL;

    for (int depth = CN_MAX_JSON_DEPTH; depth <= CN_MAX_JSON_DEPTH + 1; depth++) {
        text.n = 0;
        for (int i = 0; i < depth; i++)
            cn_buf_append(&text, "[", 1);
        for (int i = 0; i < depth; i++)
            cn_buf_append(&text, "]", 1);
        enum cn_err code = parse(cn_buf_cstr(&text), &j, NULL);
        assert_int_equal(code, depth > CN_MAX_JSON_DEPTH ? CN_E_LIMIT : CN_OK);
        cn_json_destroy(&j);
    }
    text.n = 0;
    cn_buf_append(&text, "\"\\\"", 3);
    for (int i = 0; i < 2 * CN_MAX_JSON_DEPTH; i++)
        cn_buf_append(&text, "[", 1);
    cn_buf_append(&text, "\"", 1);
    assert_int_equal(parse(cn_buf_cstr(&text), &j, NULL), CN_OK);
    cn_json_destroy(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_built_comes_out_in_order),
        cmocka_unit_test(what_cannot_be_json_becomes_something_that_can),
        cmocka_unit_test(floats_survive_the_way_through_text),
        cmocka_unit_test(getters_give_the_value_or_the_default),
        cmocka_unit_test(what_must_be_there_is_named_when_it_is_not),
        cmocka_unit_test(pairs_come_in_order),
        cmocka_unit_test(text_that_is_not_json_is_refused),
        cmocka_unit_test(nesting_is_limited_but_brackets_in_strings_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
