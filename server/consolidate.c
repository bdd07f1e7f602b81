/* The consolidation job: a round's sums become candidates. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/merge.h"
#include "server/trial.h"

struct job {
    struct cn_job job;
    struct srv_server *s;
    struct srv_sums *sums;
    struct cn_blob *model, *stats;
    struct cn_label_move *moves;
    uint32_t n_moves, n_updates;
    uint64_t seed, start_ms;
    struct srv_trial found; /* round, models, result */
    bool ok;
    struct cn_error err;
};

/* The candidates as the gate and the devices know them: by digest and by labels. */
static void describe(struct srv_trial *t)
{
    t->n_models = 1 + t->result.n_candidates;
    for (uint32_t i = 0; i < t->result.n_candidates; i++) {
        struct cn_blob *blob = t->result.candidate[i].model;
        struct cn_bytes bytes = cn_blob_bytes(blob);
        t->models[1 + i].ref = (struct cn_model_ref){cn_digest_of(bytes.at, bytes.n), bytes.n};
        t->models[1 + i].n_labels = srv_trial_labels(blob, &t->models[1 + i].labels);
    }
}

static void run(struct cn_job *job)
{
    struct job *j = (struct job *)job;
    const struct cn_consolidate_in in = {.model = j->model,
                                         .stats = j->stats,
                                         .merge = j->sums->merge,
                                         .moves = j->moves,
                                         .n_moves = j->n_moves,
                                         .seed = j->seed};

    if (!in.merge || j->sums->round != j->found.round) {
        cn_fail(&j->err, CN_E_STATE, "the round has no sums");
        return;
    }
    j->found.merge_ms = j->sums->ms;
    j->found.models[0].n_labels = srv_trial_labels(j->model, &j->found.models[0].labels);
    if (cn_consolidate(&in, &j->found.result, &j->err) != CN_OK)
        return;
    describe(&j->found);
    const struct cn_label_count *counts = cn_merge_counts(in.merge, &j->found.n_counts);
    j->found.counts = cn_calloc(j->found.n_counts, sizeof *counts);
    if (j->found.n_counts)
        memcpy(j->found.counts, counts, j->found.n_counts * sizeof *counts);
    j->ok = j->found.result.n_candidates > 0 ||
            cn_fail(&j->err, CN_E_NUMERIC, "consolidation gave no candidate") == CN_OK;
}

/* Makes the candidates the server's, to be served and judged. */
static void put_on_trial(struct srv_server *s, struct job *j)
{
    srv_blobs_drop_held(&s->blobs);
    srv_trial_clear(s->trial);
    *s->trial = j->found;
    j->found = (struct srv_trial){0};
    s->trial->scoring_since_ms = cn_clock_mono_ms();
    for (uint32_t i = 1; i < s->trial->n_models; i++) {
        char hex[CN_DIGEST_HEX_BYTES];
        cn_log(CN_LOG_DEBUG, "candidate.held", "name=%s digest=%s",
               s->trial->result.candidate[i - 1].name,
               cn_digest_hex(hex, &s->trial->models[i].ref.digest));
        srv_blobs_hold(&s->blobs, &s->trial->models[i].ref.digest,
                       s->trial->result.candidate[i - 1].model);
    }
}

static void tell(struct job *j)
{
    struct srv_server *s = j->s;
    struct srv_event ev = {.kind = SRV_EV_CONSOLIDATED};
    char text[600];

    ev.consolidated.round = j->found.round;
    ev.consolidated.ok = j->ok;
    if (j->ok) {
        put_on_trial(s, j);
        ev.consolidated.n_models = s->trial->n_models;
        for (uint32_t i = 0; i < s->trial->n_models; i++)
            ev.consolidated.models[i] = s->trial->models[i].ref;
        cn_log(CN_LOG_INFO, "round.consolidated",
               "round=%llu candidates=%u synth=%s steps=%u ms=%llu",
               (unsigned long long)ev.consolidated.round, s->trial->n_models - 1,
               s->trial->result.synth, s->trial->result.n_steps,
               (unsigned long long)(cn_clock_mono_ms() - j->start_ms));
    } else {
        struct cn_error err;
        cn_log(CN_LOG_ERROR, "round.failed", "round=%llu error=%s",
               (unsigned long long)ev.consolidated.round,
               cn_log_quote(text, sizeof text, j->err.text));
        const struct srv_refusal r = {cn_clock_wall_ms(), j->n_updates, j->err.text, "{}"};
        if (srv_store_add_refusal(s->db, &r, &err) != CN_OK)
            srv_server_fail(s, "store.refusal", &err);
    }
    srv_gateway_feed(s, &ev);
}

static void done(struct cn_job *job)
{
    struct job *j = (struct job *)job;

    /* A rollback may have discarded the round meanwhile. */
    if (!job->abandoned && j->found.round == j->s->trial->round)
        tell(j);
    srv_trial_clear(&j->found);
    cn_blob_unref(&j->model);
    cn_blob_unref(&j->stats);
    free(j->moves);
    free(j);
}

void srv_trial_consolidate(struct srv_server *s, const struct srv_action *a)
{
    struct job *j = cn_calloc(1, sizeof *j);

    srv_trial_clear(s->trial);
    s->trial->round = a->round.number;
    j->job = (struct cn_job){.run = run, .done = done};
    j->s = s;
    j->sums = s->sums;
    j->model = cn_blob_ref(s->model);
    j->stats = s->stats ? cn_blob_ref(s->stats) : NULL;
    j->moves = cn_calloc(CN_MAX_LABELS, sizeof *j->moves);
    j->n_moves = srv_labels_moves(&s->labels, j->moves);
    j->n_updates = a->round.n;
    j->seed = s->release.number + 1u; /* the same updates give the same release, byte for byte */
    j->start_ms = cn_clock_mono_ms();
    j->found.round = a->round.number;
    j->found.models[0].ref = (struct cn_model_ref){s->release.model.digest, s->release.model.size};
    j->found.registry = s->labels.snapshot;
    j->found.registry_version = s->labels.stored_version;
    cn_log(CN_LOG_INFO, "round.closed", "round=%llu updates=%u base=%u",
           (unsigned long long)a->round.number, a->round.n, a->round.base);
    cn_worker_submit(s->worker, &j->job);
}
