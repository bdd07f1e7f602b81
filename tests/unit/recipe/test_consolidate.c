/* From a round's sums to candidates: nothing forgotten, rows by id, moves followed, and every
   switch of the synthesizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/recipe/toy.h"

static struct cn_learner *open_candidate(const struct cn_consolidation *c, const char *name)
{
    struct cn_learner *l = NULL;

    for (uint32_t i = 0; i < c->n_candidates; i++)
        if (strcmp(c->candidate[i].name, name) == 0)
            assert_int_equal(cn_learner_open(&l, c->candidate[i].model, NULL), CN_OK);
    if (!l)
        fail_msg("there is no candidate %s", name);
    return l;
}

static void assert_labels(struct cn_learner *l, const uint32_t *labels, uint32_t n)
{
    uint32_t n_has;
    const uint32_t *has = cn_learner_labels(l, &n_has);

    assert_int_equal(n_has, n);
    assert_memory_equal(has, labels, n * sizeof *labels);
}

/* One more label, taught by a device that has nothing else, onto a release of three. */
static struct cn_consolidation teach_fourth(const struct cn_recipe *r, uint32_t n_images,
                                            const struct cn_label_move *moves, uint32_t n_moves)
{
    static const uint32_t four = 4;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *stats = NULL;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(r, 3, &stats);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(r, &four, 1, n_images, 31);
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(model, &t, 5);

    return toy_round(model, stats, &update, 1, moves, n_moves);
}

static void learning_a_label_costs_none_of_the_old_ones(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {1, 2, 3, 4};
    CN_CLEANUP(toy_fini) struct toy test = toy_make(&r, labels, 4, 25, 77);
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 20, NULL, 0);

    (void)state;
    assert_int_equal(c.n_candidates, 2);
    static const char *const names[] = {"solve", "tuned"};
    for (int i = 0; i < 2; i++) {
        CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_candidate(&c, names[i]);
        assert_labels(l, labels, 4);
        assert_true(toy_accuracy(l, &test) > 0.95);
    }
}

static void label_by_label_equals_everything_at_once(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_MOMENTS);
    static const uint32_t labels[] = {1, 2, 3, 4};
    CN_CLEANUP(toy_fini) struct toy test = toy_make(&r, labels, 4, 25, 77);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = NULL;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *at_once = toy_release(&r, 4, NULL);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *stats = NULL;
    CN_CLEANUP(toy_fini) struct toy all = toy_make(&r, labels, 4, 20, 1);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *a = NULL;
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *b = NULL;
    float p[4], q[4];

    (void)state;
    assert_int_equal(cn_recipe_genesis(&r, &model, NULL), CN_OK);
    for (uint32_t i = 0; i < 4; i++) {
        struct toy one = {.n = 20, .size = all.size, .examples = all.examples + 20 * i};
        CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(model, &one, i);
        CN_CLEANUP(cn_consolidation_fini)
        struct cn_consolidation c = toy_round(model, stats, &update, 1, NULL, 0);
        cn_blob_unref(&model);
        cn_blob_unref(&stats);
        model = cn_blob_ref(c.candidate[0].model);
        stats = cn_blob_ref(c.stats);
    }
    assert_int_equal(cn_learner_open(&a, model, NULL), CN_OK);
    assert_int_equal(cn_learner_open(&b, at_once, NULL), CN_OK);
    for (uint32_t i = 0; i < test.n; i++) {
        cn_learner_predict(a, test.examples[i].phi, 1, false, p);
        cn_learner_predict(b, test.examples[i].phi, 1, false, q);
        for (int k = 0; k < 4; k++)
            assert_true(p[k] - q[k] < 0.02f && q[k] - p[k] < 0.02f);
    }
}

static void the_placeholder_goes_with_the_first_real_label(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {1, 2};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(&r, 2, NULL);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;

    (void)state;
    assert_int_equal(cn_learner_open(&l, model, NULL), CN_OK);
    assert_labels(l, labels, 2);
}

static void merged_labels_become_one_row(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const struct cn_label_move move = {.from = 4, .to = 2};
    static const uint32_t labels[] = {1, 2, 3}, four = 4;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 25, 77);
    CN_CLEANUP(toy_fini) struct toy former = toy_make(&r, &four, 1, 25, 78);
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 20, &move, 1);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_candidate(&c, "solve");
    uint32_t right = 0;

    (void)state;
    assert_labels(l, labels, 3);
    assert_true(toy_accuracy(l, &t) > 0.9);
    for (uint32_t i = 0; i < former.n; i++)
        right += toy_predict(l, former.examples[i].phi, false) == 2;
    assert_true(right > former.n * 9 / 10);
}

static void retired_labels_leave_the_model(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const struct cn_label_move moves[] = {{1, CN_LABEL_NONE}, {3, 2}, {2, 3}};
    static const uint32_t four = 4;
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 20, moves, 1);
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation d = teach_fourth(&r, 20, moves, 3);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_candidate(&c, "solve");
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *m = open_candidate(&d, "solve");
    static const uint32_t left[] = {2, 3, 4};

    (void)state;
    assert_labels(l, left, 3);
    assert_labels(m, &four, 1); /* moves in a circle lead nowhere, and end */
}

