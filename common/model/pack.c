/* Reading packs. */
#include "common/model/pack.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/half.h"
#include "common/model/pack_form.h"

struct cn_pack {
    struct cn_modelwire_pack wire; /* owns what head and tensors point to */
    struct cn_pack_head head;
    struct cn_pack_arch *archs;
    struct cn_pack_tensor *tensors;
};

void cn_pack_close(struct cn_pack **pp)
{
    struct cn_pack *p = cn_steal(*pp);

    if (!p)
        return;
    cn_modelwire_pack_fini(&p->wire);
    free(p->archs);
    free(p->tensors);
    free(p);
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* Where the first tensor starts. */
static enum cn_err open_prefix(struct cn_bytes in, size_t *ret_start, struct cn_error *err)
{
    if (in.n < CN_PACK_PREFIX_BYTES || memcmp(in.at, "CNPK", 4) != 0)
        return cn_fail(err, CN_E_PARSE, "these %zu bytes are not a pack", in.n);
    if (in.n > CN_MAX_BLOB_BYTES)
        return cn_fail(err, CN_E_LIMIT, "a pack of %zu bytes, at most %d are allowed", in.n,
                       CN_MAX_BLOB_BYTES);
    if (cn_get32(in.at + 4) != CN_PACK_VERSION)
        return cn_fail(err, CN_E_VERSION,
                       "the pack is of format %u, this program reads %d; update it",
                       cn_get32(in.at + 4), CN_PACK_VERSION);
    size_t n_header = cn_get32(in.at + 8), start = cn_pack_align(CN_PACK_PREFIX_BYTES + n_header);
    if (n_header > CN_MAX_HEADER_BYTES)
        return cn_fail(err, CN_E_LIMIT, "a pack with a header of %zu bytes", n_header);
    if (cn_get32(in.at + 12) != 0 || start > in.n)
        return cn_fail(err, CN_E_PARSE, "the pack ends inside its header");
    size_t end = CN_PACK_PREFIX_BYTES + n_header;
    if (!all_zero(in.at + end, start - end))
        return cn_fail(err, CN_E_PARSE, "the padding of the pack's header is not zero");
    *ret_start = start;
    return CN_OK;
}

static enum cn_err place_tensors(struct cn_pack *p, struct cn_bytes in, size_t at,
                                 struct cn_error *err)
{
    p->tensors = cn_calloc(p->wire.n_tensors, sizeof *p->tensors);
    for (uint32_t i = 0; i < p->wire.n_tensors; i++) {
        const struct cn_modelwire_tensor *t = &p->wire.tensors[i];
        struct cn_pack_tensor *o = &p->tensors[i];

        memcpy(o->name, t->name, sizeof o->name);
        memcpy(o->dims, t->dims, sizeof o->dims);
        o->type = (enum cn_pack_type)(t->type - 1);
        o->n_dims = t->n_dims;
        o->by_label = t->by_label;
        o->frozen = t->frozen;
        o->rows = t->n_rows ? t->rows : NULL;
        o->n = cn_pack_form_numbers(t);
        size_t n_bytes = o->n * cn_pack_type_bytes(o->type), end = cn_pack_align(n_bytes);
        if (end > in.n - at)
            return cn_fail(err, CN_E_PARSE, "the pack ends inside tensor %s", o->name);
        o->data = in.at + at;
        if (!all_zero(o->data + n_bytes, end - n_bytes))
            return cn_fail(err, CN_E_PARSE, "the padding of tensor %s is not zero", o->name);
        at += end;
    }
    if (at != in.n)
        return cn_fail(err, CN_E_PARSE, "%zu bytes follow the pack's last tensor", in.n - at);
    return CN_OK;
}

static void arch_in(struct cn_pack_arch *out, const struct cn_modelwire_arch *in)
{
    memcpy(out->name, in->name, sizeof out->name);
    out->arch.channels = in->channels;
    out->arch.height = in->height;
    out->arch.width = in->width;
    out->arch.n_layers = in->n_layers;
    for (uint32_t i = 0; i < in->n_layers; i++) {
        const struct cn_modelwire_layer *l = &in->layers[i];
        struct cn_layer *o = &out->arch.layers[i];
        *o = (struct cn_layer){.kind = (enum cn_layer_kind)(l->kind - 1),
                               .out = l->out,
                               .kernel_h = l->kernel_h,
                               .kernel_w = l->kernel_w,
                               .stride = l->stride,
                               .pad = l->pad,
                               .groups = l->groups,
                               .alpha = l->alpha,
                               .rate = l->rate,
                               .momentum = l->momentum,
                               .eps = l->eps,
                               .by_label = l->by_label,
                               .frozen = l->frozen};
        memcpy(o->name, l->name, sizeof o->name);
    }
}

static void fill_head(struct cn_pack *p)
{
    const struct cn_modelwire_pack *w = &p->wire;

    p->archs = cn_calloc(w->n_archs, sizeof *p->archs);
    for (uint32_t i = 0; i < w->n_archs; i++)
        arch_in(&p->archs[i], &w->archs[i]);
    p->head = (struct cn_pack_head){.kind = (enum cn_pack_kind)w->kind,
                                    .fleet = w->fleet,
                                    .base_release = w->base_release,
                                    .base_digest = w->base_digest,
                                    .labels = w->labels,
                                    .n_labels = w->n_labels,
                                    .counts = w->counts,
                                    .n_counts = w->n_counts,
                                    .settings = w->settings,
                                    .n_settings = w->n_settings,
                                    .archs = p->archs,
                                    .n_archs = w->n_archs};
}

enum cn_err cn_pack_open(struct cn_pack **ret, struct cn_bytes in, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = cn_calloc(1, sizeof *p);
    size_t start = 0;
    enum cn_err rc = open_prefix(in, &start, err);

    if (rc)
        return rc;
    struct cn_bytes header = {in.at + CN_PACK_PREFIX_BYTES, cn_get32(in.at + 8)};
    rc = cn_modelwire_pack_decode(&p->wire, header, err);
    if (!rc)
        rc = cn_pack_form_check(&p->wire, err);
    if (!rc)
        rc = place_tensors(p, in, start, err);
    if (rc)
        return rc;
    fill_head(p);
    *ret = cn_steal(p);
    return CN_OK;
}

/* ---- looking things up ---- */

const struct cn_pack_head *cn_pack_head(const struct cn_pack *p)
{
    return &p->head;
}

const struct cn_pack_tensor *cn_pack_tensors(const struct cn_pack *p, uint32_t *ret_n)
{
    *ret_n = p->wire.n_tensors;
    return p->tensors;
}

const struct cn_pack_tensor *cn_pack_find(const struct cn_pack *p, const char *name)
{
    for (uint32_t i = 0; i < p->wire.n_tensors; i++)
        if (strcmp(p->tensors[i].name, name) == 0)
            return &p->tensors[i];
    return NULL;
}

const struct cn_arch *cn_pack_arch(const struct cn_pack *p, const char *name)
{
    for (uint32_t i = 0; i < p->head.n_archs; i++)
        if (strcmp(p->archs[i].name, name) == 0)
            return &p->archs[i].arch;
    return NULL;
}

static const struct cn_setting *find_setting(const struct cn_pack *p, const char *key, bool is_real)
{
    for (uint32_t i = 0; i < p->head.n_settings; i++) {
        const struct cn_setting *s = &p->head.settings[i];
        if (s->is_real == is_real && strcmp(s->key, key) == 0)
            return s;
    }
    return NULL;
}

enum cn_err cn_pack_number(const struct cn_pack *p, const char *key, uint64_t *ret,
                           struct cn_error *err)
{
    const struct cn_setting *s = find_setting(p, key, false);

    if (!s)
        return cn_fail(err, CN_E_NOTFOUND, "the pack has no setting \"%s\"", key);
    *ret = s->number;
    return CN_OK;
}

enum cn_err cn_pack_real(const struct cn_pack *p, const char *key, double *ret,
                         struct cn_error *err)
{
    const struct cn_setting *s = find_setting(p, key, true);

    if (!s)
        return cn_fail(err, CN_E_NOTFOUND, "the pack has no setting \"%s\"", key);
    *ret = s->real;
    return CN_OK;
}

const uint32_t *cn_pack_rows(const struct cn_pack *p, const struct cn_pack_tensor *t)
{
    assert(t->by_label);
    return t->rows ? t->rows : p->head.labels;
}

/* ---- numbers ---- */

enum { BLOCK = 1024 };

void cn_pack_floats(const struct cn_pack_tensor *t, size_t first, size_t n, float *out)
{
    uint16_t half[BLOCK];

    assert(first <= t->n && n <= t->n - first);
    if (t->type == CN_PACK_F32) {
        memcpy(out, t->data + 4 * first, 4 * n);
        return;
    }
    assert(t->type == CN_PACK_F16);
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        memcpy(half, t->data + 2 * (first + i), 2 * m);
        cn_half_decode(out + i, half, m);
    }
}

