/* The coordinator's sums of one round. An update is inspected whole (incoming.h) and then added,
   and adding cannot fail, so it is in the sums whole or not at all. */
#include "common/recipe/merge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/incoming.h"

void cn_merge_destroy(struct cn_merge **m)
{
    if (!*m)
        return;
    cn_weights_destroy(&(*m)->base);
    cn_sums_destroy(&(*m)->rows);
    cn_stats_destroy(&(*m)->stats);
    free((*m)->counts);
    free(cn_steal(*m));
}

enum cn_err cn_merge_new(struct cn_merge **ret, struct cn_blob *model, struct cn_error *err)
{
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *m = cn_calloc(1, sizeof *m);
    enum cn_err e = cn_weights_open(&m->base, cn_blob_bytes(model), false, err);

    if (e)
        return e;
    m->has_base_gan = m->base->cgan != NULL;
    if (m->base->recipe.synth == CN_SYNTH_CGAN && (e = cn_weights_need_cgan(m->base, err)))
        return e;
    m->rows = cn_sums_new();
    if (m->base->recipe.kind == CN_RECIPE_FEATURES)
        m->stats = cn_stats_new((uint32_t)m->base->phi_size);
    *ret = cn_steal(m);
    return CN_OK;
}

static void add_count(struct cn_merge *m, const struct cn_label_count *c)
{
    uint32_t at = 0;

    while (at < m->n_counts && m->counts[at].label < c->label)
        at++;
    if (at < m->n_counts && m->counts[at].label == c->label) {
        uint32_t room = UINT32_MAX - m->counts[at].n;
        m->counts[at].n += c->n < room ? c->n : room;
        return;
    }
    if (m->n_counts == m->cap_counts) {
        m->cap_counts = m->cap_counts ? 2 * m->cap_counts : 16;
        m->counts = cn_realloc(m->counts, m->cap_counts * sizeof *m->counts);
    }
    memmove(m->counts + at + 1, m->counts + at, (m->n_counts - at) * sizeof *m->counts);
    m->counts[at] = *c;
    m->n_counts++;
}

enum cn_err cn_merge_add(struct cn_merge *m, struct cn_bytes update, const uint32_t *labels,
                         uint32_t n_labels, uint32_t staleness, struct cn_error *err)
{
    CN_CLEANUP(cn_incoming_fini) struct cn_incoming in = {0};
    enum cn_err e;

    if (m->n_updates == CN_MAX_ROUND_UPDATES)
        return cn_fail(err, CN_E_FULL, "a round takes at most %d updates", CN_MAX_ROUND_UPDATES);
    if ((e = cn_incoming_open(&in, m, update, labels, n_labels, staleness, err)))
        return e;
    for (uint32_t i = 0; i < in.n_tensors; i++)
        cn_sums_add(m->rows, &in.tensors[i], in.rows[i], in.weights[i]);
    if (m->stats)
        cn_stats_add(m->stats, in.pack);
    for (uint32_t i = 0; i < in.head->n_counts; i++)
        add_count(m, &in.head->counts[i]);
    m->n_updates++;
    return CN_OK;
}

const struct cn_label_count *cn_merge_counts(const struct cn_merge *m, uint32_t *ret_n)
{
    *ret_n = m->n_counts;
    return m->counts;
}

static void append_sized(struct cn_buf *out, const struct cn_buf *part)
{
    cn_put64(cn_buf_extend(out, 8), part->n);
    cn_buf_append(out, part->at, part->n);
}

/* "CNMG", updates, labels, (label, count)*, then the sums and the statistics, each after its size.
 */
void cn_merge_encode(const struct cn_merge *m, struct cn_buf *out)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf rows = {0}, stats = {0};
    enum cn_err e = cn_sums_encode(m->rows, &rows, NULL);

    if (!e && m->stats)
        e = cn_stats_encode(m->stats, &stats, NULL);
    assert(!e); /* cn_merge_add kept every sum within its cap */
    cn_buf_append(out, "CNMG", 4);
    cn_put32(cn_buf_extend(out, 4), m->n_updates);
    cn_put32(cn_buf_extend(out, 4), m->n_counts);
    for (uint32_t i = 0; i < m->n_counts; i++) {
        cn_put32(cn_buf_extend(out, 4), m->counts[i].label);
        cn_put32(cn_buf_extend(out, 4), m->counts[i].n);
    }
    append_sized(out, &rows);
    append_sized(out, &stats);
}
