/* Weighted sums of tensors in fixed point: exact, so that any order and any tree of adders gives
   the same bytes (promise 4). Threads: one owner.

   A number x becomes q = round(x * 2^24); the sum adds q * w for an integer weight w counted in
   64ths. |x| <= 64 bounds |q| by 2^30, and the total weight of a row is capped at 2^32 (67 million
   images), so that no sum can pass 2^62: there is nothing to overflow. A tensor's body has one
   weight; a by_label tensor has one per row, and rows are keyed by label id: they appear as the
   labels do. */
#ifndef CN_SUMS_H
#define CN_SUMS_H

#include "common/model/pack.h"

enum {
    CN_SUMS_ONE = 64,       /* the weight of one image */
    CN_SUMS_MAX_VALUE = 64, /* largest |x| */
    CN_SUMS_SCALE_BITS = 24
};
#define CN_SUMS_MAX_WEIGHT (INT64_C(1) << 32)

struct cn_sums;

struct cn_sums *cn_sums_new(void) CN_NODISCARD;
void cn_sums_destroy(struct cn_sums **s);

/* A weight for n images at a factor of at most 1 (staleness), rounded to 64ths, at least 1/64. */
uint32_t cn_sums_weight(uint32_t n, double factor);

/* Whether t (f32 or f16) can be added: its shape agrees with what is there, every number is finite
   and within CN_SUMS_MAX_VALUE, no total weight would pass its cap. rows and weights: dims[0] ids
   and weights when by_label; else rows is NULL and weights points to one. Check all tensors of an
   update, then add all. CN_E_SHAPE, CN_E_NUMERIC, CN_E_LIMIT name tensor and label. */
enum cn_err cn_sums_check(const struct cn_sums *s, const struct cn_pack_tensor *t,
                          const uint32_t *rows, const uint32_t *weights,
                          struct cn_error *err) CN_NODISCARD;
/* Adds what was just checked (a bug otherwise). Rows of weight 0 are left out. */
void cn_sums_add(struct cn_sums *s, const struct cn_pack_tensor *t, const uint32_t *rows,
                 const uint32_t *weights);
/* Adds another sum; CN_E_SHAPE or CN_E_LIMIT change nothing. */
enum cn_err cn_sums_merge(struct cn_sums *into, const struct cn_sums *from,
                          struct cn_error *err) CN_NODISCARD;

/* Names of the tensors seen, ascending; NULL past the last. */
const char *cn_sums_name(const struct cn_sums *s, uint32_t i);
/* Mean (sum / weight) of a body into out; returns its weight, and leaves out alone when that is
   0. n_numbers must be the tensor's. */
int64_t cn_sums_mean(const struct cn_sums *s, const char *name, float *out, size_t n_numbers);
/* The same for one label's row. */
int64_t cn_sums_row_mean(const struct cn_sums *s, const char *name, uint32_t label, float *out,
                         size_t n_numbers);
/* Labels that have a row in the tensor, ascending; an array of the caller's to free. */
uint32_t *cn_sums_rows(const struct cn_sums *s, const char *name, uint32_t *ret_n) CN_NODISCARD;

/* Appends a pack (CN_PACK_SUMS): equal sums, equal bytes. CN_E_LIMIT when it would be too large. */
enum cn_err cn_sums_encode(const struct cn_sums *s, struct cn_buf *out,
                           struct cn_error *err) CN_NODISCARD;
enum cn_err cn_sums_decode(struct cn_sums **ret, struct cn_bytes in,
                           struct cn_error *err) CN_NODISCARD;

#endif
