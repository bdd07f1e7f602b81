/* Model blobs: a pack with the recipe as settings, the label ids in row order, what each row has
   seen as counts, and the tensors of the network (f32), the moments (f32) and the generator and
   discriminator (f16: they are the bulk, and 11 bits are more than their training noise). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/settings.h"
#include "common/recipe/weights.h"

static const char KNOWN[] = "synth.known"; /* (n_labels) 0 or 1 */

uint32_t cn_weights_parts(const struct cn_weights *w,
                          struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS])
{
    parts[0] = (struct cn_weights_part){"", w->net, CN_PACK_F32};
    if (!w->cgan)
        return 1;
    parts[1] = (struct cn_weights_part){"gen.", w->cgan->generator, CN_PACK_F16};
    parts[2] = (struct cn_weights_part){"disc.", w->cgan->discriminator, CN_PACK_F16};
    return 3;
}

void cn_weights_name(char out[CN_MAX_TENSOR_NAME_BYTES + 1], const char *prefix,
                     const struct cn_tensor *t)
{
    int n = snprintf(out, CN_MAX_TENSOR_NAME_BYTES + 1, "%s%s", prefix, t->name);

    assert(n > 0 && n <= CN_MAX_TENSOR_NAME_BYTES);
}

float cn_weights_unit(const char *name)
{
    return strcmp(name, "head.bias") == 0 ? 16 : 1;
}

static void put_part(struct cn_pack_writer *pw, const struct cn_weights_part *part)
{
    uint32_t n;
    const struct cn_tensor *t = cn_net_tensors(part->net, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct cn_tensor named = t[i]; /* the same numbers under the pack's name */
        cn_weights_name(named.name, part->prefix, &t[i]);
        cn_pack_put(pw, &named, part->type, NULL);
    }
}

static void put_known(struct cn_pack_writer *pw, const struct cn_weights *w)
{
    struct cn_tensor t;

    cn_tensor_init(&t, KNOWN, 1, &w->n_labels);
    t.by_label = true;
    for (uint32_t i = 0; i < w->n_labels; i++)
        t.data[i] = w->known[i];
    cn_pack_put(pw, &t, CN_PACK_F32, NULL);
    cn_tensor_fini(&t);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = ((const struct cn_label_count *)a)->label;
    uint32_t y = ((const struct cn_label_count *)b)->label;

    return (x > y) - (x < y);
}

enum cn_err cn_weights_encode(const struct cn_weights *w, struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *pw = cn_pack_writer_new();
    CN_CLEANUP(cn_freep) struct cn_label_count *seen = cn_calloc(w->n_labels, sizeof *seen);
    CN_CLEANUP(cn_freep) struct cn_pack_arch *arch = cn_calloc(1, sizeof *arch);
    struct cn_setting settings[CN_SETTINGS_N];
    struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS];
    uint32_t n_seen = 0;

    cn_settings_write(&w->recipe, settings);
    memcpy(arch->name, "net", 4);
    arch->arch = *cn_net_arch(w->net);
    for (uint32_t i = 0; i < w->n_labels; i++)
        if (w->seen[i] > 0)
            seen[n_seen++] = (struct cn_label_count){w->labels[i], w->seen[i]};
    qsort(seen, n_seen, sizeof *seen, ascending);
    for (uint32_t i = 0, n = cn_weights_parts(w, parts); i < n; i++)
        put_part(pw, &parts[i]);
    if (w->moments.n_labels > 0)
        cn_moments_put(&w->moments, pw);
    put_known(pw, w);
    struct cn_pack_head head = {.kind = CN_PACK_MODEL,
                                .labels = w->labels,
                                .n_labels = w->n_labels,
                                .counts = seen,
                                .n_counts = n_seen,
                                .settings = settings,
                                .n_settings = CN_SETTINGS_N,
                                .archs = arch,
                                .n_archs = 1};
    return cn_pack_finish(pw, &head, out, err);
}

/* ---- reading ---- */

static enum cn_err load_tensor(const struct cn_pack *p, const char *name, struct cn_tensor *t,
                               struct cn_error *err)
{
    const struct cn_pack_tensor *in = cn_pack_find(p, name);

    if (!in)
        return cn_fail(err, CN_E_PARSE, "the model has no tensor %s", name);
    if ((in->type != CN_PACK_F32 && in->type != CN_PACK_F16) || in->rows ||
        in->by_label != t->by_label || in->n_dims != t->n_dims ||
        memcmp(in->dims, t->dims, t->n_dims * sizeof *t->dims) != 0)
        return cn_fail(err, CN_E_SHAPE, "the model's tensor %s does not have its layer's shape",
                       name);
    if (!cn_pack_is_finite(in))
        return cn_fail(err, CN_E_NUMERIC, "the model's tensor %s holds a number that is not finite",
                       name);
    cn_pack_floats(in, 0, in->n, t->data);
    return CN_OK;
}