static void a_label_without_statistics_still_has_its_row(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {1, 2, 3, 4};
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 2, NULL, 0);
    CN_CLEANUP(toy_fini) struct toy old = toy_make(&r, labels, 3, 25, 77);
    CN_CLEANUP(toy_fini) struct toy taught = toy_make(&r, labels + 3, 1, 2, 31);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_candidate(&c, "solve");

    (void)state;
    assert_labels(l, labels, 4);
    assert_true(toy_accuracy(l, &old) > 0.95);
    assert_true(toy_accuracy(l, &taught) == 1);
    for (uint32_t i = 0; i < c.n_synthesized_labels; i++)
        assert_int_not_equal(c.n_synthesized[i].label, 4);
}

static void a_fleets_first_image_alone_makes_a_release(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t one = 1;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = NULL;
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;

    (void)state;
    r.min_count = 1;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &one, 1, 1, 31);
    assert_int_equal(cn_recipe_genesis(&r, &model, NULL), CN_OK);
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(model, &t, 5);
    CN_CLEANUP(cn_consolidation_fini)
    struct cn_consolidation c = toy_round(model, NULL, &update, 1, NULL, 0);
    l = open_candidate(&c, "merged");
    assert_labels(l, &one, 1);
}

static void every_switch_of_the_synthesizer_is_honoured(void **state)
{
    static const enum cn_synth_kind kinds[] = {CN_SYNTH_NONE, CN_SYNTH_MOMENTS, CN_SYNTH_CGAN};
    static const char *const names[] = {"none", "moments", "cgan"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct cn_recipe r = toy_features(kinds[i]);
        CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 20, NULL, 0);
        assert_string_equal(c.synth, names[i]);
        assert_int_equal(c.n_candidates, i == 0 ? 1 : 2);
        assert_int_equal(c.n_steps, i == 0 ? 0 : r.consolidate_steps);
        assert_int_equal(c.n_synthesized_labels, i == 0 ? 0 : 4);
        assert_int_equal(c.n_before, i == 0 ? 0 : 3);
        for (uint32_t k = 0; k < c.n_candidates; k++) {
            assert_int_equal(c.candidate[k].n_synthetic, i == 0 ? 0 : 4);
            for (uint32_t j = 0; j < c.candidate[k].n_synthetic; j++)
                assert_int_equal(
                    c.candidate[k].synthetic[j].right + c.candidate[k].synthetic[j].wrong, 50);
        }
    }
}

static void the_article_merges_and_fine_tunes(void **state)
{
    struct cn_recipe r = toy_article(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {1, 2, 3, 4};
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = teach_fourth(&r, 20, NULL, 0);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 4, 10, 77);

    (void)state;
    assert_null(c.stats);
    assert_string_equal(c.synth, "cgan");
    assert_string_equal(c.candidate[0].name, "merged");
    assert_string_equal(c.candidate[1].name, "tuned");
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_candidate(&c, "merged");
    assert_labels(l, labels, 4);
    assert_true(toy_accuracy(l, &t) > 0.5);
}

static void scores_count_right_and_wrong_per_label(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_NONE);
    static const uint32_t labels[] = {3, 1, 7};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(&r, 3, NULL);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 4, 77);
    CN_CLEANUP(cn_freep) struct cn_label_tally *tally = NULL;
    uint32_t n;

    (void)state;
    t.examples[0].label = 2; /* looks like a 3 */
    assert_int_equal(cn_score(model, t.examples, t.n, &tally, &n, NULL), CN_OK);
    static const struct cn_label_tally want[] = {{.label = 1, .right = 4},
                                                 {.label = 2, .wrong = 1},
                                                 {.label = 3, .right = 3},
                                                 {.label = 7, .wrong = 4}};
    assert_int_equal(n, 4);
    assert_memory_equal(tally, want, sizeof want);
}

static void statistics_of_another_size_are_an_error(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_NONE), other = r;
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *m = NULL;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *stats = NULL;
    struct cn_consolidation c = {0};
    struct cn_error err;

    (void)state;
    other.n_filters = 3;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *foreign = toy_release(&other, 2, &stats);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(&r, 2, NULL);
    assert_int_equal(cn_merge_new(&m, model, NULL), CN_OK);
    struct cn_consolidate_in in = {.model = model, .stats = stats, .merge = m};
    assert_int_equal(cn_consolidate(&in, &c, &err), CN_E_SHAPE);
    assert_int_equal(c.n_candidates, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_a_label_costs_none_of_the_old_ones),
        cmocka_unit_test(label_by_label_equals_everything_at_once),
        cmocka_unit_test(the_placeholder_goes_with_the_first_real_label),
        cmocka_unit_test(merged_labels_become_one_row),
        cmocka_unit_test(retired_labels_leave_the_model),
        cmocka_unit_test(a_label_without_statistics_still_has_its_row),
        cmocka_unit_test(a_fleets_first_image_alone_makes_a_release),
        cmocka_unit_test(every_switch_of_the_synthesizer_is_honoured),
        cmocka_unit_test(the_article_merges_and_fine_tunes),
        cmocka_unit_test(scores_count_right_and_wrong_per_label),
        cmocka_unit_test(statistics_of_another_size_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
