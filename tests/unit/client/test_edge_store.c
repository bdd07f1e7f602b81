/* What the edge's store keeps, in which states, and what a death at any point leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/edge/store_read.h"
#include "client/edge/store_update.h"

/* ---- fixture ---- */

struct spool {
    char dir[64];
    struct edge_store *store;
};

static void open_with(struct spool *s, uint64_t max_bytes, bool keep_images)
{
    struct cn_error err;

    edge_store_close(&s->store);
    if (edge_store_open(&s->store, s->dir, max_bytes, keep_images, &err))
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct spool *s = calloc(1, sizeof *s);

    snprintf(s->dir, sizeof s->dir, "/tmp/cairn-store-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    open_with(s, 1000 * 1000, false);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"edge.db", "edge.db-wal", "edge.db-shm"};
    struct spool *s = *state;
    char path[128];

    edge_store_close(&s->store);
    for (size_t i = 0; i < CN_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, files[i]);
        unlink(path);
    }
    rmdir(s->dir);
    free(s);
    return 0;
}

/* ---- helpers ---- */

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct cn_error *e_ = &err;                                                                \
        if (call)                                                                                  \
            fail_msg("%s: %s", #call, e_->text);                                                   \
    } while (0)

static const uint8_t pixels[4096] = {1, 2, 3};

static struct edge_teaching about(uint8_t image, uint32_t label, enum edge_answer answer)
{
    struct edge_teaching t = {.image = {pixels, 1000},
                              .label = label,
                              .answer = answer,
                              .state = EDGE_QUEUED,
                              .predicted = 9,
                              .predicted_by = 1,
                              .now_ms = 1000};
    t.digest.b[0] = image;
    return t;
}

static int64_t teach(struct spool *s, struct edge_teaching t)
{
    struct cn_error err;
    int64_t id, undone;

    OK(edge_store_teach(s->store, &t, &id, &undone, &err));
    return id;
}

static struct edge_example get(struct spool *s, int64_t id)
{
    struct edge_example x;
    struct cn_error err;

    OK(edge_store_get(s->store, id, &x, &err));
    return x;
}

static struct edge_totals totals(struct spool *s)
{
    struct edge_totals t;
    struct cn_error err;

    OK(edge_store_totals(s->store, &t, &err));
    return t;
}

/* Puts the examples into update seq. */
static void send_in(struct spool *s, uint64_t seq, const int64_t *ids, uint32_t n)
{
    struct edge_update u = {.seq = seq, .size_bytes = 10, .base = 1, .n_examples = n};
    struct cn_error err;

    u.digest.b[0] = (uint8_t)seq;
    OK(edge_store_claim(s->store, seq, ids, n, &err));
    OK(edge_store_put_update(s->store, &u, 40, 2000, &err));
}

static void install(struct spool *s, uint32_t release)
{
    const struct edge_installed i = {.release = release};
    struct cn_error err;

    OK(edge_store_install(s->store, &i, &err));
}

static uint32_t listed(struct spool *s, enum edge_list which)
{
    struct edge_example *x;
    struct cn_error err;
    uint32_t n;

    OK(edge_store_list(s->store, which, 100, &x, &n, &err));
    free(x);
    return n;
}

/* ---- cases ---- */

static void what_was_taught_is_there_after_opening_again(void **state)
{
    struct spool *s = *state;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED));

    open_with(s, 1000 * 1000, false);
    struct edge_example x = get(s, id);
    assert_int_equal(x.label, 5);
    assert_int_equal(x.answer, EDGE_CORRECTED);
    assert_int_equal(x.state, EDGE_QUEUED);
    assert_int_equal(x.predicted, 9);
    assert_int_equal(totals(s).image_bytes, 1000);
}

