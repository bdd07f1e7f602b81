/* Named tensors: the parameters of a network and what travels of them. One owner, one thread. */
#ifndef CN_TENSOR_H
#define CN_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/own.h"

struct cn_tensor {
    char name[CN_MAX_TENSOR_NAME_BYTES + 1]; /* "head.weight", "gen.3.bias" */
    uint32_t n_dims, dims[CN_MAX_DIMS];      /* row-major; unused dims are 1 */
    bool by_label; /* dims[0] counts labels: row i belongs to the owner's i-th label id */
    bool frozen;   /* never trained (running statistics, random trunks) */
    float *data;   /* owned, 64-byte aligned */
};

static inline size_t cn_tensor_size(const struct cn_tensor *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < CN_MAX_DIMS; i++)
        n *= i < t->n_dims ? t->dims[i] : 1;
    return n;
}

/* Numbers in one row (all dimensions but the first). */
static inline size_t cn_tensor_row_size(const struct cn_tensor *t)
{
    return t->dims[0] ? cn_tensor_size(t) / t->dims[0] : 0;
}

/* Zero-filled. name is copied; n_dims <= CN_MAX_DIMS. */
void cn_tensor_init(struct cn_tensor *t, const char *name, uint32_t n_dims, const uint32_t *dims);
void cn_tensor_fini(struct cn_tensor *t);
void cn_tensor_copy(struct cn_tensor *to, const struct cn_tensor *from);
/* NULL when no tensor of that name is among the n. */
struct cn_tensor *cn_tensor_find(struct cn_tensor *t, size_t n, const char *name);
bool cn_tensor_is_finite(const struct cn_tensor *t);

/* Rebuilds a by_label tensor for another list of label ids: a row whose id is in both lists is
   carried over bit for bit, wherever it moves; a new row is zero; a row that is not in `to` is
   dropped. Other tensors are left alone. */
void cn_tensor_relabel(struct cn_tensor *t, const uint32_t *from, uint32_t n_from,
                       const uint32_t *to, uint32_t n_to);

#endif
