/* The closed fit: its metric against the plain matrix, its promises, and its borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/recipe/fit.h"

enum { DIM = 40, RANK = 3, ROWS = 3, N = 9 };

struct world {
    float centre[DIM], factor[RANK * DIM], noise[DIM];
    float x[N * DIM];
    const float *phi[N];
    struct cn_fit_sample samples[N];
    float w[ROWS * DIM], b[ROWS];
    struct cn_head head;
    struct cn_metric *metric;
};

static int set_up(void **state)
{
    struct world *w = cn_calloc(1, sizeof *w);
    struct cn_rng rng;

    cn_rng_init(&rng, 4);
    cn_rng_fill_normal(&rng, w->centre, DIM, 1);
    cn_rng_fill_normal(&rng, w->factor, RANK * DIM, 2);
    cn_rng_fill_normal(&rng, w->x, N * DIM, 1);
    cn_rng_fill_normal(&rng, w->w, ROWS * DIM, 0.1f);
    for (uint32_t d = 0; d < DIM; d++)
        w->noise[d] =
            1; /* alike, so that the shrinkage towards their mean changes the scale only */
    for (uint32_t i = 0; i < N; i++) {
        w->phi[i] = w->x + i * DIM;
        w->samples[i] =
            (struct cn_fit_sample){.phi = w->phi[i], .row = i % ROWS, .weight = 1, .firm = true};
    }
    w->head = (struct cn_head){.n_rows = ROWS, .dim = DIM, .w = w->w, .b = w->b};
    if (cn_metric_new(&w->metric, DIM, RANK, w->centre, w->factor, w->noise, NULL))
        return -1;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cn_metric_destroy(&w->metric);
    cn_freep(state);
    return 0;
}

/* u.u = (x - centre)^T A^-1 (x - centre) / DIM for A = F^T F + s I, checked by solving A y = x with
   conjugate gradients in double: nothing in common with the code under test. */
static double quadratic(const struct world *w, const float *phi, double s)
{
    double x[DIM], y[DIM] = {0}, r[DIM], p[DIM], rr = 0, out = 0;

    for (int d = 0; d < DIM; d++) {
        r[d] = p[d] = x[d] = phi[d] - w->centre[d];
        rr += r[d] * r[d];
    }
    for (int it = 0; it < 4 * DIM && rr > 1e-24; it++) {
        double ap[DIM], pap = 0, next = 0;
        for (int d = 0; d < DIM; d++)
            ap[d] = s * p[d];
        for (int k = 0; k < RANK; k++) {
            double along = 0;
            for (int d = 0; d < DIM; d++)
                along += w->factor[k * DIM + d] * p[d];
            for (int d = 0; d < DIM; d++)
                ap[d] += along * w->factor[k * DIM + d];
        }
        for (int d = 0; d < DIM; d++)
            pap += p[d] * ap[d];
        for (int d = 0; d < DIM; d++) {
            y[d] += rr / pap * p[d];
            r[d] -= rr / pap * ap[d];
            next += r[d] * r[d];
        }
        for (int d = 0; d < DIM; d++)
            p[d] = r[d] + next / rr * p[d];
        rr = next;
    }
    for (int d = 0; d < DIM; d++)
        out += x[d] * y[d];
    return out / DIM;
}

static void whitening_is_the_inverse_root_of_the_covariance(void **state)
{
    struct world *w = *state;
    float u[N * DIM];

    cn_metric_whiten(w->metric, w->phi, N, u);
    for (int i = 0; i < N; i++) {
        double square = 0;
        for (int d = 0; d < DIM; d++)
            square += u[i * DIM + d] * u[i * DIM + d];
        double want = quadratic(w, w->phi[i], 1.25); /* noise 1 and a quarter of the mean */
        assert_true(fabs(square - want) < 1e-4 * want);
    }
}

static void rows_pulled_back_act_as_they_did_on_whitened_features(void **state)
{
    struct world *w = *state;
    float u[N * DIM], v[ROWS * DIM], c[ROWS] = {0.5f, -1, 2}, was[N * ROWS];

    memcpy(v, w->w, sizeof v);
    cn_metric_whiten(w->metric, w->phi, N, u);
    for (int i = 0; i < N * ROWS; i++) {
        was[i] = c[i % ROWS];
        for (int d = 0; d < DIM; d++)
            was[i] += v[(i % ROWS) * DIM + d] * u[(i / ROWS) * DIM + d];
    }
    cn_metric_pull_back(w->metric, v, c, ROWS);
    for (int i = 0; i < N * ROWS; i++) {
        float now = c[i % ROWS];
        for (int d = 0; d < DIM; d++)
            now += v[(i % ROWS) * DIM + d] * w->x[(i / ROWS) * DIM + d];
        assert_true(fabsf(now - was[i]) < 1e-4f);
    }
}

