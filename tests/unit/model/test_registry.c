/* The rules of the label registry, one behaviour per test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/registry.h"

/* ---- fixture ---- */

static int start(void **state)
{
    *state = cn_registry_new();
    return 0;
}

static int end(void **state)
{
    struct cn_registry *r = *state;

    cn_registry_destroy(&r);
    return 0;
}

/* ---- helpers ---- */

static const struct cn_registry_by ada = {"ada", 1000};

static uint32_t add(struct cn_registry *r, const char *name)
{
    uint32_t id = 0;

    assert_int_equal(cn_registry_add(r, ada, name, &id, NULL), CN_OK);
    return id;
}

struct answer {
    enum cn_err e;
    uint32_t id;
    enum cn_label_state state;
};

static struct answer ask(struct cn_registry *r, const char *name, uint32_t device,
                         enum cn_policy policy, uint32_t quorum)
{
    struct cn_proposal p = {name, device, 2000, policy, quorum};
    struct answer a = {.id = CN_LABEL_NONE};

    a.e = cn_registry_propose(r, &p, &a.id, &a.state, NULL);
    return a;
}

static enum cn_label_state state_of(const struct cn_registry *r, uint32_t id)
{
    return cn_registry_get(r, id)->state;
}

static bool has_alias(const struct cn_registry *r, uint32_t id, const char *alias)
{
    const struct cn_label *label = cn_registry_get(r, id);

    for (uint32_t i = 0; i < label->n_aliases; i++)
        if (strcmp(label->aliases[i], alias) == 0)
            return true;
    return false;
}

static uint32_t id_of(const struct cn_registry *r, const char *name)
{
    const struct cn_label *label = cn_registry_find(r, name);

    return label ? label->id : CN_LABEL_NONE;
}

static struct cn_buf encode(const struct cn_registry *r, uint32_t since)
{
    struct cn_buf b = {0};

    cn_registry_encode(r, since, &b);
    return b;
}

static struct cn_bytes bytes_of(const struct cn_buf *b)
{
    return (struct cn_bytes){b->at, b->n};
}

static void assert_same(const struct cn_registry *a, const struct cn_registry *b)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf x = encode(a, 0), y = {0};

    cn_registry_encode(b, 0, &y);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.at, y.at, x.n);
    cn_buf_fini(&y);
}

/* ---- first boot ---- */

static void a_new_registry_holds_the_placeholder_only(void **state)
{
    struct cn_registry *r = *state;

    assert_int_equal(cn_registry_version(r), 0);
    assert_int_equal(cn_registry_n_labels(r), 1);
    assert_int_equal(state_of(r, CN_LABEL_NOISE), CN_LABEL_PLACEHOLDER);
    assert_string_equal(cn_registry_get(r, CN_LABEL_NOISE)->name, "noise");
    assert_int_equal(cn_registry_resolve(r, CN_LABEL_NOISE), CN_LABEL_NOISE);
    assert_null(cn_registry_get(r, 1));
}

static void the_first_accepted_label_takes_the_placeholders_place(void **state)
{
    struct cn_registry *r = *state;
    struct cn_label_event ev;

    assert_int_equal(ask(r, "cat", 7, CN_POLICY_MANUAL, 0).state, CN_LABEL_PROPOSED);
    assert_int_equal(state_of(r, CN_LABEL_NOISE), CN_LABEL_PLACEHOLDER); /* not yet */
    assert_int_equal(cn_registry_approve(r, ada, 1, NULL), CN_OK);
    assert_int_equal(state_of(r, CN_LABEL_NOISE), CN_LABEL_RETIRED);
    assert_int_equal(cn_registry_resolve(r, CN_LABEL_NOISE), CN_LABEL_NONE);
    assert_int_equal(cn_registry_version(r), 3);
    cn_registry_event(r, 3, &ev);
    assert_int_equal(ev.kind, CN_LABEL_EV_REPLACED);
    assert_int_equal(ev.id, CN_LABEL_NOISE);
    assert_int_equal(ev.other, 1);
    add(r, "dog");
    assert_int_equal(cn_registry_version(r), 4); /* once only */
}

