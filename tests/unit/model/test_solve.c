/* The LAPACK door against plain loops: the right triangle, the right transpose, the right order. */
#include "tests/unit/model/model_help.h"

#include <math.h>

#include "common/doors/solve.h"

enum { N = 13, M = 5 };

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want))))
        fail_msg("%.9g instead of %.9g", got, want);
}

/* Positive definite in full, and its upper triangle with rubbish below: what must not be read. */
static void make_spd(double full[N][N], double upper[N][N], uint64_t seed)
{
    double x[2 * N][N];
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (int k = 0; k < 2 * N; k++)
        for (int i = 0; i < N; i++)
            x[k][i] = (double)cn_rng_normal(&rng);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            full[i][j] = i == j;
            for (int k = 0; k < 2 * N; k++)
                full[i][j] += x[k][i] * x[k][j];
            upper[i][j] = j >= i ? full[i][j] : 1e30;
        }
}

static void a_positive_definite_system_is_solved_and_its_inverse_traced(void **state)
{
    (void)state;
    double full[N][N], a[N][N], b[M][N], unit[N][N] = {{0}}, trace = 0;

    make_spd(full, a, 1);
    for (int r = 0; r < M; r++)
        for (int j = 0; j < N; j++)
            b[r][j] = r + j * j;
    OK(cn_chol(&a[0][0], N, &help_err));
    cn_chol_solve(&a[0][0], N, &b[0][0], M);
    for (int r = 0; r < M; r++)
        for (int i = 0; i < N; i++) {
            double back = 0;
            for (int j = 0; j < N; j++)
                back += full[i][j] * b[r][j];
            assert_near(back, r + i * i);
        }
    for (int i = 0; i < N; i++)
        unit[i][i] = 1;
    cn_chol_solve(&a[0][0], N, &unit[0][0], N);
    for (int i = 0; i < N; i++)
        trace += unit[i][i];
    assert_near(cn_chol_inverse_trace(&a[0][0], N), trace);
}

static void an_indefinite_matrix_is_named(void **state)
{
    (void)state;
    double full[N][N], a[N][N];

    make_spd(full, a, 2);
    a[7][7] = -1;
    FAILS(CN_E_NUMERIC, cn_chol(&a[0][0], N, &help_err));
    assert_non_null(strstr(help_err.text, "row 8"));
}

static void r_squared_is_x_squared(void **state)
{
    (void)state;
    float x[M][N], r[M][N];
    struct cn_rng rng;

    cn_rng_init(&rng, 3);
    cn_rng_fill_normal(&rng, &x[0][0], M * N, 1);
    memcpy(r, x, sizeof r);
    OK(cn_qr_r(&r[0][0], M, N, &help_err));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < i; j++)
            assert_true(r[i][j] == 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double a = 0, b = 0;
            for (int k = 0; k < M; k++) {
                a += (double)x[k][i] * (double)x[k][j];
                b += (double)r[k][i] * (double)r[k][j];
            }
            assert_near(b, a);
        }
}

static void the_top_eigenpairs_come_largest_first(void **state)
{
    (void)state;
    double full[N][N], a[N][N], w[M], v[M][N];

    make_spd(full, a, 4);
    OK(cn_eig_top(&a[0][0], N, M, w, &v[0][0], &help_err));
    for (int r = 0; r < M; r++) {
        assert_true(r == 0 || w[r] <= w[r - 1]);
        double norm = 0;
        for (int i = 0; i < N; i++) {
            double av = 0;
            for (int j = 0; j < N; j++)
                av += full[i][j] * v[r][j];
            assert_near(av, w[r] * v[r][i]);
            norm += v[r][i] * v[r][i];
        }
        assert_near(norm, 1);
    }
}

static void products_are_products(void **state)
{
    (void)state;
    double full[N][N], s[N][N], x[M][N], y[M][N], square[N][N] = {{0}}, z[M][M], back[M][N];

    make_spd(full, s, 5);
    for (int r = 0; r < M; r++)
        for (int j = 0; j < N; j++)
            x[r][j] = r - j;
    square[0][1] = 100; /* is added to */
    cn_syrk(&x[0][0], M, N, &square[0][0]);
    cn_symm(&s[0][0], N, &x[0][0], M, &y[0][0]);
    cn_gemm_nt(&y[0][0], M, &x[0][0], M, N, &z[0][0]);
    cn_gemm_nn(&z[0][0], M, &x[0][0], N, M, &back[0][0]);
    for (int i = 0; i < N; i++)
        for (int j = i; j < N; j++) {
            double want = (i == 0 && j == 1) ? 100 : 0;
            for (int r = 0; r < M; r++)
                want += x[r][i] * x[r][j];
            assert_near(square[i][j], want);
        }
    for (int r = 0; r < M; r++) {
        for (int j = 0; j < N; j++) {
            double want = 0, want_back = 0;
            for (int k = 0; k < N; k++)
                want += x[r][k] * full[k][j];
            for (int k = 0; k < M; k++)
                want_back += z[r][k] * x[k][j];
            assert_near(y[r][j], want);
            assert_near(back[r][j], want_back);
        }
        for (int k = 0; k < M; k++) {
            double want = 0;
            for (int j = 0; j < N; j++)
                want += y[r][j] * x[k][j];
            assert_near(z[r][k], want);
        }
    }
}

static void orthonormal_rows_span_what_they_came_from(void **state)
{
    (void)state;
    double x[M][N], q[M][N], dots[M][M], back[M][N];
    struct cn_rng rng;

    cn_rng_init(&rng, 6);
    for (int r = 0; r < M; r++)
        for (int j = 0; j < N; j++)
            x[r][j] = (double)cn_rng_normal(&rng);
    memcpy(q, x, sizeof q);
    OK(cn_orthonormalize(&q[0][0], M, N, &help_err));
    cn_gemm_nt(&q[0][0], M, &q[0][0], M, N, &dots[0][0]);
    for (int r = 0; r < M; r++)
        for (int k = 0; k < M; k++)
            assert_near(dots[r][k], r == k);
    cn_gemm_nt(&x[0][0], M, &q[0][0], M, N, &dots[0][0]);
    cn_gemm_nn(&dots[0][0], M, &q[0][0], N, M, &back[0][0]);
    for (int r = 0; r < M; r++)
        for (int j = 0; j < N; j++)
            assert_near(back[r][j], x[r][j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_positive_definite_system_is_solved_and_its_inverse_traced),
        cmocka_unit_test(an_indefinite_matrix_is_named),
        cmocka_unit_test(r_squared_is_x_squared),
        cmocka_unit_test(the_top_eigenpairs_come_largest_first),
        cmocka_unit_test(products_are_products),
        cmocka_unit_test(orthonormal_rows_span_what_they_came_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
