/* Symmetric and orthogonal factorizations; LAPACK (OpenBLAS) stands behind this door. Reentrant.
   Matrices are row-major; of a symmetric one the upper triangle is read and written. */
#ifndef CN_SOLVE_H
#define CN_SOLVE_H

#include <stdint.h>

#include "common/base/err.h"

/* Cores for every call of this process; OpenBLAS takes all of them at start. */
void cn_solve_set_threads(int n);

/* Cholesky of a (n, n) symmetric positive definite, row-major, upper triangle given; a is
   overwritten by its factor. CN_E_NUMERIC when it is not positive definite. */
enum cn_err cn_chol(double *a, uint32_t n, struct cn_error *err) CN_NODISCARD;
/* Solves A X = B with the factor of cn_chol; b (n_rhs, n): each row is a right-hand side, in place.
 */
void cn_chol_solve(const double *factor, uint32_t n, double *b, uint32_t n_rhs);
/* trace of A^-1 from the factor. */
double cn_chol_inverse_trace(const double *factor, uint32_t n);
/* The upper-trapezoidal R of x = Q R, x (m, n) row-major, m <= n: R (m, n) overwrites x, zeros
   below the diagonal. Then R^T R = x^T x. */
enum cn_err cn_qr_r(float *x, uint32_t m, uint32_t n, struct cn_error *err) CN_NODISCARD;
/* The `rank` largest eigenvalues w (rank, descending) and vectors v (rank, n) of symmetric a (n,
   n), upper triangle given, a destroyed. */
enum cn_err cn_eig_top(double *a, uint32_t n, uint32_t rank, double *w, double *v,
                       struct cn_error *err) CN_NODISCARD;

/* c (n, n) += x^T x, x (m, n). */
void cn_syrk(const double *x, uint32_t m, uint32_t n, double *c);
/* Rows [first, first + n_rows) of x^T x, x (m, n), and of them the columns from first on: c
   (n_rows, n - first). */
void cn_gram(const double *x, uint32_t m, uint32_t n, uint32_t first, uint32_t n_rows, double *c);
/* c (m, n) = b (m, n) S, S (n, n) symmetric. */
void cn_symm(const double *s, uint32_t n, const double *b, uint32_t m, double *c);
/* c (m, n) = a b^T, a (m, k), b (n, k). */
void cn_gemm_nt(const double *a, uint32_t m, const double *b, uint32_t n, uint32_t k, double *c);
/* c (m, n) = a b, a (m, k), b (k, n). */
void cn_gemm_nn(const double *a, uint32_t m, const double *b, uint32_t n, uint32_t k, double *c);
/* Replaces the m <= n rows of x (m, n) by an orthonormal basis of (at least) their span. */
enum cn_err cn_orthonormalize(double *x, uint32_t m, uint32_t n, struct cn_error *err) CN_NODISCARD;

#endif
