/* The real coordinator over real sockets: what a device and an admin can rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "server/store.h"
#include "tests/integration/server/coordinator.h"
#include "tests/integration/server/device.h"

/* ---- fixture: a small fleet, rounds of one update ---- */

static const char *const small[] = {"fleet.listen=tcp://127.0.0.1:0",
                                    "fleet.enrol_listen=tcp://127.0.0.1:0",
                                    "recipe.image=12x12x1",
                                    "recipe.filters=4",
                                    "recipe.rank=4",
                                    "recipe.gan_steps=2",
                                    "recipe.consolidate_steps=5",
                                    "round.updates=1",
                                    "round.score_wait_s=1",
                                    NULL};

static int set_up(void **state)
{
    static struct coordinator c;

    coordinator_init(&c, small);
    coordinator_start(&c);
    *state = &c;
    return 0;
}

static int tear_down(void **state)
{
    coordinator_fini(*state);
    return 0;
}

/* ---- helpers ---- */

static void get_token(struct coordinator *c, const char *name, char out[800])
{
    char args[128];

    snprintf(args, sizeof args, "{\"name\":\"%s\"}", name);
    struct cn_json *CN_CLEANUP(cn_json_destroy) r = coordinator_do(c, "device.token", args);
    snprintf(out, 800, "%s", cn_json_string(r, "token", ""));
}

static void enrol(struct coordinator *c, struct device *d, const char *name)
{
    char token[800];

    *d = (struct device){0};
    get_token(c, name, token);
    assert_int_equal(device_join(d, token, "").kind, CN_MSG_ADMITTED);
    assert_int_equal(device_hello(d).kind, CN_MSG_WELCOME);
}

static int64_t number(struct coordinator *c, const char *command, const char *args, const char *key)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) r = coordinator_do(c, command, args);

    return cn_json_int(r, key, -1);
}

/* Teaches two labels as update seq and waits for the release; returns its number. */
static uint32_t teach(struct device *d, uint64_t seq, uint32_t a, uint32_t b)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) update = {0};
    struct cn_manifest m;

    device_fetch_release(d, &m, &model);
    device_learn(model, a, b, 8, seq, &update);
    struct cn_msg msg =
        device_upload(d, seq, m.number, (struct cn_bytes){update.at, update.n}, false);
    if (msg.kind == CN_MSG_REJECT)
        fail_msg("rejected: %s", msg.reject.text);
    if (msg.kind == CN_MSG_RECEIVED)
        msg = device_expect_one(d, CN_MSG_COMMITTED, CN_MSG_REJECT, CN_MSG_REJECT);
    if (msg.kind == CN_MSG_REJECT)
        fail_msg("refused: %s", msg.reject.text);
    assert_int_equal(msg.committed.seq, seq);
    cn_release_fini(&m);
    return msg.committed.release;
}

/* ---- start and end ---- */

static void a_second_coordinator_is_refused_and_sigterm_ends_cleanly(void **state)
{
    struct coordinator *c = *state;
    const char *args[] = {"run", "--data", c->dir, NULL};
    char text[1024];

    assert_int_equal(coordinator_try(args, text, sizeof text), 1);
    assert_non_null(strstr(text, "another coordinator runs"));
    assert_int_equal(coordinator_end(c, SIGTERM), 0);
}

static void an_admin_can_stop_it_and_gets_an_answer(void **state)
{
    struct coordinator *c = *state;
    int status = -1;

    struct cn_json *CN_CLEANUP(cn_json_destroy) r = coordinator_do(c, "stop", NULL);
    assert_non_null(r);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_int_equal(status, 0);
    coordinator_start(c); /* the fixture ends it */
}

