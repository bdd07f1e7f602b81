/* Settings, identity and blobs: the files of a device's data directory. */
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

#include "client/edge/blobs.h"
#include "client/edge/conf.h"
#include "client/edge/identity.h"
#include "common/base/fs.h"

/* ---- fixture: an empty directory ---- */

static int set_up(void **state)
{
    char dir[] = "/tmp/cairn-files-XXXXXX";

    assert_int_equal(cn_crypto_init(NULL), CN_OK);
    assert_non_null(mkdtemp(dir));
    *state = cn_strdup(dir);
    return 0;
}

static void empty(const char *dir)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names names = {0};
    char path[4096];

    assert_int_equal(cn_fs_list(dir, 1000, &names, NULL), CN_OK);
    for (size_t i = 0; i < names.n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names.at[i]);
        unlink(path);
    }
    rmdir(dir);
}

static int tear_down(void **state)
{
    char *dir = *state, path[4096];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, i ? "keys" : "blobs");
        if (cn_fs_exists(path))
            empty(path);
    }
    empty(dir);
    free(dir);
    return 0;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(cn_fs_write_atomic(
                         path, (struct cn_bytes){(const uint8_t *)text, strlen(text)}, 0600, NULL),
                     CN_OK);
}

/* ---- settings ---- */

static void absent_settings_are_the_defaults(void **state)
{
    struct edge_conf c;

    assert_int_equal(edge_conf_load(&c, *state, NULL), CN_OK);
    assert_string_equal(c.listen, "127.0.0.1:8471");
    assert_false(c.keep_images);
}

static void the_example_file_is_read_as_the_defaults(void **state)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    struct edge_conf c, defaults;

    edge_conf_init(&defaults);
    edge_conf_example(&text);
    write_file(*state, "edge.conf", cn_buf_cstr(&text));
    assert_int_equal(edge_conf_load(&c, *state, NULL), CN_OK);
    assert_string_equal(c.listen, defaults.listen);
    assert_int_equal(c.max_mb, defaults.max_mb);
    assert_int_equal(c.batch, defaults.batch);
    assert_int_equal(c.max_wait_s, defaults.max_wait_s);
}

static void a_setting_that_is_not_known_is_named_with_its_line(void **state)
{
    struct edge_conf c;
    struct cn_error err;

    write_file(*state, "edge.conf", "[spool]\nmax_mb = 5\nmax_gb = 7\n");
    assert_int_equal(edge_conf_load(&c, *state, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "max_gb"));
    assert_non_null(strstr(err.text, ":3"));
}

static void set_overrides_one_setting_and_checks_it(void **state)
{
    struct edge_conf c;

    (void)state;
    edge_conf_init(&c);
    assert_int_equal(edge_conf_set(&c, "update.batch=9", NULL), CN_OK);
    assert_int_equal(c.batch, 9);
    assert_int_equal(edge_conf_set(&c, "edge.listen=unix:/run/a=b", NULL), CN_OK);
    assert_string_equal(c.listen, "unix:/run/a=b");
    assert_int_equal(edge_conf_set(&c, "update.batch=0", NULL), CN_E_PARSE);
    assert_int_equal(edge_conf_set(&c, "update.batches=1", NULL), CN_E_PARSE);
    assert_int_equal(edge_conf_set(&c, "batch=1", NULL), CN_E_PARSE);
    assert_int_equal(c.batch, 9);
}

/* ---- identity ---- */

static void an_identity_comes_back_as_it_was_saved(void **state)
{
    struct edge_identity id = {.device = 7, .name = "door \"1\"", .endpoint = "tcp://h:1"}, back;

    memset(id.fleet.b, 0xab, sizeof id.fleet.b);
    memset(id.server.b, 0xcd, sizeof id.server.b);
    assert_int_equal(edge_identity_load(&back, *state, NULL), CN_E_NOTFOUND);
    assert_int_equal(edge_identity_save(&id, *state, NULL), CN_OK);
    assert_int_equal(edge_identity_load(&back, *state, NULL), CN_OK);
    assert_int_equal(back.device, 7);
    assert_string_equal(back.name, id.name);
    assert_string_equal(back.endpoint, id.endpoint);
    assert_memory_equal(back.fleet.b, id.fleet.b, sizeof id.fleet.b);
    assert_memory_equal(back.server.b, id.server.b, sizeof id.server.b);
}

static void a_broken_identity_names_the_file_and_the_key(void **state)
{
    struct edge_identity id;
    struct cn_error err;

    write_file(*state, "identity.json", "{\"device\": 1, \"fleet\": \"zz\"}");
    assert_int_equal(edge_identity_load(&id, *state, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "identity.json"));
    assert_non_null(strstr(err.text, "fleet"));
}

static void a_device_key_is_made_once_and_is_nobody_elses_to_read(void **state)
{
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) first = NULL;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) again = NULL;
    struct cn_error err;
    struct stat st;
    char path[4096];

    assert_int_not_equal(edge_identity_key(&first, *state, false, &err), CN_OK);
    assert_int_equal(edge_identity_key(&first, *state, true, &err), CN_OK);
    assert_int_equal(edge_identity_key(&again, *state, true, &err), CN_OK);
    assert_memory_equal(cn_secret_public(first)->b, cn_secret_public(again)->b, CN_KEY_BYTES);
    snprintf(path, sizeof path, "%s/keys/device.key", (const char *)*state);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- blobs ---- */

static struct cn_digest put(const char *dir, const char *text)
{
    struct cn_digest d = cn_digest_of(text, strlen(text));

    assert_int_equal(
        edge_blobs_put(dir, &d, (struct cn_bytes){(const uint8_t *)text, strlen(text)}, NULL),
        CN_OK);
    return d;
}

static void tidying_removes_what_nobody_refers_to(void **state)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = NULL;
    struct cn_digest kept = put(*state, "kept"), left = put(*state, "left"),
                     gone = put(*state, "x");

    edge_blobs_remove(*state, &gone);
    assert_int_equal(edge_blobs_tidy(*state, &kept, 1, NULL), CN_OK);
    assert_int_equal(edge_blobs_get(*state, &left, &blob, NULL), CN_E_NOTFOUND);
    assert_int_equal(edge_blobs_get(*state, &gone, &blob, NULL), CN_E_NOTFOUND);
    assert_int_equal(edge_blobs_get(*state, &kept, &blob, NULL), CN_OK);
    assert_memory_equal(cn_blob_bytes(blob).at, "kept", 4);
}

static void a_damaged_blob_is_noticed(void **state)
{
    struct cn_blob *blob = NULL;
    struct cn_digest d = put(*state, "bytes");
    char name[16 + CN_DIGEST_HEX_BYTES], hex[CN_DIGEST_HEX_BYTES];

    snprintf(name, sizeof name, "blobs/%s", cn_digest_hex(hex, &d));
    write_file(*state, name, "bytez");
    assert_int_equal(edge_blobs_get(*state, &d, &blob, NULL), CN_E_PARSE);
    assert_null(blob);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(absent_settings_are_the_defaults),
        CASE(the_example_file_is_read_as_the_defaults),
        CASE(a_setting_that_is_not_known_is_named_with_its_line),
        CASE(set_overrides_one_setting_and_checks_it),
        CASE(an_identity_comes_back_as_it_was_saved),
        CASE(a_broken_identity_names_the_file_and_the_key),
        CASE(a_device_key_is_made_once_and_is_nobody_elses_to_read),
        CASE(tidying_removes_what_nobody_refers_to),
        CASE(a_damaged_blob_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