static enum cn_err load_part(const struct cn_pack *p, const struct cn_weights_part *part,
                             struct cn_error *err)
{
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(part->net, &n);

    for (uint32_t i = 0; i < n; i++) {
        cn_weights_name(name, part->prefix, &t[i]);
        enum cn_err e = load_tensor(p, name, &t[i], err);
        if (e)
            return e;
    }
    cn_net_touch(part->net);
    return CN_OK;
}

static enum cn_err load_rows(const struct cn_pack *p, struct cn_weights *w, struct cn_error *err)
{
    const struct cn_pack_head *head = cn_pack_head(p);
    struct cn_tensor known;

    for (uint32_t i = 0; i < head->n_counts; i++) {
        uint32_t row = cn_weights_row(w, head->counts[i].label);
        if (row == CN_WEIGHTS_NO_ROW)
            return cn_fail(err, CN_E_PARSE, "the model counts images of label %u but has no row",
                           head->counts[i].label);
        w->seen[row] = head->counts[i].n;
        w->absent[row] = false;
    }
    cn_tensor_init(&known, KNOWN, 1, &w->n_labels);
    known.by_label = true;
    enum cn_err e = load_tensor(p, KNOWN, &known, err);
    for (uint32_t i = 0; !e && i < w->n_labels; i++)
        w->known[i] = known.data[i] > 0;
    cn_tensor_fini(&known);
    return e;
}

static enum cn_err load_synth(const struct cn_pack *p, struct cn_weights *w, struct cn_error *err)
{
    struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS];
    enum cn_err e;

    if (cn_pack_find(p, "synth.mean")) {
        if ((e = cn_moments_open(&w->moments, p, err)))
            return e;
        if (w->moments.n_labels != w->n_labels || w->moments.dim != w->phi_size)
            return cn_fail(err, CN_E_SHAPE, "the model's moments are of other features or labels");
    }
    if (!cn_pack_find(p, "gen.out.weight"))
        return CN_OK;
    if ((e = cn_weights_need_cgan(w, err)))
        return e;
    for (uint32_t i = 1, n = cn_weights_parts(w, parts); i < n; i++)
        if ((e = load_part(p, &parts[i], err)))
            return e;
    return CN_OK;
}

/* The network is what the blob says it is; it only has to fit the recipe's inputs. */
static enum cn_err use_arch(const struct cn_pack *p, struct cn_weights *w, struct cn_error *err)
{
    const struct cn_arch *arch = cn_pack_arch(p, "net");
    enum cn_err e;

    if (!arch)
        return cn_fail(err, CN_E_PARSE, "the model does not say which network it is for");
    if ((size_t)arch->channels * arch->height * arch->width != w->phi_size)
        return cn_fail(err, CN_E_SHAPE, "the model's network does not take its recipe's features");
    cn_net_destroy(&w->net);
    if ((e = cn_net_new(&w->net, arch, w->n_labels, w->recipe.seed, err)))
        return e;
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(w->net, &n);
    const struct cn_tensor *head = cn_tensor_find(t, n, "head.weight");
    if (!head || !head->by_label || cn_net_out_size(w->net) != w->n_labels)
        return cn_fail(err, CN_E_SHAPE, "the model's network does not end in a head by label");
    return CN_OK;
}

enum cn_err cn_weights_open(struct cn_weights **ret, struct cn_bytes model, bool without_synth,
                            struct cn_error *err)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = NULL;
    struct cn_recipe recipe;
    enum cn_err e;

    if ((e = cn_pack_open(&p, model, err)))
        return e;
    const struct cn_pack_head *head = cn_pack_head(p);
    if (head->kind != CN_PACK_MODEL || head->n_labels == 0)
        return cn_fail(err, CN_E_PARSE, "these bytes are not a model");
    struct cn_weights_part net = {.prefix = ""};
    if ((e = cn_settings_read(p, &recipe, err)) ||
        (e = cn_weights_new(&w, &recipe, head->labels, head->n_labels, err)) ||
        (e = use_arch(p, w, err)))
        return e;
    net.net = w->net;
    if ((e = load_part(p, &net, err)) || (e = load_rows(p, w, err)) ||
        (!without_synth && (e = load_synth(p, w, err))))
        return e;
    *ret = cn_steal(w);
    return CN_OK;
}
