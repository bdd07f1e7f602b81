/* The bytes of summed statistics: a pack (CN_PACK_STATS) with the setting "stats.images" and the
   i64 tensors "stats.count", "stats.sum" by label and "stats.product" (packed upper triangle). */
#include <stdlib.h>
#include <string.h>

#include "common/model/pack_form.h"
#include "common/model/stats_form.h"

static void put_labels(struct cn_pack_writer *w, const struct cn_stats *s)
{
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(s->n_labels, sizeof *labels);
    CN_CLEANUP(cn_freep) int64_t *counts = cn_calloc(s->n_labels, sizeof *counts);
    CN_CLEANUP(cn_freep)
    int64_t *sums = cn_alloc_aligned((size_t)s->n_labels * s->dim, sizeof *sums);
    struct cn_pack_tensor t = {.name = "stats.count",
                               .type = CN_PACK_I64,
                               .n_dims = 1,
                               .dims = {s->n_labels},
                               .by_label = true,
                               .rows = labels,
                               .data = (const uint8_t *)counts};

    for (uint32_t i = 0; i < s->n_labels; i++) {
        labels[i] = s->counts[i].label;
        counts[i] = s->counts[i].n;
        memcpy(sums + (size_t)i * s->dim, s->sums[i], s->dim * sizeof *sums);
    }
    cn_pack_put_raw(w, &t);
    memcpy(t.name, "stats.sum", sizeof "stats.sum");
    t.n_dims = 2;
    t.dims[1] = s->dim;
    t.data = (const uint8_t *)sums;
    cn_pack_put_raw(w, &t);
}

enum cn_err cn_stats_encode(const struct cn_stats *s, struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    struct cn_setting settings[] = {{.key = "stats.dim", .number = s->dim},
                                    {.key = "stats.images", .number = (uint64_t)s->n_images}};
    struct cn_pack_head head = {
        .kind = CN_PACK_STATS, .settings = settings, .n_settings = CN_COUNT(settings)};
    struct cn_pack_tensor product = {.name = "stats.product",
                                     .type = CN_PACK_I64,
                                     .n_dims = 1,
                                     .dims = {(uint32_t)cn_stats_packed(s->dim, s->dim)},
                                     .data = (const uint8_t *)s->product};

    if (s->n_labels)
        put_labels(w, s);
    cn_pack_put_raw(w, &product);
    return cn_pack_finish(w, &head, out, err);
}

/* ---- reading ---- */

static bool is_within(int64_t x, int64_t n)
{
    int64_t bound = n << CN_STATS_BOUND_BITS;
    return x >= -bound && x <= bound;
}

static bool is_named(const struct cn_pack_tensor *t, const char *name, uint32_t n_dims)
{
    return strcmp(t->name, name) == 0 && t->type == CN_PACK_I64 && t->n_dims == n_dims &&
           !t->frozen;
}

static enum cn_err take_product(struct cn_stats *s, const struct cn_pack_tensor *t,
                                struct cn_error *err)
{
    if (!is_named(t, "stats.product", 1) || t->by_label || t->n != cn_stats_packed(s->dim, s->dim))
        return cn_fail(err, CN_E_SHAPE, "stats.product is missing or has another shape");
    for (size_t i = 0; i < t->n; i++) {
        s->product[i] = cn_pack_int(t, i);
        if (!is_within(s->product[i], s->n_images))
            return cn_fail(err, CN_E_LIMIT, "number %zu of stats.product is out of range", i);
    }
    return CN_OK;
}

static enum cn_err take_labels(struct cn_stats *s, const struct cn_pack_tensor *count,
                               const struct cn_pack_tensor *sum, struct cn_error *err)
{
    int64_t left = s->n_images;

    if (!is_named(count, "stats.count", 1) || !is_named(sum, "stats.sum", 2) || !count->rows ||
        !sum->rows || sum->dims[1] != s->dim || sum->dims[0] != count->dims[0] ||
        memcmp(sum->rows, count->rows, count->n * sizeof *count->rows) != 0)
        return cn_fail(err, CN_E_SHAPE, "stats.count and stats.sum do not fit each other");
    for (uint32_t i = 0; i < count->n; i++) {
        int64_t n = cn_pack_int(count, i);
        if (n <= 0 || n > left)
            return cn_fail(err, CN_E_LIMIT, "label %u has %lld images, more than there are",
                           count->rows[i], (long long)n);
        left -= n;
        uint32_t at = cn_stats_place(s, count->rows[i]);
        s->counts[at].n = (uint32_t)n;
        for (uint32_t j = 0; j < s->dim; j++) {
            s->sums[at][j] = cn_pack_int(sum, (size_t)i * s->dim + j);
            if (!is_within(s->sums[at][j], n))
                return cn_fail(err, CN_E_LIMIT,
                               "feature %u of stats.sum of label %u is out of "
                               "range",
                               j, count->rows[i]);
        }
    }
    return CN_OK;
}

enum cn_err cn_stats_decode(struct cn_stats **ret, struct cn_bytes in, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = NULL;
    uint64_t dim = 0, n_images = 0;
    uint32_t n = 0;
    enum cn_err rc = cn_pack_open(&p, in, err);

    if (!rc)
        rc = cn_pack_number(p, "stats.dim", &dim, err);
    if (!rc)
        rc = cn_pack_number(p, "stats.images", &n_images, err);
    if (rc)
        return rc;
    const struct cn_pack_tensor *t = cn_pack_tensors(p, &n);
    const struct cn_pack_head *head = cn_pack_head(p);
    if (head->kind != CN_PACK_STATS || !cn_pack_head_is_bare(head) || head->n_settings != 2 ||
        (n != 1 && n != 3))
        return cn_fail(err, CN_E_PARSE, "this pack does not hold summed statistics");
    if (dim == 0 || dim > CN_STATS_MAX_DIM || n_images > (uint64_t)CN_STATS_MAX_IMAGES)
        return cn_fail(err, CN_E_LIMIT, "statistics of %llu features and %llu images",
                       (unsigned long long)dim, (unsigned long long)n_images);
    s = cn_stats_new((uint32_t)dim);
    s->n_images = (int64_t)n_images;
    rc = take_product(s, &t[n - 1], err);
    if (!rc && n == 3)
        rc = take_labels(s, &t[0], &t[1], err);
    if (!rc)
        *ret = cn_steal(s);
    return rc;
}
