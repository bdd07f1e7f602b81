/* Symmetric and orthogonal factorizations; LAPACK (OpenBLAS) stands behind this door. Reentrant. */
#ifndef CN_SOLVE_H
#define CN_SOLVE_H

#include <stdint.h>

#include "common/base/err.h"

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

#endif
