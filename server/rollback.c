/* Rollback. */
#include "server/rollback.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/doors/text.h"
#include "server/gateway.h"

/* The signed manifest of the release, on the disk. */
static enum cn_err seal(struct srv_server *s, struct srv_release *r, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) sealed = {0};
    struct cn_manifest m = {.fleet = s->data.fleet_id,
                            .kind = r->kind,
                            .number = r->number,
                            .parent = r->parent,
                            .rolled_back_to = r->rolled_back_to,
                            .model = r->model,
                            .stats = r->stats,
                            .registry = r->registry,
                            .registry_version = r->registry_version,
                            .created_ms = r->created_ms};
    enum cn_err e;

    snprintf(m.recipe, sizeof m.recipe, "%s",
             s->conf.recipe_kind == CN_RECIPE_ARTICLE ? "article" : "features");
    snprintf(m.candidate, sizeof m.candidate, "%s", r->candidate);
    snprintf(m.summary, sizeof m.summary, "%s", r->summary);
    if ((e = cn_release_seal(&m, s->data.fleet, &sealed, err)) != CN_OK ||
        (e = srv_blobs_write(s->blobs.dir, (struct cn_bytes){sealed.at, sealed.n},
                             &r->manifest.digest, err)) != CN_OK)
        return e;
    r->manifest.size = sealed.n;
    return CN_OK;
}

enum cn_err srv_rollback(struct srv_server *s, const struct srv_release *to, const char *reason,
                         const struct srv_audit *audit, struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) model = NULL, *CN_CLEANUP(cn_blob_unref) stats = NULL;
    struct srv_release r = *to;
    const struct srv_commit c = {.release = &r, .audit = audit};
    struct srv_event ev = {.kind = SRV_EV_RELEASED};
    enum cn_err e;

    if (s->core.round.state == SRV_ROUND_DECIDING)
        return cn_fail(err, CN_E_STATE, "a release is being decided; try again in a moment");
    if (to->number == s->release.number)
        return cn_fail(err, CN_E_STATE, "release %u is the current one", to->number);
    if (strlen(reason) > CN_MAX_REASON_BYTES || !cn_text_is_line(reason, strlen(reason)))
        return cn_fail(err, CN_E_PARSE, "the reason is longer than %d bytes, or not one line",
                       CN_MAX_REASON_BYTES);
    r.kind = CN_RELEASE_ROLLBACK;
    r.number = s->release.number + 1;
    r.parent = s->release.number;
    r.rolled_back_to = to->number;
    r.registry = s->labels.snapshot;
    r.registry_version = s->labels.stored_version;
    r.created_ms = cn_clock_wall_ms();
    snprintf(r.summary, sizeof r.summary, "rolled back to release %u%s%s", to->number,
             reason[0] ? ": " : "", reason);
    if ((e = srv_blobs_get(&s->blobs, &r.model.digest, &model, err)) != CN_OK ||
        (r.stats.size && (e = srv_blobs_get(&s->blobs, &r.stats.digest, &stats, err)) != CN_OK) ||
        (e = seal(s, &r, err)) != CN_OK || (e = srv_store_commit(s->db, &c, err)) != CN_OK)
        return e;
    srv_server_install(s, &r, &model, &stats);
    cn_log(CN_LOG_INFO, "release.rolled-back", "number=%u to=%u who=%s", r.number, to->number,
           audit->who);
    ev.heads = srv_server_heads(s);
    srv_gateway_feed(s, &ev);
    return CN_OK;
}
