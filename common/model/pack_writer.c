/* Writing packs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/half.h"
#include "common/model/pack_form.h"

struct entry {
    struct cn_modelwire_tensor head;
    struct cn_buf data;
};

struct cn_pack_writer {
    struct entry entries[CN_MAX_TENSORS];
    uint32_t n;
    struct cn_error failed; /* the first failure, kept for finish */
};

struct cn_pack_writer *cn_pack_writer_new(void)
{
    return cn_calloc(1, sizeof(struct cn_pack_writer));
}

void cn_pack_writer_destroy(struct cn_pack_writer **p)
{
    struct cn_pack_writer *w = cn_steal(*p);

    if (!w)
        return;
    for (uint32_t i = 0; i < w->n; i++) {
        free(w->entries[i].head.rows);
        cn_buf_fini(&w->entries[i].data);
    }
    free(w);
}

/* ---- rows in ascending order ---- */

struct row {
    uint32_t id, at;
};

static int by_id(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Where the rows come from when they are written ascending by label. */
static struct row *order_of(const uint32_t *ids, uint32_t n)
{
    struct row *order = cn_calloc(n, sizeof *order);

    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct row){ids[i], i};
    qsort(order, n, sizeof *order, by_id);
    return order;
}

static void put_rows(struct entry *e, const struct cn_pack_tensor *t, size_t n_bytes)
{
    CN_CLEANUP(cn_freep) struct row *order = order_of(t->rows, t->dims[0]);
    size_t row_bytes = n_bytes / t->dims[0];

    e->head.n_rows = t->dims[0];
    e->head.rows = cn_calloc(t->dims[0], sizeof *e->head.rows);
    for (uint32_t i = 0; i < t->dims[0]; i++) {
        e->head.rows[i] = order[i].id;
        cn_buf_append(&e->data, t->data + order[i].at * row_bytes, row_bytes);
    }
}

void cn_pack_put_raw(struct cn_pack_writer *w, const struct cn_pack_tensor *t)
{
    if (w->failed.code)
        return;
    if (w->n == CN_MAX_TENSORS) {
        cn_fail(&w->failed, CN_E_LIMIT, "tensor %s is one more than %d", t->name, CN_MAX_TENSORS);
        return;
    }
    struct cn_modelwire_tensor h = {
        .type = t->type + 1, .n_dims = t->n_dims, .by_label = t->by_label, .frozen = t->frozen};
    size_t n_bytes = cn_pack_type_bytes(t->type);
    memcpy(h.name, t->name, sizeof h.name);
    for (uint32_t i = 0; i < CN_MAX_DIMS; i++) {
        h.dims[i] = i < t->n_dims ? t->dims[i] : 1;
        if (h.dims[i] == 0 || n_bytes > CN_MAX_BLOB_BYTES / h.dims[i]) {
            cn_fail(&w->failed, h.dims[i] ? CN_E_LIMIT : CN_E_SHAPE, "tensor %s is %s", t->name,
                    h.dims[i] ? "too large" : "empty");
            return;
        }
        n_bytes *= h.dims[i];
    }
    struct entry *e = &w->entries[w->n++];
    e->head = h;
    cn_buf_reserve(&e->data, n_bytes);
    if (t->rows)
        put_rows(e, t, n_bytes);
    else
        cn_buf_append(&e->data, t->data, n_bytes);
}

void cn_pack_put(struct cn_pack_writer *w, const struct cn_tensor *t, enum cn_pack_type type,
                 const uint32_t *rows)
{
    struct cn_pack_tensor raw = {.type = type,
                                 .n_dims = t->n_dims,
                                 .by_label = t->by_label,
                                 .frozen = t->frozen,
                                 .rows = rows,
                                 .data = (const uint8_t *)t->data};
    CN_CLEANUP(cn_freep) uint16_t *half = NULL;
    size_t n = cn_tensor_size(t);

    memcpy(raw.name, t->name, sizeof raw.name);
    memcpy(raw.dims, t->dims, sizeof raw.dims);
    for (size_t i = 0; i < n && !w->failed.code; i++)
        if (!isfinite(t->data[i]))
            cn_fail(&w->failed, CN_E_NUMERIC, "number %zu of tensor %s is not finite", i, t->name);
    if (type == CN_PACK_F16 && !w->failed.code) {
        half = cn_calloc(n, sizeof *half);
        cn_half_encode(half, t->data, n);
        for (size_t i = 0; i < n && !w->failed.code; i++)
            if ((half[i] & 0x7c00) == 0x7c00)
                cn_fail(&w->failed, CN_E_NUMERIC, "number %zu of tensor %s is too large for f16", i,
                        t->name);
        raw.data = (const uint8_t *)half;
    }
    cn_pack_put_raw(w, &raw);
}

