/* Matrix products and convolutions; oneDNN stands behind this door. Threads: reentrant; each thread
   computes on as many cores as cn_matrix_set_threads said in that thread (1 at start). */
#ifndef CN_MATRIX_H
#define CN_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

void cn_matrix_set_threads(int n);
/* For the doors that share the library: gives a thread its one core before its first computation.
 */
void cn_matrix_enter(void);

/* C = alpha * op(A) op(B) + beta * C, row-major; op is the transpose when ta/tb is set.
   A (m, k) or (k, m), B (k, n) or (n, k), C (m, n); ld* are row strides in numbers. */
void cn_gemm(bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, float alpha, const float *a,
             uint32_t lda, const float *b, uint32_t ldb, float beta, float *c, uint32_t ldc);

#endif
