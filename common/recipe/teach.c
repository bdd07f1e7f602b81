/* What both recipes share: which examples count, and what becomes of a label's first row. */
#include "common/recipe/teach.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool same_image(const struct cn_weights *w, const struct cn_example *a,
                       const struct cn_example *b)
{
    return a->phi == b->phi || memcmp(a->phi, b->phi, w->phi_size * sizeof *a->phi) == 0;
}

bool cn_teach_is_overruled(const struct cn_weights *w, const struct cn_example *e,
                           const struct cn_example *later, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (later[i].label != e->label && same_image(w, e, &later[i]))
            return true;
    return false;
}

uint32_t cn_teach_count_wrong(const struct cn_weights *w, const struct cn_example *fresh,
                              uint32_t n)
{
    CN_CLEANUP(cn_freep) const float **phi = cn_calloc(n, sizeof *phi);
    CN_CLEANUP(cn_freep) float *z = cn_calloc((size_t)n * w->n_labels, sizeof *z);
    uint32_t n_wrong = 0;

    for (uint32_t i = 0; i < n; i++)
        phi[i] = fresh[i].phi;
    cn_weights_logits(w, phi, n, z);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t best = cn_weights_best(z + (size_t)i * w->n_labels, w->n_labels);
        n_wrong += w->labels[best] != fresh[i].label &&
                   !cn_teach_is_overruled(w, &fresh[i], fresh + i + 1, n - i - 1);
    }
    return n_wrong;
}

/* A features row starts as the mean of those that are taught: below the best of them everywhere, so
   that it takes no image from them before its own examples move it. */
static void start_row(struct cn_weights *w, uint32_t row)
{
    struct cn_head head = cn_weights_head(w);
    float *to = head.w + (size_t)row * head.dim;
    uint32_t n_taught = 0;

    memset(to, 0, head.dim * sizeof *to);
    head.b[row] = 0;
    for (uint32_t r = 0; r < w->n_labels; r++)
        n_taught += !w->absent[r];
    for (uint32_t r = 0; r < w->n_labels; r++) {
        const float *from = head.w + (size_t)r * head.dim;
        if (w->absent[r])
            continue;
        for (uint32_t d = 0; d < head.dim; d++)
            to[d] += from[d] / (float)n_taught;
        head.b[row] += head.b[r] / (float)n_taught;
    }
}

static void wake_rows(struct cn_weights *w, const struct cn_example *examples, uint32_t n,
                      bool *woken)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = cn_weights_row(w, examples[i].label);
        assert(row != CN_WEIGHTS_NO_ROW);
        woken[row] = w->absent[row];
    }
}

/* Copies of a network's parameters, so that a training that fails changes nothing. */
struct snapshot {
    uint32_t n;
    struct cn_tensor *t;
};

static struct snapshot snapshot_of(struct cn_net *net)
{
    struct snapshot s;
    const struct cn_tensor *t = cn_net_tensors(net, &s.n);

    s.t = cn_calloc(s.n, sizeof *s.t);
    for (uint32_t i = 0; i < s.n; i++)
        cn_tensor_copy(&s.t[i], &t[i]);
    return s;
}

static void restore(struct cn_net *net, const struct snapshot *s)
{
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(net, &n);

    for (uint32_t i = 0; i < n; i++)
        memcpy(t[i].data, s->t[i].data, cn_tensor_size(&t[i]) * sizeof(float));
    cn_net_touch(net);
}

static void snapshot_fini(struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        cn_tensor_fini(&s->t[i]);
    free(s->t);
}

enum cn_err cn_teach(struct cn_weights *w, const struct cn_lesson *lesson,
                     struct cn_train_report *report, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) bool *woken = cn_calloc(w->n_labels, sizeof *woken);
    CN_CLEANUP(snapshot_fini) struct snapshot before = snapshot_of(w->net);
    bool features = w->recipe.kind == CN_RECIPE_FEATURES;
    struct cn_train_report r = {0};
    enum cn_err e = CN_OK;

    wake_rows(w, lesson->fresh, lesson->n_fresh, woken);
    wake_rows(w, lesson->others, lesson->n_others, woken);
    for (uint32_t i = 0; i < w->n_labels; i++)
        if (woken[i] && features)
            start_row(w, i);
    for (uint32_t i = 0; i < w->n_labels; i++)
        w->absent[i] = w->absent[i] && !woken[i];
    if (lesson->n_fresh > 0 && w->n_labels > 1)
        e = features ? cn_teach_features(w, lesson, &r, err) : cn_teach_article(w, lesson, &r, err);
    if (!e) {
        *report = r;
        return CN_OK;
    }
    restore(w->net, &before);
    for (uint32_t i = 0; i < w->n_labels; i++)
        w->absent[i] = w->absent[i] || woken[i];
    return e;
}
