/* What the coordinator must not forget, in a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store_release.h"

/* ---- fixture ---- */

static char dir[32], path[64];
static struct cn_db *db;

static void open_again(void)
{
    struct cn_error err;

    cn_db_close(&db);
    if (srv_store_open(&db, path, &err) != CN_OK)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cairn-store.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.db", dir);
    open_again();
    return 0;
}

static int tear_down(void **state)
{
    char file[80];

    (void)state;
    cn_db_close(&db);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s%s", path, i ? "-wal" : "-shm");
        unlink(file);
    }
    return rmdir(dir);
}

static struct srv_member member(uint32_t id, const char *name)
{
    struct srv_member m = {.id = id, .state = SRV_DEVICE_ACTIVE, .joined_ms = 5};

    m.key.b[0] = (uint8_t)id;
    snprintf(m.name, sizeof m.name, "%s", name);
    return m;
}

static void enrol(uint32_t id, const char *name)
{
    struct srv_token_record t = {.created_ms = 1, .expires_ms = 100};
    struct srv_member m = member(id, name);

    t.hash.b[0] = (uint8_t)id;
    assert_int_equal(srv_store_add_token(db, &t, NULL, NULL), CN_OK);
    assert_int_equal(srv_store_enrol(db, &t.hash, &m, NULL, NULL), CN_OK);
}

static struct srv_release release(uint32_t number)
{
    struct srv_release r = {.kind = CN_RELEASE_ROUND,
                            .number = number,
                            .parent = number - 1,
                            .model = {.size = 10},
                            .n_labels = 2,
                            .created_ms = 7,
                            .candidate = "solve",
                            .summary = "because"};

    r.model.digest.b[3] = (uint8_t)number;
    return r;
}

static enum cn_err commit(uint32_t number, const struct srv_update *updates, uint32_t n)
{
    const struct srv_release_label labels[] = {{1, 20, 5, 8, 2}, {2, 30, 6, 9, 1}};
    struct srv_release r = release(number);
    const struct srv_commit c = {.release = &r,
                                 .report = "{\"synth\":\"cgan\"}",
                                 .updates = updates,
                                 .n_updates = n,
                                 .labels = labels,
                                 .n_labels = 2};

    return srv_store_commit(db, &c, NULL);
}

/* ---- cases ---- */

static void a_release_comes_with_the_numbers_of_its_updates(void **state)
{
    (void)state;
    const struct srv_update updates[] = {{1, 40, 3}, {2, 10, 9}};
    struct srv_members CN_CLEANUP(srv_members_fini) members = {0};
    struct srv_release r;
    uint64_t n = 0;

    enrol(1, "a");
    enrol(2, "b");
    assert_int_equal(commit(1, NULL, 0), CN_OK);
    assert_int_equal(commit(2, updates, 2), CN_OK);
    open_again();
    assert_int_equal(srv_store_release(db, 0, &r, NULL), CN_OK);
    assert_int_equal(r.number, 2);
    assert_int_equal(r.n_updates, 2);
    assert_int_equal(r.n_examples, 50);
    assert_int_equal(r.model.digest.b[3], 2);
    assert_string_equal(r.summary, "because");
    assert_int_equal(srv_store_load_members(db, &members, NULL), CN_OK);
    assert_int_equal(srv_members_get(&members, 1)->last_seq, 3);
    assert_int_equal(srv_members_get(&members, 2)->last_release, 2);
    assert_int_equal(srv_store_n_committed(db, &n, NULL), CN_OK);
    assert_int_equal(n, 2);
}

static void an_update_cannot_be_in_two_releases_and_then_the_second_is_not_there(void **state)
{
    (void)state;
    const struct srv_update first[] = {{1, 40, 3}}, again[] = {{1, 40, 4}, {1, 40, 3}};
    struct srv_members CN_CLEANUP(srv_members_fini) members = {0};
    struct srv_release r;

    enrol(1, "a");
    assert_int_equal(commit(1, first, 1), CN_OK);
    assert_int_equal(commit(2, again, 2), CN_E_EXISTS);
    assert_int_equal(srv_store_release(db, 0, &r, NULL), CN_OK);
    assert_int_equal(r.number, 1);
    assert_int_equal(srv_store_load_members(db, &members, NULL), CN_OK);
    assert_int_equal(srv_members_get(&members, 1)->last_seq, 3); /* 4 was rolled back with it */
}

static void a_token_is_used_once_and_a_name_is_promised_until_then(void **state)
{
    (void)state;
    struct srv_token_record t = {.name = "door", .created_ms = 1, .expires_ms = 100}, back;
    struct srv_member one = member(1, "door"), two = member(2, "other");
    bool promised = false;

    t.hash.b[0] = 9;
    assert_int_equal(srv_store_token(db, &t.hash, &back, NULL), CN_E_NOTFOUND);
    assert_int_equal(srv_store_add_token(db, &t, NULL, NULL), CN_OK);
    assert_int_equal(srv_store_name_is_promised(db, "door", 50, &promised, NULL), CN_OK);
    assert_true(promised);
    assert_int_equal(srv_store_name_is_promised(db, "door", 100, &promised, NULL), CN_OK);
    assert_false(promised);
    assert_int_equal(srv_store_enrol(db, &t.hash, &one, NULL, NULL), CN_OK);
    assert_int_equal(srv_store_enrol(db, &t.hash, &two, NULL, NULL), CN_E_STATE);
    assert_int_equal(srv_store_token(db, &t.hash, &back, NULL), CN_OK);
    assert_int_equal(back.device, 1);
    struct srv_members CN_CLEANUP(srv_members_fini) members = {0};
    assert_int_equal(srv_store_load_members(db, &members, NULL), CN_OK);
    assert_int_equal(members.n, 1);
}

