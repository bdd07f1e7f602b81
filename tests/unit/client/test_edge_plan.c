/* Which examples go into the next update, and which are held out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/edge/core/plan.h"

static struct edge_plan plan;

/* One letter an example, oldest first: its label; capital: not accepted yet. */
static void choose(const char *queue, uint32_t min_count, uint32_t max_examples, char *ret_chosen)
{
    struct edge_plan_example x[64];
    struct edge_plan_conf conf = {min_count, max_examples};
    uint32_t n = (uint32_t)strlen(queue);

    for (uint32_t i = 0; i < n; i++) {
        bool accepted = queue[i] >= 'a';
        x[i] = (struct edge_plan_example){.id = i,
                                          .queued_ms = 100 + i,
                                          .label = (uint32_t)(queue[i] | 32) - 'a',
                                          .accepted = accepted,
                                          .known = queue[i] != 'z'};
    }
    edge_plan_choose(&conf, x, n, &plan);
    for (uint32_t i = 0; i < n; i++)
        ret_chosen[i] = x[i].chosen ? queue[i] : '.';
    ret_chosen[n] = 0;
}

static void everything_goes_that_fits(void **state)
{
    char chosen[65];

    (void)state;
    choose("abab", 1, 10, chosen);
    assert_string_equal(chosen, "abab");
    assert_int_equal(plan.n_chosen, 4);
    assert_int_equal(plan.n_eligible, 4);
    assert_int_equal(plan.oldest_ms, 100);
    assert_false(plan.has_new_label);
}

static void a_label_with_too_few_images_waits_and_says_how_many_it_needs(void **state)
{
    char chosen[65];

    (void)state;
    choose("abaa", 3, 10, chosen);
    assert_string_equal(chosen, "a.aa");
    assert_int_equal(edge_plan_short_of(&plan, 1), 2);
    assert_int_equal(edge_plan_short_of(&plan, 0), 0);
    assert_int_equal(edge_plan_short_of(&plan, 5), 0);
    choose("bb", 3, 10, chosen);
    assert_int_equal(plan.n_eligible, 0);
    assert_int_equal(plan.oldest_ms, 0);
}

static void a_label_that_is_not_accepted_waits(void **state)
{
    char chosen[65];

    (void)state;
    choose("aBa", 1, 10, chosen);
    assert_string_equal(chosen, "a.a");
    assert_int_equal(edge_plan_short_of(&plan, 1), 0);
}

static void the_label_that_waits_longest_goes_first_and_of_it_the_oldest(void **state)
{
    char chosen[65];

    (void)state;
    choose("abbbab", 1, 4, chosen);
    assert_string_equal(chosen, "abb.a.");
}

static void no_label_is_torn_below_the_minimum(void **state)
{
    char chosen[65];

    (void)state;
    choose("aaabbbb", 3, 5, chosen); /* two of b would be too few */
    assert_string_equal(chosen, "aaa....");
    choose("aaaaa", 3, 4, chosen); /* one is left behind, but nothing would be worse */
    assert_string_equal(chosen, "aaaa.");
    choose("aaaaaa", 3, 4, chosen);
    assert_string_equal(chosen, "aaa...");
}

static void a_label_that_the_release_lacks_is_noticed(void **state)
{
    char chosen[65];

    (void)state;
    choose("az", 1, 10, chosen);
    assert_true(plan.has_new_label);
    choose("aazz", 3, 10, chosen); /* not while it cannot be sent */
    assert_false(plan.has_new_label);
}

static void one_image_in_twenty_is_held_out_once_a_label_has_twenty(void **state)
{
    uint32_t n_held = 0;

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        struct cn_digest d = {{(uint8_t)(i * 37), (uint8_t)(i >> 3), (uint8_t)(i * 101)}};
        n_held += edge_plan_holds_out(&d, 20);
        assert_false(edge_plan_holds_out(&d, 19));
    }
    assert_in_range(n_held, 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_goes_that_fits),
        cmocka_unit_test(a_label_with_too_few_images_waits_and_says_how_many_it_needs),
        cmocka_unit_test(a_label_that_is_not_accepted_waits),
        cmocka_unit_test(the_label_that_waits_longest_goes_first_and_of_it_the_oldest),
        cmocka_unit_test(no_label_is_torn_below_the_minimum),
        cmocka_unit_test(a_label_that_the_release_lacks_is_noticed),
        cmocka_unit_test(one_image_in_twenty_is_held_out_once_a_label_has_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
