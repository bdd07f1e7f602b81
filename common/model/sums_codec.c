/* The bytes of fixed-point sums: a pack in which each tensor NAME (i64, with label rows) is
   followed by its weights NAME/w, in ascending order of names. Equal sums have equal bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/model/pack_form.h"
#include "common/model/sums_form.h"

static void weight_name(char out[CN_MAX_TENSOR_NAME_BYTES + 1], const char *name)
{
    size_t n = strlen(name);

    memcpy(out, name, n);
    memcpy(out + n, "/w", 3);
}

static void put(struct cn_pack_writer *w, const struct cn_sum *sum)
{
    CN_CLEANUP(cn_freep) int64_t *acc = cn_alloc_aligned(sum->n * sum->row_size, sizeof *acc);
    CN_CLEANUP(cn_freep) int64_t *weights = cn_calloc(sum->n, sizeof *weights);
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(sum->n, sizeof *labels);
    struct cn_pack_tensor t = {.type = CN_PACK_I64,
                               .n_dims = sum->n_dims,
                               .by_label = sum->by_label,
                               .rows = sum->by_label ? labels : NULL,
                               .data = (const uint8_t *)acc};

    for (uint32_t i = 0; i < sum->n; i++) {
        memcpy(acc + i * sum->row_size, sum->cells[i].acc, sum->row_size * sizeof *acc);
        weights[i] = sum->cells[i].weight;
        labels[i] = sum->cells[i].label;
    }
    memcpy(t.name, sum->name, sizeof t.name);
    memcpy(t.dims, sum->dims, sizeof t.dims);
    if (sum->by_label)
        t.dims[0] = sum->n;
    cn_pack_put_raw(w, &t);
    weight_name(t.name, sum->name);
    t.n_dims = 1;
    t.dims[0] = sum->n;
    t.data = (const uint8_t *)weights;
    cn_pack_put_raw(w, &t);
}

enum cn_err cn_sums_encode(const struct cn_sums *s, struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();

    for (uint32_t i = 0; i < s->n; i++)
        put(w, &s->sums[i]);
    return cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_SUMS}, out, err);
}

/* t and its weights w as one sum; everything that adding takes for granted is checked here. */
static enum cn_err take(struct cn_sums *s, const struct cn_pack_tensor *t,
                        const struct cn_pack_tensor *w, struct cn_error *err)
{
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    struct cn_sum like = cn_sums_like(t);
    uint32_t n = t->by_label ? t->dims[0] : 1;

    enum cn_err rc = cn_sums_check_room(s, &like, err);
    if (rc)
        return rc;
    weight_name(name, t->name);
    if (t->type != CN_PACK_I64 || w->type != CN_PACK_I64 || strcmp(w->name, name) != 0 ||
        w->n_dims != 1 || w->n != n || w->by_label != t->by_label || (t->rows && !w->rows) ||
        (t->rows && memcmp(t->rows, w->rows, n * sizeof *t->rows) != 0) || t->frozen || w->frozen ||
        (t->by_label && !t->rows))
        return cn_fail(err, CN_E_SHAPE, "the sum of tensor %s does not fit its weights", t->name);
    if (s->n && strcmp(s->sums[s->n - 1].name, t->name) >= 0)
        return cn_fail(err, CN_E_PARSE, "the sums are not ascending at tensor %s", t->name);
    struct cn_sum *sum = cn_sums_at(s, &like);
    for (uint32_t i = 0; i < n; i++) {
        int64_t weight = cn_pack_int(w, i);
        if (weight <= 0 || weight > CN_SUMS_MAX_WEIGHT)
            return cn_fail(err, CN_E_LIMIT, "a weight of tensor %s is out of range", t->name);
        struct cn_sum_cell *cell = cn_sums_cell(sum, t->by_label ? t->rows[i] : 0);
        cell->weight = weight;
        for (size_t j = 0; j < sum->row_size; j++) {
            int64_t acc = cn_pack_int(t, i * sum->row_size + j);
            if (acc > weight * CN_SUMS_MAX_FIXED || acc < -weight * CN_SUMS_MAX_FIXED)
                return cn_fail(err, CN_E_LIMIT, "a sum of tensor %s is out of range", t->name);
            cell->acc[j] = acc;
        }
    }
    return CN_OK;
}

enum cn_err cn_sums_decode(struct cn_sums **ret, struct cn_bytes in, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new();
    uint32_t n = 0;
    enum cn_err rc = cn_pack_open(&p, in, err);

    if (rc)
        return rc;
    const struct cn_pack_tensor *t = cn_pack_tensors(p, &n);
    const struct cn_pack_head *head = cn_pack_head(p);
    if (head->kind != CN_PACK_SUMS)
        return cn_fail(err, CN_E_PARSE, "this pack does not hold sums");
    if (n % 2 || head->n_settings || !cn_pack_head_is_bare(head))
        return cn_fail(err, CN_E_PARSE, "the pack holds more than sums and their weights");
    for (uint32_t i = 0; i < n && !rc; i += 2)
        rc = take(s, &t[i], &t[i + 1], err);
    if (rc)
        return rc;
    *ret = cn_steal(s);
    return CN_OK;
}
