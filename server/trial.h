/* What happens to a closed round: its sums become candidates, devices score them, the gate judges,
   and the one that is taken becomes the release. Loop thread; the long parts are jobs. */
#ifndef SRV_TRIAL_H
#define SRV_TRIAL_H

#include "common/recipe/consolidate.h"
#include "server/core/gate.h"
#include "server/gateway.h"

/* One model that is scored: the release before, or a candidate. */
struct srv_trial_model {
    struct cn_model_ref ref;
    uint32_t *labels; /* of its rows */
    uint32_t n_labels;
    struct cn_label_tally *held; /* devices' held-out answers so far, summed; ascending labels */
    uint32_t n_held;
};

struct srv_trial {
    uint64_t round; /* 0: nothing on trial */
    struct cn_consolidation result;
    struct srv_trial_model models[CN_MAX_MODELS_SCORED]; /* the release before, then candidates */
    uint32_t n_models;
    struct cn_label_count *counts; /* images per label in the round's updates */
    uint32_t n_counts;
    struct cn_artifact registry; /* that the candidates were made for */
    uint32_t registry_version;
    uint64_t merge_ms, scoring_since_ms, score_ms;
    uint32_t n_devices_scored;
};

/* Empties it; what it held is freed. */
void srv_trial_clear(struct srv_trial *t);
void srv_trial_destroy(struct srv_trial **t);

/* The four actions of the core. */
void srv_trial_consolidate(struct srv_server *s, const struct srv_action *a);
void srv_trial_scored(struct srv_server *s, const struct srv_action *a);
void srv_trial_decide(struct srv_server *s, const struct srv_action *a);
void srv_trial_discard(struct srv_server *s);

/* The label ids of a model blob's rows, the caller's; 0 rows when it cannot be read. */
uint32_t srv_trial_labels(struct cn_blob *model, uint32_t **ret);

/* What `release show` tells of a round, as JSON (report.c). */
void srv_report(const struct srv_trial *t, const struct srv_gate_verdict *v, struct cn_buf *out);
/* Per label of the candidate `taken`: images, samples, right and wrong; *ret is the caller's. */
uint32_t srv_report_labels(const struct srv_trial *t, uint32_t taken,
                           struct srv_release_label **ret);

#endif
