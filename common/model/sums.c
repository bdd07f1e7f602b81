/* Weighted sums of tensors in fixed point.

   A tensor is a list of cells sorted by label, each with its own weight and accumulator; a tensor
   that has no label rows is one cell. Adding only ever does integer additions, after check() has
   shown that none of them can overflow. */
#include "common/model/sums_form.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/simd.h"

enum { BLOCK = 1024 };

static const double scale = 1 << CN_SUMS_SCALE_BITS;

struct cn_sums *cn_sums_new(void)
{
    return cn_calloc(1, sizeof(struct cn_sums));
}

void cn_sums_destroy(struct cn_sums **p)
{
    struct cn_sums *s = cn_steal(*p);

    if (!s)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        for (uint32_t j = 0; j < s->sums[i].n; j++)
            free(s->sums[i].cells[j].acc);
        free(s->sums[i].cells);
    }
    free(s);
}

uint32_t cn_sums_weight(uint32_t n, double factor)
{
    assert(n <= CN_MAX_COUNT_PER_UPDATE && factor > 0 && factor <= 1);
    uint32_t w = (uint32_t)lrint(n * factor * CN_SUMS_ONE);
    return n && w == 0 ? 1 : w;
}

/* ---- finding ---- */

/* The first place whose name or label is not below; the caller looks whether it is the one. */
static uint32_t place_of(const struct cn_sums *s, const char *name)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (strcmp(s->sums[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static uint32_t cell_place(const struct cn_sum *sum, uint32_t label)
{
    uint32_t low = 0, high = sum->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (sum->cells[mid].label < label)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static const struct cn_sum *find(const struct cn_sums *s, const char *name)
{
    uint32_t i = place_of(s, name);
    return i < s->n && strcmp(s->sums[i].name, name) == 0 ? &s->sums[i] : NULL;
}

static const struct cn_sum_cell *find_cell(const struct cn_sum *sum, uint32_t label)
{
    uint32_t i = sum ? cell_place(sum, label) : 0;
    return sum && i < sum->n && sum->cells[i].label == label ? &sum->cells[i] : NULL;
}

struct cn_sum *cn_sums_at(struct cn_sums *s, const struct cn_sum *like)
{
    uint32_t i = place_of(s, like->name);

    if (i < s->n && strcmp(s->sums[i].name, like->name) == 0)
        return &s->sums[i];
    assert(s->n < CN_SUMS_MAX_TENSORS);
    memmove(&s->sums[i + 1], &s->sums[i], (s->n - i) * sizeof s->sums[0]);
    s->n++;
    s->sums[i] = *like;
    s->sums[i].cells = NULL;
    s->sums[i].n = s->sums[i].cap = 0;
    return &s->sums[i];
}

struct cn_sum_cell *cn_sums_cell(struct cn_sum *sum, uint32_t label)
{
    uint32_t i = cell_place(sum, label);

    if (i < sum->n && sum->cells[i].label == label)
        return &sum->cells[i];
    if (sum->n == sum->cap) {
        sum->cap = sum->cap ? 2 * sum->cap : sum->by_label ? 8 : 1;
        sum->cells = cn_realloc(sum->cells, sum->cap * sizeof *sum->cells);
    }
    memmove(&sum->cells[i + 1], &sum->cells[i], (sum->n - i) * sizeof *sum->cells);
    sum->n++;
    sum->cells[i] =
        (struct cn_sum_cell){.label = label, .acc = cn_calloc(sum->row_size, sizeof(int64_t))};
    return &sum->cells[i];
}

/* ---- checking ---- */

struct cn_sum cn_sums_like(const struct cn_pack_tensor *t)
{
    struct cn_sum like = {.n_dims = t->n_dims, .by_label = t->by_label};

    memcpy(like.name, t->name, sizeof like.name);
    memcpy(like.dims, t->dims, sizeof like.dims);
    if (t->by_label)
        like.dims[0] = 0;
    like.row_size = t->by_label ? t->n / t->dims[0] : t->n;
    return like;
}

enum cn_err cn_sums_check_room(const struct cn_sums *s, const struct cn_sum *like,
                               struct cn_error *err)
{
    const struct cn_sum *sum = find(s, like->name);

    if (strlen(like->name) > CN_SUMS_MAX_NAME_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the name of tensor %s is too long to be summed",
                       like->name);
    if (!sum && s->n == CN_SUMS_MAX_TENSORS)
        return cn_fail(err, CN_E_LIMIT, "tensor %s is one more than %d", like->name,
                       CN_SUMS_MAX_TENSORS);
    if (sum && (sum->by_label != like->by_label || sum->n_dims != like->n_dims ||
                memcmp(sum->dims, like->dims, sizeof sum->dims) != 0))
        return cn_fail(err, CN_E_SHAPE, "tensor %s has another shape than those before it",
                       like->name);
    return CN_OK;
}

enum cn_err cn_sums_check_weight(const struct cn_sums *s, const char *name, uint32_t label,
                                 int64_t weight, struct cn_error *err)
{
    const struct cn_sum_cell *cell = find_cell(find(s, name), label);

    if (weight > CN_SUMS_MAX_WEIGHT - (cell ? cell->weight : 0))
        return cn_fail(err, CN_E_LIMIT, "the total weight of tensor %s, row %u, passes its cap",
                       name, label);
    return CN_OK;
}

/* Without a way out in the middle, so that it is one vector loop. */
CN_SIMD static bool are_within(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= !(fabsf(x[i]) <= CN_SUMS_MAX_VALUE); /* NaN too */
    return !bad;
}

enum cn_err cn_sums_check(const struct cn_sums *s, const struct cn_pack_tensor *t,
                          const uint32_t *rows, const uint32_t *weights, struct cn_error *err)
{
    struct cn_sum like = cn_sums_like(t);
    float x[BLOCK];

    if (t->type != CN_PACK_F32 && t->type != CN_PACK_F16)
        return cn_fail(err, CN_E_SHAPE, "tensor %s does not hold f32 or f16", t->name);
    enum cn_err rc = cn_sums_check_room(s, &like, err);
    for (uint32_t i = 0; !rc && i < (t->by_label ? t->dims[0] : 1); i++)
        rc = cn_sums_check_weight(s, t->name, t->by_label ? rows[i] : 0, weights[i], err);
    for (size_t i = 0; !rc && i < t->n; i += BLOCK) {
        size_t n = t->n - i < BLOCK ? t->n - i : BLOCK;
        cn_pack_floats(t, i, n, x);
        if (are_within(x, n))
            continue;
        for (size_t j = 0; j < n && !rc; j++)
            if (!are_within(x + j, 1))
                rc = cn_fail(err, CN_E_NUMERIC,
                             "number %zu of tensor %s is %g, at most %d is "
                             "allowed",
                             i + j, t->name, (double)x[j], CN_SUMS_MAX_VALUE);
    }
    return rc;
}

/* ---- adding ---- */

/* round(x * 2^24), to even: adding 1.5 * 2^52 leaves the integer in the low bits of the double. */
static inline int64_t fixed(float x)
{
    double y = (double)x * scale + 0x1.8p52;
    int64_t bits;

    memcpy(&bits, &y, sizeof bits);
    return bits - INT64_C(0x4338000000000000);
}

CN_SIMD static void add_block(int64_t *acc, const float *x, size_t n, int64_t weight)
{
    for (size_t i = 0; i < n; i++)
        acc[i] += fixed(x[i]) * weight;
}

static void add_row(int64_t *acc, const struct cn_pack_tensor *t, size_t first, size_t n,
                    int64_t weight)
{
    float x[BLOCK];

    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        cn_pack_floats(t, first + i, m, x);
        add_block(acc + i, x, m, weight);
    }
}

void cn_sums_add(struct cn_sums *s, const struct cn_pack_tensor *t, const uint32_t *rows,
                 const uint32_t *weights)
{
    struct cn_sum like = cn_sums_like(t), *sum = NULL;

    for (uint32_t i = 0; i < (t->by_label ? t->dims[0] : 1); i++) {
        if (weights[i] == 0)
            continue;
        if (!sum)
            sum = cn_sums_at(s, &like);
        struct cn_sum_cell *cell = cn_sums_cell(sum, t->by_label ? rows[i] : 0);
        assert(weights[i] <= CN_SUMS_MAX_WEIGHT - cell->weight);
        cell->weight += weights[i];
        add_row(cell->acc, t, i * sum->row_size, sum->row_size, weights[i]);
    }
}

enum cn_err cn_sums_merge(struct cn_sums *into, const struct cn_sums *from, struct cn_error *err)
{
    uint32_t n_new = 0;

    for (uint32_t i = 0; i < from->n; i++) {
        const struct cn_sum *sum = &from->sums[i];
        enum cn_err rc = cn_sums_check_room(into, sum, err);
        for (uint32_t j = 0; !rc && j < sum->n; j++)
            rc = cn_sums_check_weight(into, sum->name, sum->cells[j].label, sum->cells[j].weight,
                                      err);
        if (rc)
            return rc;
        n_new += !find(into, sum->name);
    }
    if (into->n + n_new > CN_SUMS_MAX_TENSORS)
        return cn_fail(err, CN_E_LIMIT, "the two sums hold %u tensors, at most %d", into->n + n_new,
                       CN_SUMS_MAX_TENSORS);
    for (uint32_t i = 0; i < from->n; i++) {
        const struct cn_sum *sum = &from->sums[i];
        struct cn_sum *to = cn_sums_at(into, sum);
        for (uint32_t j = 0; j < sum->n; j++) {
            struct cn_sum_cell *cell = cn_sums_cell(to, sum->cells[j].label);
            cell->weight += sum->cells[j].weight;
            for (size_t k = 0; k < sum->row_size; k++)
                cell->acc[k] += sum->cells[j].acc[k];
        }
    }
    return CN_OK;
}

/* ---- reading ---- */

const char *cn_sums_name(const struct cn_sums *s, uint32_t i)
{
    return i < s->n ? s->sums[i].name : NULL;
}

int64_t cn_sums_row_mean(const struct cn_sums *s, const char *name, uint32_t label, float *out,
                         size_t n_numbers)
{
    const struct cn_sum *sum = find(s, name);
    const struct cn_sum_cell *cell = find_cell(sum, label);

    if (!cell)
        return 0;
    assert(n_numbers == sum->row_size);
    for (size_t i = 0; i < n_numbers; i++)
        out[i] = (float)((double)cell->acc[i] / ((double)cell->weight * scale));
    return cell->weight;
}

int64_t cn_sums_mean(const struct cn_sums *s, const char *name, float *out, size_t n_numbers)
{
    const struct cn_sum *sum = find(s, name);

    assert(!sum || !sum->by_label);
    return cn_sums_row_mean(s, name, 0, out, n_numbers);
}

uint32_t *cn_sums_rows(const struct cn_sums *s, const char *name, uint32_t *ret_n)
{
    const struct cn_sum *sum = find(s, name);
    uint32_t n = sum && sum->by_label ? sum->n : 0, *ids = cn_calloc(n, sizeof *ids);

    for (uint32_t i = 0; i < n; i++)
        ids[i] = sum->cells[i].label;
    *ret_n = n;
    return ids;
}