static void noise_can_become_a_real_label(void **state)
{
    struct cn_registry *r = *state;

    assert_null(cn_registry_find(r, "noise"));
    assert_int_equal(add(r, "noise"), 1);
    assert_int_equal(id_of(r, "Noise"), 1);
}

static void the_placeholder_cannot_be_changed_by_hand(void **state)
{
    struct cn_registry *r = *state;
    uint32_t cat = add(r, "cat");

    assert_int_equal(cn_registry_rename(r, ada, 0, "x", NULL), CN_E_STATE);
    assert_int_equal(cn_registry_alias(r, ada, 0, "x", NULL), CN_E_STATE);
    assert_int_equal(cn_registry_merge(r, ada, 0, cat, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_merge(r, ada, cat, 0, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_restore(r, ada, 0, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_version(r), 2);
}

/* ---- names ---- */

static void equal_names_after_normalization_are_one_label(void **state)
{
    struct cn_registry *r = *state;
    uint32_t id;

    add(r, " Red  Panda ");
    assert_string_equal(cn_registry_get(r, 1)->name, "Red Panda");
    assert_int_equal(id_of(r, "\uff32ED panda"), 1);
    assert_int_equal(cn_registry_add(r, ada, "red panda", &id, NULL), CN_E_EXISTS);
    assert_int_equal(ask(r, "RED PANDA", 7, CN_POLICY_MANUAL, 0).id, 1);
}

static void a_taken_name_is_an_error_that_names_its_label(void **state)
{
    struct cn_registry *r = *state;
    struct cn_error err;
    uint32_t id;

    add(r, "cat");
    assert_int_equal(cn_registry_add(r, ada, "CAT", &id, &err), CN_E_EXISTS);
    assert_string_equal(err.text, "\"CAT\" already means label #1 (cat), which is accepted");
}

static void a_renamed_label_keeps_its_id_and_answers_to_the_old_name(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cta");
    assert_int_equal(cn_registry_rename(r, ada, 1, "cat", NULL), CN_OK);
    assert_string_equal(cn_registry_get(r, 1)->name, "cat");
    assert_int_equal(id_of(r, "cat"), 1);
    assert_int_equal(id_of(r, "cta"), 1);
    assert_true(has_alias(r, 1, "cta"));
}

static void a_change_of_case_is_no_further_name(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    assert_int_equal(cn_registry_rename(r, ada, 1, "Cat", NULL), CN_OK);
    assert_string_equal(cn_registry_get(r, 1)->name, "Cat");
    assert_int_equal(cn_registry_get(r, 1)->n_aliases, 0);
    assert_int_equal(cn_registry_rename(r, ada, 1, "Cat", NULL), CN_E_STATE);
}

static void a_label_can_take_one_of_its_aliases_as_its_name(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    assert_int_equal(cn_registry_alias(r, ada, 1, "kitty", NULL), CN_OK);
    assert_int_equal(cn_registry_rename(r, ada, 1, "Kitty", NULL), CN_OK);
    assert_string_equal(cn_registry_get(r, 1)->name, "Kitty");
    assert_int_equal(cn_registry_get(r, 1)->n_aliases, 1);
    assert_true(has_alias(r, 1, "cat"));
}

static void an_alias_belongs_to_one_label(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    add(r, "dog");
    assert_int_equal(cn_registry_alias(r, ada, 1, "pet", NULL), CN_OK);
    assert_int_equal(cn_registry_alias(r, ada, 2, "PET", NULL), CN_E_EXISTS);
    assert_int_equal(cn_registry_alias(r, ada, 1, "pet", NULL), CN_E_EXISTS);
    assert_int_equal(cn_registry_rename(r, ada, 2, "pet", NULL), CN_E_EXISTS);
    assert_int_equal(cn_registry_unalias(r, ada, 2, "pet", NULL), CN_E_NOTFOUND);
    assert_int_equal(cn_registry_unalias(r, ada, 1, "Pet", NULL), CN_OK);
    assert_int_equal(cn_registry_alias(r, ada, 2, "pet", NULL), CN_OK);
    assert_int_equal(id_of(r, "pet"), 2);
}

static void a_label_cannot_lose_its_name(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    assert_int_equal(cn_registry_unalias(r, ada, 1, "cat", NULL), CN_E_STATE);
}

static void aliases_are_capped(void **state)
{
    struct cn_registry *r = *state;
    char alias[16];

    add(r, "cat");
    for (int i = 0; i < CN_MAX_LABEL_ALIASES; i++) {
        snprintf(alias, sizeof alias, "cat %d", i);
        assert_int_equal(cn_registry_alias(r, ada, 1, alias, NULL), CN_OK);
    }
    assert_int_equal(cn_registry_alias(r, ada, 1, "one more", NULL), CN_E_LIMIT);
    assert_int_equal(cn_registry_rename(r, ada, 1, "one more", NULL), CN_E_LIMIT);
    assert_int_equal(cn_registry_rename(r, ada, 1, "cat 3", NULL), CN_OK); /* no further name */
}

/* ---- proposals ---- */

static void policy_auto_accepts_at_once(void **state)
{
    struct cn_registry *r = *state;
    struct answer a = ask(r, "cat", 7, CN_POLICY_AUTO, 0);
    struct cn_label_event ev;

    assert_int_equal(a.e, CN_OK);
    assert_int_equal(a.id, 1);
    assert_int_equal(a.state, CN_LABEL_ACCEPTED);
    cn_registry_event(r, 1, &ev);
    assert_int_equal(ev.kind, CN_LABEL_EV_PROPOSED);
    assert_string_equal(ev.actor, "device 7");
    assert_string_equal(ev.text, "cat");
    cn_registry_event(r, 2, &ev);
    assert_int_equal(ev.kind, CN_LABEL_EV_APPROVED);
    assert_string_equal(ev.actor, "policy");
}

static void policy_quorum_needs_distinct_devices(void **state)
{
    struct cn_registry *r = *state;

    assert_int_equal(ask(r, "cat", 7, CN_POLICY_QUORUM, 3).state, CN_LABEL_PROPOSED);
    assert_int_equal(ask(r, "Cat", 8, CN_POLICY_QUORUM, 3).state, CN_LABEL_PROPOSED);
    assert_int_equal(ask(r, "cat", 7, CN_POLICY_QUORUM, 3).state, CN_LABEL_PROPOSED);
    assert_int_equal(cn_registry_get(r, 1)->n_proposers, 2);
    assert_int_equal(ask(r, "cat", 9, CN_POLICY_QUORUM, 3).state, CN_LABEL_ACCEPTED);
}

static void policy_manual_waits_for_a_person(void **state)
{
    struct cn_registry *r = *state;

    for (uint32_t device = 0; device < 100; device++)
        assert_int_equal(ask(r, "cat", device, CN_POLICY_MANUAL, 0).state, CN_LABEL_PROPOSED);
    assert_int_equal(cn_registry_get(r, 1)->n_proposers, CN_MAX_LABEL_PROPOSERS);
    assert_int_equal(cn_registry_n_accepted(r), 0);
    assert_int_equal(cn_registry_approve(r, ada, 1, NULL), CN_OK);
    assert_int_equal(ask(r, "cat", 101, CN_POLICY_MANUAL, 0).state, CN_LABEL_ACCEPTED);
}

static void asking_again_changes_nothing(void **state)
{
    struct cn_registry *r = *state;

    ask(r, "cat", 7, CN_POLICY_AUTO, 0);
    uint32_t version = cn_registry_version(r);
    for (uint32_t device = 7; device < 10; device++)
        assert_int_equal(ask(r, "cat", device, CN_POLICY_AUTO, 0).id, 1);
    assert_int_equal(cn_registry_version(r), version);
}

static void a_rejected_name_stays_rejected_until_a_person_approves_it(void **state)
{
    struct cn_registry *r = *state;

    ask(r, "asdf", 7, CN_POLICY_MANUAL, 0);
    assert_int_equal(cn_registry_reject(r, ada, 1, "a typing accident", NULL), CN_OK);
    assert_string_equal(cn_registry_get(r, 1)->reason, "a typing accident");
    assert_int_equal(ask(r, "ASDF", 8, CN_POLICY_AUTO, 0).state, CN_LABEL_REJECTED);
    assert_int_equal(cn_registry_resolve(r, 1), CN_LABEL_NONE);
    assert_int_equal(cn_registry_approve(r, ada, 1, NULL), CN_OK);
    assert_string_equal(cn_registry_get(r, 1)->reason, "");
    assert_int_equal(ask(r, "asdf", 8, CN_POLICY_MANUAL, 0).state, CN_LABEL_ACCEPTED);
}

static void a_proposal_by_an_alias_gets_the_label(void **state)
{
    struct cn_registry *r = *state;

    add(r, "automobile");
    assert_int_equal(cn_registry_alias(r, ada, 1, "car", NULL), CN_OK);
    struct answer a = ask(r, "Car", 7, CN_POLICY_MANUAL, 0);
    assert_int_equal(a.id, 1);
    assert_int_equal(a.state, CN_LABEL_ACCEPTED);
}

static void one_device_cannot_fill_the_registry(void **state)
{
    struct cn_registry *r = *state;
    char name[16];

    for (int i = 0; i < CN_MAX_DEVICE_LABELS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(ask(r, name, 7, CN_POLICY_MANUAL, 0).e, CN_OK);
    }
    assert_int_equal(ask(r, "one more", 7, CN_POLICY_MANUAL, 0).e, CN_E_LIMIT);
    assert_int_equal(ask(r, "n3", 7, CN_POLICY_MANUAL, 0).e, CN_OK);
    assert_int_equal(ask(r, "one more", 8, CN_POLICY_MANUAL, 0).e, CN_OK);
}

static void a_name_that_cannot_be_is_refused(void **state)
{
    struct cn_registry *r = *state;

    assert_int_equal(ask(r, "", 7, CN_POLICY_AUTO, 0).e, CN_E_PARSE);
    assert_int_equal(ask(r, "a\u202eb", 7, CN_POLICY_AUTO, 0).e, CN_E_PARSE);
    assert_int_equal(ask(r, "\xff", 7, CN_POLICY_AUTO, 0).e, CN_E_PARSE);
    assert_int_equal(cn_registry_version(r), 0);
}

/* ---- merging, retiring ---- */

static void a_merge_moves_all_names_and_is_followed(void **state)
{
    struct cn_registry *r = *state;
    uint32_t cat = add(r, "cat"), kitty = add(r, "kitty"), feline = add(r, "feline");

    assert_int_equal(cn_registry_alias(r, ada, kitty, "puss", NULL), CN_OK);
    assert_int_equal(cn_registry_merge(r, ada, kitty, cat, NULL), CN_OK);
    assert_int_equal(cn_registry_merge(r, ada, cat, feline, NULL), CN_OK);
    assert_int_equal(id_of(r, "puss"), feline);
    assert_int_equal(id_of(r, "kitty"), feline);
    assert_int_equal(cn_registry_resolve(r, kitty), feline); /* through cat */
    assert_string_equal(cn_registry_get(r, kitty)->name, "kitty");
    assert_int_equal(state_of(r, kitty), CN_LABEL_MERGED);
    assert_int_equal(cn_registry_get(r, feline)->n_aliases, 3);
    assert_int_equal(ask(r, "KITTY", 7, CN_POLICY_AUTO, 0).id, feline);
}

static void merging_into_a_merged_label_goes_where_that_went(void **state)
{
    struct cn_registry *r = *state;
    uint32_t a = add(r, "a"), b = add(r, "b"), c = add(r, "c");

    assert_int_equal(cn_registry_merge(r, ada, b, a, NULL), CN_OK);
    assert_int_equal(cn_registry_merge(r, ada, c, b, NULL), CN_OK);
    assert_int_equal(cn_registry_get(r, c)->merged_into, a);
    assert_int_equal(cn_registry_merge(r, ada, a, b, NULL), CN_E_STATE); /* into itself */
    assert_int_equal(cn_registry_merge(r, ada, b, a, NULL), CN_E_STATE); /* merged already */
    assert_int_equal(cn_registry_merge(r, ada, a, 99, NULL), CN_E_NOTFOUND);
}

static void a_merged_label_goes_when_its_target_is_retired_and_comes_back_with_it(void **state)
{
    struct cn_registry *r = *state;
    uint32_t cat = add(r, "cat"), kitty = add(r, "kitty");

    add(r, "dog");
    assert_int_equal(cn_registry_merge(r, ada, kitty, cat, NULL), CN_OK);
    assert_int_equal(cn_registry_retire(r, ada, cat, "gone", NULL), CN_OK);
    assert_int_equal(cn_registry_resolve(r, kitty), CN_LABEL_NONE);
    assert_int_equal(ask(r, "cat", 7, CN_POLICY_AUTO, 0).state, CN_LABEL_RETIRED);
    assert_int_equal(cn_registry_restore(r, ada, cat, NULL), CN_OK);
    assert_int_equal(cn_registry_resolve(r, kitty), cat);
}

static void the_last_accepted_label_cannot_be_retired(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    assert_int_equal(cn_registry_retire(r, ada, 1, NULL, NULL), CN_E_STATE);
    add(r, "dog");
    assert_int_equal(cn_registry_retire(r, ada, 1, NULL, NULL), CN_OK);
    assert_int_equal(cn_registry_n_accepted(r), 1);
}

static void changes_that_do_not_fit_the_state_are_refused(void **state)
{
    struct cn_registry *r = *state;

    add(r, "cat");
    ask(r, "dog", 7, CN_POLICY_MANUAL, 0);
    assert_int_equal(cn_registry_approve(r, ada, 1, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_reject(r, ada, 1, NULL, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_restore(r, ada, 1, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_retire(r, ada, 2, NULL, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_merge(r, ada, 1, 2, NULL), CN_E_STATE);
    assert_int_equal(cn_registry_approve(r, ada, 9, NULL), CN_E_NOTFOUND);
    assert_int_equal(cn_registry_version(r), 3);
}

static void texts_of_admins_are_checked(void **state)
{
    struct cn_registry *r = *state;
    char reason[CN_MAX_REASON_BYTES + 2];
    uint32_t id;

    add(r, "cat");
    add(r, "dog");
    memset(reason, 'x', sizeof reason);
    reason[sizeof reason - 1] = 0;
    assert_int_equal(cn_registry_retire(r, ada, 1, reason, NULL), CN_E_LIMIT);
    assert_int_equal(cn_registry_retire(r, ada, 1, "two\nlines", NULL), CN_E_PARSE);
    struct cn_registry_by nobody = {"", 1}, loud = {"\a", 1};
    assert_int_equal(cn_registry_add(r, nobody, "x", &id, NULL), CN_E_PARSE);
    assert_int_equal(cn_registry_add(r, loud, "x", &id, NULL), CN_E_PARSE);
}

static void moves_say_where_each_row_goes(void **state)
{
    struct cn_registry *r = *state;
    uint32_t cat = add(r, "cat"), kitty = add(r, "kitty"), dog = add(r, "dog");
    const uint32_t rows[] = {CN_LABEL_NOISE, kitty, cat, dog, 77, CN_LABEL_LOCAL + 1};
    struct cn_label_move moves[CN_COUNT(rows)];

    assert_int_equal(cn_registry_merge(r, ada, kitty, cat, NULL), CN_OK);
    assert_int_equal(cn_registry_retire(r, ada, dog, "", NULL), CN_OK);
    assert_int_equal(cn_registry_moves(r, rows, CN_COUNT(rows), moves), 3);
    assert_int_equal(moves[0].from, CN_LABEL_NOISE);
    assert_int_equal(moves[0].to, CN_LABEL_NONE);
    assert_int_equal(moves[1].from, kitty);
    assert_int_equal(moves[1].to, cat);
    assert_int_equal(moves[2].from, dog);
    assert_int_equal(moves[2].to, CN_LABEL_NONE);
}

/* ---- bytes ---- */

static void some_history(struct cn_registry *r)
{
    ask(r, "cat", 7, CN_POLICY_QUORUM, 2);
    ask(r, "Cat", 8, CN_POLICY_QUORUM, 2);
    add(r, "dog");
    add(r, "kitty");
    assert_int_equal(cn_registry_rename(r, ada, 2, "hound", NULL), CN_OK);
    assert_int_equal(cn_registry_merge(r, ada, 3, 1, NULL), CN_OK);
    assert_int_equal(cn_registry_retire(r, ada, 2, "moved away", NULL), CN_OK);
}

static void a_snapshot_says_everything(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *twin = NULL;

    some_history(r);
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_OK);
    assert_same(r, twin);
    assert_int_equal(id_of(twin, "KITTY"), 1);
    assert_string_equal(cn_registry_get(twin, 2)->reason, "moved away");
    assert_int_equal(cn_registry_get(twin, 1)->n_proposers, 2);
}

/* The form of format 1, for ever: magic, format, from, n; then kind, id, other, time, actor, text.
 */
static void the_bytes_are_these(void **state)
{
    static const uint8_t golden[] = {
        'C', 'N', 'R', 'L', 1, 0, 0, 0, 0, 2,    0, 0, 0,                               /* header */
        2,   1,   0,   0,   0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, 3, 'a', 'd', 'a', /* added */
        3,   'c', 'a', 't',                                                             /* */
        11,  0,   0,   0,   0, 1, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, 3, 'a', 'd', 'a',
        0, /* replaced */
    };
    struct cn_registry *r = *state;

    add(r, "cat");
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    assert_int_equal(b.n, sizeof golden);
    assert_memory_equal(b.at, golden, sizeof golden);
}

static void a_delta_brings_an_older_registry_up(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *old = cn_registry_new();

    add(r, "cat");
    CN_CLEANUP(cn_buf_fini) struct cn_buf first = encode(r, 0);
    assert_int_equal(cn_registry_apply(old, bytes_of(&first), NULL), CN_OK);
    add(r, "dog");
    CN_CLEANUP(cn_buf_fini) struct cn_buf second = encode(r, 2);
    assert_int_equal(cn_registry_apply(old, bytes_of(&second), NULL), CN_OK);
    assert_same(r, old);
    /* again, and late: nothing happens twice */
    assert_int_equal(cn_registry_apply(old, bytes_of(&second), NULL), CN_OK);
    assert_int_equal(cn_registry_apply(old, bytes_of(&first), NULL), CN_OK);
    assert_same(r, old);
}

static void a_delta_with_a_gap_is_refused(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *old = cn_registry_new();

    some_history(r);
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 3);
    assert_int_equal(cn_registry_apply(old, bytes_of(&b), NULL), CN_E_STATE);
    assert_int_equal(cn_registry_version(old), 0);
    assert_int_equal(cn_registry_decode(&old, bytes_of(&b), NULL), CN_E_PARSE);
}

static void another_history_is_refused(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *other = cn_registry_new();

    add(r, "cat");
    add(other, "dog");
    add(other, "cow");
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(other, 0);
    assert_int_equal(cn_registry_apply(r, bytes_of(&b), NULL), CN_E_STATE);
    assert_int_equal(cn_registry_version(r), 2);
    assert_int_equal(id_of(r, "dog"), CN_LABEL_NONE);
}

static void a_log_cut_off_anywhere_is_refused_and_changes_nothing(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *old = cn_registry_new();
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *before = cn_registry_new();

    add(old, "cat");
    add(before, "cat");
    add(r, "cat");
    add(r, "dog");
    assert_int_equal(cn_registry_rename(r, ada, 1, "puma", NULL), CN_OK);
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    for (size_t n = 0; n < b.n; n++) {
        CN_CLEANUP(cn_freep) uint8_t *part = cn_alloc(n); /* exact size: ASan sees a read beyond */
        memcpy(part, b.at, n);
        assert_int_not_equal(cn_registry_apply(old, (struct cn_bytes){part, n}, NULL), CN_OK);
        assert_same(old, before);
    }
    assert_int_equal(cn_registry_apply(old, bytes_of(&b), NULL), CN_OK);
    assert_same(old, r);
}

static void a_log_with_any_byte_changed_is_refused_or_still_canonical(void **state)
{
    struct cn_registry *r = *state;

    some_history(r);
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    for (size_t i = 0; i < b.n; i++) {
        CN_CLEANUP(cn_registry_destroy) struct cn_registry *twin = NULL;
        b.at[i] ^= 0x41;
        if (cn_registry_decode(&twin, bytes_of(&b), NULL) == CN_OK) {
            CN_CLEANUP(cn_buf_fini) struct cn_buf again = encode(twin, 0);
            assert_int_equal(again.n, b.n);
            assert_memory_equal(again.at, b.at, b.n);
        }
        b.at[i] ^= 0x41;
    }
}

static void trailing_bytes_and_newer_formats_are_refused(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *twin = NULL;

    add(r, "cat");
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    b.at[4] = 2;
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_E_VERSION);
    b.at[4] = 1;
    cn_buf_append(&b, "", 1);
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_E_PARSE);
    cn_put32(b.at + 9, 0xffffffff);
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_E_LIMIT);
    assert_null(twin);
}

static void an_event_that_breaks_a_rule_is_named(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *twin = NULL;
    struct cn_error err;

    add(r, "cat");
    add(r, "dot");
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    memcpy(b.at + b.n - 3, "cat", 3); /* the second label takes the first one's name */
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), &err), CN_E_PARSE);
    assert_string_equal(err.text,
                        "label event 3: \"cat\" already means label #1 (cat), which is accepted");
    memcpy(b.at + b.n - 3, "Do ", 3); /* not in normal form */
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), &err), CN_E_PARSE);
}

