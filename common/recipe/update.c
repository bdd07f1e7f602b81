/* Building an update: teach the release's weights the examples, train the generator on them, and
   write down what changed. Rows of labels that the release has travel as deltas; rows of labels
   that it lacks travel as they are (the update's header lists the labels of the release, so the
   coordinator can tell). A label that was not among the examples contributes no row. */
#include "common/recipe/update.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/crypto.h"
#include "common/recipe/settings.h"
#include "common/recipe/teach.h"
#include "common/recipe/weights.h"

struct build {
    const struct cn_example *examples;
    uint32_t n;
    uint64_t seed;
    struct cn_bytes model;
    struct cn_weights *before; /* the release; its generator is opened when it is needed */
    struct cn_weights *after;  /* its labels: before's, then new ones */
    uint32_t *labels;          /* (n) of the examples */
    float *phi;                /* (n, phi_size) */
    uint32_t n_counts;
    struct cn_label_count *counts; /* ascending by label */
    bool has_gan;                  /* the generator was trained */
    bool *in_gan;                  /* (after's labels) on examples of this label */
    struct cn_update_report report;
};

static void build_fini(struct build *b)
{
    cn_weights_destroy(&b->before);
    cn_weights_destroy(&b->after);
    free(b->labels);
    free(b->phi);
    free(b->counts);
    free(b->in_gan);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static enum cn_err count(struct build *b, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) uint32_t *sorted = cn_calloc(b->n, sizeof *sorted);

    for (uint32_t i = 0; i < b->n; i++)
        sorted[i] = b->examples[i].label;
    qsort(sorted, b->n, sizeof *sorted, ascending);
    b->counts = cn_calloc(b->n, sizeof *b->counts);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t id = sorted[i];
        if (cn_label_is_local(id) || id == CN_LABEL_NONE || id == CN_LABEL_NOISE)
            return cn_fail(err, CN_E_STATE,
                           "an example's label (id %u) is not one of the fleet's yet", id);
        if (b->n_counts == 0 || b->counts[b->n_counts - 1].label != id)
            b->counts[b->n_counts++] = (struct cn_label_count){.label = id};
        if (++b->counts[b->n_counts - 1].n > CN_MAX_COUNT_PER_UPDATE)
            return cn_fail(err, CN_E_LIMIT, "an update carries at most %d images of a label",
                           CN_MAX_COUNT_PER_UPDATE);
    }
    return CN_OK;
}

static enum cn_err copy_examples(struct build *b, struct cn_error *err)
{
    size_t size = b->before->phi_size;

    b->labels = cn_calloc(b->n, sizeof *b->labels);
    b->phi = cn_alloc_aligned(b->n * size, sizeof *b->phi);
    for (uint32_t i = 0; i < b->n; i++) {
        b->labels[i] = b->examples[i].label;
        memcpy(b->phi + i * size, b->examples[i].phi, size * sizeof *b->phi);
        for (size_t d = 0; d < size; d++)
            if (!isfinite(b->examples[i].phi[d]))
                return cn_fail(err, CN_E_NUMERIC,
                               "example %u (label %u) has a feature that is not finite", i,
                               b->labels[i]);
    }
    return CN_OK;
}

/* before's labels without the placeholder, then the examples' new ones. */
static enum cn_err widen(struct build *b, struct cn_error *err)
{
    struct cn_weights *w = b->after;
    CN_CLEANUP(cn_freep) uint32_t *to = cn_calloc((size_t)w->n_labels + b->n_counts, sizeof *to);
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->n_labels; i++)
        if (w->labels[i] != CN_LABEL_NOISE)
            to[n++] = w->labels[i];
    for (uint32_t i = 0; i < b->n_counts; i++)
        if (cn_weights_row(w, b->counts[i].label) == CN_WEIGHTS_NO_ROW)
            to[n++] = b->counts[i].label;
    if (n > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "a model has at most %d labels", CN_MAX_LABELS);
    return cn_weights_relabel(w, to, n, err);
}

/* ---- the generator ---- */

/* The moments of a label that the release does not know are, for the generator's training here, the
   mean of this device's examples. */