static void what_cannot_start_says_what_to_do(void **state)
{
    struct coordinator *c = *state;
    char text[1024], path[160];

    coordinator_end(c, SIGTERM);
    const char *nowhere[] = {"run", "--data", c->root, NULL};
    assert_int_equal(coordinator_try(nowhere, text, sizeof text), 1);
    assert_non_null(strstr(text, "cairn-coordinator init"));

    const char *again[] = {"init", "--data", c->dir, NULL};
    assert_int_equal(coordinator_try(again, text, sizeof text), 1);
    assert_non_null(strstr(text, "holds a fleet already"));

    const char *unknown[] = {"run", "--data", c->dir, "--check-config", "--set", "round.k=3", NULL};
    assert_int_equal(coordinator_try(unknown, text, sizeof text), 1);
    assert_non_null(strstr(text, "round.k is not a setting"));

    const char *other[] = {"run", "--data", c->dir, "--set", "recipe.filters=8", NULL};
    assert_int_equal(coordinator_try(other, text, sizeof text), 1);
    assert_non_null(strstr(text, "keeps the recipe"));

    snprintf(path, sizeof path, "%s/keys/fleet.key", c->dir);
    assert_int_equal(chmod(path, 0644), 0);
    const char *run[] = {"run", "--data", c->dir, NULL};
    assert_int_equal(coordinator_try(run, text, sizeof text), 1);
    assert_non_null(strstr(text, "fleet.key"));
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct coordinator *c = *state, other;
    char endpoint[256], set[300], text[1024];

    coordinator_endpoint(c, "fleet", endpoint, sizeof endpoint);
    coordinator_init(&other, small);
    snprintf(set, sizeof set, "fleet.listen=%s", endpoint);
    const char *run[] = {"run", "--data", other.dir, "--set", set, NULL};
    assert_int_equal(coordinator_try(run, text, sizeof text), 1);
    assert_non_null(strstr(text, strrchr(endpoint, ':')));
    coordinator_fini(&other);
}

static void a_newer_database_is_left_alone(void **state)
{
    struct coordinator *c = *state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = NULL;
    char path[160], text[1024];

    coordinator_end(c, SIGTERM);
    snprintf(path, sizeof path, "%s/coordinator.db", c->dir);
    assert_int_equal(srv_store_open(&db, path, NULL), CN_OK);
    assert_int_equal(cn_db_exec(db, NULL, "PRAGMA user_version = 999", ""), CN_OK);
    cn_db_close(&db);
    const char *run[] = {"run", "--data", c->dir, NULL};
    assert_int_equal(coordinator_try(run, text, sizeof text), 1);
    assert_non_null(strstr(text, "newer"));
}

/* ---- admins ---- */

static void an_admin_gets_answers_and_named_errors(void **state)
{
    struct coordinator *c = *state;
    struct cn_json *CN_CLEANUP(cn_json_destroy) s = coordinator_do(c, "status", NULL);

    assert_int_equal(cn_json_int(s, "release", 0), 1);
    assert_int_equal(cn_json_int(s, "labels", -1), 0);
    assert_string_equal(cn_json_string(s, "recipe", ""), "features");
    assert_int_equal(strlen(cn_json_string(s, "fleet", "")), 64);
    coordinator_refuses(c, "no.such", NULL, "unsupported");
    coordinator_refuses(c, "label.show", "{\"label\":\"cta\"}", "not-found");
    coordinator_refuses(c, "label.show", "{\"lable\":\"cat\"}", "parse");
    coordinator_refuses(c, "label.show", "{\"label\":7}", "parse");
    coordinator_refuses(c, "device.show", "{\"device\":\"#9\"}", "not-found");
    coordinator_refuses(c, "release.show", "{\"number\":2}", "not-found");
    coordinator_refuses(c, "round.close", NULL, "state");
    coordinator_refuses(c, "device.token", "{\"name\":\"#1\"}", "parse");
    coordinator_refuses(c, "device.token", "{\"ttl_s\":0}", "limit");
}

static void an_unknown_admin_key_stays_out(void **state)
{
    struct coordinator *c = *state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) link = NULL;
    struct cn_link_event ev;
    char endpoint[256];

    coordinator_endpoint(c, "admin", endpoint, sizeof endpoint);
    const struct cn_link_dial_conf conf = {
        .endpoint = endpoint, .server = coordinator_key(c), .secret = key};
    assert_int_equal(cn_link_dial(&link, &conf, NULL), CN_OK);
    assert_int_equal(cn_link_wait(link, 10000, &ev, NULL), CN_E_DENIED);
}

static void labels_are_added_renamed_merged_and_retired(void **state)
{
    struct coordinator *c = *state;

    assert_int_equal(number(c, "label.add", "{\"name\":\"Cat\"}", "id"), 1);
    assert_int_equal(number(c, "label.add", "{\"name\":\"dog\"}", "id"), 2);
    coordinator_refuses(c, "label.add", "{\"name\":\" CAT \"}", "exists");
    assert_int_equal(number(c, "label.rename", "{\"label\":\"cat\",\"to\":\"House cat\"}", "id"),
                     1);
    assert_int_equal(number(c, "label.show", "{\"label\":\"cat\"}", "id"), 1); /* an alias now */
    assert_int_equal(number(c, "label.alias", "{\"label\":\"#2\",\"alias\":\"hound\"}", "id"), 2);
    assert_int_equal(number(c, "label.import", "{\"labels\":[\"hound\",\"bird\"]}", "added"), 1);
    assert_int_equal(number(c, "label.merge", "{\"from\":\"bird\",\"into\":\"dog\"}", "id"), 2);
    assert_int_equal(number(c, "label.show", "{\"label\":\"bird\"}", "id"), 2);
    assert_int_equal(
        number(c, "label.retire", "{\"label\":\"dog\",\"reason\":\"none left\"}", "id"), 2);
    assert_int_equal(number(c, "label.restore", "{\"label\":\"#2\"}", "id"), 2);
    int64_t version = number(c, "status", NULL, "registry_version");

    /* All of it is there after a crash. */
    coordinator_end(c, SIGKILL);
    coordinator_start(c);
    assert_int_equal(number(c, "status", NULL, "registry_version"), version);
    struct cn_json *CN_CLEANUP(cn_json_destroy) h = coordinator_do(c, "label.history", NULL);
    assert_int_equal(cn_json_n(cn_json_get(h, "events")), (size_t)version);
    assert_int_equal(number(c, "label.show", "{\"label\":\"house CAT\"}", "id"), 1);
}

