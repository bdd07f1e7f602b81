/* Bodies: old + mean delta. Row c: the mean over the labels s that are c now, of (old row s + mean
   delta of s), weighted by the images that taught s; with one source, which is the rule, that is
   exact. */
#include "common/recipe/apply.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/merge.h"

struct round {
    const struct cn_consolidate_in *in;
    const struct cn_weights *old; /* the release, rows in its order */
    uint32_t n_sources, *sources; /* labels of the release and of the round */
    uint32_t *target;             /* (n_sources) */
    uint32_t *taught;             /* (n_sources) images behind it now */
};

static void round_fini(struct round *r)
{
    free(r->sources);
    free(r->target);
    free(r->taught);
}

uint32_t cn_apply_resolve(const struct cn_label_move *moves, uint32_t n, uint32_t label)
{
    for (uint32_t hops = 0; hops <= n; hops++) {
        uint32_t i = 0;
        while (i < n && moves[i].from != label)
            i++;
        if (i == n || moves[i].to == label)
            return label;
        label = moves[i].to;
    }
    return CN_LABEL_NONE; /* a circle leads nowhere */
}

static uint32_t add_sat(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void find_sources(struct round *r)
{
    const struct cn_merge *m = r->in->merge;
    const struct cn_weights *old = r->old;
    size_t cap = (size_t)old->n_labels + m->n_counts;

    r->sources = cn_calloc(cap, sizeof *r->sources);
    r->target = cn_calloc(cap, sizeof *r->target);
    r->taught = cn_calloc(cap, sizeof *r->taught);
    for (uint32_t i = 0; i < old->n_labels; i++) {
        r->sources[r->n_sources] = old->labels[i];
        r->taught[r->n_sources++] = old->seen[i];
    }
    for (uint32_t i = 0; i < m->n_counts; i++) {
        uint32_t at = 0;
        while (at < r->n_sources && r->sources[at] != m->counts[i].label)
            at++;
        if (at == r->n_sources)
            r->sources[r->n_sources++] = m->counts[i].label;
        r->taught[at] = add_sat(r->taught[at], m->counts[i].n);
    }
    for (uint32_t s = 0; s < r->n_sources; s++)
        r->target[s] = r->sources[s] == CN_LABEL_NOISE
                           ? CN_LABEL_NONE
                           : cn_apply_resolve(r->in->moves, r->in->n_moves, r->sources[s]);
}

static uint32_t next_labels(const struct round *r, uint32_t *labels)
{
    uint32_t n = 0;

    for (uint32_t s = 0; s < r->n_sources; s++) {
        uint32_t at = 0;
        if (r->target[s] == CN_LABEL_NONE)
            continue;
        while (at < n && labels[at] != r->target[s])
            at++;
        if (at == n)
            labels[n++] = r->target[s];
    }
    if (n == 0)
        labels[n++] = CN_LABEL_NOISE; /* nothing real is left */
    return n;
}

/* Old row plus mean delta of source s; false when neither is there. */
static bool source_row(const struct round *r, uint32_t s, const char *name,
                       const struct cn_tensor *old, size_t size, float *out)
{
    uint32_t at = cn_weights_row(r->old, r->sources[s]);
    int64_t weight = cn_sums_row_mean(r->in->merge->rows, name, r->sources[s], out, size);

    for (size_t i = 0; i < size; i++) {
        float was = at == CN_WEIGHTS_NO_ROW ? 0 : old->data[at * size + i];
        out[i] = weight > 0 ? was + out[i] * cn_weights_unit(name) : was;
    }
    return weight > 0 || at != CN_WEIGHTS_NO_ROW;
}

static void apply_row(const struct round *r, const char *name, const struct cn_tensor *old,
                      uint32_t label, float *row, size_t size)
{
    CN_CLEANUP(cn_freep) float *one = cn_alloc_aligned(size, sizeof *one);
    CN_CLEANUP(cn_freep) double *sum = cn_calloc(size, sizeof *sum);
    uint32_t n = 0;
    double total = 0;

    for (uint32_t s = 0; s < r->n_sources; s++) {
        if (r->target[s] != label || !source_row(r, s, name, old, size, one))
            continue;
        double weight = r->taught[s] > 0 ? r->taught[s] : 1;
        for (size_t i = 0; i < size; i++)
            sum[i] += weight * one[i];
        total += weight;
        if (n++ == 0)
            memcpy(row, one, size * sizeof *row);
    }
    for (size_t i = 0; n > 1 && i < size; i++)
        row[i] = (float)(sum[i] / total);
}

static void apply_body(const struct round *r, const char *name, const struct cn_tensor *old,
                       struct cn_tensor *now)
{
    size_t n = cn_tensor_size(now), dot = strlen(name) - strlen(".var");
    bool is_variance = strlen(name) > 4 && strcmp(name + dot, ".var") == 0;

    if (cn_sums_mean(r->in->merge->rows, name, now->data, n) == 0)
        return;
    for (size_t i = 0; i < n; i++)
        now->data[i] += old->data[i];
    for (size_t i = 0; is_variance && i < n; i++)
        now->data[i] = fmaxf(now->data[i], 0); /* whatever devices sent */
}

static void apply_part(const struct round *r, const struct cn_weights *now,
                       const struct cn_weights_part *to, const struct cn_weights_part *from)
{
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(to->net, &n);
    const struct cn_tensor *old = cn_net_tensors(from->net, &n);

    for (uint32_t i = 0; i < n; i++) {
        size_t size = cn_tensor_row_size(&t[i]);
        cn_weights_name(name, to->prefix, &t[i]);
        if (!t[i].by_label)
            apply_body(r, name, &old[i], &t[i]);
        for (uint32_t c = 0; t[i].by_label && c < now->n_labels; c++)
            apply_row(r, name, &old[i], now->labels[c], t[i].data + c * size, size);
    }
    cn_net_touch(to->net);
}

static bool round_has(const struct cn_merge *m, const char *name)
{
    for (uint32_t i = 0; cn_sums_name(m->rows, i); i++)
        if (strcmp(cn_sums_name(m->rows, i), name) == 0)
            return true;
    return false;
}

/* What each row has seen; and, for the article, that the generator has met its label. */
static void count_rows(const struct round *r, struct cn_weights *now)
{
    static const char embedding[] = "gen.label.weight";
    uint32_t n_gan = 0;
    CN_CLEANUP(cn_freep)
    uint32_t *gan = round_has(r->in->merge, embedding)
                        ? cn_sums_rows(r->in->merge->rows, embedding, &n_gan)
                        : NULL;

    for (uint32_t c = 0; c < now->n_labels; c++) {
        now->seen[c] = 0;
        for (uint32_t s = 0; s < r->n_sources; s++) {
            if (r->target[s] != now->labels[c])
                continue;
            now->seen[c] = add_sat(now->seen[c], r->taught[s]);
            for (uint32_t i = 0; i < n_gan; i++)
                now->known[c] = now->known[c] || gan[i] == r->sources[s];
        }
        now->absent[c] = now->seen[c] == 0 && now->labels[c] != CN_LABEL_NOISE;
    }
}

enum cn_err cn_apply_round(const struct cn_consolidate_in *in, struct cn_weights **ret,
                           struct cn_error *err)
{
    CN_CLEANUP(round_fini) struct round r = {.in = in, .old = in->merge->base};
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *now = NULL;
    struct cn_weights_part to[CN_WEIGHTS_MAX_PARTS], from[CN_WEIGHTS_MAX_PARTS];
    enum cn_err e;

    find_sources(&r);
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc((size_t)r.n_sources + 1, sizeof *labels);
    uint32_t n = next_labels(&r, labels);
    if (n > CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "the next release would have %u labels, at most %d go", n,
                       CN_MAX_LABELS);
    if ((e = cn_weights_open(&now, cn_blob_bytes(in->model), false, err)))
        return e;
    if (round_has(in->merge, "gen.out.weight") && (e = cn_weights_need_cgan(now, err)))
        return e;
    if ((e = cn_weights_relabel(now, labels, n, err)))
        return e;
    (void)cn_weights_parts(r.old, from);
    for (uint32_t i = 0, n_parts = cn_weights_parts(now, to); i < n_parts; i++)
        apply_part(&r, now, &to[i], &from[i]);
    count_rows(&r, now);
    *ret = cn_steal(now);
    return CN_OK;
}
