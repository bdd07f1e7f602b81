/* The gate's verdict, and the release that follows from it.

   Order of durability: model and statistics are on the disk, then the signed manifest that names
   them, then one transaction that makes it the release together with the numbers of its updates.
   A crash before the transaction leaves files that start-up sweeps; after it, nothing is missing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/trial.h"

_Static_assert((int)SRV_GATE_MAX_CANDIDATES == (int)CN_MAX_CANDIDATES,
               "the gate judges every candidate");

static void judge(const struct srv_server *s, struct srv_gate_verdict *v)
{
    const struct srv_trial *t = s->trial;
    const struct srv_gate_conf conf = {.min_evidence = (uint32_t)s->conf.min_evidence,
                                       .min_label = (uint32_t)s->conf.min_label,
                                       .alpha = s->conf.alpha,
                                       .tolerance = s->conf.tolerance,
                                       .growth_tolerance = s->conf.growth_tolerance,
                                       .synth_tolerance = s->conf.synth_tolerance};
    struct srv_gate_model m[CN_MAX_MODELS_SCORED];

    for (uint32_t i = 0; i < t->n_models; i++) {
        const struct cn_candidate *c = i ? &t->result.candidate[i - 1] : NULL;
        m[i] = (struct srv_gate_model){.name = c ? c->name : "the release before",
                                       .labels = t->models[i].labels,
                                       .n_labels = t->models[i].n_labels,
                                       .held = t->models[i].held,
                                       .n_held = t->models[i].n_held,
                                       .synthetic = c ? c->synthetic : t->result.before,
                                       .n_synthetic = c ? c->n_synthetic : t->result.n_before};
    }
    srv_gate_decide(&conf, &m[0], &m[1], t->n_models - 1, v);
}

static void tell_refused(struct srv_server *s, uint64_t round, uint32_t n_updates, const char *why,
                         const char *report)
{
    struct srv_event ev = {.kind = SRV_EV_DECIDED};
    const struct srv_refusal r = {cn_clock_wall_ms(), n_updates, why, report};
    struct cn_error err;
    char text[600];

    cn_log(CN_LOG_WARN, "round.refused", "round=%llu updates=%u why=%s", (unsigned long long)round,
           n_updates, cn_log_quote(text, sizeof text, why));
    if (srv_store_add_refusal(s->db, &r, &err) != CN_OK)
        srv_server_fail(s, "store.refusal", &err);
    ev.decided.round = round;
    ev.decided.heads = srv_server_heads(s);
    ev.decided.text = why;
    srv_gateway_feed(s, &ev);
}

/* ---- the commit job ---- */

struct job {
    struct cn_job job;
    struct srv_server *s;
    uint64_t round;
    const struct cn_secret *key;
    const char *blobs_dir;
    struct cn_blob *model, *stats;
    struct srv_release release;
    struct cn_manifest manifest;
    struct srv_update *updates;
    struct srv_release_label *labels;
    uint32_t n_updates, n_labels;
    struct cn_buf report;
    enum cn_err code;
    struct cn_error err;
};

static enum cn_err write_blob(const struct job *j, struct cn_bytes bytes, struct cn_artifact *ret,
                              struct cn_error *err)
{
    struct cn_artifact a = {.size = bytes.n};
    enum cn_err e = srv_blobs_write(j->blobs_dir, bytes, &a.digest, err);

    if (e == CN_OK)
        *ret = a;
    return e;
}

static void run(struct cn_job *job)
{
    struct job *j = (struct job *)job;
    struct cn_buf CN_CLEANUP(cn_buf_fini) sealed = {0};
    struct srv_release *r = &j->release;

    if ((j->code = write_blob(j, cn_blob_bytes(j->model), &r->model, &j->err)) != CN_OK ||
        (j->stats &&
         (j->code = write_blob(j, cn_blob_bytes(j->stats), &r->stats, &j->err)) != CN_OK))
        return;
    j->manifest.model = r->model;
    j->manifest.stats = r->stats;
    if ((j->code = cn_release_seal(&j->manifest, j->key, &sealed, &j->err)) == CN_OK)
        j->code = write_blob(j, (struct cn_bytes){sealed.at, sealed.n}, &r->manifest, &j->err);
}

/* The release and the numbers of its updates, durable in one transaction. */
static void commit(struct job *j)
{
    struct srv_server *s = j->s;
    struct srv_event ev = {.kind = SRV_EV_DECIDED};
    const struct srv_commit c = {.release = &j->release,
                                 .report = cn_buf_cstr(&j->report),
                                 .updates = j->updates,
                                 .n_updates = j->n_updates,
                                 .labels = j->labels,
                                 .n_labels = j->n_labels};

    if (srv_store_commit(s->db, &c, &j->err) != CN_OK) {
        srv_server_fail(s, "store.commit", &j->err);
        return;
    }
    for (uint32_t i = 0; i < j->n_updates; i++) {
        struct srv_member *m = srv_members_get(&s->members, j->updates[i].device);
        m->last_seq = j->updates[i].seq > m->last_seq ? j->updates[i].seq : m->last_seq;
        m->last_release = j->release.number;
        m->n_updates++;
    }
    srv_server_install(s, &j->release, &j->model, &j->stats);
    srv_blobs_drop_held(&s->blobs); /* who still scores is told GONE */
    cn_log(CN_LOG_INFO, "release.committed",
           "number=%u updates=%u labels=%u candidate=%s model_bytes=%llu", j->release.number,
           j->n_updates, j->release.n_labels, j->release.candidate,
           (unsigned long long)j->release.model.size);
    ev.decided.round = j->round;
    ev.decided.promoted = true;
    ev.decided.heads = srv_server_heads(s);
    srv_gateway_feed(s, &ev);
}

