/* The candidates of a round.
     "solve"   features: rows solved from all statistics, the merged row where a label has none;
     "merged"  the deltas put on, where there are no statistics (article, or very few images);
     "tuned"   either of them, fine-tuned on synthesized data, where there is a synthesizer.
   Every candidate carries the same moments and generator, those of after the round. */
#include "common/recipe/consolidate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/recipe/apply.h"
#include "common/recipe/balance.h"
#include "common/recipe/calibrate.h"
#include "common/recipe/merge.h"
#include "common/recipe/score.h"
#include "common/recipe/tune.h"

enum { HELD_PER_LABEL = 50, HELD_MAX = 2000 };

struct work {
    const struct cn_consolidate_in *in;
    struct cn_weights *before; /* the release, without its synthesizer */
    struct cn_weights *now;    /* the merged model, then each candidate in turn */
    struct cn_stats *stats;    /* features */
    struct cn_balance held;    /* synthesized, never trained on */
    const float **held_phi;
    uint32_t *held_labels;
    struct cn_consolidation out;
};

static void work_fini(struct work *w)
{
    cn_weights_destroy(&w->before);
    cn_weights_destroy(&w->now);
    cn_stats_destroy(&w->stats);
    cn_balance_fini(&w->held);
    free(w->held_phi);
    free(w->held_labels);
    cn_consolidation_fini(&w->out);
}

void cn_consolidation_fini(struct cn_consolidation *c)
{
    for (uint32_t i = 0; i < c->n_candidates; i++) {
        cn_blob_unref(&c->candidate[i].model);
        free(c->candidate[i].synthetic);
    }
    free(c->before);
    free(c->n_synthesized);
    cn_blob_unref(&c->stats);
    *c = (struct cn_consolidation){0};
}

/* ---- statistics and what follows from them ---- */

/* The statistics follow each move to its end, as the rows did: one answer for both. */
static void move_statistics(struct work *w)
{
    const struct cn_consolidate_in *in = w->in;
    CN_CLEANUP(cn_freep) struct cn_label_move *final = cn_calloc(in->n_moves, sizeof *final);

    for (uint32_t i = 0; i < in->n_moves; i++)
        final[i] = (struct cn_label_move){
            in->moves[i].from, cn_apply_resolve(in->moves, in->n_moves, in->moves[i].from)};
    cn_stats_move(w->stats, final, in->n_moves);
}

static enum cn_err add_statistics(struct work *w, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    enum cn_err e = CN_OK;
    uint32_t n;

    if (w->in->stats)
        e = cn_stats_decode(&w->stats, cn_blob_bytes(w->in->stats), err);
    else
        w->stats = cn_stats_new((uint32_t)w->now->phi_size);
    if (e)
        return e;
    if (cn_stats_dim(w->stats) != w->now->phi_size)
        return cn_fail(err, CN_E_SHAPE, "the statistics are of %u features, the model's are %zu",
                       cn_stats_dim(w->stats), w->now->phi_size);
    if ((e = cn_stats_merge(w->stats, w->in->merge->stats, err)))
        return e;
    move_statistics(w);
    if ((e = cn_stats_encode(w->stats, &bytes, err)))
        return e;
    w->out.stats = cn_blob_take(&bytes);
    (void)cn_stats_counts(w->stats, &n);
    if (n == 0)
        return CN_OK;
    cn_moments_fini(&w->now->moments);
    return cn_moments_from_stats(&w->now->moments, w->stats, w->now->labels, w->now->n_labels,
                                 w->now->recipe.rank, w->now->known, err);
}

/* ---- candidates ---- */

static void draw_held(struct work *w)
{
    cn_balance_draw(w->now, HELD_PER_LABEL, HELD_MAX, ~w->in->seed, &w->held);
    w->held_phi = cn_calloc(w->held.n, sizeof *w->held_phi);
    w->held_labels = cn_calloc(w->held.n, sizeof *w->held_labels);
    for (uint32_t i = 0; i < w->held.n; i++) {
        w->held_phi[i] = w->held.phi + i * w->now->phi_size;
        w->held_labels[i] = w->now->labels[w->held.rows[i]];
    }
}

/* The release on the samples of labels that it knows. */
static void score_before(struct work *w)
{
    CN_CLEANUP(cn_freep) const float **phi = cn_calloc(w->held.n, sizeof *phi);
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(w->held.n, sizeof *labels);
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->held.n; i++) {
        if (cn_weights_row(w->before, w->held_labels[i]) == CN_WEIGHTS_NO_ROW)
            continue;
        phi[n] = w->held_phi[i];
        labels[n++] = w->held_labels[i];
    }
    cn_score_weights(w->before, phi, labels, n, &w->out.before, &w->out.n_before);
}

