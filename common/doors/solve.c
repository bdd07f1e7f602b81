/* The LAPACK door. LAPACK reads columns where we write rows, so every matrix here is passed as its
   own transpose: our upper triangle is its lower one, our QR its LQ, and nothing is copied. */
#include "common/doors/solve.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

void cn_solve_set_threads(int n)
{
    openblas_set_num_threads(n);
}

static enum cn_err check(lapack_int info, const char *what, struct cn_error *err)
{
    if (info == 0)
        return CN_OK;
    return cn_fail(err, CN_E_NUMERIC, "%s failed (LAPACK says %d)", what, (int)info);
}

enum cn_err cn_chol(double *a, uint32_t n, struct cn_error *err)
{
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n);

    if (info > 0)
        return cn_fail(err, CN_E_NUMERIC, "the matrix is not positive definite at row %d",
                       (int)info);
    return check(info, "the Cholesky factorization", err);
}

void cn_chol_solve(const double *factor, uint32_t n, double *b, uint32_t n_rhs)
{
    LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, (lapack_int)n_rhs, factor,
                        (lapack_int)n, b, (lapack_int)n);
}

/* tr(A^-1) is the squared Frobenius norm of the inverse of the triangular factor. */
double cn_chol_inverse_trace(const double *factor, uint32_t n)
{
    CN_CLEANUP(cn_freep) double *inverse = cn_alloc_aligned((size_t)n * n, sizeof *inverse);
    double sum = 0;

    memcpy(inverse, factor, (size_t)n * n * sizeof *inverse);
    if (LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (lapack_int)n, inverse, (lapack_int)n))
        return (double)NAN;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i; j < n; j++)
            sum += inverse[(size_t)i * n + j] * inverse[(size_t)i * n + j];
    return sum;
}

enum cn_err cn_qr_r(float *x, uint32_t m, uint32_t n, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) float *tau = cn_alloc_aligned(m, sizeof *tau);
    lapack_int info =
        LAPACKE_sgelqf(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)m, x, (lapack_int)n, tau);

    for (uint32_t i = 0; i < m && info == 0; i++)
        memset(x + (size_t)i * n, 0, i * sizeof *x);
    return check(info, "the QR factorization", err);
}

enum cn_err cn_eig_top(double *a, uint32_t n, uint32_t rank, double *w, double *v,
                       struct cn_error *err)
{
    CN_CLEANUP(cn_freep) double *values = cn_alloc_aligned(n, sizeof *values);
    CN_CLEANUP(cn_freep) double *vectors = cn_alloc_aligned((size_t)n * rank, sizeof *vectors);
    CN_CLEANUP(cn_freep) lapack_int *support = cn_alloc_aligned(2 * (size_t)rank, sizeof *support);
    lapack_int found = 0,
               info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', (lapack_int)n, a,
                                     (lapack_int)n, 0, 0, (lapack_int)(n - rank + 1), (lapack_int)n,
                                     0, &found, values, vectors, (lapack_int)n, support);

    if (info == 0 && found != (lapack_int)rank)
        return cn_fail(err, CN_E_NUMERIC, "%d of %u eigenvalues were found", (int)found, rank);
    for (uint32_t i = 0; i < rank && info == 0; i++) {
        w[i] = values[rank - 1 - i];
        memcpy(v + (size_t)i * n, vectors + (size_t)(rank - 1 - i) * n, n * sizeof *v);
    }
    return check(info, "the eigenvalue problem", err);
}

void cn_syrk(const double *x, uint32_t m, uint32_t n, double *c)
{
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)n, (int)m, 1, x, (int)n, 1, c, (int)n);
}

void cn_gram(const double *x, uint32_t m, uint32_t n, uint32_t first, uint32_t n_rows, double *c)
{
    uint32_t width = n - first;

    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n_rows, (int)width, (int)m, 1,
                x + first, (int)n, x + first, (int)n, 0, c, (int)width);
}

void cn_symm(const double *s, uint32_t n, const double *b, uint32_t m, double *c)
{
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, (int)m, (int)n, 1, s, (int)n, b, (int)n, 0,
                c, (int)n);
}

void cn_gemm_nt(const double *a, uint32_t m, const double *b, uint32_t n, uint32_t k, double *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b,
                (int)k, 0, c, (int)n);
}

void cn_gemm_nn(const double *a, uint32_t m, const double *b, uint32_t n, uint32_t k, double *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b,
                (int)n, 0, c, (int)n);
}

enum cn_err cn_orthonormalize(double *x, uint32_t m, uint32_t n, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) double *tau = cn_alloc_aligned(m, sizeof *tau);
    lapack_int info =
        LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)m, x, (lapack_int)n, tau);

    if (info == 0)
        info = LAPACKE_dorgqr(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)m, (lapack_int)m, x,
                              (lapack_int)n, tau);
    return check(info, "the orthonormalization", err);
}
