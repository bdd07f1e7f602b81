/* Sums of second-order statistics: adding, taking out, merging, following the registry. */
#include "common/model/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/stats_form.h"

struct cn_stats *cn_stats_new(uint32_t dim)
{
    struct cn_stats *s = cn_calloc(1, sizeof *s);

    assert(dim > 0 && dim <= CN_STATS_MAX_DIM);
    s->dim = dim;
    s->product = cn_calloc(cn_stats_packed(dim, dim), sizeof *s->product);
    return s;
}

void cn_stats_destroy(struct cn_stats **p)
{
    struct cn_stats *s = cn_steal(*p);

    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_labels; i++)
        free(s->sums[i]);
    free(s->sums);
    free(s->counts);
    free(s->product);
    free(s);
}

uint32_t cn_stats_dim(const struct cn_stats *s)
{
    return s->dim;
}

const struct cn_label_count *cn_stats_counts(const struct cn_stats *s, uint32_t *ret_n)
{
    *ret_n = s->n_labels;
    return s->counts;
}

/* ---- places of labels ---- */

static uint32_t lower_bound(const struct cn_stats *s, uint32_t label)
{
    uint32_t low = 0, high = s->n_labels;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (s->counts[mid].label < label)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

uint32_t cn_stats_find(const struct cn_stats *s, uint32_t label)
{
    uint32_t i = lower_bound(s, label);
    return i < s->n_labels && s->counts[i].label == label ? i : UINT32_MAX;
}

uint32_t cn_stats_place(struct cn_stats *s, uint32_t label)
{
    uint32_t i = lower_bound(s, label);

    if (i < s->n_labels && s->counts[i].label == label)
        return i;
    if (s->n_labels == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->counts = cn_realloc(s->counts, s->cap * sizeof *s->counts);
        s->sums = cn_realloc(s->sums, s->cap * sizeof(int64_t *));
    }
    memmove(&s->counts[i + 1], &s->counts[i], (s->n_labels - i) * sizeof *s->counts);
    memmove(&s->sums[i + 1], &s->sums[i], (s->n_labels - i) * sizeof(int64_t *));
    s->n_labels++;
    s->counts[i] = (struct cn_label_count){label, 0};
    s->sums[i] = cn_calloc(s->dim, sizeof(int64_t));
    return i;
}

void cn_stats_remove(struct cn_stats *s, uint32_t i)
{
    free(s->sums[i]);
    s->n_labels--;
    memmove(&s->counts[i], &s->counts[i + 1], (s->n_labels - i) * sizeof *s->counts);
    memmove(&s->sums[i], &s->sums[i + 1], (s->n_labels - i) * sizeof(int64_t *));
}

/* ---- adding and taking out ---- */

/* Room for n_images more, and for the labels among these that are new. */
static enum cn_err check_room(const struct cn_stats *s, const uint32_t *labels, uint32_t n,
                              int64_t n_images, struct cn_error *err)
{
    uint32_t n_new = 0;

    for (uint32_t i = 0; i < n; i++)
        n_new += cn_stats_find(s, labels[i]) == UINT32_MAX;
    if (n_images > CN_STATS_MAX_IMAGES - s->n_images)
        return cn_fail(err, CN_E_LIMIT, "statistics of more than %lld images",
                       (long long)CN_STATS_MAX_IMAGES);
    if (n_new > CN_MAX_LABELS - s->n_labels)
        return cn_fail(err, CN_E_LIMIT, "statistics of more than %d labels", CN_MAX_LABELS);
    return CN_OK;
}

enum cn_err cn_stats_check(const struct cn_stats *s, const struct cn_pack *update,
                           struct cn_error *err)
{
    struct cn_stats_part part;
    enum cn_err rc = cn_stats_part_open(&part, update, s->dim, err);

    return rc ? rc : check_room(s, part.labels, part.n_labels, part.n_images, err);
}

void cn_stats_add(struct cn_stats *s, const struct cn_pack *update)
{
    struct cn_stats_part part;
    enum cn_err rc = cn_stats_part_open(&part, update, s->dim, NULL);

    assert(rc == CN_OK && part.n_images <= CN_STATS_MAX_IMAGES - s->n_images);
    for (uint32_t c = 0; c < part.n_labels; c++)
        (void)cn_stats_place(s, part.labels[c]);
    cn_stats_part_apply(&part, s, 1);
}

/* Taking a label's last image out must leave nothing of it, or it was never in. */
static bool leaves_nothing(const struct cn_stats *s)
{
    for (uint32_t i = 0; i < s->n_labels; i++)
        for (uint32_t j = 0; s->counts[i].n == 0 && j < s->dim; j++)
            if (s->sums[i][j])
                return false;
    return true;
}

enum cn_err cn_stats_subtract(struct cn_stats *s, const struct cn_pack *update,
                              struct cn_error *err)
{
    struct cn_stats_part part;
    enum cn_err rc = cn_stats_part_open(&part, update, s->dim, err);

    if (rc)
        return rc;
    for (uint32_t c = 0; c < part.n_labels; c++) {
        uint32_t at = cn_stats_find(s, part.labels[c]);
        if (at == UINT32_MAX || s->counts[at].n < cn_pack_int(part.count, c))
            return cn_fail(err, CN_E_STATE,
                           "the statistics do not hold that many images of label %u",
                           part.labels[c]);
    }
    cn_stats_part_apply(&part, s, -1);
    if (!leaves_nothing(s)) {
        cn_stats_part_apply(&part, s, 1);
        return cn_fail(err, CN_E_STATE, "the statistics do not hold this update");
    }
    for (uint32_t i = s->n_labels; i-- > 0;)
        if (s->counts[i].n == 0)
            cn_stats_remove(s, i);
    return CN_OK;
}

enum cn_err cn_stats_merge(struct cn_stats *into, const struct cn_stats *from, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(from->n_labels, sizeof *labels);

    if (into->dim != from->dim)
        return cn_fail(err, CN_E_SHAPE, "statistics of %u features are merged into those of %u",
                       from->dim, into->dim);
    for (uint32_t i = 0; i < from->n_labels; i++)
        labels[i] = from->counts[i].label;
    enum cn_err rc = check_room(into, labels, from->n_labels, from->n_images, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < from->n_labels; i++) {
        uint32_t at = cn_stats_place(into, labels[i]);
        into->counts[at].n += from->counts[i].n;
        for (uint32_t j = 0; j < into->dim; j++)
            into->sums[at][j] += from->sums[i][j];
    }
    into->n_images += from->n_images;
    for (size_t i = 0; i < cn_stats_packed(into->dim, into->dim); i++)
        into->product[i] += from->product[i];
    return CN_OK;
}

/* ---- following the registry ---- */

/* Takes n m m^T of a label out of the products: what remains is its spread around its mean, which
   belongs to the pool whatever the label is called, so the covariance of the others stays as it
   was. */
static void drop(struct cn_stats *s, uint32_t at)
{
    CN_CLEANUP(cn_freep) double *sum = cn_alloc_aligned(s->dim, sizeof *sum);
    double n = s->counts[at].n;
    size_t k = 0;

    for (uint32_t j = 0; j < s->dim; j++)
        sum[j] = ldexp((double)s->sums[at][j], -CN_STATS_SUM_BITS);
    for (uint32_t i = 0; i < s->dim; i++)
        for (uint32_t j = i; j < s->dim; j++)
            s->product[k++] -= llrint(ldexp(sum[i] * sum[j] / n, CN_STATS_PRODUCT_BITS));
    cn_stats_remove(s, at);
}

void cn_stats_move(struct cn_stats *s, const struct cn_label_move *moves, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = cn_stats_find(s, moves[i].from);
        if (from == UINT32_MAX || moves[i].from == moves[i].to)
            continue;
        if (moves[i].to == CN_LABEL_NONE) {
            drop(s, from);
            continue;
        }
        uint32_t to = cn_stats_place(s, moves[i].to);
        from = cn_stats_find(s, moves[i].from);
        s->counts[to].n += s->counts[from].n;
        for (uint32_t j = 0; j < s->dim; j++)
            s->sums[to][j] += s->sums[from][j];
        cn_stats_remove(s, from);
    }
}
