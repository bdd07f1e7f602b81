/* Digests, signatures, encodings and key files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "common/doors/crypto.h"

static char dir[64], path[96];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cairn-crypto-XXXXXX");
    if (cn_crypto_init(NULL) != CN_OK || !mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/key", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void the_digest_is_blake2b_256(void **state)
{
    (void)state;
    char hex[CN_DIGEST_HEX_BYTES];
    struct cn_digest d = cn_digest_of("abc", 3);

    /* As b2sum -l 256 says. */
    assert_string_equal(cn_digest_hex(hex, &d),
                        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    d = cn_digest_of(NULL, 0);
    assert_string_equal(cn_digest_hex(hex, &d),
                        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    struct cn_hasher h;

    cn_random(bytes, sizeof bytes);
    struct cn_digest whole = cn_digest_of(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 37) {
        cn_hasher_init(&h);
        cn_hasher_add(&h, bytes, cut);
        cn_hasher_add(&h, bytes + cut, sizeof bytes - cut);
        struct cn_digest d = cn_hasher_end(&h);
        assert_true(cn_digest_equal(&d, &whole));
    }
}

static void a_token_hash_is_not_the_digest_of_the_token(void **state)
{
    (void)state;
    struct cn_digest plain = cn_digest_of("secret", 6), hash = cn_token_hash("secret", 6);

    assert_false(cn_digest_equal(&plain, &hash));
    struct cn_digest again = cn_token_hash("secret", 6), other = cn_token_hash("secrez", 6);
    assert_true(cn_digest_equal(&again, &hash));
    assert_false(cn_digest_equal(&other, &hash));
}

static void a_signature_holds_for_its_bytes_and_key_only(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_SIGN);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) other = cn_secret_new(CN_SECRET_SIGN);
    uint8_t text[] = "release 7";
    struct cn_signature s = cn_sign(key, text, sizeof text);

    assert_true(cn_verify(cn_secret_public(key), text, sizeof text, &s));
    assert_false(cn_verify(cn_secret_public(other), text, sizeof text, &s));
    assert_false(cn_verify(cn_secret_public(key), text, sizeof text - 1, &s));
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] ^= 1;
        assert_false(cn_verify(cn_secret_public(key), text, sizeof text, &s));
        text[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof s.b; i++) {
        s.b[i] ^= 1;
        assert_false(cn_verify(cn_secret_public(key), text, sizeof text, &s));
        s.b[i] ^= 1;
    }
}

