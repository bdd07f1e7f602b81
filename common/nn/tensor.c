/* Named tensors. */
#include "common/nn/tensor.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void alloc(struct cn_tensor *t)
{
    size_t n = cn_tensor_size(t);

    t->data = cn_alloc_aligned(n, sizeof *t->data);
    memset(t->data, 0, n * sizeof *t->data);
}

void cn_tensor_init(struct cn_tensor *t, const char *name, uint32_t n_dims, const uint32_t *dims)
{
    size_t n_name = strlen(name);

    assert(n_dims <= CN_MAX_DIMS && n_name <= CN_MAX_TENSOR_NAME_BYTES);
    *t = (struct cn_tensor){.n_dims = n_dims};
    memcpy(t->name, name, n_name + 1);
    for (uint32_t i = 0; i < CN_MAX_DIMS; i++)
        t->dims[i] = i < n_dims ? dims[i] : 1;
    alloc(t);
}

void cn_tensor_fini(struct cn_tensor *t)
{
    free(t->data);
    *t = (struct cn_tensor){0};
}

void cn_tensor_copy(struct cn_tensor *to, const struct cn_tensor *from)
{
    *to = *from;
    to->data = cn_alloc_aligned(cn_tensor_size(from), sizeof *to->data);
    memcpy(to->data, from->data, cn_tensor_size(from) * sizeof *to->data);
}

struct cn_tensor *cn_tensor_find(struct cn_tensor *t, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(t[i].name, name) == 0)
            return &t[i];
    return NULL;
}

bool cn_tensor_is_finite(const struct cn_tensor *t)
{
    size_t n = cn_tensor_size(t);

    for (size_t i = 0; i < n; i++)
        if (!isfinite(t->data[i]))
            return false;
    return true;
}

static uint32_t find_id(const uint32_t *ids, uint32_t n, uint32_t id)
{
    uint32_t i = 0;
    while (i < n && ids[i] != id)
        i++;
    return i;
}

void cn_tensor_relabel(struct cn_tensor *t, const uint32_t *from, uint32_t n_from,
                       const uint32_t *to, uint32_t n_to)
{
    if (!t->by_label)
        return;
    assert(t->n_dims > 0 && t->dims[0] == n_from);
    size_t row = cn_tensor_row_size(t);
    float *old = cn_steal(t->data);

    t->dims[0] = n_to;
    alloc(t);
    for (uint32_t i = 0; i < n_to; i++) {
        uint32_t j = find_id(from, n_from, to[i]);
        if (j < n_from)
            memcpy(t->data + i * row, old + j * row, row * sizeof *old);
    }
    free(old);
}
