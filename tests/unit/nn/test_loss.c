/* Losses: values by hand, gradients by differences, and what is not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/nn/net.h"

enum { N = 4, CLASSES = 5 };

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%.8g is not %.8g", got, want);
}

static void fill(float *x, size_t n, float std)
{
    struct cn_rng rng;

    cn_rng_init(&rng, 3);
    cn_rng_fill_normal(&rng, x, n, std);
}

static void check_softmax(const struct cn_softmax_target *t)
{
    float z[N * CLASSES], d[N * CLASSES], unused[N * CLASSES];
    const float h = 1e-2f;

    fill(z, N * CLASSES, 2);
    assert_true(isfinite(cn_loss_softmax(z, N, CLASSES, t, d)));
    for (int i = 0; i < N * CLASSES; i++) {
        float old = z[i];
        z[i] = old + h;
        double up = cn_loss_softmax(z, N, CLASSES, t, unused);
        z[i] = old - h;
        double down = cn_loss_softmax(z, N, CLASSES, t, unused);
        z[i] = old;
        near((up - down) / (2 * h), d[i], 1e-3);
    }
}

static void every_softmax_target_has_the_gradient_of_its_loss(void **state)
{
    (void)state;
    uint32_t hard[N] = {0, 4, 2, 2};
    float soft[N * CLASSES], adjust[CLASSES] = {-1, .5f, 0, 2, -3}, weight[N] = {1, 0, 2.5f, .5f};

    fill(soft, N * CLASSES, 1);
    cn_softmax(soft, N, CLASSES, 1, soft);
    check_softmax(&(struct cn_softmax_target){.hard = hard});
    check_softmax(&(struct cn_softmax_target){.hard = hard, .adjust = adjust});
    check_softmax(&(struct cn_softmax_target){.soft = soft, .temperature = 2});
    check_softmax(&(struct cn_softmax_target){.hard = hard,
                                              .soft = soft,
                                              .soft_weight = .3f,
                                              .temperature = 2,
                                              .adjust = adjust,
                                              .weight = weight});
}

static void equal_logits_lose_the_log_of_the_classes(void **state)
{
    (void)state;
    float z[2 * CLASSES] = {0}, d[2 * CLASSES], weight[2] = {3, 0};
    uint32_t hard[2] = {1, 3};
    struct cn_softmax_target t = {.hard = hard};

    near(cn_loss_softmax(z, 2, CLASSES, &t, d), log(CLASSES), 1e-6);
    near(d[0], .5 / CLASSES, 1e-6);
    near(d[1], .5 * (1. / CLASSES - 1), 1e-6);
    t.weight = weight;
    near(cn_loss_softmax(z, 2, CLASSES, &t, d), 1.5 * log(CLASSES), 1e-6);
    assert_true(d[CLASSES + 3] == 0);
}

static void temperature_is_undone_by_its_square(void **state)
{
    (void)state;
    float z[2] = {3, 0}, soft[2] = {.25f, .75f}, d[2];
    struct cn_softmax_target t = {.soft = soft, .temperature = 3};
    double lse = log(exp(1) + 1);

    near(cn_loss_softmax(z, 1, 2, &t, d), 9 * (.25 * (lse - 1) + .75 * lse), 1e-6);
    near(d[0], 3 * (exp(1 - lse) - .25), 1e-6);
}

static void a_label_that_the_adjustment_excludes_gets_no_gradient(void **state)
{
    (void)state;
    float z[3] = {1, 50, 2}, adjust[3] = {0, -1e9f, 0}, d[3];
    uint32_t hard[1] = {0};

    cn_loss_softmax(z, 1, 3, &(struct cn_softmax_target){.hard = hard, .adjust = adjust}, d);
    assert_true(d[1] == 0);
    near(d[2], 1 / (1 + exp(-1)), 1e-6);
}

static void extreme_logits_stay_finite(void **state)
{
    (void)state;
    float z[3] = {1e4f, -1e4f, 0}, d[3], p[3], target[3] = {0, 0, 1};
    uint32_t hard[1] = {1};

    near(cn_loss_softmax(z, 1, 3, &(struct cn_softmax_target){.hard = hard}, d), 2e4, 1e-6);
    cn_softmax(z, 1, 3, 1, p);
    assert_true(p[0] == 1 && p[1] == 0);
    near(cn_loss_binary(z, 3, target, d), (1e4 + 0 + log(2)) / 3, 1e-6);
    near(d[0], 1. / 3, 1e-6);
    near(d[2], -.5 / 3, 1e-6);
}

static void a_number_that_is_not_finite_gives_a_loss_that_is_not(void **state)
{
    (void)state;
    uint32_t hard[1] = {0};
    float z[2] = {1, 2}, bad[] = {NAN, INFINITY}, soft[2] = {0, 1}, d[2];

    for (int i = 0; i < 2; i++) {
        float odd[2] = {1, bad[i]}, target[2] = {1, bad[i]};
        assert_false(
            isfinite(cn_loss_softmax(odd, 1, 2, &(struct cn_softmax_target){.hard = hard}, d)));
        assert_false(isfinite(cn_loss_softmax(
            z, 1, 2, &(struct cn_softmax_target){.soft = target, .temperature = 1}, d)));
        assert_false(isfinite(cn_loss_binary(odd, 2, soft, d)));
        assert_false(isfinite(cn_loss_binary(z, 2, target, d)));
    }
}

static void binary_cross_entropy_has_the_gradient_of_its_loss(void **state)
{
    (void)state;
    float z[6], d[6], unused[6], target[6] = {0, 1, .9f, .1f, 1, 0};

    fill(z, 6, 3);
    cn_loss_binary(z, 6, target, d);
    for (int i = 0; i < 6; i++) {
        float old = z[i];
        z[i] = old + 1e-2f;
        double up = cn_loss_binary(z, 6, target, unused);
        z[i] = old - 1e-2f;
        double down = cn_loss_binary(z, 6, target, unused);
        z[i] = old;
        near((up - down) / 2e-2, d[i], 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_softmax_target_has_the_gradient_of_its_loss),
        cmocka_unit_test(equal_logits_lose_the_log_of_the_classes),
        cmocka_unit_test(temperature_is_undone_by_its_square),
        cmocka_unit_test(a_label_that_the_adjustment_excludes_gets_no_gradient),
        cmocka_unit_test(extreme_logits_stay_finite),
        cmocka_unit_test(a_number_that_is_not_finite_gives_a_loss_that_is_not),
        cmocka_unit_test(binary_cross_entropy_has_the_gradient_of_its_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
