/* The difference of two models, row by row. */
#include "server/diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pack.h"

enum { SLICE = 4096 };

struct change {
    double diff, base; /* sums of squares */
};

static bool is_float(const struct cn_pack_tensor *t)
{
    return t->type == CN_PACK_F32 || t->type == CN_PACK_F16;
}

static size_t row_size(const struct cn_pack_tensor *t)
{
    return t->dims[0] ? t->n / t->dims[0] : 0;
}

/* Adds up n numbers from a and b on. */
static void compare(const struct cn_pack_tensor *ta, size_t a, const struct cn_pack_tensor *tb,
                    size_t b, size_t n, struct change *c)
{
    float x[SLICE], y[SLICE];

    for (size_t done = 0; done < n; done += SLICE) {
        size_t k = n - done < SLICE ? n - done : SLICE;
        cn_pack_floats(ta, a + done, k, x);
        cn_pack_floats(tb, b + done, k, y);
        for (size_t i = 0; i < k; i++) {
            c->diff += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
            c->base += (double)x[i] * x[i];
        }
    }
}

static double relative(const struct change *c)
{
    return c->base > 0 ? sqrt(c->diff / c->base) : c->diff > 0 ? 1 : 0;
}

static uint32_t row_of(const uint32_t *rows, uint32_t n, uint32_t label)
{
    uint32_t i = 0;

    while (i < n && rows[i] != label)
        i++;
    return i;
}

/* The rows of one label in every tensor that both models have. */
static double label_change(const struct cn_pack *a, const struct cn_pack *b, uint32_t label)
{
    struct change c = {0};
    uint32_t n;
    const struct cn_pack_tensor *t = cn_pack_tensors(a, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct cn_pack_tensor *u = cn_pack_find(b, t[i].name);
        if (!t[i].by_label || !is_float(&t[i]) || !u || !u->by_label || !is_float(u) ||
            row_size(&t[i]) != row_size(u))
            continue;
        uint32_t ra = row_of(cn_pack_rows(a, &t[i]), t[i].dims[0], label),
                 rb = row_of(cn_pack_rows(b, u), u->dims[0], label);
        if (ra < t[i].dims[0] && rb < u->dims[0])
            compare(&t[i], ra * row_size(u), u, rb * row_size(u), row_size(u), &c);
    }
    return relative(&c);
}

static void put_labels(const struct srv_labels *names, const struct cn_pack *a,
                       const struct cn_pack *b, struct cn_json *j)
{
    const struct cn_pack_head *from = cn_pack_head(a), *to = cn_pack_head(b);
    struct cn_json *added = cn_json_set_array(j, "added"),
                   *removed = cn_json_set_array(j, "removed"),
                   *changed = cn_json_set_array(j, "changed");
    char scratch[16];

    for (uint32_t i = 0; i < to->n_labels; i++) {
        uint32_t label = to->labels[i];
        const char *name = srv_labels_name(names, label, scratch);
        if (row_of(from->labels, from->n_labels, label) == from->n_labels) {
            cn_json_push_string(added, name);
            continue;
        }
        double change = label_change(a, b, label);
        if (change > 0) {
            struct cn_json *o = cn_json_push_object(changed);
            cn_json_set_string(o, "name", name);
            cn_json_set_real(o, "change", change);
        }
    }
    for (uint32_t i = 0; i < from->n_labels; i++)
        if (row_of(to->labels, to->n_labels, from->labels[i]) == to->n_labels)
            cn_json_push_string(removed, srv_labels_name(names, from->labels[i], scratch));
}

/* Tensors whose numbers can be compared one by one; those of another shape changed wholly. */
static void put_tensors(const struct cn_pack *a, const struct cn_pack *b, struct cn_json *list)
{
    uint32_t n;
    const struct cn_pack_tensor *t = cn_pack_tensors(b, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct cn_pack_tensor *from = cn_pack_find(a, t[i].name);
        struct change c = {0};
        bool same_shape = from && from->n == t[i].n && is_float(from) && is_float(&t[i]);
        if (same_shape)
            compare(from, 0, &t[i], 0, t[i].n, &c);
        double change = same_shape ? relative(&c) : 1;
        if (change == 0)
            continue;
        struct cn_json *o = cn_json_push_object(list);
        cn_json_set_string(o, "name", t[i].name);
        cn_json_set_real(o, "change", change);
    }
}

enum cn_err srv_diff(struct srv_server *s, const struct srv_release *from,
                     const struct srv_release *to, struct cn_json *ret, struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) x = NULL, *CN_CLEANUP(cn_blob_unref) y = NULL;
    struct cn_pack *CN_CLEANUP(cn_pack_close) a = NULL, *CN_CLEANUP(cn_pack_close) b = NULL;
    enum cn_err e;

    if ((e = srv_blobs_get(&s->blobs, &from->model.digest, &x, err)) != CN_OK ||
        (e = srv_blobs_get(&s->blobs, &to->model.digest, &y, err)) != CN_OK ||
        (e = cn_pack_open(&a, cn_blob_bytes(x), err)) != CN_OK ||
        (e = cn_pack_open(&b, cn_blob_bytes(y), err)) != CN_OK)
        return e;
    put_labels(&s->labels, a, b, cn_json_set_object(ret, "labels"));
    put_tensors(a, b, cn_json_set_array(ret, "tensors"));
    return CN_OK;
}
