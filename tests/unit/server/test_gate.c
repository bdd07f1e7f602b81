/* What the gate lets through, one behaviour per test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/core/gate.h"

/* ---- fixture ---- */

static const struct srv_gate_conf conf = {.min_evidence = 50,
                                          .min_label = 10,
                                          .alpha = 0.01,
                                          .tolerance = 0.01,
                                          .growth_tolerance = 0.3,
                                          .synth_tolerance = 0.1};

static const uint32_t two[] = {1, 2}, three[] = {1, 2, 3}, noise[] = {CN_LABEL_NOISE};

struct tallies {
    struct cn_label_tally at[4];
    uint32_t n;
};

static struct tallies tally(uint32_t r1, uint32_t w1, uint32_t r2, uint32_t w2)
{
    return (struct tallies){
        {{.label = 1, .right = r1, .wrong = w1}, {.label = 2, .right = r2, .wrong = w2}}, 2};
}

static struct tallies with_third(struct tallies t, uint32_t right, uint32_t wrong)
{
    t.at[t.n++] = (struct cn_label_tally){.label = 3, .right = right, .wrong = wrong};
    return t;
}

static struct srv_gate_model model(const char *name, const struct tallies *held,
                                   const struct tallies *synthetic)
{
    return (struct srv_gate_model){.name = name,
                                   .labels = two,
                                   .n_labels = 2,
                                   .held = held ? held->at : NULL,
                                   .n_held = held ? held->n : 0,
                                   .synthetic = synthetic ? synthetic->at : NULL,
                                   .n_synthetic = synthetic ? synthetic->n : 0};
}

static struct srv_gate_model with_three(struct srv_gate_model m)
{
    m.labels = three;
    m.n_labels = 3;
    return m;
}

static struct srv_gate_verdict decide1(struct srv_gate_model before, struct srv_gate_model a)
{
    struct srv_gate_verdict v;

    srv_gate_decide(&conf, &before, &a, 1, &v);
    return v;
}

static struct srv_gate_verdict decide2(struct srv_gate_model before, struct srv_gate_model a,
                                       struct srv_gate_model b)
{
    struct srv_gate_model both[] = {a, b};
    struct srv_gate_verdict v;

    srv_gate_decide(&conf, &before, both, 2, &v);
    return v;
}

/* ---- cases ---- */

static void the_better_candidate_is_taken(void **state)
{
    (void)state;
    struct tallies before = tally(80, 20, 80, 20), a = tally(81, 19, 80, 20),
                   b = tally(95, 5, 93, 7);
    struct srv_gate_verdict v = decide2(model("release", &before, NULL), model("solve", &a, NULL),
                                        model("tuned", &b, NULL));

    assert_int_equal(v.taken, 1);
    assert_true(v.by_held_out);
    assert_true(v.candidate[1].taken && !v.candidate[0].taken && v.candidate[0].passed);
    assert_non_null(strstr(v.candidate[0].why, "left, tuned has 94.0 %"));
    assert_int_equal(v.candidate[1].evidence, 200);
}

static void a_lead_within_noise_does_not_pass_over_the_first(void **state)
{
    (void)state;
    struct tallies before = tally(90, 10, 90, 10), a = tally(91, 9, 90, 10),
                   b = tally(95, 5, 93, 7);
    struct srv_gate_verdict v = decide2(model("release", &before, NULL), model("solve", &a, NULL),
                                        model("tuned", &b, NULL));

    assert_int_equal(v.taken, 0);
    assert_non_null(
        strstr(v.candidate[1].why, "not better than solve (90.5 %) by more than noise"));
}

static void synthesized_data_prefer_nobody(void **state)
{
    (void)state;
    struct tallies before = tally(80, 20, 80, 20), a = tally(81, 19, 80, 20),
                   b = tally(100, 0, 100, 0);
    struct srv_gate_verdict v = decide2(model("release", NULL, &before), model("solve", NULL, &a),
                                        model("tuned", NULL, &b));

    assert_int_equal(v.taken, 0);
    assert_non_null(strstr(v.candidate[1].why, "synthesized data prefer nobody"));
}

static void of_equals_the_first_is_taken(void **state)
{
    (void)state;
    struct tallies t = tally(90, 10, 90, 10);
    struct srv_gate_verdict v =
        decide2(model("release", &t, NULL), model("solve", &t, NULL), model("tuned", &t, NULL));

    assert_int_equal(v.taken, 0);
    assert_non_null(strstr(v.candidate[1].why, "left, solve has 90.0 %"));
}

static void a_candidate_that_is_worse_overall_is_refused(void **state)
{
    (void)state;
    struct tallies before = tally(180, 20, 180, 20), worse = tally(155, 45, 155, 45);
    struct srv_gate_verdict v =
        decide1(model("release", &before, NULL), model("solve", &worse, NULL));

    assert_int_equal(v.taken, -1);
    assert_non_null(strstr(v.candidate[0].why, "refused: 77.5 % over the 2 labels"));
}

static void a_drop_within_the_noise_is_not_held_against_it(void **state)
{
    (void)state;
    struct tallies before = tally(46, 4, 45, 5), a = tally(44, 6, 43, 7);

    assert_int_equal(decide1(model("release", &before, NULL), model("solve", &a, NULL)).taken, 0);
}

static void a_label_that_collapses_refuses_a_candidate_that_is_as_good_overall(void **state)
{
    (void)state;
    struct tallies before = tally(50, 50, 98, 2), a = tally(95, 5, 58, 42);
    struct srv_gate_verdict v = decide1(model("release", &before, NULL), model("solve", &a, NULL));

    assert_int_equal(v.taken, -1);
    assert_non_null(strstr(v.candidate[0].why, "label #2 fell from 98.0 % to 58.0 %"));
}

