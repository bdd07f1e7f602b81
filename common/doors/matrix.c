/* Matrix products by oneDNN; with conv.c the only file that includes its header. */
#include "common/doors/matrix.h"

#include <assert.h>
#include <oneapi/dnnl/dnnl.h>

/* OpenMP API 5.0, section 3.2.1. Declared by hand: oneDNN brings GNU's runtime with it, and
   omp.h is not where every compiler looks. */
void omp_set_num_threads(int n);

static _Thread_local bool chosen;

void cn_matrix_set_threads(int n)
{
    assert(n >= 1);
    omp_set_num_threads(n);
    chosen = true;
}

void cn_matrix_enter(void)
{
    if (!chosen) /* OpenMP's own default is every core */
        cn_matrix_set_threads(1);
}

void cn_gemm(bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, float alpha, const float *a,
             uint32_t lda, const float *b, uint32_t ldb, float beta, float *c, uint32_t ldc)
{
    cn_matrix_enter();
    if (m == 0 || n == 0)
        return;
    dnnl_status_t s =
        dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    assert(s == dnnl_success);
}
