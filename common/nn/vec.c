/* Vectorized loops. */
#include "common/nn/vec.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "common/nn/simd.h"

CN_SIMD float cn_vec_dot(const float *a, const float *b, size_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

CN_SIMD float cn_vec_sum(const float *x, size_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

void cn_vec_fill(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a;
}

CN_SIMD void cn_vec_axpy(float *restrict y, float a, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

CN_SIMD void cn_vec_scale(float *restrict y, float a, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a * x[i];
}

/* Without its sign a float orders as its bits do, infinity above the finite and NaN on top. */
CN_SIMD float cn_vec_max_abs(const float *x, size_t n)
{
    uint32_t top = 0;
    float out;

    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], sizeof u);
        u &= 0x7fffffff;
        top = u > top ? u : top;
    }
    memcpy(&out, &top, sizeof out);
    return out;
}

CN_SIMD void cn_vec_sum_rows(float *restrict out, const float *restrict x, size_t rows, size_t cols)
{
    memset(out, 0, cols * sizeof *out);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < cols; i++)
            out[i] += x[r * cols + i];
}

void cn_vec_fill_rows(float *y, const float *row, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * cols, row, cols * sizeof *y);
}
