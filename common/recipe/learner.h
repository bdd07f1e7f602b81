/* A device's live model: a release, and what its own pending examples changed on top of it.
   Threads: one at a time per learner (the edge's trainer thread owns it). */
#ifndef CN_LEARNER_H
#define CN_LEARNER_H

#include "common/base/label.h"
#include "common/recipe/recipe.h"

/* One image with its right label, as the recipe's trunk sees it. */
struct cn_example {
    uint32_t label;   /* canonical or local id */
    bool corrected;   /* false: confirmed */
    const float *phi; /* cn_learner_phi_size numbers, borrowed */
};

struct cn_train_report {
    uint32_t n_steps;
    uint32_t n_synthesized; /* samples mixed into the batches */
    uint32_t n_wrong;       /* of the new examples, still wrong afterwards */
    float loss;             /* of the last step */
};

struct cn_learner;

/* Reads a release's model blob. CN_E_PARSE, CN_E_VERSION, CN_E_SHAPE, CN_E_NUMERIC. */
enum cn_err cn_learner_open(struct cn_learner **ret, struct cn_blob *model,
                            struct cn_error *err) CN_NODISCARD;
void cn_learner_destroy(struct cn_learner **l);

const struct cn_recipe *cn_learner_recipe(const struct cn_learner *l);
/* Label ids in row order; those of the release first, then the added ones. */
const uint32_t *cn_learner_labels(const struct cn_learner *l, uint32_t *ret_n);
size_t cn_learner_phi_size(const struct cn_learner *l);

/* x (n, pipeline size) -> phi (n, phi_size): the frozen trunk (features) or a copy (article). */
void cn_learner_embed(struct cn_learner *l, const float *x, uint32_t n, float *phi);
/* phi (n, phi_size) -> p (n, n_labels), rows sum to 1. With released set, the release alone is
   asked (columns of added labels are 0): that is what held-out examples are scored on. */
void cn_learner_predict(struct cn_learner *l, const float *phi, uint32_t n, bool released,
                        float *p);

/* Appends a row for a new label (no-op when it is there). The placeholder "noise" gives its place
   to the first real label. */
enum cn_err cn_learner_add_label(struct cn_learner *l, uint32_t id,
                                 struct cn_error *err) CN_NODISCARD;
/* A local label got its canonical id; when `to` is already there the rows become one. */
void cn_learner_rename_label(struct cn_learner *l, uint32_t from, uint32_t to);

/* Trains the live model at once on fresh[0..n) (what was just taught), mixing in
   others[0..n_others) (earlier pending examples) and synthesized samples of the other labels, until
   every fresh example is right with a margin, or local_steps. Labels must have been added.
   CN_E_NUMERIC leaves the model as it was. Promise 8: under a second with recipe features on one
   core. */
enum cn_err cn_learner_train(struct cn_learner *l, const struct cn_example *fresh, uint32_t n,
                             const struct cn_example *others, uint32_t n_others, uint64_t seed,
                             struct cn_train_report *report, struct cn_error *err) CN_NODISCARD;

#endif