/* now, as it stands, becomes a candidate. */
static enum cn_err offer(struct work *w, const char *name, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    enum cn_err e = cn_weights_encode(w->now, &bytes, err);

    if (e)
        return e;
    assert(w->out.n_candidates < CN_MAX_CANDIDATES);
    struct cn_candidate *c = &w->out.candidate[w->out.n_candidates++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->model = cn_blob_take(&bytes);
    cn_score_weights(w->now, w->held_phi, w->held_labels, w->held.n, &c->synthetic,
                     &c->n_synthetic);
    return CN_OK;
}

/* Puts the solved rows in the places of their labels. A label whose row is not in the model (it was
   dropped) has no statistics either: cn_stats_move saw the same moves. */
static void use_solved(struct cn_weights *w, struct cn_stats_head *solved, uint64_t seed)
{
    struct cn_head head = cn_weights_head(w);
    CN_CLEANUP(cn_freep) uint32_t *row = cn_calloc(solved->n_labels, sizeof *row);

    for (uint32_t i = 0; i < solved->n_labels; i++) {
        row[i] = cn_weights_row(w, solved->labels[i]);
        assert(row[i] != CN_WEIGHTS_NO_ROW);
    }
    cn_calibrate(solved, &w->moments, row, seed);
    for (uint32_t i = 0; i < solved->n_labels; i++) {
        memcpy(head.w + (size_t)row[i] * head.dim, solved->weight + (size_t)i * head.dim,
               head.dim * sizeof(float));
        head.b[row[i]] = solved->bias[i];
    }
    cn_net_touch(w->net);
}

/* *ret_solved stays false while there is nothing to solve from: no statistics, or a first image or
   two, which have no spread. The rows that devices sent serve until then. */
static enum cn_err solve(struct work *w, bool *ret_solved, struct cn_error *err)
{
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head solved = {0};
    uint64_t start = cn_clock_mono_ms();
    enum cn_err e = cn_stats_solve(w->stats, &solved, err);

    if (e)
        return e == CN_E_STATE ? CN_OK : e;
    use_solved(w->now, &solved, w->in->seed);
    w->out.ms_solve = cn_clock_mono_ms() - start;
    *ret_solved = true;
    return CN_OK;
}

static void note_synthesized(struct work *w, uint32_t per_label)
{
    const struct cn_weights *now = w->now;

    w->out.n_synthesized = cn_calloc(now->n_labels, sizeof *w->out.n_synthesized);
    for (uint32_t i = 0; per_label > 0 && i < now->n_labels; i++)
        if (now->known[i])
            w->out.n_synthesized[w->out.n_synthesized_labels++] =
                (struct cn_label_count){now->labels[i], per_label};
}

static enum cn_err offer_tuned(struct work *w, struct cn_error *err)
{
    struct cn_tune_report r;
    uint64_t start = cn_clock_mono_ms();
    enum cn_err e = cn_tune(w->now, w->before, w->in->seed, &r, err);

    if (e)
        return e;
    w->out.ms_tune = cn_clock_mono_ms() - start;
    w->out.n_steps = r.n_steps;
    note_synthesized(w, r.per_label);
    return r.n_steps > 0 ? offer(w, "tuned", err) : CN_OK;
}

static enum cn_err make_candidates(struct work *w, struct cn_error *err)
{
    bool solved = false;
    enum cn_err e;

    if (w->stats && (e = solve(w, &solved, err)))
        return e;
    e = offer(w, solved ? "solve" : "merged", err);
    return e ? e : offer_tuned(w, err);
}

static const char *synth_name(const struct cn_weights *w)
{
    if (cn_balance_labels(w) == 0)
        return "none";
    return w->recipe.synth == CN_SYNTH_CGAN && w->cgan ? "cgan" : "moments";
}

enum cn_err cn_consolidate(const struct cn_consolidate_in *in, struct cn_consolidation *ret,
                           struct cn_error *err)
{
    CN_CLEANUP(work_fini) struct work w = {.in = in};
    enum cn_err e;

    if ((e = cn_weights_open(&w.before, cn_blob_bytes(in->model), true, err)) ||
        (e = cn_apply_round(in, &w.now, err)))
        return e;
    if (w.now->recipe.kind == CN_RECIPE_FEATURES && (e = add_statistics(&w, err)))
        return e;
    snprintf(w.out.synth, sizeof w.out.synth, "%s", synth_name(w.now));
    draw_held(&w);
    score_before(&w);
    if ((e = make_candidates(&w, err)))
        return e;
    *ret = w.out;
    w.out = (struct cn_consolidation){0};
    return CN_OK;
}
