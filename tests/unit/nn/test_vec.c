/* Vectorized loops against the C library in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/nn/vec.h"

enum { N = 20001 };

static float x[N], y[N];

/* From -100 to 100, dense around 0. */
static void spread(void)
{
    for (int i = 0; i < N; i++) {
        double u = 2.0 * i / (N - 1) - 1;
        x[i] = (float)(100 * u * u * u);
    }
}

static void tanh_and_sigmoid_are_right_to_a_few_units_in_the_last_place(void **state)
{
    (void)state;
    spread();
    cn_vec_tanh(y, x, N);
    for (int i = 0; i < N; i++)
        if (fabs(y[i] - tanh((double)x[i])) > 3e-7 * fabs(tanh((double)x[i])))
            fail_msg("tanh %.9g is not %.9g", (double)x[i], (double)y[i]);
    cn_vec_sigmoid(y, x, N);
    for (int i = 0; i < N; i++) {
        double want = 1 / (1 + exp(-(double)x[i]));
        if (fabs(y[i] - want) > (x[i] > -86 ? 5e-7 * want : 1e-37))
            fail_msg("sigmoid %.9g is not %.9g", (double)x[i], (double)y[i]);
    }
}

static void infinity_has_its_limit_and_nan_stays_nan(void **state)
{
    (void)state;
    float in[3] = {INFINITY, -INFINITY, NAN}, out[3];

    cn_vec_tanh(out, in, 3);
    assert_true(out[0] == 1 && out[1] == -1 && isnan(out[2]));
    cn_vec_sigmoid(out, in, 3);
    assert_true(out[0] == 1 && out[1] < 1e-37f && isnan(out[2]));
}

static void the_largest_size_shows_what_is_not_finite(void **state)
{
    (void)state;
    spread();
    assert_true(cn_vec_max_abs(x, N) == 100);
    x[N / 2] = -INFINITY;
    assert_true(isinf(cn_vec_max_abs(x, N)));
    x[N - 1] = -NAN;
    assert_true(isnan(cn_vec_max_abs(x, N)));
    assert_true(cn_vec_max_abs(x, 0) == 0);
}

static void sums_and_products_add_up(void **state)
{
    (void)state;
    const float a[7] = {1, 2, 3, 4, 5, 6, 7}, b[7] = {7, 6, 5, 4, 3, 2, 1};
    float out[3];

    assert_true(cn_vec_dot(a, b, 7) == 84);
    assert_true(cn_vec_sum(a, 7) == 28);
    cn_vec_sum_rows(out, a, 2, 3);
    assert_true(out[0] == 5 && out[1] == 7 && out[2] == 9);
    cn_vec_axpy(out, 2, b, 3);
    assert_true(out[0] == 19 && out[2] == 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tanh_and_sigmoid_are_right_to_a_few_units_in_the_last_place),
        cmocka_unit_test(infinity_has_its_limit_and_nan_stays_nan),
        cmocka_unit_test(the_largest_size_shows_what_is_not_finite),
        cmocka_unit_test(sums_and_products_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
