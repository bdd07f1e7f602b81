/* What a device's live model promises: at once, without breaking the rest, the newest word wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/unit/recipe/toy.h"

static struct cn_learner *open_learner(struct cn_blob *model)
{
    struct cn_learner *l = NULL;
    struct cn_error err;

    if (cn_learner_open(&l, model, &err))
        fail_msg("%s", err.text);
    return l;
}

static struct cn_train_report train(struct cn_learner *l, const struct cn_example *fresh,
                                    uint32_t n, const struct cn_example *others, uint32_t n_others)
{
    struct cn_train_report r;
    struct cn_error err;

    if (cn_learner_train(l, fresh, n, others, n_others, 1, &r, &err))
        fail_msg("%s", err.text);
    return r;
}

static void add_label(struct cn_learner *l, uint32_t id)
{
    struct cn_error err;

    if (cn_learner_add_label(l, id, &err))
        fail_msg("%s", err.text);
}

/* Every test below holds for each of these; all start from one release of labels 1, 2, 3. */
struct fixture {
    struct cn_recipe recipe;
    struct cn_blob *model; /* made by the first who asks */
};

static struct cn_recipe recipe_of(void **state)
{
    return ((struct fixture *)*state)->recipe;
}

static struct cn_blob *release_of(void **state)
{
    struct fixture *f = *state;

    if (!f->model)
        f->model = toy_release(&f->recipe, 3, NULL);
    return cn_blob_ref(f->model);
}

static void genesis_predicts_the_placeholder(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t one = 1;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &one, 1, 1, 5);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *genesis = NULL;
    uint32_t n;
    float p;

    assert_int_equal(cn_recipe_genesis(&r, &genesis, NULL), CN_OK);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(genesis);
    assert_int_equal(cn_learner_labels(l, &n)[0], CN_LABEL_NOISE);
    assert_int_equal(n, 1);
    cn_learner_predict(l, t.phi, 1, false, &p);
    assert_true(p == 1);
}

static void the_first_real_label_takes_the_place_of_noise(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t one = 1;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &one, 1, 1, 5);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *genesis = NULL;
    uint32_t n;

    assert_int_equal(cn_recipe_genesis(&r, &genesis, NULL), CN_OK);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(genesis);
    add_label(l, 1);
    assert_int_equal(cn_learner_labels(l, &n)[0], 1);
    assert_int_equal(n, 1);
    assert_int_equal(train(l, t.examples, 1, NULL, 0).n_wrong, 0);
    assert_int_equal(toy_predict(l, t.phi, false), 1);
}

static void a_correction_holds_at_once(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 2, 9);

    /* What the model takes for label 1, a person calls 2. */
    t.examples[0].label = toy_predict(l, t.examples[0].phi, false) == 2 ? 3 : 2;
    struct cn_train_report report = train(l, t.examples, 1, NULL, 0);
    assert_int_equal(report.n_wrong, 0);
    assert_int_equal(toy_predict(l, t.examples[0].phi, false), t.examples[0].label);
}

static void a_correction_leaves_other_images_alone(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy others = toy_make(&r, labels, 3, 40, 9);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 10);

    double before = toy_accuracy(l, &others);
    assert_true(before > 0.95);
    /* An honest correction; nobody contradicts what the model learnt. */
    train(l, t.examples, t.n, NULL, 0);
    assert_true(toy_accuracy(l, &others) >= before - 0.02);
}

static void a_new_label_widens_the_head_and_keeps_the_old_rows(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3, 4};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 4, 1, 11);
    CN_CLEANUP(toy_fini) struct toy old = toy_make(&r, labels, 3, 20, 12);
    float before[3], after[4];
    uint32_t n;

    cn_learner_predict(l, t.phi, 1, false, before);
    add_label(l, 4);
    (void)cn_learner_labels(l, &n);
    assert_int_equal(n, 4);
    cn_learner_predict(l, t.phi, 1, false, after);
    /* Nobody taught the new row yet: it is not predicted, and the others did not notice. */
    assert_memory_equal(before, after, sizeof before);
    assert_true(after[3] == 0);
    assert_int_equal(train(l, &t.examples[3], 1, t.examples, 3).n_wrong, 0);
    assert_int_equal(toy_predict(l, t.examples[3].phi, false), 4);
    assert_true(toy_accuracy(l, &old) > 0.9);
}

static void the_newest_of_contradictory_answers_wins(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 13);
    struct cn_example twice[2] = {t.examples[0], t.examples[0]};

    twice[0].label = 3;
    twice[1].label = 2;
    assert_int_equal(train(l, twice, 2, NULL, 0).n_wrong, 0);
    assert_int_equal(toy_predict(l, t.phi, false), 2);
    /* And against an earlier example, given again as one of the others. */
    struct cn_example now = twice[0];
    assert_int_equal(train(l, &now, 1, &twice[1], 1).n_wrong, 0);
    assert_int_equal(toy_predict(l, t.phi, false), 3);
}

static void the_release_stays_what_it_was(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 13);
    float before[3], after[4];

    cn_learner_predict(l, t.phi, 1, true, before);
    add_label(l, 9);
    t.examples[0].label = 9;
    train(l, t.examples, 1, NULL, 0);
    assert_int_equal(toy_predict(l, t.phi, false), 9);
    cn_learner_predict(l, t.phi, 1, true, after);
    assert_memory_equal(before, after, sizeof before);
    assert_true(after[3] == 0);
}

