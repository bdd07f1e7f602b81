/* Content-addressed files: whole, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "server/blobs.h"

static char dir[32];
static struct srv_blobs blobs;

static bool nothing(void *user, const struct cn_digest *digest)
{
    (void)user;
    (void)digest;
    return false;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cairn-blobs.XXXXXX");
    assert_non_null(mkdtemp(dir));
    srv_blobs_init(&blobs, dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(srv_blobs_sweep(&blobs, nothing, NULL, NULL), CN_OK);
    srv_blobs_fini(&blobs);
    return rmdir(dir);
}

static struct cn_bytes text(const char *s)
{
    return (struct cn_bytes){(const uint8_t *)s, strlen(s)};
}

static struct cn_digest put(const char *s)
{
    struct cn_digest d;

    assert_int_equal(srv_blobs_write(dir, text(s), &d, NULL), CN_OK);
    return d;
}

static void path_of(const struct cn_digest *d, char out[128])
{
    char hex[CN_DIGEST_HEX_BYTES];

    snprintf(out, 128, "%s/%s", dir, cn_digest_hex(hex, d));
}

static void what_is_written_is_read_once_and_shared(void **state)
{
    (void)state;
    struct cn_blob *CN_CLEANUP(cn_blob_unref) a = NULL, *CN_CLEANUP(cn_blob_unref) b = NULL;
    struct cn_digest d = put("a model");
    char path[128];

    assert_int_equal(srv_blobs_get(&blobs, &d, &a, NULL), CN_OK);
    path_of(&d, path);
    unlink(path);
    assert_int_equal(srv_blobs_get(&blobs, &d, &b, NULL), CN_OK);
    assert_ptr_equal(a, b);
    assert_memory_equal(cn_blob_bytes(b).at, "a model", 7);
    assert_int_equal(srv_blobs_check(&blobs, &d, NULL), CN_E_NOTFOUND); /* asks the disk */
}

static void bytes_that_changed_on_the_disk_are_not_served(void **state)
{
    (void)state;
    struct cn_blob *blob = NULL;
    struct cn_digest d = put("a model");
    char path[128];

    path_of(&d, path);
    assert_int_equal(cn_fs_write_atomic(path, text("a m0del"), 0644, NULL), CN_OK);
    assert_int_equal(srv_blobs_get(&blobs, &d, &blob, NULL), CN_E_CRYPTO);
    assert_int_equal(srv_blobs_check(&blobs, &d, NULL), CN_E_CRYPTO);
    assert_null(blob);
}

static void candidates_are_served_from_memory_until_they_are_dropped(void **state)
{
    (void)state;
    struct cn_blob *CN_CLEANUP(cn_blob_unref) candidate = cn_blob_copy("maybe", 5);
    struct cn_blob *CN_CLEANUP(cn_blob_unref) got = NULL;
    struct cn_digest d = cn_digest_of("maybe", 5);

    srv_blobs_hold(&blobs, &d, candidate);
    assert_int_equal(srv_blobs_get(&blobs, &d, &got, NULL), CN_OK);
    srv_blobs_drop_held(&blobs);
    cn_blob_unref(&got);
    assert_int_equal(srv_blobs_get(&blobs, &d, &got, NULL), CN_E_NOTFOUND);
}

static bool is(void *user, const struct cn_digest *digest)
{
    return cn_digest_equal(user, digest);
}

static void start_up_sweeps_what_no_release_names(void **state)
{
    (void)state;
    struct cn_digest kept = put("kept"), lost = put("lost");
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, "half-written.tmp");
    assert_int_equal(cn_fs_write_atomic(path, text("x"), 0644, NULL), CN_OK);
    assert_int_equal(srv_blobs_sweep(&blobs, is, &kept, NULL), CN_OK);
    assert_false(cn_fs_exists(path));
    assert_int_equal(srv_blobs_check(&blobs, &kept, NULL), CN_OK);
    assert_int_equal(srv_blobs_check(&blobs, &lost, NULL), CN_E_NOTFOUND);
}

static void the_cache_forgets_the_oldest_and_keeps_serving(void **state)
{
    (void)state;
    struct cn_digest d[2 * SRV_BLOBS_CACHED];

    for (size_t i = 0; i < CN_COUNT(d); i++) {
        char s[16];
        snprintf(s, sizeof s, "blob %zu", i);
        d[i] = put(s);
    }
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < CN_COUNT(d); i++) {
            struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = NULL;
            assert_int_equal(srv_blobs_get(&blobs, &d[i], &blob, NULL), CN_OK);
            assert_true(cn_blob_bytes(blob).n >= 6);
        }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_read_once_and_shared),
        CASE(bytes_that_changed_on_the_disk_are_not_served),
        CASE(candidates_are_served_from_memory_until_they_are_dropped),
        CASE(start_up_sweeps_what_no_release_names),
        CASE(the_cache_forgets_the_oldest_and_keeps_serving),
    };

    if (cn_crypto_init(NULL) != CN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