static void a_newer_answer_about_an_image_undoes_the_queued_one(void **state)
{
    struct spool *s = *state;
    struct edge_teaching t = about(1, 6, EDGE_CORRECTED);
    struct cn_error err;
    int64_t first = teach(s, about(1, 5, EDGE_CONFIRMED)), second, undone;

    OK(edge_store_teach(s->store, &t, &second, &undone, &err));
    assert_int_equal(undone, first);
    assert_int_equal(get(s, first).state, EDGE_UNDONE);
    assert_int_equal(get(s, second).state, EDGE_QUEUED);
    assert_int_equal(totals(s).n_confirmed, 0);
    assert_int_equal(totals(s).n_corrected, 1);
    assert_int_equal(totals(s).image_bytes, 1000);
}

static void a_full_spool_changes_nothing(void **state)
{
    struct spool *s = *state;
    struct edge_own_label own = {CN_LABEL_LOCAL, CN_LABEL_NONE, EDGE_OWN_LOCAL, "new", "new", ""};
    struct edge_labels *CN_CLEANUP(edge_labels_destroy) labels = edge_labels_new();
    struct edge_teaching t = about(2, CN_LABEL_LOCAL, EDGE_NEW_LABEL);
    struct cn_error err;
    int64_t id, undone;
    uint32_t n;

    open_with(s, 1500, false);
    teach(s, about(1, 5, EDGE_CORRECTED));
    t.own = &own;
    assert_int_equal(edge_store_teach(s->store, &t, &id, &undone, &err), CN_E_FULL);
    assert_non_null(strstr(err.text, "max_mb"));
    assert_int_equal(totals(s).n[EDGE_QUEUED], 1);
    assert_int_equal(totals(s).n_corrected, 1);
    OK(edge_store_load_labels(s->store, labels, &err));
    edge_labels_own(labels, &n);
    assert_int_equal(n, 0);
}

static void images_that_are_kept_make_room_for_new_ones(void **state)
{
    struct spool *s = *state;
    const enum edge_verdict right = EDGE_RIGHT;
    struct cn_error err;
    int64_t id;

    open_with(s, 1500, true);
    id = teach(s, about(1, 5, EDGE_CORRECTED));
    send_in(s, 1, &id, 1);
    OK(edge_store_committed(s->store, 1, 2, 3000, &err));
    OK(edge_store_verified(s->store, &id, &right, 1, 3000, &err));
    assert_int_equal(totals(s).image_bytes, 1000);
    teach(s, about(2, 5, EDGE_CORRECTED));
    assert_int_equal(totals(s).image_bytes, 1000);
}

static void an_update_takes_its_examples_along_until_it_is_committed(void **state)
{
    struct spool *s = *state;
    const enum edge_verdict verdict = EDGE_WRONG;
    struct edge_update u;
    struct cn_error err;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED));

    send_in(s, 7, &id, 1);
    assert_int_equal(get(s, id).state, EDGE_IN_UPDATE);
    assert_int_equal(edge_store_undo(s->store, id, 1, &err), CN_E_STATE);
    open_with(s, 1000 * 1000, false);
    OK(edge_store_open_update(s->store, &u, &err));
    assert_int_equal(u.seq, 7);
    OK(edge_store_received(s->store, 7, 2500, &err));
    assert_true(get(s, id).is_received);

    OK(edge_store_committed(s->store, 7, 2, 3000, &err));
    OK(edge_store_committed(s->store, 7, 2, 3001, &err)); /* said twice */
    assert_int_equal(get(s, id).state, EDGE_COMMITTED);
    assert_int_equal(get(s, id).release, 2);
    OK(edge_store_open_update(s->store, &u, &err));
    assert_int_equal(u.seq, 0);

    install(s, 1);
    assert_int_equal(listed(s, EDGE_LIST_UNVERIFIED), 0); /* release 2 is not here yet */
    install(s, 2);
    assert_int_equal(listed(s, EDGE_LIST_UNVERIFIED), 1);
    OK(edge_store_verified(s->store, &id, &verdict, 1, 4000, &err));
    assert_int_equal(get(s, id).verdict, EDGE_WRONG);
    assert_int_equal(listed(s, EDGE_LIST_UNVERIFIED), 0);
    assert_int_equal(totals(s).image_bytes, 0);
}

