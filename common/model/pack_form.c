/* The rules of a pack's header. */
#include "common/model/pack_form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t type_bytes[] = {
    [CN_PACK_F32] = 4, [CN_PACK_F16] = 2, [CN_PACK_I64] = 8, [CN_PACK_F64] = 8};

size_t cn_pack_type_bytes(enum cn_pack_type type)
{
    return type_bytes[type];
}

size_t cn_pack_form_numbers(const struct cn_modelwire_tensor *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++)
        n *= t->dims[i];
    return n;
}

bool cn_pack_head_is_bare(const struct cn_pack_head *head)
{
    return cn_digest_is_none(&head->fleet) && cn_digest_is_none(&head->base_digest) &&
           head->base_release == 0 && head->n_labels == 0 && head->n_counts == 0 &&
           head->n_archs == 0;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* ids that labels may have on the wire, strictly ascending. */
static enum cn_err check_ascending(const uint32_t *ids, uint32_t n, const char *what,
                                   struct cn_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] >= CN_LABEL_LOCAL)
            return cn_fail(err, CN_E_PARSE, "%s: label id %u is not a fleet's", what, ids[i]);
        if (i && ids[i] == ids[i - 1])
            return cn_fail(err, CN_E_EXISTS, "%s: label %u is there twice", what, ids[i]);
        if (i && ids[i] < ids[i - 1])
            return cn_fail(err, CN_E_PARSE, "%s: labels are not ascending at %u", what, ids[i]);
    }
    return CN_OK;
}

static enum cn_err check_labels(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) uint32_t *sorted = cn_calloc(p->n_labels, sizeof *sorted);

    if (p->n_labels > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "%u labels, at most %d", p->n_labels, CN_MAX_LABELS);
    for (uint32_t i = 0; i < p->n_labels; i++)
        sorted[i] = p->labels[i];
    qsort(sorted, p->n_labels, sizeof *sorted, by_id);
    return check_ascending(sorted, p->n_labels, "rows of the head", err);
}

static enum cn_err check_counts(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) uint32_t *ids = cn_calloc(p->n_counts, sizeof *ids);

    if (p->n_counts > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "%u counts, at most %d", p->n_counts, CN_MAX_LABELS);
    for (uint32_t i = 0; i < p->n_counts; i++) {
        ids[i] = p->counts[i].label;
        if (p->counts[i].n == 0)
            return cn_fail(err, CN_E_PARSE, "the count of label %u is zero", ids[i]);
        if (p->kind == CN_PACK_UPDATE && p->counts[i].n > CN_MAX_COUNT_PER_UPDATE)
            return cn_fail(err, CN_E_LIMIT, "%u images of label %u in one update, at most %d",
                           p->counts[i].n, ids[i], CN_MAX_COUNT_PER_UPDATE);
    }
    return check_ascending(ids, p->n_counts, "counts", err);
}

static enum cn_err check_settings(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    if (p->n_settings > CN_MAX_SETTINGS)
        return cn_fail(err, CN_E_LIMIT, "%u settings, at most %d", p->n_settings, CN_MAX_SETTINGS);
    for (uint32_t i = 0; i < p->n_settings; i++) {
        const struct cn_setting *s = &p->settings[i];
        int order = i ? strcmp(p->settings[i - 1].key, s->key) : -1;

        if (!s->key[0] || order > 0)
            return cn_fail(err, CN_E_PARSE, "settings are not ascending at \"%s\"", s->key);
        if (order == 0)
            return cn_fail(err, CN_E_EXISTS, "setting \"%s\" is there twice", s->key);
        if (s->is_real && !isfinite(s->real))
            return cn_fail(err, CN_E_NUMERIC, "setting \"%s\" is not a finite number", s->key);
    }
    return CN_OK;
}