int64_t cn_pack_int(const struct cn_pack_tensor *t, size_t i)
{
    assert(t->type == CN_PACK_I64 && i < t->n);
    return (int64_t)cn_get64(t->data + 8 * i);
}

bool cn_pack_is_finite(const struct cn_pack_tensor *t)
{
    float x[BLOCK];

    for (size_t i = 0; i < t->n; i += BLOCK) {
        size_t m = t->n - i < BLOCK ? t->n - i : BLOCK;
        cn_pack_floats(t, i, m, x);
        for (size_t j = 0; j < m; j++)
            if (!isfinite(x[j]))
                return false;
    }
    return true;
}

enum cn_err cn_pack_tensor(const struct cn_pack_tensor *t, struct cn_tensor *ret,
                           struct cn_error *err)
{
    if (t->type != CN_PACK_F32 && t->type != CN_PACK_F16)
        return cn_fail(err, CN_E_SHAPE, "tensor %s does not hold f32 or f16", t->name);
    if (!cn_pack_is_finite(t))
        return cn_fail(err, CN_E_NUMERIC, "tensor %s holds a number that is not finite", t->name);
    cn_tensor_init(ret, t->name, t->n_dims, t->dims);
    ret->by_label = t->by_label;
    ret->frozen = t->frozen;
    cn_pack_floats(t, 0, t->n, ret->data);
    return CN_OK;
}