static void complete_moments(struct build *b)
{
    struct cn_weights *w = b->after;
    uint32_t dim = w->moments.dim;

    for (uint32_t c = 0; c < b->n_counts; c++) {
        uint32_t row = cn_weights_row(w, b->counts[c].label);
        float *mean = w->moments.mean + (size_t)row * dim;
        if (w->known[row] || b->counts[c].n < w->recipe.min_count)
            continue;
        memset(mean, 0, dim * sizeof *mean);
        for (uint32_t i = 0; i < b->n; i++)
            for (uint32_t d = 0; b->labels[i] == b->counts[c].label && d < dim; d++)
                mean[d] += b->phi[(size_t)i * dim + d] / (float)b->counts[c].n;
        w->known[row] = true;
    }
}

/* Rows and features of the examples that the generator may be trained on, packed; returns how
   many. */
static uint32_t gan_examples(struct build *b, uint32_t *rows, float *phi)
{
    struct cn_weights *w = b->after;
    size_t size = w->phi_size;
    uint32_t n = 0;

    b->in_gan = cn_calloc(w->n_labels, sizeof *b->in_gan);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t row = cn_weights_row(w, b->labels[i]);
        if (w->recipe.kind == CN_RECIPE_FEATURES && !w->known[row])
            continue;
        b->in_gan[row] = true;
        memcpy(phi + n * size, b->phi + i * size, size * sizeof *phi);
        rows[n++] = row;
    }
    return n;
}

static enum cn_err train_generator(struct build *b, struct cn_error *err)
{
    struct cn_weights *w = b->after;
    bool features = w->recipe.kind == CN_RECIPE_FEATURES;
    struct cn_cgan_report r;
    enum cn_err e;

    if (w->recipe.synth != CN_SYNTH_CGAN || w->recipe.gan_steps == 0 ||
        (features && w->moments.n_labels == 0))
        return CN_OK;
    if (features)
        complete_moments(b);
    CN_CLEANUP(cn_freep) uint32_t *rows = cn_calloc(b->n, sizeof *rows);
    CN_CLEANUP(cn_freep) float *phi = cn_alloc_aligned(b->n * w->phi_size, sizeof *phi);
    uint32_t n = gan_examples(b, rows, phi);
    if (n == 0)
        return CN_OK;
    if ((e = cn_weights_need_cgan(w, err)) ||
        (e = cn_cgan_train(w->cgan, features ? &w->moments : NULL, phi, rows, n,
                           w->recipe.gan_steps, b->seed, &r, err)))
        return e;
    b->has_gan = true;
    b->report.n_gan_steps = r.n_steps;
    b->report.gan_loss_d = r.loss_d;
    b->report.gan_loss_g = r.loss_g;
    return CN_OK;
}

/* ---- writing ---- */

/* The difference in the tensor's unit, saturated like any clipped update (McMahan et al., arXiv
   1710.06963): one wild number must not cost the device its examples. */
static float delta_of(float after, float before, float unit)
{
    static const float MOST = 32;

    return fmaxf(-MOST, fminf(MOST, (after - before) / unit));
}

/* Rows of the counted labels (of a generator: those it was trained on), new minus old. */
static void put_rows(struct build *b, struct cn_pack_writer *pw, const char *name,
                     const struct cn_tensor *after, const struct cn_tensor *before, bool gan)
{
    size_t size = cn_tensor_row_size(after);
    CN_CLEANUP(cn_freep) uint32_t *ids = cn_calloc(b->n_counts, sizeof *ids);
    struct cn_tensor delta;
    float unit = cn_weights_unit(name);
    uint32_t dims[CN_MAX_DIMS], n = 0;

    memcpy(dims, after->dims, sizeof dims);
    dims[0] = b->n_counts;
    cn_tensor_init(&delta, name, after->n_dims, dims);
    for (uint32_t c = 0; c < b->n_counts; c++) {
        uint32_t to = cn_weights_row(b->after, b->counts[c].label);
        uint32_t from = cn_weights_row(b->before, b->counts[c].label);
        float *out = delta.data + n * size;
        if (gan && !b->in_gan[to])
            continue;
        ids[n++] = b->counts[c].label;
        for (size_t i = 0; i < size; i++)
            out[i] = delta_of(after->data[to * size + i],
                              from == CN_WEIGHTS_NO_ROW ? 0 : before->data[from * size + i], unit);
    }
    delta.dims[0] = n;
    delta.by_label = true;
    if (n > 0)
        cn_pack_put(pw, &delta, CN_PACK_F16, ids);
    cn_tensor_fini(&delta);
}

