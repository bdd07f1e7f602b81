/* What the coordinator demands of an update: its form, recipe, counts, labels, shapes, finite
   numbers and norms. Nothing is added here, so a refused update has changed nothing.

   The current release's rows are the common zero. A row that an update's base lacked travels as it
   is; when a release made since knows the label, the difference to that release's row is taken
   here, so a late device still adds what it learnt. A row whose label has left the model since (it
   was merged or retired) is left out; its statistics and counts follow the registry's moves. */
#include "common/recipe/incoming.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/settings.h"

static const double MAX_RMS = 32; /* root mean square of one tensor's deltas */

void cn_incoming_fini(struct cn_incoming *in)
{
    for (uint32_t i = 0; i < in->n_tensors; i++) {
        free(in->rewritten[i]);
        free(in->weights[i]);
    }
    free(in->tensors);
    free(in->rewritten);
    free(in->weights);
    free(in->rows);
    cn_pack_close(&in->pack);
}

static bool has_label(const uint32_t *ids, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static uint32_t count_of(const struct cn_incoming *in, uint32_t label)
{
    for (uint32_t i = 0; i < in->head->n_counts; i++)
        if (in->head->counts[i].label == label)
            return in->head->counts[i].n;
    return 0;
}

static enum cn_err open_update(struct cn_incoming *in, struct cn_bytes bytes, struct cn_error *err)
{
    struct cn_recipe recipe;
    enum cn_err e;

    if (bytes.n > CN_MAX_UPDATE_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the update has %zu bytes, at most %d are taken", bytes.n,
                       CN_MAX_UPDATE_BYTES);
    if ((e = cn_pack_open(&in->pack, bytes, err)))
        return e;
    in->head = cn_pack_head(in->pack);
    if (in->head->kind != CN_PACK_UPDATE)
        return cn_fail(err, CN_E_PARSE, "these bytes are not an update");
    if ((e = cn_settings_read(in->pack, &recipe, err)))
        return e;
    const char *key = cn_settings_differ(&recipe, &in->m->base->recipe);
    if (key)
        return cn_fail(err, CN_E_VERSION,
                       "the update was made for another recipe: %s is not this fleet's", key);
    return CN_OK;
}

/* The pack has checked that they ascend and that each is within its cap. */
static enum cn_err check_counts(struct cn_incoming *in, const uint32_t *labels, uint32_t n_labels,
                                struct cn_error *err)
{
    const struct cn_label_count *c = in->head->counts;
    uint64_t total = 0;

    for (uint32_t i = 0; i < in->head->n_counts; i++) {
        if (c[i].label == CN_LABEL_NOISE || !has_label(labels, n_labels, c[i].label))
            return cn_fail(err, CN_E_NOTFOUND, "the update is about label %u, which is not known",
                           c[i].label);
        total += c[i].n;
    }
    if (total == 0)
        return cn_fail(err, CN_E_PARSE, "the update is about no image");
    if (total > CN_MAX_COUNT_PER_UPDATE)
        return cn_fail(err, CN_E_LIMIT, "the update counts %llu images, at most %d go",
                       (unsigned long long)total, CN_MAX_COUNT_PER_UPDATE);
    in->n_images = (uint32_t)total;
    return CN_OK;
}

/* The base's tensor that t is a delta of; NULL when there is none. */
static const struct cn_tensor *base_tensor(const struct cn_merge *m, const char *name)
{
    struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS];
    char full[CN_MAX_TENSOR_NAME_BYTES + 1];

    for (uint32_t i = 0, n = cn_weights_parts(m->base, parts); i < n; i++) {
        uint32_t n_tensors;
        const struct cn_tensor *t = cn_net_tensors(parts[i].net, &n_tensors);
        for (uint32_t j = 0; j < n_tensors; j++) {
            cn_weights_name(full, parts[i].prefix, &t[j]);
            if (strcmp(full, name) == 0)
                return &t[j];
        }
    }
    return NULL;
}

static enum cn_err check_norm(const struct cn_pack_tensor *t, const float *x, struct cn_error *err)
{
    double square = 0;

    for (size_t i = 0; i < t->n; i++)
        square += (double)x[i] * x[i];
    if (!isfinite(square))
        return cn_fail(err, CN_E_NUMERIC, "tensor %s holds a number that is not finite", t->name);
    if (square > MAX_RMS * MAX_RMS * (double)t->n)
        return cn_fail(err, CN_E_NUMERIC,
                       "the deltas of tensor %s have a norm of %g, %g is the cap", t->name,
                       sqrt(square), MAX_RMS * sqrt((double)t->n));
    return CN_OK;
}

static enum cn_err check_shape(const struct cn_pack_tensor *t, const struct cn_tensor *base,
                               struct cn_error *err)
{
    uint32_t first = t->by_label ? 1 : 0; /* an update carries some rows only */

    if ((t->type != CN_PACK_F32 && t->type != CN_PACK_F16) || t->by_label != base->by_label ||
        (t->rows != NULL) != t->by_label || t->n_dims != base->n_dims ||
        memcmp(t->dims + first, base->dims + first, (t->n_dims - first) * sizeof *t->dims) != 0)
        return cn_fail(err, CN_E_SHAPE, "tensor %s does not have the shape of the release's",
                       t->name);
    return CN_OK;
}

