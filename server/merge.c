/* Merge jobs. */
#include "server/merge.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/model/pack.h"
#include "server/gateway.h"
#include "server/store_release.h"

struct srv_sums *srv_sums_new(void)
{
    return cn_calloc(1, sizeof(struct srv_sums));
}

void srv_sums_destroy(struct srv_sums **p)
{
    struct srv_sums *sums = cn_steal(*p);

    if (!sums)
        return;
    cn_merge_destroy(&sums->merge);
    free(sums);
}

struct job {
    struct cn_job job;
    struct srv_server *s;
    struct srv_sums *sums;
    struct cn_blob *update, *model; /* model: the release that the round starts from */
    uint32_t labels[CN_MAX_LABELS]; /* that an update may carry */
    uint32_t n_labels, device, base, staleness;
    uint64_t seq, round;
    struct cn_digest digest, built_on; /* built_on: the model of the release that it names */
    enum cn_reject reject;
    struct cn_error err;
    uint64_t ms;
};

/* The round's sums, begun by its first update. */
static enum cn_err ready(struct job *j)
{
    struct srv_sums *sums = j->sums;

    if (sums->merge && sums->round == j->round && sums->base == j->base)
        return CN_OK;
    cn_merge_destroy(&sums->merge);
    sums->round = j->round;
    sums->base = j->base;
    sums->ms = 0;
    return cn_merge_new(&sums->merge, j->model, &j->err);
}

static enum cn_reject reject_of(enum cn_err e)
{
    switch (e) {
    case CN_OK: return CN_REJECT_NONE;
    case CN_E_VERSION: return CN_REJECT_FLEET;
    case CN_E_SHAPE: return CN_REJECT_SHAPE;
    case CN_E_NUMERIC: return CN_REJECT_NUMERIC;
    case CN_E_LIMIT: return CN_REJECT_COUNTS;
    case CN_E_NOTFOUND: return CN_REJECT_LABEL;
    case CN_E_IO:
    case CN_E_FULL:
    case CN_E_READONLY:
    case CN_E_PARSE:
    case CN_E_EXISTS:
    case CN_E_STATE:
    case CN_E_CRYPTO:
    case CN_E_BUSY:
    case CN_E_TIMEOUT:
    case CN_E_DENIED:
    case CN_E_UNSUPPORTED: return CN_REJECT_FORM;
    }
    return CN_REJECT_FORM;
}

/* The release's number alone does not tell our release 7 from another fleet's. */
static enum cn_err check_base(struct job *j, struct cn_bytes bytes)
{
    struct cn_pack *CN_CLEANUP(cn_pack_close) pack = NULL;
    enum cn_err e = cn_pack_open(&pack, bytes, &j->err);

    if (e != CN_OK)
        return e;
    if (!cn_digest_equal(&cn_pack_head(pack)->base_digest, &j->built_on))
        return cn_fail(&j->err, CN_E_VERSION,
                       "the update was built on another model than that of the release it names");
    return CN_OK;
}

static void run(struct cn_job *job)
{
    struct job *j = (struct job *)job;
    struct cn_bytes bytes = cn_blob_bytes(j->update);
    struct cn_digest is = cn_digest_of(bytes.at, bytes.n);
    uint64_t start = cn_clock_mono_ms();

    if (!cn_digest_equal(&is, &j->digest)) {
        j->reject = CN_REJECT_DIGEST;
        cn_fail(&j->err, CN_E_CRYPTO, "the bytes that arrived are not those that were offered");
    } else {
        enum cn_err e = ready(j);
        if (e == CN_OK)
            e = check_base(j, bytes);
        if (e == CN_OK)
            e = cn_merge_add(j->sums->merge, bytes, j->labels, j->n_labels, j->staleness, &j->err);
        j->reject = reject_of(e);
    }
    j->ms = cn_clock_mono_ms() - start;
    j->sums->ms += j->ms;
}

static void done(struct cn_job *job)
{
    struct job *j = (struct job *)job;
    struct srv_event ev = {.kind = SRV_EV_MERGED, .device = j->device};
    char text[600];

    if (!job->abandoned) {
        ev.merged.round = j->round;
        ev.merged.seq = j->seq;
        ev.merged.reject = j->reject;
        ev.merged.text = j->reject == CN_REJECT_NONE ? NULL : j->err.text;
        if (j->reject == CN_REJECT_NONE)
            cn_log(CN_LOG_INFO, "update.merged",
                   "device=%u seq=%llu round=%llu bytes=%zu staleness=%u ms=%llu", j->device,
                   (unsigned long long)j->seq, (unsigned long long)j->round,
                   cn_blob_bytes(j->update).n, j->staleness, (unsigned long long)j->ms);
        else
            cn_log(CN_LOG_WARN, "update.rejected", "device=%u seq=%llu reason=%s error=%s",
                   j->device, (unsigned long long)j->seq, cn_reject_name(j->reject),
                   cn_log_quote(text, sizeof text, j->err.text));
        srv_gateway_feed(j->s, &ev);
    }
    cn_blob_unref(&j->update);
    cn_blob_unref(&j->model);
    free(j);
}

void srv_merge_start(struct srv_server *s, const struct srv_action *a, struct cn_buf *slot)
{
    struct job *j = cn_calloc(1, sizeof *j);
    struct srv_release base = {0};
    struct cn_error err;

    if (srv_store_release(s->db, a->slot.base, &base, &err) != CN_OK)
        cn_log(CN_LOG_WARN, "update.base-unknown", "device=%u base=%u", a->device, a->slot.base);
    *j = (struct job){.job = {.run = run, .done = done},
                      .s = s,
                      .built_on = base.model.digest,
                      .sums = s->sums,
                      .update = cn_blob_take(slot),
                      .model = cn_blob_ref(s->model),
                      .device = a->device,
                      .base = s->release.number,
                      .staleness = a->slot.staleness,
                      .seq = a->slot.seq,
                      .round = a->slot.round,
                      .digest = a->slot.digest};
    j->n_labels = srv_labels_known(&s->labels, j->labels);
    cn_worker_submit(s->worker, &j->job);
}

struct discard {
    struct cn_job job;
    struct srv_sums *sums;
};

static void run_discard(struct cn_job *job)
{
    cn_merge_destroy(&((struct discard *)job)->sums->merge);
}

static void done_discard(struct cn_job *job)
{
    free(job);
}

void srv_merge_discard(struct srv_server *s)
{
    struct discard *d = cn_calloc(1, sizeof *d);

    *d = (struct discard){.job = {.run = run_discard, .done = done_discard}, .sums = s->sums};
    cn_worker_submit(s->worker, &d->job);
}