static void add_tally(void *user, const struct cn_label_tally *t)
{
    struct cn_label_tally *sum = user;

    sum->label = t->label;
    sum->confirmed += t->confirmed;
    sum->corrected += t->corrected;
}

static void a_tally_replaces_what_the_device_said_before(void **state)
{
    (void)state;
    const struct cn_label_tally first[] = {{.label = 1, .confirmed = 5}, {.label = 2}},
                                second[] = {{.label = 1, .confirmed = 7, .corrected = 1}},
                                other[] = {{.label = 1, .confirmed = 10}};
    struct cn_label_tally sum = {0}, mine = {0};

    assert_int_equal(srv_store_tally(db, 1, 4, first, 2, NULL), CN_OK);
    assert_int_equal(srv_store_tally(db, 1, 4, second, 1, NULL), CN_OK);
    assert_int_equal(srv_store_tally(db, 1, 4, second, 1, NULL), CN_OK);
    assert_int_equal(srv_store_tally(db, 2, 4, other, 1, NULL), CN_OK);
    assert_int_equal(srv_store_tally(db, 2, 5, other, 1, NULL), CN_OK);
    assert_int_equal(srv_store_each_tally(db, 0, 4, add_tally, &sum, NULL), CN_OK);
    assert_int_equal(sum.label, 1);
    assert_int_equal(sum.confirmed, 17);
    assert_int_equal(sum.corrected, 1);
    assert_int_equal(srv_store_each_tally(db, 1, 4, add_tally, &mine, NULL), CN_OK);
    assert_int_equal(mine.confirmed, 7);
}

static void add_images(void *user, const struct srv_release_label *l)
{
    *(uint64_t *)user += l->images;
}

static void the_images_of_labels_add_up_over_releases(void **state)
{
    (void)state;
    uint64_t one = 0, all = 0;

    assert_int_equal(commit(1, NULL, 0), CN_OK);
    assert_int_equal(commit(2, NULL, 0), CN_OK);
    assert_int_equal(srv_store_each_label(db, 1, add_images, &one, NULL), CN_OK);
    assert_int_equal(srv_store_each_label(db, 0, add_images, &all, NULL), CN_OK);
    assert_int_equal(one, 50);
    assert_int_equal(all, 100);
}

static void a_device_keeps_its_state_over_a_restart(void **state)
{
    (void)state;
    const struct srv_audit audit = {"admin", "device.revoke", "{}", 9};
    struct srv_members CN_CLEANUP(srv_members_fini) members = {0};

    enrol(1, "a");
    assert_int_equal(srv_store_set_device(db, 1, SRV_DEVICE_REVOKED, "stolen", &audit, NULL),
                     CN_OK);
    open_again();
    assert_int_equal(srv_store_load_members(db, &members, NULL), CN_OK);
    assert_int_equal(members.at[0].state, SRV_DEVICE_REVOKED);
    assert_string_equal(members.at[0].reason, "stolen");
}

static void members_are_found_by_key_and_by_name_however_many(void **state)
{
    (void)state;
    struct srv_members CN_CLEANUP(srv_members_fini) members = {0};
    struct cn_public_key nobody = {{0}};

    assert_null(srv_members_by_key(&members, &nobody));
    for (uint32_t id = 1; id <= 1000; id++) {
        char name[16];
        snprintf(name, sizeof name, "d%u", id);
        struct srv_member m = member(id, name);
        cn_put32(m.key.b, id % 7); /* many keys that begin alike */
        cn_put32(m.key.b + 4, id);
        srv_members_add(&members, &m);
    }
    for (uint32_t id = 1; id <= 1000; id++) {
        struct cn_public_key key = srv_members_get(&members, id)->key;
        assert_int_equal(srv_members_by_key(&members, &key)->id, id);
    }
    memset(nobody.b, 0xff, sizeof nobody.b);
    assert_null(srv_members_by_key(&members, &nobody));
    assert_int_equal(srv_members_by_name(&members, "d999")->id, 999);
    assert_null(srv_members_by_name(&members, "d1001"));
    assert_null(srv_members_get(&members, 0));
    assert_null(srv_members_get(&members, 1001));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_release_comes_with_the_numbers_of_its_updates),
        CASE(an_update_cannot_be_in_two_releases_and_then_the_second_is_not_there),
        CASE(a_token_is_used_once_and_a_name_is_promised_until_then),
        CASE(a_tally_replaces_what_the_device_said_before),
        CASE(the_images_of_labels_add_up_over_releases),
        CASE(a_device_keeps_its_state_over_a_restart),
        CASE(members_are_found_by_key_and_by_name_however_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
