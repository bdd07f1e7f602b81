/* Labelled vectors that are quick to make and easy to tell apart: what the recipes' tests learn. */
#ifndef TOY_H
#define TOY_H

#include "common/recipe/consolidate.h"
#include "common/recipe/learner.h"

struct toy {
    uint32_t n;
    size_t size;
    float *phi;                  /* (n, size) */
    struct cn_example *examples; /* (n) */
};

/* 4 filters: 128 features; few steps. */
struct cn_recipe toy_features(enum cn_synth_kind synth);
/* 12x12 grey images; few steps. */
struct cn_recipe toy_article(enum cn_synth_kind synth);

/* per_label examples of every label, label by label. Features are noisy bumps >= 0 around a centre
   that belongs to the label, pixels of recipe article likewise in [-1, 1]. Another seed, other
   examples of the same labels. */
struct toy toy_make(const struct cn_recipe *r, const uint32_t *labels, uint32_t n_labels,
                    uint32_t per_label, uint64_t seed);
void toy_fini(struct toy *t);

/* The id that l predicts for phi. */
uint32_t toy_predict(struct cn_learner *l, const float *phi, bool released);
double toy_accuracy(struct cn_learner *l, const struct toy *t);

/* An update from t against model; fails the test when it cannot be built. */
struct cn_buf toy_update(struct cn_blob *model, const struct toy *t, uint64_t seed);
/* One round with these updates; fails the test when it cannot be made. */
struct cn_consolidation toy_round(struct cn_blob *model, struct cn_blob *stats,
                                  const struct cn_buf *updates, uint32_t n,
                                  const struct cn_label_move *moves, uint32_t n_moves);
/* A release that was taught labels 1..n_labels, 20 examples each, from genesis; *ret_stats may be
   NULL for no statistics. */
struct cn_blob *toy_release(const struct cn_recipe *r, uint32_t n_labels,
                            struct cn_blob **ret_stats);

#endif