/* ---- enrolment ---- */

static void a_token_admits_one_key_once(void **state)
{
    struct coordinator *c = *state;
    struct device a = {0}, b = {0};
    char token[800];

    get_token(c, "gate-3", token);
    coordinator_refuses(c, "device.token", "{\"name\":\"gate-3\"}", "exists"); /* promised */
    struct cn_msg msg = device_join(&a, token, "whatever");
    assert_int_equal(msg.kind, CN_MSG_ADMITTED);
    assert_string_equal(msg.admitted.name, "gate-3");
    /* Its answer was lost: it asks again and is the same device. */
    uint32_t id = a.id;
    assert_int_equal(device_join(&a, token, "").kind, CN_MSG_ADMITTED);
    assert_int_equal(a.id, id);
    /* Another key finds the token used. */
    msg = device_join(&b, token, "");
    assert_int_equal(msg.kind, CN_MSG_REFUSED);
    assert_int_equal(msg.refused.reason, CN_REFUSED_TOKEN);
    assert_int_equal(device_is_kept_out(&b), CN_E_DENIED);
    device_fini(&a);
    device_fini(&b);
}

static void an_expired_token_admits_nobody(void **state)
{
    struct coordinator *c = *state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = NULL;
    struct device d = {0};
    char token[800], path[160];

    get_token(c, "", token);
    coordinator_end(c, SIGTERM);
    snprintf(path, sizeof path, "%s/coordinator.db", c->dir);
    assert_int_equal(srv_store_open(&db, path, NULL), CN_OK);
    assert_int_equal(cn_db_exec(db, NULL, "UPDATE token SET expires_ms = 1", ""), CN_OK);
    cn_db_close(&db);
    coordinator_start(c);
    assert_int_equal(device_join(&d, token, "").refused.reason, CN_REFUSED_TOKEN);
    device_fini(&d);
}

static void a_revoked_device_is_out_at_once_and_for_good(void **state)
{
    struct coordinator *c = *state;
    struct device d;

    enrol(c, &d, "left");
    assert_int_equal(number(c, "device.suspend", "{\"device\":\"left\"}", "id"), d.id);
    assert_int_equal(device_expect(&d, CN_MSG_REFUSED).refused.reason, CN_REFUSED_SUSPENDED);
    assert_int_equal(device_hello(&d).refused.reason, CN_REFUSED_SUSPENDED);
    assert_int_equal(number(c, "device.resume", "{\"device\":\"left\"}", "id"), d.id);
    assert_int_equal(device_hello(&d).kind, CN_MSG_WELCOME);
    assert_int_equal(number(c, "device.revoke", "{\"device\":\"#1\"}", "id"), d.id);
    assert_int_equal(device_is_kept_out(&d), CN_E_DENIED);
    coordinator_refuses(c, "device.resume", "{\"device\":\"left\"}", "state");
    coordinator_end(c, SIGKILL);
    coordinator_start(c);
    assert_int_equal(device_is_kept_out(&d), CN_E_DENIED);
    device_fini(&d);
}

/* ---- rounds ---- */