static enum cn_err check_arch(const struct cn_modelwire_arch *a, struct cn_error *err)
{
    if (!a->name[0])
        return cn_fail(err, CN_E_PARSE, "an architecture has no name");
    if (a->n_layers > CN_MAX_LAYERS)
        return cn_fail(err, CN_E_LIMIT, "architecture %s has %u layers, at most %d", a->name,
                       a->n_layers, CN_MAX_LAYERS);
    for (uint32_t i = 0; i < a->n_layers; i++) {
        const struct cn_modelwire_layer *l = &a->layers[i];
        if (l->kind == 0 || l->kind > CN_LAYER_LABEL_ADD + 1)
            return cn_fail(err, CN_E_VERSION, "architecture %s: layer %u is of unknown kind %u",
                           a->name, i, l->kind);
        if (!isfinite(l->alpha) || !isfinite(l->rate) || !isfinite(l->momentum) ||
            !isfinite(l->eps))
            return cn_fail(err, CN_E_NUMERIC,
                           "architecture %s: layer %u has a number that is "
                           "not finite",
                           a->name, i);
    }
    return CN_OK;
}

static enum cn_err check_archs(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    if (p->n_archs > CN_MAX_ARCHS)
        return cn_fail(err, CN_E_LIMIT, "%u architectures, at most %d", p->n_archs, CN_MAX_ARCHS);
    for (uint32_t i = 0; i < p->n_archs; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(p->archs[i].name, p->archs[j].name) == 0)
                return cn_fail(err, CN_E_EXISTS, "architecture %s is there twice",
                               p->archs[i].name);
        enum cn_err rc = check_arch(&p->archs[i], err);
        if (rc)
            return rc;
    }
    return CN_OK;
}

static enum cn_err check_tensor(const struct cn_modelwire_pack *p,
                                const struct cn_modelwire_tensor *t, struct cn_error *err)
{
    size_t n = 1;

    if (!t->name[0])
        return cn_fail(err, CN_E_PARSE, "a tensor has no name");
    if (t->type == 0 || t->type > CN_PACK_F64 + 1)
        return cn_fail(err, CN_E_VERSION, "tensor %s is of unknown type %u", t->name, t->type);
    if (t->n_dims == 0 || t->n_dims > CN_MAX_DIMS)
        return cn_fail(err, CN_E_SHAPE, "tensor %s has %u dimensions, 1 to %d are allowed", t->name,
                       t->n_dims, CN_MAX_DIMS);
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] == 0)
            return cn_fail(err, CN_E_SHAPE, "tensor %s is empty", t->name);
        if (t->dims[i] > CN_MAX_LAYER_NUMBERS / n)
            return cn_fail(err, CN_E_LIMIT, "tensor %s has more than %d numbers", t->name,
                           CN_MAX_LAYER_NUMBERS);
        n *= t->dims[i];
    }
    if (t->n_rows && (!t->by_label || t->n_rows != t->dims[0]))
        return cn_fail(err, CN_E_SHAPE, "tensor %s names %u label rows and has %u", t->name,
                       t->n_rows, t->by_label ? t->dims[0] : 0);
    if (t->by_label && t->n_rows == 0 && t->dims[0] != p->n_labels)
        return cn_fail(err, CN_E_SHAPE, "tensor %s has %u rows for %u labels", t->name, t->dims[0],
                       p->n_labels);
    return check_ascending(t->rows, t->n_rows, t->name, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum cn_err check_tensors(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    const char *names[CN_MAX_TENSORS];

    if (p->n_tensors > CN_MAX_TENSORS)
        return cn_fail(err, CN_E_LIMIT, "%u tensors, at most %d", p->n_tensors, CN_MAX_TENSORS);
    for (uint32_t i = 0; i < p->n_tensors; i++) {
        enum cn_err rc = check_tensor(p, &p->tensors[i], err);
        if (rc)
            return rc;
        names[i] = p->tensors[i].name;
    }
    qsort(names, p->n_tensors, sizeof *names, by_name);
    for (uint32_t i = 1; i < p->n_tensors; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return cn_fail(err, CN_E_EXISTS, "tensor %s is there twice", names[i]);
    return CN_OK;
}

enum cn_err cn_pack_form_check(const struct cn_modelwire_pack *p, struct cn_error *err)
{
    enum cn_err rc = CN_OK;

    if (p->kind < CN_PACK_MODEL || p->kind > CN_PACK_SUMS)
        return cn_fail(err, CN_E_VERSION, "a pack of unknown kind %u", p->kind);
    if (!rc)
        rc = check_labels(p, err);
    if (!rc)
        rc = check_counts(p, err);
    if (!rc)
        rc = check_settings(p, err);
    if (!rc)
        rc = check_archs(p, err);
    if (!rc)
        rc = check_tensors(p, err);
    return rc;
}