static void put_body(struct cn_pack_writer *pw, const char *name, const struct cn_tensor *after,
                     const struct cn_tensor *before)
{
    struct cn_tensor delta;

    cn_tensor_init(&delta, name, after->n_dims, after->dims);
    delta.frozen = after->frozen;
    for (size_t i = 0, n = cn_tensor_size(after); i < n; i++)
        delta.data[i] = delta_of(after->data[i], before->data[i], 1);
    cn_pack_put(pw, &delta, CN_PACK_F16, NULL);
    cn_tensor_fini(&delta);
}

static void put_part(struct build *b, struct cn_pack_writer *pw, const struct cn_weights_part *to,
                     const struct cn_weights_part *from)
{
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    uint32_t n;
    const struct cn_tensor *after = cn_net_tensors(to->net, &n);
    const struct cn_tensor *before = cn_net_tensors(from->net, &n);

    for (uint32_t i = 0; i < n; i++) {
        cn_weights_name(name, to->prefix, &after[i]);
        if (after[i].by_label)
            put_rows(b, pw, name, &after[i], &before[i], to->prefix[0] != '\0');
        else
            put_body(pw, name, &after[i], &before[i]);
    }
}

/* The generator that the trained one started from. Not there during the training, which is when a
   device's memory is fullest. */
static enum cn_err need_old_generator(struct build *b, struct cn_error *err)
{
    enum cn_err e;

    cn_weights_destroy(&b->before);
    e = cn_weights_open(&b->before, b->model, false, err);
    return e ? e : cn_weights_need_cgan(b->before, err);
}

static enum cn_err write(struct build *b, struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *pw = cn_pack_writer_new();
    struct cn_weights_part after[CN_WEIGHTS_MAX_PARTS], before[CN_WEIGHTS_MAX_PARTS];
    const struct cn_recipe *r = &b->after->recipe;
    struct cn_setting settings[CN_SETTINGS_N];
    enum cn_err e;

    if (b->has_gan && (e = need_old_generator(b, err)))
        return e;
    (void)cn_weights_parts(b->before, before);
    for (uint32_t i = 0, n = cn_weights_parts(b->after, after); i < n; i++)
        if (i == 0 || b->has_gan)
            put_part(b, pw, &after[i], &before[i]);
    if (r->kind == CN_RECIPE_FEATURES &&
        (e = cn_stats_measure(pw, b->phi, b->labels, b->n, (uint32_t)b->after->phi_size,
                              r->min_count, err)))
        return e;
    cn_settings_write(r, settings);
    struct cn_pack_head head = {.kind = CN_PACK_UPDATE,
                                .base_digest = cn_digest_of(b->model.at, b->model.n),
                                .labels = b->before->labels,
                                .n_labels = b->before->n_labels,
                                .counts = b->counts,
                                .n_counts = b->n_counts,
                                .settings = settings,
                                .n_settings = CN_SETTINGS_N};
    return cn_pack_finish(pw, &head, out, err);
}

static size_t raw_bytes(struct cn_bytes update)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    uint32_t n;
    size_t bytes = 0;

    if (cn_pack_open(&p, update, NULL))
        return 0;
    const struct cn_pack_tensor *t = cn_pack_tensors(p, &n);
    for (uint32_t i = 0; i < n; i++)
        bytes += t[i].n * sizeof(float);
    return bytes;
}

enum cn_err cn_update_build(struct cn_blob *model, const struct cn_example *examples, uint32_t n,
                            uint64_t seed, struct cn_buf *ret_update,
                            struct cn_update_report *report, struct cn_error *err)
{
    CN_CLEANUP(build_fini)
    struct build b = {.examples = examples, .n = n, .seed = seed, .model = cn_blob_bytes(model)};
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};
    struct cn_lesson lesson = {.fresh = examples, .n_fresh = n, .seed = seed};
    struct cn_train_report trained;
    enum cn_err e;

    if (n == 0)
        return cn_fail(err, CN_E_STATE, "there is no example to build an update from");
    if ((e = cn_weights_open(&b.before, b.model, true, err)) ||
        (e = cn_weights_open(&b.after, b.model, false, err)) || (e = count(&b, err)) ||
        (e = copy_examples(&b, err)) || (e = widen(&b, err)) ||
        (e = cn_teach(b.after, &lesson, &trained, err)) || (e = train_generator(&b, err)) ||
        (e = write(&b, &out, err)))
        return e;
    b.report.n_examples = n;
    b.report.n_labels = b.n_counts;
    b.report.raw_bytes = raw_bytes((struct cn_bytes){out.at, out.n});
    cn_buf_fini(ret_update);
    *ret_update = out;
    out = (struct cn_buf){0};
    *report = b.report;
    return CN_OK;
}