static void a_local_label_gets_its_canonical_id(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 13);
    uint32_t n;

    add_label(l, CN_LABEL_LOCAL + 5);
    t.examples[0].label = CN_LABEL_LOCAL + 5;
    train(l, t.examples, 1, NULL, 0);
    cn_learner_rename_label(l, CN_LABEL_LOCAL + 5, 7);
    assert_int_equal(toy_predict(l, t.phi, false), 7);
    (void)cn_learner_labels(l, &n);
    assert_int_equal(n, 4);
}

static void a_local_label_that_turns_out_known_becomes_one_row(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 13);
    uint32_t n;

    add_label(l, CN_LABEL_LOCAL + 5);
    t.examples[0].label = CN_LABEL_LOCAL + 5;
    train(l, t.examples, 1, NULL, 0);
    cn_learner_rename_label(l, CN_LABEL_LOCAL + 5, 2);
    const uint32_t *ids = cn_learner_labels(l, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(ids, labels, sizeof labels);
}

static void not_a_number_leaves_the_model_as_it_was(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 1, 13);
    struct cn_train_report report;
    struct cn_error err;
    float before[3], after[3];

    cn_learner_predict(l, t.phi + t.size, 1, false, before);
    t.phi[3] = NAN;
    assert_int_equal(cn_learner_train(l, t.examples, 1, NULL, 0, 1, &report, &err), CN_E_NUMERIC);
    cn_learner_predict(l, t.phi + t.size, 1, false, after);
    assert_memory_equal(before, after, sizeof before);
}

/* The bad one is among many, so that some steps go well before it is met. */
static void a_failure_half_way_takes_back_the_steps_before_it(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 20, 13);
    struct cn_train_report report;
    struct cn_error err;
    float before[3], after[3];

    cn_learner_predict(l, t.phi + t.size, 1, false, before);
    t.phi[59 * t.size] = t.phi[31 * t.size] = NAN;
    assert_int_equal(cn_learner_train(l, t.examples, 1, t.examples + 1, 59, 1, &report, &err),
                     CN_E_NUMERIC);
    cn_learner_predict(l, t.phi + t.size, 1, false, after);
    assert_memory_equal(before, after, sizeof before);
}

static void equal_seeds_give_equal_models(void **state)
{
    struct cn_recipe r = recipe_of(state);
    static const uint32_t labels[] = {1, 2, 3};
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = release_of(state);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 2, 14);
    float p[2][3];

    t.examples[0].label = 3;
    for (int i = 0; i < 2; i++) {
        CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = open_learner(model);
        train(l, t.examples, 2, t.examples + 2, 4);
        cn_learner_predict(l, t.phi, 1, false, p[i]);
    }
    assert_memory_equal(p[0], p[1], sizeof p[0]);
}

static void bytes_that_are_no_model_do_not_open(void **state)
{
    static const uint8_t junk[64] = "CNPK";
    CN_CLEANUP(cn_blob_unref) struct cn_blob *blob = cn_blob_copy(junk, sizeof junk);
    struct cn_learner *l = NULL;
    struct cn_error err;

    (void)state;
    assert_int_not_equal(cn_learner_open(&l, blob, &err), CN_OK);
    assert_null(l);
    assert_true(strlen(err.text) > 0);
}

#define ALL(kind)                                                                                  \
    TEST(genesis_predicts_the_placeholder, kind)                                                   \
    TEST(the_first_real_label_takes_the_place_of_noise, kind)                                      \
    TEST(a_correction_holds_at_once, kind)                                                         \
    TEST(a_correction_leaves_other_images_alone, kind)                                             \
    TEST(a_new_label_widens_the_head_and_keeps_the_old_rows, kind)                                 \
    TEST(the_newest_of_contradictory_answers_wins, kind)                                           \
    TEST(the_release_stays_what_it_was, kind)                                                      \
    TEST(a_local_label_gets_its_canonical_id, kind)                                                \
    TEST(a_local_label_that_turns_out_known_becomes_one_row, kind)                                 \
    TEST(not_a_number_leaves_the_model_as_it_was, kind)                                            \
    TEST(a_failure_half_way_takes_back_the_steps_before_it, kind)                                  \
    TEST(equal_seeds_give_equal_models, kind)
#define TEST(name, kind) {#name " (" #kind ")", name, NULL, NULL, &kind},

int main(void)
{
    struct fixture features_cgan = {.recipe = toy_features(CN_SYNTH_CGAN)};
    struct fixture features_moments = {.recipe = toy_features(CN_SYNTH_MOMENTS)};
    struct fixture features_none = {.recipe = toy_features(CN_SYNTH_NONE)};
    struct fixture article_cgan = {.recipe = toy_article(CN_SYNTH_CGAN)};
    struct fixture article_none = {.recipe = toy_article(CN_SYNTH_NONE)};
    struct fixture *all[] = {&features_cgan, &features_moments, &features_none, &article_cgan,
                             &article_none};
    const struct CMUnitTest tests[] = {
        ALL(features_cgan) ALL(features_moments) ALL(features_none) ALL(article_cgan)
            ALL(article_none) cmocka_unit_test(bytes_that_are_no_model_do_not_open)};

    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < CN_COUNT(all); i++)
        cn_blob_unref(&all[i]->model);
    return failed;
}
