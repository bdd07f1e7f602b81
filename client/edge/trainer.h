/* The live model on a thread of its own: predictions, corrections, scores and new releases, one
   after the other in the order in which they were asked for. Every job owns its inputs; answers
   come on the loop's thread. When the daemon ends, jobs that did not run answer CN_E_STATE.
   Threads: the loop's. */
#ifndef EDGE_TRAINER_H
#define EDGE_TRAINER_H

#include "client/edge/lesson.h"
#include "client/edge/prediction.h"
#include "common/base/digest.h"
#include "common/doors/worker.h"

struct edge_trainer;

enum cn_err edge_trainer_new(struct edge_trainer **ret, struct cn_loop *loop,
                             struct cn_error *err) CN_NODISCARD;
void edge_trainer_destroy(struct edge_trainer **t);

/* err is NULL on success. The callee takes what it wants out of the result; the rest is freed after
   it returns. */
typedef void (*edge_predicted_fn)(void *user, struct edge_prediction *p,
                                  const struct cn_error *err);

/* Takes the image. released: the release alone, without what was taught here. CN_E_STATE before the
   first release, CN_E_PARSE or CN_E_LIMIT: not an image. */
void edge_trainer_predict(struct edge_trainer *t, struct cn_blob **image, bool released,
                          edge_predicted_fn fn, void *user);

struct edge_trained {
    struct cn_train_report report;
    uint64_t ms;
    struct edge_prediction now; /* of the first fresh lesson, by the changed model */
};

typedef void (*edge_trained_fn)(void *user, struct edge_trained *r, const struct cn_error *err);

/* Takes both lists. Missing labels get rows. */
void edge_trainer_train(struct edge_trainer *t, struct edge_lessons *fresh,
                        struct edge_lessons *others, edge_trained_fn fn, void *user);

/* A local label got its canonical id. */
void edge_trainer_rename(struct edge_trainer *t, uint32_t from, uint32_t to);

struct edge_install_result {
    struct cn_recipe recipe;
    uint32_t *labels; /* rows of the release, in row order */
    uint32_t n_labels;
    size_t n_phi;                 /* floats of one image's features */
    bool is_new_trunk;            /* features of before do not fit: nothing was replayed */
    struct edge_lessons replayed; /* with their features, to be kept */
    struct cn_error replay_err;   /* code CN_OK unless replaying failed (the release stands) */
};

typedef void (*edge_install_fn)(void *user, struct edge_install_result *r,
                                const struct cn_error *err);

/* Takes the model's bytes and both lists: opens the release, teaches it `fresh` again with `others`
   mixed in, and answers with it from then on. An error leaves the old model. */
void edge_trainer_install(struct edge_trainer *t, struct cn_blob **model, uint32_t release,
                          struct edge_lessons *fresh, struct edge_lessons *others,
                          edge_install_fn fn, void *user);

struct edge_scores {
    struct cn_label_tally *tallies; /* ascending labels */
    uint32_t n;
};

typedef void (*edge_scored_fn)(void *user, struct edge_scores *s, const struct cn_error *err);

/* A model (a candidate, or the release) on held-out examples. Takes both. */
void edge_trainer_score(struct edge_trainer *t, struct cn_blob **model,
                        struct edge_lessons *lessons, edge_scored_fn fn, void *user);

struct edge_verified {
    struct edge_lessons lessons;
    uint32_t *predicted; /* by the release, per lesson */
};

typedef void (*edge_verified_fn)(void *user, struct edge_verified *v, const struct cn_error *err);

/* What the installed release says of these images. Takes the list. */
void edge_trainer_verify(struct edge_trainer *t, struct edge_lessons *lessons, edge_verified_fn fn,
                         void *user);

#endif