static void signing_follows_rfc_8032(void **state)
{
    (void)state;
    static const char file[] =
        "cairn-sign-1 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n";
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = NULL;
    char hex[2 * CN_SIGNATURE_BYTES + 1];

    assert_int_equal(cn_fs_write_atomic(path,
                                        (struct cn_bytes){(const uint8_t *)file, sizeof file - 1},
                                        0600, NULL),
                     CN_OK);
    assert_int_equal(cn_secret_load(&key, CN_SECRET_SIGN, path, NULL), CN_OK);
    assert_string_equal(cn_hex_encode(hex, cn_secret_public(key)->b, CN_KEY_BYTES),
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    struct cn_signature s = cn_sign(key, "", 0); /* section 7.1, test 1 */
    assert_string_equal(cn_hex_encode(hex, s.b, sizeof s.b),
                        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb88215"
                        "90a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
}

static void a_key_file_gives_back_the_same_key_and_is_private(void **state)
{
    (void)state;
    static const enum cn_secret_kind kinds[] = {CN_SECRET_SIGN, CN_SECRET_LINK};
    struct stat st;

    for (size_t i = 0; i < CN_COUNT(kinds); i++) {
        struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(kinds[i]);
        struct cn_secret *CN_CLEANUP(cn_secret_destroy) back = NULL;
        struct cn_error err;
        assert_int_equal(cn_secret_save(key, path, NULL), CN_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(cn_secret_save(key, path, &err), CN_E_EXISTS);
        assert_int_equal(cn_secret_load(&back, kinds[i], path, NULL), CN_OK);
        assert_memory_equal(cn_secret_public(back)->b, cn_secret_public(key)->b, CN_KEY_BYTES);
        if (kinds[i] == CN_SECRET_LINK)
            assert_memory_equal(cn_secret_link_bytes(back), cn_secret_link_bytes(key), 32);
        struct cn_secret *wrong = NULL;
        assert_int_equal(cn_secret_load(&wrong, kinds[1 - i], path, &err), CN_E_CRYPTO);
        assert_null(wrong);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_key_file_that_others_can_read_is_refused(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_secret *back = NULL;
    struct cn_error err;

    assert_int_equal(cn_secret_save(key, path, NULL), CN_OK);
    static const mode_t modes[] = {0640, 0604, 0660, 0610};
    for (size_t i = 0; i < CN_COUNT(modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(cn_secret_load(&back, CN_SECRET_LINK, path, &err), CN_E_CRYPTO);
        assert_non_null(strstr(err.text, "chmod 600"));
        assert_null(back);
    }
}

static void a_torn_key_file_is_an_error_without_the_key_in_it(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_secret *back = NULL;
    struct cn_error err;
    struct stat st;

    assert_int_equal(cn_secret_load(&back, CN_SECRET_LINK, path, &err), CN_E_NOTFOUND);
    assert_int_equal(cn_secret_save(key, path, NULL), CN_OK);
    assert_int_equal(stat(path, &st), 0);
    for (off_t n = st.st_size - 2; n >= 0; n -= 7) {
        assert_int_equal(truncate(path, n), 0);
        assert_int_equal(cn_secret_load(&back, CN_SECRET_LINK, path, &err), CN_E_CRYPTO);
        assert_null(back);
    }
}

static void hex_goes_both_ways_and_says_what_is_wrong(void **state)
{
    (void)state;
    uint8_t in[32], out[32];
    char hex[65];
    struct cn_error err;

    cn_random(in, sizeof in);
    cn_hex_encode(hex, in, sizeof in);
    assert_int_equal(cn_hex_decode(out, sizeof out, hex, "digest", NULL), CN_OK);
    assert_memory_equal(in, out, sizeof in);
    for (char *p = hex; *p; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    assert_int_equal(cn_hex_decode(out, sizeof out, hex, "digest", NULL), CN_OK);
    assert_memory_equal(in, out, sizeof in);

    assert_int_equal(cn_hex_decode(out, 2, "0g00", "digest", &err), CN_E_PARSE);
    assert_string_equal(err.text, "digest: character 2 is not a hex digit");
    assert_int_equal(cn_hex_decode(out, 2, "000", "digest", &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "fewer"));
    assert_int_equal(cn_hex_decode(out, 2, "00000", "digest", &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "more"));
    assert_int_equal(cn_hex_decode(out, 2, "00 0", "digest", &err), CN_E_PARSE);
}

static void base64url_follows_rfc_4648_without_padding(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < CN_COUNT(vectors); i++) {
        struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0}, CN_CLEANUP(cn_buf_fini) back = {0};
        cn_buf_append(&text, ">", 1); /* it is appended to what is there */
        cn_base64_encode(&text, vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(cn_buf_cstr(&text) + 1, vectors[i][1]);
        assert_int_equal(cn_base64_decode(&back, 6, vectors[i][1], "token", NULL), CN_OK);
        assert_string_equal(cn_buf_cstr(&back), vectors[i][0]);
    }
    for (size_t n = 0; n < 100; n++) {
        struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0}, CN_CLEANUP(cn_buf_fini) back = {0};
        uint8_t bytes[100];
        cn_random(bytes, n);
        cn_base64_encode(&text, bytes, n);
        assert_null(strpbrk(cn_buf_cstr(&text), "+/="));
        assert_int_equal(cn_base64_decode(&back, n, cn_buf_cstr(&text), "token", NULL), CN_OK);
        assert_int_equal(back.n, n);
        if (n > 0)
            assert_memory_equal(back.at, bytes, n);
    }
}

static void base64url_that_was_garbled_is_named(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) back = {0};
    struct cn_error err;

    assert_int_equal(cn_base64_decode(&back, 100, "  Zm9v\n", "token", NULL), CN_OK);
    assert_string_equal(cn_buf_cstr(&back), "foo");
    back.n = 0;
    static const char *const bad[] = {"Zm9*", "Zm9v=", "Zg==", "Zm+v",
                                      "Zm/v", "Z",     "Zh",   "Z\217\306vYmFy"};
    for (size_t i = 0; i < CN_COUNT(bad); i++)
        assert_int_equal(cn_base64_decode(&back, 100, bad[i], "token", &err), CN_E_PARSE);
    assert_int_equal(cn_base64_decode(&back, 100, "Zm9v Zm9v", "token", &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "cut in two"));
    assert_int_equal(cn_base64_decode(&back, 2, "Zm9v", "token", &err), CN_E_LIMIT);
    assert_int_equal(cn_base64_decode(&back, 1, "Zm8", "token", &err), CN_E_LIMIT);
    assert_int_equal(back.n, 0);
}

static void secrets_are_compared_whole(void **state)
{
    (void)state;
    uint8_t a[32], b[32];

    cn_random(a, sizeof a);
    memcpy(b, a, sizeof a);
    assert_true(cn_secret_equal(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        assert_false(cn_secret_equal(a, b, sizeof a));
        b[i] ^= 0x80;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_digest_is_blake2b_256),
        TEST(pieces_give_the_digest_of_the_whole),
        TEST(a_token_hash_is_not_the_digest_of_the_token),
        TEST(a_signature_holds_for_its_bytes_and_key_only),
        TEST(signing_follows_rfc_8032),
        TEST(a_key_file_gives_back_the_same_key_and_is_private),
        TEST(a_key_file_that_others_can_read_is_refused),
        TEST(a_torn_key_file_is_an_error_without_the_key_in_it),
        TEST(hex_goes_both_ways_and_says_what_is_wrong),
        TEST(base64url_follows_rfc_4648_without_padding),
        TEST(base64url_that_was_garbled_is_named),
        TEST(secrets_are_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
