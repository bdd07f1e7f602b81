/* Settings of the coordinator, and the endpoints that come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "server/conf.h"
#include "server/endpoint.h"

static enum cn_err read_text(struct srv_conf *c, const char *text, struct cn_error *err)
{
    char path[] = "/tmp/cairn-conf.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum cn_err e = srv_conf_read(c, path, err);
    unlink(path);
    return e;
}

static void the_file_that_init_writes_reads_back_the_same(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) first = {0}, second = {0};
    struct srv_conf a, b;

    srv_conf_init(&a);
    assert_int_equal(srv_conf_recipe_defaults(&a, NULL), CN_OK);
    assert_int_equal(srv_conf_assign(&a, "fleet.name=north", NULL), CN_OK);
    assert_int_equal(srv_conf_assign(&a, "labels.policy=quorum", NULL), CN_OK);
    assert_int_equal(srv_conf_assign(&a, "gate.alpha=0.05", NULL), CN_OK);
    assert_int_equal(srv_conf_assign(&a, "round.updates=3", NULL), CN_OK);
    srv_conf_write(&a, &first);
    srv_conf_init(&b);
    assert_int_equal(read_text(&b, cn_buf_cstr(&first), NULL), CN_OK);
    srv_conf_write(&b, &second);
    assert_string_equal(cn_buf_cstr(&first), cn_buf_cstr(&second));
    assert_int_equal(b.policy, SRV_POLICY_QUORUM);
    assert_int_equal(b.updates, 3);
}

static void an_unknown_key_is_an_error_that_names_the_line(void **state)
{
    (void)state;
    struct srv_conf c;
    struct cn_error err;

    srv_conf_init(&c);
    assert_int_equal(read_text(&c, "[round]\nupdates = 2\nk = 3\n", &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, ":3:"));
    assert_non_null(strstr(err.text, "k is not a setting"));
}

static void assignments_that_cannot_be_are_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"round.updates",
                                        "round.updates=0",
                                        "round.updates=x",
                                        "gate.alpha=2",
                                        "labels.policy=x",
                                        "nothing.here=1",
                                        "recipe.synth=gan",
                                        "=",
                                        ""};
    struct srv_conf c;
    struct cn_error err;

    srv_conf_init(&c);
    for (size_t i = 0; i < CN_COUNT(wrong); i++)
        assert_int_equal(srv_conf_assign(&c, wrong[i], &err), CN_E_PARSE);
}

static void the_recipe_follows_kind_image_and_numbers(void **state)
{
    (void)state;
    struct srv_conf c;
    struct cn_recipe r;

    srv_conf_init(&c);
    assert_int_equal(srv_conf_assign(&c, "recipe.image=64x48x3", NULL), CN_OK);
    assert_int_equal(srv_conf_recipe_defaults(&c, NULL), CN_OK);
    assert_int_equal(srv_conf_assign(&c, "recipe.filters=16", NULL), CN_OK);
    assert_int_equal(srv_conf_recipe(&c, &r, NULL), CN_OK);
    assert_int_equal(r.pipeline.width, 64);
    assert_int_equal(r.pipeline.height, 48);
    assert_int_equal(r.pipeline.channels, 3);
    assert_int_equal(r.n_filters, 16);
    assert_int_equal(r.synth, CN_SYNTH_CGAN);
}

static void image_sizes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"28x28", "28x28x2", "0x28x1", "99999x1x1", "28x28x1x", "a"};
    struct srv_conf c;
    struct cn_recipe r;

    srv_conf_init(&c);
    for (size_t i = 0; i < CN_COUNT(wrong); i++) {
        strcpy(c.image, wrong[i]);
        assert_int_not_equal(srv_conf_recipe(&c, &r, NULL), CN_OK);
    }
}

static void tokens_tell_devices_a_host_that_they_can_reach(void **state)
{
    (void)state;
    char out[CN_MAX_ENDPOINT_BYTES + 1], host[128] = "";

    assert_int_equal(srv_endpoint_advertise("tcp://127.0.0.1:40000", "", out, NULL), CN_OK);
    assert_string_equal(out, "tcp://127.0.0.1:40000");
    assert_int_equal(srv_endpoint_advertise("tcp://0.0.0.0:40000", "fleet.example", out, NULL),
                     CN_OK);
    assert_string_equal(out, "tcp://fleet.example:40000");
    gethostname(host, sizeof host - 1);
    assert_int_equal(srv_endpoint_advertise("tcp://0.0.0.0:40000", "", out, NULL), CN_OK);
    assert_non_null(strstr(out, host));
    assert_int_equal(srv_endpoint_advertise("tcp://[::]:40000", "", out, NULL), CN_OK);
    assert_non_null(strstr(out, host));
    assert_int_equal(srv_endpoint_advertise("ipc:///run/x", "host", out, NULL), CN_OK);
    assert_string_equal(out, "ipc:///run/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_that_init_writes_reads_back_the_same),
        cmocka_unit_test(an_unknown_key_is_an_error_that_names_the_line),
        cmocka_unit_test(assignments_that_cannot_be_are_named),
        cmocka_unit_test(the_recipe_follows_kind_image_and_numbers),
        cmocka_unit_test(image_sizes_that_cannot_be_are_refused),
        cmocka_unit_test(tokens_tell_devices_a_host_that_they_can_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