/* One event has one form: what a kind does not use is empty. */
static void bytes_that_an_event_does_not_use_must_be_empty(void **state)
{
    struct cn_registry *r = *state;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *twin = NULL;

    add(r, "cat");
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encode(r, 0);
    b.at[13 + 5] = 1; /* the second id of ADDED */
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_E_PARSE);
    b.at[13 + 5] = 0;
    b.at[13 + 18] = '\n'; /* the actor's first letter */
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_E_PARSE);
    b.at[13 + 18] = 'a';
    assert_int_equal(cn_registry_decode(&twin, bytes_of(&b), NULL), CN_OK);
}

static void the_registry_is_full_at_its_limit(void **state)
{
    struct cn_registry *r = *state;
    char name[16];
    uint32_t id;

    for (int i = 1; i < CN_MAX_LABELS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(add(r, name), i);
    }
    assert_int_equal(cn_registry_add(r, ada, "one more", &id, NULL), CN_E_LIMIT);
    assert_int_equal(ask(r, "one more", 7, CN_POLICY_AUTO, 0).e, CN_E_LIMIT);
    assert_int_equal(ask(r, "n77", 7, CN_POLICY_AUTO, 0).id, 77);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_registry_holds_the_placeholder_only),
        CASE(the_first_accepted_label_takes_the_placeholders_place),
        CASE(noise_can_become_a_real_label),
        CASE(the_placeholder_cannot_be_changed_by_hand),
        CASE(equal_names_after_normalization_are_one_label),
        CASE(a_taken_name_is_an_error_that_names_its_label),
        CASE(a_renamed_label_keeps_its_id_and_answers_to_the_old_name),
        CASE(a_change_of_case_is_no_further_name),
        CASE(a_label_can_take_one_of_its_aliases_as_its_name),
        CASE(an_alias_belongs_to_one_label),
        CASE(a_label_cannot_lose_its_name),
        CASE(aliases_are_capped),
        CASE(policy_auto_accepts_at_once),
        CASE(policy_quorum_needs_distinct_devices),
        CASE(policy_manual_waits_for_a_person),
        CASE(asking_again_changes_nothing),
        CASE(a_rejected_name_stays_rejected_until_a_person_approves_it),
        CASE(a_proposal_by_an_alias_gets_the_label),
        CASE(one_device_cannot_fill_the_registry),
        CASE(a_name_that_cannot_be_is_refused),
        CASE(a_merge_moves_all_names_and_is_followed),
        CASE(merging_into_a_merged_label_goes_where_that_went),
        CASE(a_merged_label_goes_when_its_target_is_retired_and_comes_back_with_it),
        CASE(the_last_accepted_label_cannot_be_retired),
        CASE(changes_that_do_not_fit_the_state_are_refused),
        CASE(texts_of_admins_are_checked),
        CASE(moves_say_where_each_row_goes),
        CASE(a_snapshot_says_everything),
        CASE(the_bytes_are_these),
        CASE(a_delta_brings_an_older_registry_up),
        CASE(a_delta_with_a_gap_is_refused),
        CASE(another_history_is_refused),
        CASE(a_log_cut_off_anywhere_is_refused_and_changes_nothing),
        CASE(a_log_with_any_byte_changed_is_refused_or_still_canonical),
        CASE(trailing_bytes_and_newer_formats_are_refused),
        CASE(an_event_that_breaks_a_rule_is_named),
        CASE(bytes_that_an_event_does_not_use_must_be_empty),
        CASE(the_registry_is_full_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
