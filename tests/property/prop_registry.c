/* Random operations on the label registry: whatever happens, the log alone says the whole state,
   ids stay what they are, and no name belongs to two labels. Seeds 1..N_SEEDS, so a failure comes
   again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/base/rng.h"
#include "common/model/registry.h"

enum { N_SEEDS = 400, N_OPERATIONS = 120, N_NAMES = 24 };

/* ---- operations ---- */

/* Few names in several forms, so that they collide in every way. */
static const char *some_name(struct cn_rng *rng, char name[32])
{
    static const char *const forms[] = {"name ", "NAME ", " Name  ", "\uff4eame "};

    snprintf(name, 32, "%s%u", forms[cn_rng_below(rng, CN_COUNT(forms))],
             cn_rng_below(rng, N_NAMES));
    return name;
}

static void propose(struct cn_registry *r, struct cn_rng *rng, const char *name, uint64_t now_ms)
{
    struct cn_proposal p = {name, cn_rng_below(rng, 5), now_ms,
                            (enum cn_policy)cn_rng_below(rng, 3), 1 + cn_rng_below(rng, 3)};
    enum cn_label_state state;
    uint32_t id;

    assert_int_equal(cn_registry_propose(r, &p, &id, &state, NULL), CN_OK);
    assert_ptr_equal(cn_registry_find(r, name), cn_registry_get(r, id));
    assert_int_equal(cn_registry_get(r, id)->state, state);
}

static enum cn_err some_change(struct cn_registry *r, struct cn_rng *rng, uint64_t now_ms)
{
    struct cn_registry_by by = {"ada", now_ms};
    uint32_t id = cn_rng_below(rng, cn_registry_n_labels(r) + 1);
    uint32_t other = cn_rng_below(rng, cn_registry_n_labels(r) + 1);
    char name[32];

    some_name(rng, name);
    switch (cn_rng_below(rng, 10)) {
    case 0: return cn_registry_add(r, by, name, &id, NULL);
    case 1: return cn_registry_approve(r, by, id, NULL);
    case 2: return cn_registry_reject(r, by, id, "no", NULL);
    case 3: return cn_registry_rename(r, by, id, name, NULL);
    case 4: return cn_registry_alias(r, by, id, name, NULL);
    case 5: return cn_registry_unalias(r, by, id, name, NULL);
    case 6: return cn_registry_merge(r, by, id, other, NULL);
    case 7: return cn_registry_retire(r, by, id, "gone", NULL);
    case 8: return cn_registry_restore(r, by, id, NULL);
    default: propose(r, rng, name, now_ms); return CN_OK;
    }
}

/* ---- properties ---- */

static struct cn_buf encode(const struct cn_registry *r, uint32_t since)
{
    struct cn_buf b = {0};

    cn_registry_encode(r, since, &b);
    return b;
}

static void assert_same_label(const struct cn_label *a, const struct cn_label *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->merged_into, b->merged_into);
    assert_int_equal(a->n_proposers, b->n_proposers);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->changed_ms, b->changed_ms);
    assert_int_equal(a->n_aliases, b->n_aliases);
    for (uint32_t i = 0; i < a->n_aliases; i++)
        assert_string_equal(a->aliases[i], b->aliases[i]);
}

static void assert_same(const struct cn_registry *a, const struct cn_registry *b)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf x = encode(a, 0);
    CN_CLEANUP(cn_buf_fini) struct cn_buf y = encode(b, 0);

    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.at, y.at, x.n);
    assert_int_equal(cn_registry_n_labels(a), cn_registry_n_labels(b));
    assert_int_equal(cn_registry_n_accepted(a), cn_registry_n_accepted(b));
    for (uint32_t id = 0; id < cn_registry_n_labels(a); id++) {
        assert_same_label(cn_registry_get(a, id), cn_registry_get(b, id));
        assert_int_equal(cn_registry_resolve(a, id), cn_registry_resolve(b, id));
    }
}

/* Each name and alias finds its label: then no two labels share one. */
static void assert_names_are_unique(const struct cn_registry *r)
{
    for (uint32_t id = 1; id < cn_registry_n_labels(r); id++) {
        const struct cn_label *label = cn_registry_get(r, id);
        if (label->state == CN_LABEL_MERGED) {
            assert_int_equal(label->n_aliases, 0);
            continue;
        }
        assert_ptr_equal(cn_registry_find(r, label->name), label);
        for (uint32_t i = 0; i < label->n_aliases; i++)
            assert_ptr_equal(cn_registry_find(r, label->aliases[i]), label);
    }
}