static void done(struct cn_job *job)
{
    struct job *j = (struct job *)job;

    if (!job->abandoned && j->code == CN_OK)
        commit(j);
    else if (!job->abandoned)
        tell_refused(j->s, j->round, j->n_updates, j->err.text, cn_buf_cstr(&j->report));
    cn_blob_unref(&j->model);
    cn_blob_unref(&j->stats);
    cn_buf_fini(&j->report);
    free(j->manifest.contributions);
    free(j->updates);
    free(j->labels);
    free(j);
}

/* ---- from verdict to job ---- */

static int by_device_and_seq(const void *a, const void *b)
{
    const struct srv_update *x = a, *y = b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void take_updates(struct job *j, const struct srv_update *updates, uint32_t n)
{
    j->n_updates = j->manifest.n_contributions = n;
    j->updates = cn_calloc(n, sizeof *j->updates);
    j->manifest.contributions = cn_calloc(n, sizeof *j->manifest.contributions);
    memcpy(j->updates, updates, n * sizeof *updates);
    qsort(j->updates, n, sizeof *j->updates, by_device_and_seq);
    for (uint32_t i = 0; i < n; i++)
        j->manifest.contributions[i] =
            (struct cn_contribution){j->updates[i].device, j->updates[i].seq};
}

static void describe(struct job *j, const struct srv_server *s, uint32_t taken, const char *why)
{
    const struct srv_trial *t = s->trial;
    struct srv_release *r = &j->release;

    r->kind = CN_RELEASE_ROUND;
    r->number = s->release.number + 1;
    r->parent = s->release.number;
    r->registry = t->registry;
    r->registry_version = t->registry_version;
    r->n_labels = t->models[1 + taken].n_labels;
    r->created_ms = cn_clock_wall_ms();
    snprintf(r->candidate, sizeof r->candidate, "%s", t->result.candidate[taken].name);
    snprintf(r->summary, sizeof r->summary, "%s: %s", r->candidate, why);
    struct cn_manifest *m = &j->manifest;
    m->fleet = s->data.fleet_id;
    m->kind = r->kind;
    m->number = r->number;
    m->parent = r->parent;
    m->registry = r->registry;
    m->registry_version = r->registry_version;
    m->created_ms = r->created_ms;
    snprintf(m->recipe, sizeof m->recipe, "%s",
             s->conf.recipe_kind == CN_RECIPE_ARTICLE ? "article" : "features");
    snprintf(m->candidate, sizeof m->candidate, "%s", r->candidate);
    snprintf(m->summary, sizeof m->summary, "%s", r->summary);
}

static void start_commit(struct srv_server *s, const struct srv_action *a,
                         const struct srv_gate_verdict *v)
{
    struct srv_trial *t = s->trial;
    struct job *j = cn_calloc(1, sizeof *j);
    uint32_t taken = (uint32_t)v->taken;

    j->job = (struct cn_job){.run = run, .done = done};
    j->s = s;
    j->round = a->round.number;
    j->key = s->data.fleet;
    j->blobs_dir = s->blobs.dir;
    j->model = cn_blob_ref(t->result.candidate[taken].model);
    j->stats = t->result.stats ? cn_blob_ref(t->result.stats) : NULL;
    describe(j, s, taken, v->candidate[taken].why);
    take_updates(j, a->round.updates, a->round.n);
    j->n_labels = srv_report_labels(t, taken, &j->labels);
    srv_report(t, v, &j->report);
    cn_worker_submit(s->worker, &j->job);
}

void srv_trial_decide(struct srv_server *s, const struct srv_action *a)
{
    struct srv_trial *t = s->trial;
    struct srv_gate_verdict v;

    assert(t->round == a->round.number && t->n_models > 1);
    t->score_ms = cn_clock_mono_ms() - t->scoring_since_ms;
    judge(s, &v);
    for (uint32_t i = 0; i + 1 < t->n_models; i++) {
        char text[2 * SRV_GATE_WHY_BYTES + 8];
        cn_log(CN_LOG_INFO, "gate.candidate", "round=%llu name=%s taken=%s why=%s",
               (unsigned long long)t->round, t->result.candidate[i].name,
               v.candidate[i].taken ? "yes" : "no",
               cn_log_quote(text, sizeof text, v.candidate[i].why));
    }
    if (v.taken >= 0) {
        start_commit(s, a, &v);
        return;
    }
    struct cn_buf CN_CLEANUP(cn_buf_fini) report = {0};
    srv_report(t, &v, &report);
    tell_refused(s, a->round.number, a->round.n, v.candidate[0].why, cn_buf_cstr(&report));
}
