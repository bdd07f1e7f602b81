/* Names and ids as a device sees them: the registry below, its own overlay on top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/edge/labels.h"

static const struct cn_registry_by admin = {"admin", 1};

/* Labels 1 "cat", 2 "dog"; dog is also called "hound". */
static int set_up(void **state)
{
    struct edge_labels *l = edge_labels_new();
    struct cn_registry *r = cn_registry_new();
    uint32_t id;

    assert_int_equal(cn_registry_add(r, admin, "cat", &id, NULL), CN_OK);
    assert_int_equal(cn_registry_add(r, admin, "dog", &id, NULL), CN_OK);
    assert_int_equal(cn_registry_alias(r, admin, id, "hound", NULL), CN_OK);
    edge_labels_set_registry(l, &r);
    *state = l;
    return 0;
}

static int tear_down(void **state)
{
    edge_labels_destroy((struct edge_labels **)state);
    return 0;
}

static uint32_t find(const struct edge_labels *l, const char *word)
{
    uint32_t id = 0;

    assert_int_equal(edge_labels_find(l, word, &id, NULL, NULL), CN_OK);
    return id;
}

/* Makes the word a label of the device's own. */
static struct edge_own_label make_own(struct edge_labels *l, const char *word)
{
    struct edge_own_label own;
    uint32_t id;

    assert_int_equal(edge_labels_find(l, word, &id, &own, NULL), CN_OK);
    assert_int_equal(id, CN_LABEL_NONE);
    edge_labels_put_own(l, &own);
    return own;
}

/* A changed copy of the registry takes its place. */
static struct cn_registry *copy_registry(const struct edge_labels *l)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    struct cn_registry *r;

    cn_registry_encode(edge_labels_registry(l), 0, &b);
    assert_int_equal(cn_registry_decode(&r, (struct cn_bytes){b.at, b.n}, NULL), CN_OK);
    return r;
}

static void words_are_matched_through_case_white_space_and_aliases(void **state)
{
    const struct edge_labels *l = *state;

    assert_int_equal(find(l, "  CAT "), 1);
    assert_int_equal(find(l, "Hound"), 2);
    assert_int_equal(find(l, "cow"), CN_LABEL_NONE);
    assert_string_equal(edge_labels_name(l, 2), "dog");
}

static void a_new_name_gets_a_local_id_once(void **state)
{
    struct edge_labels *l = *state;
    struct edge_own_label cow = make_own(l, "Cow"), owl = make_own(l, "owl");

    assert_int_equal(cow.local, CN_LABEL_LOCAL);
    assert_int_equal(owl.local, CN_LABEL_LOCAL + 1);
    assert_int_equal(find(l, "COW"), cow.local);
    assert_string_equal(edge_labels_name(l, cow.local), "Cow");
    assert_non_null(edge_labels_waiting(l, cow.local));
    assert_null(edge_labels_waiting(l, 1));
}

static void an_accepted_own_label_stands_for_its_canonical_id(void **state)
{
    struct edge_labels *l = *state;
    struct edge_own_label cow = make_own(l, "cow");

    cow.state = EDGE_OWN_ACCEPTED;
    cow.canonical = 3; /* the registry that says so has not come yet */
    edge_labels_put_own(l, &cow);
    assert_int_equal(edge_labels_resolve(l, cow.local), 3);
    assert_int_equal(find(l, "cow"), 3);
    assert_string_equal(edge_labels_name(l, 3), "cow");
    assert_null(edge_labels_waiting(l, cow.local));
}

static void merged_labels_are_followed_and_retired_ones_refused(void **state)
{
    struct edge_labels *l = *state;
    struct cn_registry *r = copy_registry(l);
    struct cn_error err;
    uint32_t id, cow;

    assert_int_equal(cn_registry_add(r, admin, "cow", &cow, NULL), CN_OK);
    assert_int_equal(cn_registry_merge(r, admin, 2, 1, NULL), CN_OK);
    assert_int_equal(cn_registry_retire(r, admin, cow, "none left", NULL), CN_OK);
    edge_labels_set_registry(l, &r);

    assert_int_equal(find(l, "hound"), 1);
    assert_int_equal(edge_labels_resolve(l, 2), 1);
    assert_string_equal(edge_labels_name(l, 2), "cat");
    assert_int_equal(edge_labels_find(l, "cow", &id, NULL, &err), CN_E_STATE);
    assert_non_null(strstr(err.text, "none left"));
    assert_int_equal(edge_labels_resolve(l, cow), CN_LABEL_NONE);
    assert_non_null(edge_labels_waiting(l, cow));
}

static void somebody_elses_proposal_stays_a_name_of_our_own(void **state)
{
    struct edge_labels *l = *state;
    struct cn_registry *r = copy_registry(l);
    const struct cn_proposal p = {"cow", 7, 1, CN_POLICY_MANUAL, 1};
    enum cn_label_state s;
    uint32_t id;

    assert_int_equal(cn_registry_propose(r, &p, &id, &s, NULL), CN_OK);
    edge_labels_set_registry(l, &r);
    assert_int_equal(find(l, "cow"), CN_LABEL_NONE);
}

static void a_rejected_own_label_is_refused_with_its_reason(void **state)
{
    struct edge_labels *l = *state;
    struct edge_own_label own = make_own(l, "rude");
    struct cn_error err;
    uint32_t id;

    own.state = EDGE_OWN_REJECTED;
    memcpy(own.reason, "not here", 9);
    edge_labels_put_own(l, &own);
    assert_int_equal(edge_labels_find(l, "Rude", &id, NULL, &err), CN_E_STATE);
    assert_non_null(strstr(err.text, "not here"));
}

static void impossible_names_are_named_errors(void **state)
{
    const struct edge_labels *l = *state;
    char long_name[CN_MAX_LABEL_NAME_BYTES + 2];
    uint32_t id = 77;

    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(edge_labels_find(l, "", &id, NULL, NULL), CN_E_PARSE);
    assert_int_equal(edge_labels_find(l, "\xff", &id, NULL, NULL), CN_E_PARSE);
    assert_int_equal(edge_labels_find(l, long_name, &id, NULL, NULL), CN_E_LIMIT);
    assert_int_equal(id, 77);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(words_are_matched_through_case_white_space_and_aliases),
        CASE(a_new_name_gets_a_local_id_once),
        CASE(an_accepted_own_label_stands_for_its_canonical_id),
        CASE(merged_labels_are_followed_and_retired_ones_refused),
        CASE(somebody_elses_proposal_stays_a_name_of_our_own),
        CASE(a_rejected_own_label_is_refused_with_its_reason),
        CASE(impossible_names_are_named_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