/* Ids count up in the order of the events that made them, and none is made twice. */
static void assert_ids_are_never_reused(const struct cn_registry *r)
{
    uint32_t n_labels = 1;

    for (uint32_t v = 1; v <= cn_registry_version(r); v++) {
        struct cn_label_event ev;
        cn_registry_event(r, v, &ev);
        bool is_new =
            ev.kind == CN_LABEL_EV_ADDED || (ev.kind == CN_LABEL_EV_PROPOSED && ev.id == n_labels);
        if (is_new)
            assert_int_equal(ev.id, n_labels++);
        assert_true(ev.id < n_labels);
    }
    assert_int_equal(n_labels, cn_registry_n_labels(r));
}

/* A device that has fetched at random moments, sometimes twice, sometimes late. */
static void follow(struct cn_registry *device, const struct cn_registry *r, struct cn_rng *rng)
{
    uint32_t since = cn_rng_below(rng, cn_registry_version(device) + 1);
    CN_CLEANUP(cn_buf_fini) struct cn_buf delta = encode(r, since);

    for (int i = 0; i < 2; i++)
        assert_int_equal(cn_registry_apply(device, (struct cn_bytes){delta.at, delta.n}, NULL),
                         CN_OK);
}

static void run(uint64_t seed)
{
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *r = cn_registry_new();
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *device = cn_registry_new();
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *replayed = NULL;
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; i < N_OPERATIONS; i++) {
        uint32_t before = cn_registry_version(r);
        enum cn_err e = some_change(r, &rng, 1000 + i);
        if (e) /* refused: nothing was appended */
            assert_int_equal(cn_registry_version(r), before);
        if (cn_rng_below(&rng, 10) == 0)
            follow(device, r, &rng);
    }
    assert_names_are_unique(r);
    assert_ids_are_never_reused(r);
    follow(device, r, &rng);
    assert_same(r, device);
    CN_CLEANUP(cn_buf_fini) struct cn_buf snapshot = encode(r, 0);
    assert_int_equal(
        cn_registry_decode(&replayed, (struct cn_bytes){snapshot.at, snapshot.n}, NULL), CN_OK);
    assert_same(r, replayed);
}

static void the_log_says_the_whole_state_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        run(seed);
    }
}

/* A change refused by the rules in the middle of a delta leaves the device where it was. */
static void a_delta_with_a_forbidden_event_changes_nothing(void **state)
{
    struct cn_registry_by by = {"ada", 1};
    uint32_t id, n_refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        CN_CLEANUP(cn_registry_destroy) struct cn_registry *r = cn_registry_new();
        CN_CLEANUP(cn_registry_destroy) struct cn_registry *device = cn_registry_new();
        CN_CLEANUP(cn_registry_destroy) struct cn_registry *same = cn_registry_new();
        struct cn_rng rng;

        cn_rng_init(&rng, seed);
        assert_int_equal(cn_registry_add(r, by, "name 1", &id, NULL), CN_OK);
        CN_CLEANUP(cn_buf_fini) struct cn_buf first = encode(r, 0);
        struct cn_bytes known = {first.at, first.n};
        assert_int_equal(cn_registry_apply(device, known, NULL), CN_OK);
        assert_int_equal(cn_registry_apply(same, known, NULL), CN_OK);
        for (uint32_t i = 0; i < N_OPERATIONS; i++)
            (void)!some_change(r, &rng, 1000 + i);
        CN_CLEANUP(cn_buf_fini) struct cn_buf delta = encode(r, cn_registry_version(device));
        delta.at[13 + cn_rng_below(&rng, (uint32_t)delta.n - 13)] ^= 1 << cn_rng_below(&rng, 8);
        if (cn_registry_apply(device, (struct cn_bytes){delta.at, delta.n}, NULL) != CN_OK) {
            assert_same(device, same);
            n_refused++;
        }
    }
    assert_true(n_refused > N_SEEDS / 4); /* the rest hit times and texts, which may be anything */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_says_the_whole_state_whatever_happens),
        cmocka_unit_test(a_delta_with_a_forbidden_event_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