/* ---- the header ---- */

static int by_label(const void *a, const void *b)
{
    const struct cn_label_count *x = a, *y = b;
    return (x->label > y->label) - (x->label < y->label);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct cn_setting *)a)->key, ((const struct cn_setting *)b)->key);
}

static void arch_out(struct cn_modelwire_arch *out, const struct cn_pack_arch *in)
{
    memcpy(out->name, in->name, sizeof out->name);
    out->channels = in->arch.channels;
    out->height = in->arch.height;
    out->width = in->arch.width;
    out->n_layers = in->arch.n_layers;
    out->layers = cn_calloc(in->arch.n_layers, sizeof *out->layers);
    for (uint32_t i = 0; i < out->n_layers; i++) {
        const struct cn_layer *l = &in->arch.layers[i];
        struct cn_modelwire_layer *o = &out->layers[i];
        *o = (struct cn_modelwire_layer){.kind = l->kind + 1,
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

/* p owns its arrays, except the rows of tensors. */
static void header_of(struct cn_modelwire_pack *p, const struct cn_pack_writer *w,
                      const struct cn_pack_head *head)
{
    p->kind = head->kind;
    p->fleet = head->fleet;
    p->base_release = head->base_release;
    p->base_digest = head->base_digest;
    p->labels = cn_calloc(head->n_labels, sizeof *p->labels);
    p->counts = cn_calloc(head->n_counts, sizeof *p->counts);
    p->settings = cn_calloc(head->n_settings, sizeof *p->settings);
    p->archs = cn_calloc(head->n_archs, sizeof *p->archs);
    p->tensors = cn_calloc(w->n, sizeof *p->tensors);
    for (p->n_labels = 0; p->n_labels < head->n_labels; p->n_labels++)
        p->labels[p->n_labels] = head->labels[p->n_labels];
    for (p->n_counts = 0; p->n_counts < head->n_counts; p->n_counts++)
        p->counts[p->n_counts] = head->counts[p->n_counts];
    for (p->n_settings = 0; p->n_settings < head->n_settings; p->n_settings++)
        p->settings[p->n_settings] = head->settings[p->n_settings];
    for (p->n_archs = 0; p->n_archs < head->n_archs; p->n_archs++)
        arch_out(&p->archs[p->n_archs], &head->archs[p->n_archs]);
    for (p->n_tensors = 0; p->n_tensors < w->n; p->n_tensors++)
        p->tensors[p->n_tensors] = w->entries[p->n_tensors].head;
    qsort(p->counts, p->n_counts, sizeof *p->counts, by_label);
    qsort(p->settings, p->n_settings, sizeof *p->settings, by_key);
}

static void header_fini(struct cn_modelwire_pack *p)
{
    for (uint32_t i = 0; i < p->n_tensors; i++)
        p->tensors[i].rows = NULL;
    cn_modelwire_pack_fini(p);
}

enum cn_err cn_pack_finish(struct cn_pack_writer *w, const struct cn_pack_head *head,
                           struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(header_fini) struct cn_modelwire_pack p = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    uint8_t prefix[CN_PACK_PREFIX_BYTES] = "CNPK";

    if (w->failed.code)
        return cn_fail(err, w->failed.code, "%s", w->failed.text);
    header_of(&p, w, head);
    enum cn_err rc = cn_pack_form_check(&p, err);
    if (rc)
        return rc;
    cn_modelwire_pack_encode(&p, &text);
    size_t start = cn_pack_align(CN_PACK_PREFIX_BYTES + text.n), total = start;
    for (uint32_t i = 0; i < w->n; i++)
        total += cn_pack_align(w->entries[i].data.n);
    if (text.n > CN_MAX_HEADER_BYTES || total > CN_MAX_BLOB_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the pack would have %zu bytes, %zu of them header", total,
                       text.n);
    cn_put32(prefix + 4, CN_PACK_VERSION);
    cn_put32(prefix + 8, (uint32_t)text.n);
    cn_buf_reserve(out, total);
    cn_buf_append(out, prefix, sizeof prefix);
    cn_buf_append(out, text.at, text.n);
    cn_buf_extend(out, start - CN_PACK_PREFIX_BYTES - text.n);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct cn_buf *data = &w->entries[i].data;
        cn_buf_append(out, data->at, data->n);
        cn_buf_extend(out, cn_pack_align(data->n) - data->n);
    }
    return CN_OK;
}