static void what_a_device_teaches_is_in_exactly_one_release(void **state)
{
    struct coordinator *c = *state;
    struct device d;

    enrol(c, &d, "a");
    uint32_t cat = device_propose(&d, "cat"), dog = device_propose(&d, "dog");
    assert_int_equal(teach(&d, 1, cat, dog), 2);
    assert_int_equal(number(c, "status", NULL, "release"), 2);

    /* Offered again, before and after a crash: it is in release 2 and nowhere else. */
    struct cn_bytes any = {(const uint8_t *)"x", 1};
    struct cn_msg msg = device_upload(&d, 1, 1, any, false);
    assert_int_equal(msg.kind, CN_MSG_COMMITTED);
    assert_int_equal(msg.committed.release, 2);
    coordinator_end(c, SIGKILL);
    coordinator_start(c);
    assert_int_equal(device_hello(&d).kind, CN_MSG_WELCOME);
    assert_int_equal(d.last_seq, 1);
    msg = device_upload(&d, 1, 1, any, false);
    assert_int_equal(msg.kind, CN_MSG_COMMITTED);
    assert_int_equal(msg.committed.release, 2);
    assert_int_equal(teach(&d, 2, cat, dog), 3);

    struct cn_json *CN_CLEANUP(cn_json_destroy) r =
        coordinator_do(c, "release.show", "{\"number\":2}");
    assert_int_equal(cn_json_int(r, "labels", 0), 2); /* "noise" is gone */
    assert_int_equal(cn_json_n(cn_json_get(r, "updates")), 1);
    assert_int_equal(cn_json_int(cn_json_at(cn_json_get(r, "updates"), 0), "seq", 0), 1);
    assert_true(cn_json_n(cn_json_get(r, "candidates")) >= 1);
    assert_int_equal(cn_json_n(cn_json_get(r, "per_label")), 2);
    struct cn_json *CN_CLEANUP(cn_json_destroy) v =
        coordinator_do(c, "release.verify", "{\"number\":2}");
    assert_string_equal(cn_json_string(v, "signature", ""), "ok");
    assert_string_equal(cn_json_string(v, "model", ""), "ok");
    assert_string_equal(cn_json_string(v, "stats", ""), "ok");
    assert_string_equal(cn_json_string(v, "registry", ""), "ok");
    device_fini(&d);
}

/* Teaches as update seq, answers for the candidates, and returns what became of it. */
static struct cn_msg teach_and_score(struct device *d, uint64_t seq, uint32_t a, uint32_t b,
                                     const struct cn_label_tally before[2],
                                     const struct cn_label_tally after[2])
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) update = {0};
    struct cn_manifest m;

    device_fetch_release(d, &m, &model);
    device_learn(model, a, b, 8, seq, &update);
    struct cn_msg msg =
        device_upload(d, seq, m.number, (struct cn_bytes){update.at, update.n}, false);
    cn_release_fini(&m);
    assert_int_equal(msg.kind, CN_MSG_RECEIVED);
    msg = device_expect(d, CN_MSG_SCORE);
    device_score(d, &msg, before, after, 2);
    msg = device_expect_one(d, CN_MSG_COMMITTED, CN_MSG_REJECT, CN_MSG_REJECT);
    return msg;
}

static void held_out_answers_of_devices_let_a_release_pass_or_not(void **state)
{
    struct coordinator *c = *state;
    struct device d = {.n_held_out = 0};

    enrol(c, &d, "judge");
    uint32_t cat = device_propose(&d, "cat"), dog = device_propose(&d, "dog");
    const struct cn_label_tally none[] = {{.label = cat, .wrong = 60}, {.label = dog, .wrong = 60}},
                                good[] = {{.label = cat, .right = 55, .wrong = 5},
                                          {.label = dog, .right = 54, .wrong = 6}},
                                bad[] = {{.label = cat, .right = 55, .wrong = 5},
                                         {.label = dog, .right = 20, .wrong = 40}};
    d.n_held_out = 120;
    assert_int_equal(device_hello(&d).kind, CN_MSG_WELCOME);
    struct cn_msg msg = teach_and_score(&d, 1, cat, dog, none, good);
    assert_int_equal(msg.kind, CN_MSG_COMMITTED);
    while (d.heads.release != 2)
        device_expect(&d, CN_MSG_ANNOUNCE);
    struct cn_json *CN_CLEANUP(cn_json_destroy) r =
        coordinator_do(c, "release.show", "{\"number\":2}");
    assert_string_equal(cn_json_string(r, "judged_by", ""), "held-out");
    const struct cn_json *candidate = cn_json_at(cn_json_get(r, "candidates"), 0);
    assert_int_equal(cn_json_int(candidate, "evidence", 0), 120);
    assert_true(cn_json_bool(candidate, "taken", false));

    msg = teach_and_score(&d, 2, cat, dog, good, bad);
    assert_int_equal(msg.kind, CN_MSG_REJECT);
    assert_int_equal(msg.reject.reason, CN_REJECT_GATE);
    assert_int_equal(msg.reject.seq, 2);
    assert_int_equal(number(c, "status", NULL, "release"), 2);
    struct cn_json *CN_CLEANUP(cn_json_destroy) refused =
        coordinator_do(c, "release.refused", NULL);
    const struct cn_json *round = cn_json_at(cn_json_get(refused, "rounds"), 0);
    assert_int_equal(cn_json_int(round, "updates", 0), 1);
    assert_non_null(strstr(cn_json_string(round, "why", ""), "refused"));
    device_fini(&d);
}

