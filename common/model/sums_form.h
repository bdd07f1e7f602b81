/* Inside of fixed-point sums, shared by their arithmetic and their bytes. */
#ifndef CN_SUMS_FORM_H
#define CN_SUMS_FORM_H

#include "common/model/sums.h"

enum {
    CN_SUMS_MAX_TENSORS = CN_MAX_TENSORS / 2, /* encoded, each is two */
    CN_SUMS_MAX_NAME_BYTES = CN_MAX_TENSOR_NAME_BYTES - 2
};
/* Largest |acc| per unit of weight: CN_SUMS_MAX_VALUE in fixed point. */
#define CN_SUMS_MAX_FIXED (INT64_C(64) << CN_SUMS_SCALE_BITS)

struct cn_sum_cell {
    uint32_t label; /* 0 in a tensor without label rows */
    int64_t weight; /* in 64ths, > 0 */
    int64_t *acc;   /* (row_size), owned */
};

struct cn_sum {
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    uint32_t n_dims, dims[CN_MAX_DIMS]; /* dims[0] is 0 when by_label */
    bool by_label;
    size_t row_size;
    struct cn_sum_cell *cells; /* (n) ascending by label */
    uint32_t n, cap;
};

struct cn_sums {
    struct cn_sum sums[CN_SUMS_MAX_TENSORS]; /* (n) ascending by name */
    uint32_t n;
};

/* Name and shape of a tensor as a sum without cells. */
struct cn_sum cn_sums_like(const struct cn_pack_tensor *t);
/* Whether a tensor like that has its place in s, and a row room for more weight. */
enum cn_err cn_sums_check_room(const struct cn_sums *s, const struct cn_sum *like,
                               struct cn_error *err) CN_NODISCARD;
enum cn_err cn_sums_check_weight(const struct cn_sums *s, const char *name, uint32_t label,
                                 int64_t weight, struct cn_error *err) CN_NODISCARD;
/* Found, or made empty. */
struct cn_sum *cn_sums_at(struct cn_sums *s, const struct cn_sum *like);
struct cn_sum_cell *cn_sums_cell(struct cn_sum *sum, uint32_t label);

#endif
