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

/* exp without a branch or a call, for |x| < 87: 2^k by its bits times the series of exp on
   [-ln 2 / 2, ln 2 / 2], whose eighth term is below half a unit in the last place. */
static inline float exp_small(float x)
{
    const float to_int = 0x1.8p23f; /* adding it rounds to a whole number in the lowest bits */
    float shifted = x * 0x1.715476p0f + to_int, k = shifted - to_int, scale;
    float r = x - k * 0x1.62ep-1f - k * 0x1.0bfbe8p-15f; /* ln 2 in two parts */
    float p =
        1 + r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f + r / 720.f)))));
    uint32_t bits;

    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* Both ends: beyond them the result is 1 or 0 in floats. NaN fails both comparisons and stays. */
static inline float clamp(float x, float most)
{
    x = x > most ? most : x;
    return x < -most ? -most : x;
}

/* Small x: Lambert's continued fraction to its seventh term, since 1 - 2 / (e + 1) cancels there.
 */
CN_SIMD void cn_vec_tanh(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = clamp(x[i], 10), z = v * v;
        float small = v * (135135 + z * (17325 + z * (378 + z))) /
                      (135135 + z * (62370 + z * (3150 + z * 28)));
        float large = 1 - 2 / (exp_small(2 * v) + 1);
        y[i] = z < 1 ? small : large;
    }
}

CN_SIMD void cn_vec_sigmoid(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 1 / (1 + exp_small(clamp(-x[i], 86)));
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
