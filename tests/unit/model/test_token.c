/* Device tokens: what a person pastes is what was printed, or a named error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/token.h"

static struct cn_token sample(void)
{
    struct cn_token t = {.enrol = "tcp://10.0.0.1:7448", .fleet_endpoint = "tcp://10.0.0.1:7447"};

    memset(t.fleet.b, 0x11, sizeof t.fleet.b);
    memset(t.server.b, 0x22, sizeof t.server.b);
    memset(t.secret, 0x33, sizeof t.secret);
    return t;
}

static void a_token_comes_back_as_it_was_white_space_around_it_forgiven(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_token t = sample(), back;

    cn_buf_printf(&text, "  ");
    cn_token_encode(&t, &text);
    cn_buf_printf(&text, "\n");
    assert_int_equal(cn_token_decode(&back, cn_buf_cstr(&text), NULL), CN_OK);
    assert_memory_equal(back.fleet.b, t.fleet.b, sizeof t.fleet.b);
    assert_memory_equal(back.server.b, t.server.b, sizeof t.server.b);
    assert_memory_equal(back.secret, t.secret, sizeof t.secret);
    assert_string_equal(back.enrol, t.enrol);
    assert_string_equal(back.fleet_endpoint, t.fleet_endpoint);
}

static void a_token_that_is_cut_off_anywhere_is_no_token(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_token t = sample(), back = {0};

    cn_token_encode(&t, &text);
    for (size_t n = 0; n < text.n; n++) {
        char *CN_CLEANUP(cn_freep) cut = cn_strdup(cn_buf_cstr(&text));
        cut[n] = 0;
        assert_int_equal(cn_token_decode(&back, cut, NULL), CN_E_PARSE);
    }
    assert_int_equal(back.enrol[0], 0); /* written only on success */
}

static void every_slip_of_one_character_is_noticed(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_token t = sample(), back;

    cn_token_encode(&t, &text);
    for (size_t n = 0; n < text.n; n++) {
        char *CN_CLEANUP(cn_freep) slip = cn_strdup(cn_buf_cstr(&text));
        slip[n] = slip[n] == 'A' ? 'B' : 'A';
        assert_int_not_equal(cn_token_decode(&back, slip, NULL), CN_OK);
    }
}

static void a_token_of_a_newer_coordinator_says_so(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_token back;
    const uint8_t newer[] = {2, 9, 9, 9};
    struct cn_error err;

    cn_base64_encode(&text, newer, sizeof newer);
    assert_int_equal(cn_token_decode(&back, cn_buf_cstr(&text), &err), CN_E_VERSION);
    assert_non_null(strstr(err.text, "version 2"));
}

static void what_is_no_token_is_refused_in_words(void **state)
{
    (void)state;
    static const char *const not [] = {"", "hello world", "AAAA", "====", "\xff\xfe"};
    struct cn_token back;
    struct cn_error err;

    for (size_t i = 0; i < CN_COUNT(not ); i++) {
        assert_int_equal(cn_token_decode(&back, not [i], &err), CN_E_PARSE);
        assert_true(strlen(err.text) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_back_as_it_was_white_space_around_it_forgiven),
        cmocka_unit_test(a_token_that_is_cut_off_anywhere_is_no_token),
        cmocka_unit_test(every_slip_of_one_character_is_noticed),
        cmocka_unit_test(a_token_of_a_newer_coordinator_says_so),
        cmocka_unit_test(what_is_no_token_is_refused_in_words),
    };

    if (cn_crypto_init(NULL) != CN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