static void a_bad_update_is_rejected_by_name_and_changes_nothing(void **state)
{
    struct coordinator *c = *state;
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) update = {0};
    struct cn_manifest m;
    struct device d;
    uint8_t garbage[3000];

    enrol(c, &d, "bad");
    memset(garbage, 0x5a, sizeof garbage);
    const struct cn_bytes bytes = {garbage, sizeof garbage};
    struct cn_msg msg = device_upload(&d, 1, 1, bytes, false);
    assert_int_equal(msg.kind, CN_MSG_REJECT);
    assert_int_equal(msg.reject.reason, CN_REJECT_FORM);
    msg = device_upload(&d, 2, 1, bytes, true);
    assert_int_equal(msg.kind, CN_MSG_REJECT);
    assert_int_equal(msg.reject.reason, CN_REJECT_DIGEST);

    /* Labels that the registry does not have. */
    device_fetch_release(&d, &m, &model);
    device_learn(model, 7, 8, 8, 1, &update);
    msg = device_upload(&d, 3, m.number, (struct cn_bytes){update.at, update.n}, false);
    assert_int_equal(msg.kind, CN_MSG_REJECT);
    assert_int_equal(msg.reject.reason, CN_REJECT_LABEL);
    cn_release_fini(&m);

    assert_int_equal(number(c, "status", NULL, "release"), 1);
    uint32_t cat = device_propose(&d, "cat"), dog = device_propose(&d, "dog");
    assert_int_equal(teach(&d, 4, cat, dog), 2);
    device_fini(&d);
}

static void a_rollback_is_a_newer_release_with_the_older_model(void **state)
{
    struct coordinator *c = *state;
    struct cn_manifest first, last;
    struct device d;

    enrol(c, &d, "a");
    uint32_t cat = device_propose(&d, "cat"), dog = device_propose(&d, "dog");
    teach(&d, 1, cat, dog);
    assert_int_equal(device_hello(&d).kind, CN_MSG_WELCOME);
    device_fetch_release(&d, &first, NULL);
    teach(&d, 2, cat, dog);
    coordinator_refuses(c, "release.rollback", "{\"to\":3}", "state");
    assert_int_equal(number(c, "release.rollback", "{\"to\":2,\"reason\":\"a test\"}", "number"),
                     4);
    while (d.heads.release != 4)
        device_expect(&d, CN_MSG_ANNOUNCE);
    device_fetch_release(&d, &last, NULL);
    assert_int_equal(last.kind, CN_RELEASE_ROLLBACK);
    assert_int_equal(last.rolled_back_to, 2);
    assert_true(cn_digest_equal(&last.model.digest, &first.model.digest));
    assert_true(cn_digest_equal(&last.stats.digest, &first.stats.digest));
    cn_release_fini(&first);
    cn_release_fini(&last);

    struct cn_json *CN_CLEANUP(cn_json_destroy) diff =
        coordinator_do(c, "release.diff", "{\"from\":1,\"to\":4}");
    assert_int_equal(cn_json_n(cn_json_get(cn_json_get(diff, "labels"), "added")), 2);
    assert_int_equal(cn_json_n(cn_json_get(cn_json_get(diff, "labels"), "removed")), 1);
    assert_int_equal(teach(&d, 3, cat, dog), 5);
    device_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_second_coordinator_is_refused_and_sigterm_ends_cleanly),
        CASE(an_admin_can_stop_it_and_gets_an_answer),
        CASE(what_cannot_start_says_what_to_do),
        CASE(a_port_that_is_taken_is_named),
        CASE(a_newer_database_is_left_alone),
        CASE(an_admin_gets_answers_and_named_errors),
        CASE(an_unknown_admin_key_stays_out),
        CASE(labels_are_added_renamed_merged_and_retired),
        CASE(a_token_admits_one_key_once),
        CASE(an_expired_token_admits_nobody),
        CASE(a_revoked_device_is_out_at_once_and_for_good),
        CASE(what_a_device_teaches_is_in_exactly_one_release),
        CASE(held_out_answers_of_devices_let_a_release_pass_or_not),
        CASE(a_bad_update_is_rejected_by_name_and_changes_nothing),
        CASE(a_rollback_is_a_newer_release_with_the_older_model),
    };

    if (cn_crypto_init(NULL) != CN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