static void a_label_with_few_answers_cannot_refuse(void **state)
{
    (void)state;
    struct tallies before = tally(450, 50, 9, 0), a = tally(480, 20, 5, 4);

    assert_int_equal(decide1(model("release", &before, NULL), model("solve", &a, NULL)).taken, 0);
}

static void a_refused_candidate_leaves_the_place_to_the_next(void **state)
{
    (void)state;
    struct tallies before = tally(180, 20, 180, 20), bad = tally(200, 0, 100, 100),
                   good = tally(181, 19, 180, 20);
    struct srv_gate_verdict v = decide2(model("release", &before, NULL), model("solve", &bad, NULL),
                                        model("tuned", &good, NULL));

    assert_int_equal(v.taken, 1);
    assert_false(v.candidate[0].passed);
}

static void a_new_label_has_no_before_and_excuses_confusion_with_it(void **state)
{
    (void)state;
    struct tallies before = with_third(tally(190, 10, 190, 10), 0, 200),
                   a = with_third(tally(160, 40, 188, 12), 170, 30);
    struct srv_gate_model old = model("release", &before, NULL),
                          grown = with_three(model("solve", &a, NULL));

    assert_int_equal(decide1(old, grown).taken, 0);
    /* The same drop without a new label to blame. */
    struct tallies same = tally(160, 40, 188, 12);
    assert_int_equal(decide1(old, model("solve", &same, NULL)).taken, -1);
}

static void a_new_label_does_not_excuse_forgetting(void **state)
{
    (void)state;
    struct tallies before = with_third(tally(190, 10, 190, 10), 0, 200),
                   a = with_third(tally(20, 180, 15, 185), 200, 0);

    assert_int_equal(
        decide1(model("release", &before, NULL), with_three(model("solve", &a, NULL))).taken, -1);
}

static void thin_evidence_falls_back_on_synthesized_data(void **state)
{
    (void)state;
    struct tallies few = tally(10, 0, 10, 0), none = tally(0, 10, 0, 10);
    struct tallies before = tally(90, 10, 90, 10), bad = tally(20, 80, 30, 70),
                   good = tally(91, 9, 90, 10);
    struct srv_gate_verdict v = decide2(model("release", &few, &before), model("solve", &few, &bad),
                                        model("tuned", &none, &good));

    assert_false(v.by_held_out);
    assert_int_equal(v.taken, 1);
    assert_non_null(strstr(v.candidate[1].why, "synthesized samples"));
}

static void held_out_answers_about_one_candidate_only_do_not_decide(void **state)
{
    (void)state;
    struct tallies many = tally(90, 10, 90, 10), few = tally(9, 1, 9, 1);

    assert_false(decide2(model("release", &many, &many), model("solve", &many, &many),
                         model("tuned", &few, &many))
                     .by_held_out);
}

static void without_any_evidence_the_first_candidate_is_taken(void **state)
{
    (void)state;
    struct srv_gate_verdict v = decide2(model("release", NULL, NULL), model("merged", NULL, NULL),
                                        model("tuned", NULL, NULL));

    assert_int_equal(v.taken, 0);
    assert_non_null(strstr(v.candidate[0].why, "nothing to judge it by"));
}

static void the_first_real_labels_replace_the_placeholder_freely(void **state)
{
    (void)state;
    struct tallies before = tally(0, 100, 0, 100), a = tally(60, 40, 70, 30);
    struct srv_gate_model genesis = model("release", &before, NULL);

    genesis.labels = noise;
    genesis.n_labels = 1;
    struct srv_gate_verdict v = decide1(genesis, model("solve", &a, NULL));
    assert_int_equal(v.taken, 0);
    assert_non_null(strstr(v.candidate[0].why, "all labels are new"));
}

static void labels_that_the_candidate_dropped_are_not_counted(void **state)
{
    (void)state;
    struct tallies before = tally(90, 10, 90, 10), a = with_third(tally(90, 10, 88, 12), 0, 100);
    struct srv_gate_model old = with_three(model("release", &before, NULL));
    struct srv_gate_verdict v = decide1(old, model("solve", &a, NULL));

    assert_int_equal(v.taken, 0);
    assert_int_equal(v.candidate[0].evidence, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_candidate_is_taken),
        cmocka_unit_test(a_lead_within_noise_does_not_pass_over_the_first),
        cmocka_unit_test(synthesized_data_prefer_nobody),
        cmocka_unit_test(of_equals_the_first_is_taken),
        cmocka_unit_test(a_candidate_that_is_worse_overall_is_refused),
        cmocka_unit_test(a_drop_within_the_noise_is_not_held_against_it),
        cmocka_unit_test(a_label_that_collapses_refuses_a_candidate_that_is_as_good_overall),
        cmocka_unit_test(a_label_with_few_answers_cannot_refuse),
        cmocka_unit_test(a_refused_candidate_leaves_the_place_to_the_next),
        cmocka_unit_test(a_new_label_has_no_before_and_excuses_confusion_with_it),
        cmocka_unit_test(a_new_label_does_not_excuse_forgetting),
        cmocka_unit_test(thin_evidence_falls_back_on_synthesized_data),
        cmocka_unit_test(held_out_answers_about_one_candidate_only_do_not_decide),
        cmocka_unit_test(without_any_evidence_the_first_candidate_is_taken),
        cmocka_unit_test(the_first_real_labels_replace_the_placeholder_freely),
        cmocka_unit_test(labels_that_the_candidate_dropped_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
