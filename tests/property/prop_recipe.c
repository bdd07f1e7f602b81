/* Promise 4 on real updates: any order of the same updates gives the same sums and the same next
   release, byte for byte; with labels that only some of them know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/unit/recipe/toy.h"

enum { UPDATES = 6, ORDERS = 30 };
static const uint32_t known[] = {1, 2, 3, 4, 5, 6};

static struct cn_buf make_update(const struct cn_recipe *r, struct cn_blob *model, uint32_t i)
{
    static const uint32_t labels[UPDATES][3] = {{1, 2, 3}, {3, 4, 5}, {5, 6, 1},
                                                {6, 4, 2}, {2, 1, 6}, {5, 3, 4}};
    CN_CLEANUP(toy_fini) struct toy t = toy_make(r, labels[i], 3, 2 + i, 50 + i);

    return toy_update(model, &t, 90 + i);
}

static void sums_in_order(struct cn_blob *model, const struct cn_buf *updates,
                          const uint32_t *order, struct cn_buf *sums, struct cn_buf *release)
{
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *m = NULL;
    struct cn_consolidation c = {0};
    struct cn_error err;

    assert_int_equal(cn_merge_new(&m, model, NULL), CN_OK);
    for (uint32_t i = 0; i < UPDATES; i++) {
        struct cn_bytes u = {updates[order[i]].at, updates[order[i]].n};
        /* Staleness belongs to the update, not to its turn. */
        if (cn_merge_add(m, u, known, CN_COUNT(known), order[i] % 3, &err))
            fail_msg("%s", err.text);
    }
    cn_merge_encode(m, sums);
    if (!release)
        return;
    struct cn_consolidate_in in = {.model = model, .merge = m, .seed = 4};
    if (cn_consolidate(&in, &c, &err))
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < c.n_candidates; i++) {
        struct cn_bytes b = cn_blob_bytes(c.candidate[i].model);
        cn_buf_append(release, b.at, b.n);
    }
    cn_consolidation_fini(&c);
}

static void order_does_not_matter(const struct cn_recipe *r, uint32_t n_orders)
{
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(r, 3, NULL);
    CN_CLEANUP(cn_buf_fini) struct cn_buf sums = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf release = {0};
    struct cn_buf updates[UPDATES];
    uint32_t order[UPDATES];
    struct cn_rng rng;

    cn_rng_init(&rng, 3);
    for (uint32_t i = 0; i < UPDATES; i++) {
        updates[i] = make_update(r, model, i);
        order[i] = i;
    }
    sums_in_order(model, updates, order, &sums, &release);
    for (uint32_t k = 0; k < n_orders; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf again = {0};
        CN_CLEANUP(cn_buf_fini) struct cn_buf next = {0};
        cn_rng_shuffle(&rng, order, UPDATES);
        sums_in_order(model, updates, order, &again, k == 0 ? &next : NULL);
        assert_int_equal(again.n, sums.n);
        assert_memory_equal(again.at, sums.at, sums.n);
        assert_true(k > 0 || (next.n == release.n && memcmp(next.at, release.at, next.n) == 0));
    }
    for (uint32_t i = 0; i < UPDATES; i++)
        cn_buf_fini(&updates[i]);
}

static void updates_of_recipe_features_merge_in_any_order(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);

    (void)state;
    order_does_not_matter(&r, ORDERS);
}

static void updates_of_recipe_article_merge_in_any_order(void **state)
{
    struct cn_recipe r = toy_article(CN_SYNTH_NONE);

    (void)state;
    order_does_not_matter(&r, ORDERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_of_recipe_features_merge_in_any_order),
        cmocka_unit_test(updates_of_recipe_article_merge_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