static struct cn_fit_report fit(struct world *w, const struct cn_fit_conf *conf)
{
    struct cn_fit_report r;
    struct cn_error err;

    if (cn_fit_rows(&w->head, w->metric, w->samples, N, conf, &r, &err))
        fail_msg("%s", err.text);
    return r;
}

static void every_firm_sample_is_right_with_the_margin(void **state)
{
    struct world *w = *state;
    float z[N * ROWS];

    assert_int_equal(
        fit(w, &(struct cn_fit_conf){.max_steps = 5, .promise = true, .margin = 0.5f}).n_wrong, 0);
    cn_fit_logits(&w->head, w->phi, N, z);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < ROWS; c++)
            if (c != i % ROWS)
                assert_true(z[i * ROWS + i % ROWS] > z[i * ROWS + c] + 0.49f);
}

static void the_newest_of_contradictory_samples_has_its_way(void **state)
{
    struct world *w = *state;
    float z[N * ROWS];

    w->samples[N - 1].phi = w->samples[0].phi; /* row 2 against row 0 */
    fit(w, &(struct cn_fit_conf){.max_steps = 5, .promise = true, .margin = 0.5f});
    cn_fit_logits(&w->head, w->phi, 1, z);
    assert_true(z[2] > z[0] && z[2] > z[1]);
}

static void nothing_happens_when_all_is_right_already(void **state)
{
    struct world *w = *state;
    struct cn_fit_conf conf = {
        .max_steps = 50, .until_firm = true, .promise = true, .margin = 0.5f};
    float before[ROWS * DIM];

    fit(w, &conf);
    memcpy(before, w->w, sizeof before);
    conf.margin = 0.2f;
    assert_int_equal(fit(w, &conf).n_steps, 0);
    assert_memory_equal(before, w->w, sizeof before);
}

static void rows_that_must_stay_still_do(void **state)
{
    struct world *w = *state;
    static const bool still[ROWS] = {true, false, true};
    float before[ROWS * DIM], b[ROWS];

    memcpy(before, w->w, sizeof before);
    memcpy(b, w->b, sizeof b);
    fit(w, &(struct cn_fit_conf){.max_steps = 20, .margin = 0.5f, .still = still});
    assert_memory_equal(before, w->w, DIM * sizeof(float));
    assert_memory_not_equal(before + DIM, w->w + DIM, DIM * sizeof(float));
    assert_memory_equal(before + 2 * DIM, w->w + 2 * DIM, DIM * sizeof(float));
    assert_true(b[0] == w->b[0] && b[2] == w->b[2]);
}

static void an_absent_row_is_never_predicted(void **state)
{
    struct world *w = *state;
    static const bool absent[ROWS] = {false, true, false};
    float z[N * ROWS];

    w->b[1] = 100;
    w->head.absent = absent;
    cn_fit_logits(&w->head, w->phi, N, z);
    for (int i = 0; i < N; i++)
        assert_true(z[i * ROWS + 1] == CN_FIT_ABSENT);
}

static void not_a_number_leaves_the_head_as_it_was(void **state)
{
    struct world *w = *state;
    struct cn_fit_report r;
    struct cn_error err;
    float before[ROWS * DIM];

    w->x[7] = INFINITY;
    memcpy(before, w->w, sizeof before);
    assert_int_equal(cn_fit_rows(&w->head, w->metric, w->samples, N,
                                 &(struct cn_fit_conf){.max_steps = 5, .promise = true}, &r, &err),
                     CN_E_NUMERIC);
    assert_memory_equal(before, w->w, sizeof before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whitening_is_the_inverse_root_of_the_covariance),
        TEST(rows_pulled_back_act_as_they_did_on_whitened_features),
        TEST(every_firm_sample_is_right_with_the_margin),
        TEST(the_newest_of_contradictory_samples_has_its_way),
        TEST(nothing_happens_when_all_is_right_already),
        TEST(rows_that_must_stay_still_do),
        TEST(an_absent_row_is_never_predicted),
        TEST(not_a_number_leaves_the_head_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