static void a_refused_update_gives_its_examples_back(void **state)
{
    struct spool *s = *state;
    struct cn_error err;
    uint64_t last;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED));

    send_in(s, 1, &id, 1);
    OK(edge_store_rejected(s->store, 1, "the gate said no", 2000, &err));
    assert_int_equal(get(s, id).state, EDGE_QUEUED);
    OK(edge_store_last_seq(s->store, &last, &err));
    assert_int_equal(last, 1); /* never used again */
    send_in(s, 2, &id, 1);
    OK(edge_store_committed(s->store, 1, 9, 3000, &err)); /* about the old one: too late */
    assert_int_equal(get(s, id).state, EDGE_IN_UPDATE);
    assert_int_equal(totals(s).n_updates_rejected, 0);
}

static void a_claim_without_an_update_is_undone_at_the_next_start(void **state)
{
    struct spool *s = *state;
    struct cn_error err;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED));

    OK(edge_store_claim(s->store, 3, &id, 1, &err));
    assert_int_equal(listed(s, EDGE_LIST_QUEUED), 0);
    open_with(s, 1000 * 1000, false);
    assert_int_equal(get(s, id).state, EDGE_QUEUED);
}

static void an_accepted_label_renames_examples_and_tallies(void **state)
{
    struct spool *s = *state;
    struct edge_own_label own = {CN_LABEL_LOCAL, CN_LABEL_NONE, EDGE_OWN_LOCAL, "cat", "cat", ""};
    struct edge_teaching t = about(1, CN_LABEL_LOCAL, EDGE_NEW_LABEL);
    CN_CLEANUP(cn_freep) struct cn_label_tally *tallies = NULL;
    struct cn_error err;
    uint32_t n;

    t.own = &own;
    int64_t id = teach(s, t);
    teach(s, about(2, 4, EDGE_CONFIRMED));
    OK(edge_store_tallies(s->store, 1, &tallies, &n, &err));
    assert_int_equal(n, 1); /* local ids never travel */
    free(cn_steal(tallies));

    own.state = EDGE_OWN_ACCEPTED;
    own.canonical = 4;
    OK(edge_store_put_own(s->store, &own, true, &err));
    assert_int_equal(get(s, id).label, 4);
    OK(edge_store_tallies(s->store, 1, &tallies, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(tallies[0].confirmed, 1);
    assert_int_equal(tallies[0].corrected, 1);
}

static void a_confirmation_that_only_counts_keeps_no_image(void **state)
{
    struct spool *s = *state;
    struct edge_teaching t = about(1, 5, EDGE_CONFIRMED);

    t.state = EDGE_COUNTED;
    teach(s, t);
    assert_int_equal(totals(s).image_bytes, 0);
    assert_int_equal(totals(s).n_confirmed, 1);
}

static void undoing_takes_the_image_and_the_count_back(void **state)
{
    struct spool *s = *state;
    struct cn_error err;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED));

    OK(edge_store_undo(s->store, id, 2000, &err));
    OK(edge_store_undo(s->store, id, 2001, &err));
    assert_int_equal(get(s, id).state, EDGE_UNDONE);
    assert_int_equal(totals(s).n_corrected, 0);
    assert_int_equal(totals(s).image_bytes, 0);
    assert_int_equal(edge_store_undo(s->store, 999, 1, &err), CN_E_NOTFOUND);
}

static void the_longest_held_out_example_goes_back_first(void **state)
{
    struct spool *s = *state;
    struct edge_teaching a = about(1, 5, EDGE_CONFIRMED), b = about(2, 5, EDGE_CONFIRMED);
    struct cn_error err;
    uint32_t n, held;

    a.state = b.state = EDGE_HELD_OUT;
    int64_t first = teach(s, a), second = teach(s, b);
    OK(edge_store_release_held(s->store, 5, 2000, &err));
    assert_int_equal(get(s, first).state, EDGE_QUEUED);
    assert_int_equal(get(s, second).state, EDGE_HELD_OUT);
    OK(edge_store_count(s->store, 5, &n, &held, &err));
    assert_int_equal(n, 2);
    assert_int_equal(held, 1);
}

