/* Convolutions on (h, w, c) images; oneDNN stands behind this door. Threads: one at a time per
   plan, on as many cores as cn_matrix_set_threads said in that thread. */
#ifndef CN_CONV_H
#define CN_CONV_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/own.h"

/* All of one batch; out_h = (in_h + 2 pad - kernel_h) / stride + 1, rounded down. */
struct cn_conv_shape {
    uint32_t n, in, out, groups;
    uint32_t in_h, in_w, out_h, out_w;
    uint32_t kernel_h, kernel_w, stride, pad;
};

struct cn_conv; /* a plan: compiled kernels, weights in their layout, scratch memory */

struct cn_conv *cn_conv_new(const struct cn_conv_shape *shape) CN_NODISCARD;
void cn_conv_destroy(struct cn_conv **conv);

/* Weights w (out, in / groups, kernel_h, kernel_w) and bias b (out), borrowed: call it again when
   their numbers changed. */
void cn_conv_load(struct cn_conv *conv, const float *w, const float *b);
/* x (n, in_h, in_w, in) -> y (n, out_h, out_w, out) */
void cn_conv_forward(struct cn_conv *conv, const float *x, float *y);
/* dy -> dx, shaped as y and x */
void cn_conv_backward_data(struct cn_conv *conv, const float *dy, float *dx);
/* x, dy -> dw, db in the layout of w and b, overwritten */
void cn_conv_backward_weights(struct cn_conv *conv, const float *x, const float *dy, float *dw,
                              float *db);

#endif
