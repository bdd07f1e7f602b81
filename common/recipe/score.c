/* Counting. */
#include "common/recipe/score.h"

#include <stdlib.h>
#include <string.h>

#include "common/recipe/consolidate.h"

static int ascending(const void *a, const void *b)
{
    uint32_t x = ((const struct cn_label_tally *)a)->label;
    uint32_t y = ((const struct cn_label_tally *)b)->label;

    return (x > y) - (x < y);
}

void cn_score_weights(const struct cn_weights *w, const float *const *phi, const uint32_t *labels,
                      uint32_t n, struct cn_label_tally **ret, uint32_t *ret_n)
{
    CN_CLEANUP(cn_freep) float *z = cn_calloc((size_t)n * w->n_labels, sizeof *z);
    struct cn_label_tally *t = cn_calloc(n, sizeof *t);
    uint32_t n_out = 0;

    cn_weights_logits(w, phi, n, z);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t best = cn_weights_best(z + (size_t)i * w->n_labels, w->n_labels);
        bool right = !w->absent[best] && w->labels[best] == labels[i];
        t[i] = (struct cn_label_tally){.label = labels[i], .right = right, .wrong = !right};
    }
    qsort(t, n, sizeof *t, ascending);
    for (uint32_t i = 0; i < n; i++) {
        if (n_out == 0 || t[n_out - 1].label != t[i].label) {
            t[n_out++] = t[i];
            continue;
        }
        t[n_out - 1].right += t[i].right;
        t[n_out - 1].wrong += t[i].wrong;
    }
    *ret = t;
    *ret_n = n_out;
}

enum cn_err cn_score(struct cn_blob *model, const struct cn_example *examples, uint32_t n,
                     struct cn_label_tally **ret_tallies, uint32_t *ret_n, struct cn_error *err)
{
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = NULL;
    CN_CLEANUP(cn_freep) const float **phi = cn_calloc(n, sizeof *phi);
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(n, sizeof *labels);
    enum cn_err e = cn_weights_open(&w, cn_blob_bytes(model), true, err);

    if (e)
        return e;
    for (uint32_t i = 0; i < n; i++) {
        phi[i] = examples[i].phi;
        labels[i] = examples[i].label;
    }
    cn_score_weights(w, phi, labels, n, ret_tallies, ret_n);
    return CN_OK;
}