struct lines {
    uint32_t n;
    char last[128];
};

static void take_line(void *user, uint64_t time_ms, const char *what)
{
    struct lines *l = user;

    (void)time_ms;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", what);
}

static void history_tells_of_every_update_that_an_example_was_in(void **state)
{
    struct spool *s = *state;
    struct lines lines = {0};
    struct cn_error err;
    int64_t id = teach(s, about(1, 5, EDGE_CORRECTED)),
            other = teach(s, about(2, 5, EDGE_CORRECTED));

    send_in(s, 1, &id, 1);
    OK(edge_store_rejected(s->store, 1, "no", 2000, &err));
    send_in(s, 2, &id, 1);
    OK(edge_store_committed(s->store, 2, 3, 2000, &err));
    OK(edge_store_history(s->store, id, take_line, &lines, &err));
    assert_int_equal(lines.n, 4);
    assert_string_equal(lines.last, "in release 3");
    lines.n = 0;
    OK(edge_store_history(s->store, other, take_line, &lines, &err));
    assert_int_equal(lines.n, 0);
}

static void the_newest_pending_examples_of_a_label_are_found_behind_those_of_others(void **state)
{
    struct spool *s = *state;
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    struct cn_error err;
    uint32_t n;

    int64_t first = teach(s, about(1, 5, EDGE_CORRECTED));
    int64_t second = teach(s, about(2, 5, EDGE_NEW_LABEL));
    teach(s, about(3, 5, EDGE_CONFIRMED));
    for (uint8_t i = 10; i < 60; i++)
        teach(s, about(i, 6, EDGE_CONFIRMED));
    OK(edge_store_list_label(s->store, 5, false, 10, &x, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(x[0].id, second);
    assert_int_equal(x[1].id, first);
    free(cn_steal(x));
    OK(edge_store_list_label(s->store, 6, true, 3, &x, &n, &err));
    assert_int_equal(n, 3);
    assert_int_equal(x[0].image.b[0], 59);
}

static void receipts_are_listed_from_the_newest_by_state_and_page(void **state)
{
    struct spool *s = *state;
    struct edge_receipts_query q = {.limit = 2};
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    struct cn_error err;
    uint32_t n;

    for (uint8_t i = 1; i <= 3; i++)
        teach(s, about(i, 5, EDGE_CORRECTED));
    OK(edge_store_receipts(s->store, &q, &x, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(x[0].id, 3);
    q.before = 2;
    free(cn_steal(x));
    OK(edge_store_receipts(s->store, &q, &x, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(x[0].id, 1);
    q = (struct edge_receipts_query){.limit = 9, .state = EDGE_COMMITTED};
    free(cn_steal(x));
    OK(edge_store_receipts(s->store, &q, &x, &n, &err));
    assert_int_equal(n, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_was_taught_is_there_after_opening_again),
        CASE(a_newer_answer_about_an_image_undoes_the_queued_one),
        CASE(a_full_spool_changes_nothing),
        CASE(images_that_are_kept_make_room_for_new_ones),
        CASE(an_update_takes_its_examples_along_until_it_is_committed),
        CASE(a_refused_update_gives_its_examples_back),
        CASE(a_claim_without_an_update_is_undone_at_the_next_start),
        CASE(an_accepted_label_renames_examples_and_tallies),
        CASE(a_confirmation_that_only_counts_keeps_no_image),
        CASE(undoing_takes_the_image_and_the_count_back),
        CASE(the_longest_held_out_example_goes_back_first),
        CASE(history_tells_of_every_update_that_an_example_was_in),
        CASE(the_newest_pending_examples_of_a_label_are_found_behind_those_of_others),
        CASE(receipts_are_listed_from_the_newest_by_state_and_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
