/* What the trainer's files share. Threads: a job's run() on the worker's, all else on the loop's.
 */
#ifndef EDGE_TRAINER_IMPL_H
#define EDGE_TRAINER_IMPL_H

#include "client/edge/trainer.h"

struct edge_trainer {
    struct cn_worker *worker;
    struct cn_learner *learner; /* of the worker's thread; NULL before the first release */
    uint32_t release;           /* likewise */
    uint64_t seed;
    bool is_ending; /* of the loop's thread */
};

struct edge_job {
    struct cn_job base; /* first */
    struct edge_trainer *trainer;
    void (*tell)(struct edge_job *job, const struct cn_error *err);
    struct cn_error err; /* code CN_OK: the results are there */
    void *user;
    /* inputs */
    struct cn_blob *blob; /* an image or a model */
    struct edge_lessons fresh, others;
    bool released;
    uint32_t release, from, to;
    /* results, and who is told */
    union {
        edge_predicted_fn predicted;
        edge_trained_fn trained;
        edge_install_fn installed;
        edge_scored_fn scored;
        edge_verified_fn verified;
    } fn;
    struct edge_prediction prediction;
    struct edge_trained trained;
    struct edge_install_result install;
    struct edge_scores scores;
    uint32_t *predicted;
};

/* For edge_trainer_ functions. */
struct edge_job *edge_job_new(struct edge_trainer *t, void (*run)(struct cn_job *), void *user);
void edge_job_take(struct edge_lessons *to, struct edge_lessons *from);

/* For run(). */
enum cn_err edge_job_need_release(struct edge_job *j) CN_NODISCARD;
void edge_job_predict(struct edge_trainer *t, const float *phi, bool released,
                      struct edge_prediction *out);
/* Teaches the learner the job's `fresh`, with its `others` mixed in. */
enum cn_err edge_job_teach(struct edge_trainer *t, struct cn_learner *l, struct edge_job *j,
                           struct cn_train_report *report) CN_NODISCARD;

#endif