/* Weight 1/64 per image and row; rows that were born on the device become differences. */
static enum cn_err take_rows(struct cn_incoming *in, uint32_t i, const struct cn_tensor *base,
                             float *x, struct cn_error *err)
{
    const struct cn_pack_tensor *t = &in->tensors[i];
    size_t size = t->n / t->dims[0];

    in->rows[i] = cn_pack_rows(in->pack, t);
    in->weights[i] = cn_calloc(t->dims[0], sizeof **in->weights);
    for (uint32_t r = 0; r < t->dims[0]; r++) {
        uint32_t id = in->rows[i][r], n = count_of(in, id), at = cn_weights_row(in->m->base, id);
        bool is_delta = has_label(in->head->labels, in->head->n_labels, id);
        if (n == 0)
            return cn_fail(err, CN_E_PARSE, "tensor %s has a row for label %u without images",
                           t->name, id);
        if (is_delta && at == CN_WEIGHTS_NO_ROW)
            continue; /* weight 0: the label left the model since */
        in->weights[i][r] = cn_sums_weight(n, in->factor);
        for (size_t d = 0; !is_delta && at != CN_WEIGHTS_NO_ROW && d < size; d++)
            x[r * size + d] -= base->data[at * size + d] / cn_weights_unit(t->name);
    }
    return CN_OK;
}

static enum cn_err take_tensor(struct cn_incoming *in, uint32_t i, struct cn_error *err)
{
    struct cn_pack_tensor *t = &in->tensors[i];
    const struct cn_tensor *base = base_tensor(in->m, t->name);
    enum cn_err e;

    if (!base)
        return cn_fail(err, CN_E_SHAPE, "tensor %s is not one of this release's", t->name);
    if ((e = check_shape(t, base, err)))
        return e;
    CN_CLEANUP(cn_freep) float *x = cn_alloc_aligned(t->n, sizeof *x);
    cn_pack_floats(t, 0, t->n, x);
    if ((e = check_norm(t, x, err)))
        return e;
    if (!t->by_label) {
        in->weights[i] = cn_calloc(1, sizeof **in->weights);
        in->weights[i][0] = cn_sums_weight(in->n_images, in->factor);
    } else {
        if ((e = take_rows(in, i, base, x, err)))
            return e;
        in->rewritten[i] = cn_steal(x);
        t->type = CN_PACK_F32;
        t->data = (const uint8_t *)in->rewritten[i];
    }
    return cn_sums_check(in->m->rows, t, in->rows[i], in->weights[i], err);
}

static enum cn_err check_tensors(struct cn_incoming *in, struct cn_error *err)
{
    uint32_t n;
    const struct cn_pack_tensor *t = cn_pack_tensors(in->pack, &n);

    in->tensors = cn_calloc(n, sizeof *in->tensors);
    in->rewritten = cn_calloc(n, sizeof *in->rewritten);
    in->weights = cn_calloc(n, sizeof *in->weights);
    in->rows = cn_calloc(n, sizeof *in->rows);
    for (uint32_t i = 0; i < n; i++) {
        if (in->m->stats && strncmp(t[i].name, "stats.", 6) == 0)
            continue; /* cn_stats_check looks at these */
        in->tensors[in->n_tensors] = t[i];
        enum cn_err e = take_tensor(in, in->n_tensors++, err);
        if (e)
            return e;
    }
    return CN_OK;
}

/* A body may not come in part: its mean is over all images of all updates. */
static enum cn_err check_complete(const struct cn_incoming *in, struct cn_error *err)
{
    struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS];
    bool has_gan = cn_pack_find(in->pack, "gen.out.weight") != NULL;
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];

    for (uint32_t i = 0, n = cn_weights_parts(in->m->base, parts); i < n; i++) {
        uint32_t n_tensors;
        const struct cn_tensor *t = cn_net_tensors(parts[i].net, &n_tensors);
        for (uint32_t j = 0; (i == 0 || has_gan) && j < n_tensors; j++) {
            cn_weights_name(name, parts[i].prefix, &t[j]);
            if (!cn_pack_find(in->pack, name))
                return cn_fail(err, CN_E_PARSE, "the update lacks tensor %s", name);
        }
    }
    return CN_OK;
}

static enum cn_err check_stats(const struct cn_incoming *in, struct cn_error *err)
{
    const struct cn_pack_tensor *count = cn_pack_find(in->pack, "stats.count");
    enum cn_err e;

    if (!in->m->stats)
        return CN_OK;
    if ((e = cn_stats_check(in->m->stats, in->pack, err)))
        return e;
    const uint32_t *rows = count ? cn_pack_rows(in->pack, count) : NULL;
    for (uint32_t i = 0; rows && i < count->dims[0]; i++)
        if (count_of(in, rows[i]) == 0)
            return cn_fail(err, CN_E_PARSE, "the update has statistics of label %u, but no images",
                           rows[i]);
    return CN_OK;
}

enum cn_err cn_incoming_open(struct cn_incoming *ret, const struct cn_merge *m,
                             struct cn_bytes update, const uint32_t *labels, uint32_t n_labels,
                             uint32_t staleness, struct cn_error *err)
{
    enum cn_err e;

    *ret = (struct cn_incoming){.m = m, .factor = 1 / sqrt(1 + (double)staleness)};
    if ((e = open_update(ret, update, err)) || (e = check_counts(ret, labels, n_labels, err)) ||
        (e = check_tensors(ret, err)) || (e = check_complete(ret, err)))
        return e;
    return check_stats(ret, err);
}
