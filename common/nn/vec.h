/* Loops over plain arrays of floats, vectorized. Reentrant; arrays do not overlap unless equal. */
#ifndef CN_VEC_H
#define CN_VEC_H

#include <stdbool.h>
#include <stddef.h>

float cn_vec_dot(const float *a, const float *b, size_t n);
float cn_vec_sum(const float *x, size_t n);
void cn_vec_fill(float *y, float a, size_t n);
/* y += a x */
void cn_vec_axpy(float *y, float a, const float *x, size_t n);
/* y = a x */
void cn_vec_scale(float *y, float a, const float *x, size_t n);
/* The largest |x|; NaN when there is one. */
float cn_vec_max_abs(const float *x, size_t n);
/* y = tanh x and y = 1 / (1 + exp -x), to 2 units in the last place; y may be x. */
void cn_vec_tanh(float *y, const float *x, size_t n);
void cn_vec_sigmoid(float *y, const float *x, size_t n);
/* out (cols) = sum over rows of x (rows, cols) */
void cn_vec_sum_rows(float *out, const float *x, size_t rows, size_t cols);
/* every row of y (rows, cols) = row (cols) */
void cn_vec_fill_rows(float *y, const float *row, size_t rows, size_t cols);

#endif
