/* What several parts of the shell do to the coordinator as a whole. */
#include "server/server.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/gateway.h"

struct cn_heads srv_server_heads(const struct srv_server *s)
{
    return (struct cn_heads){.release = s->release.number,
                             .registry_version = s->labels.stored_version,
                             .manifest = s->release.manifest.digest,
                             .registry = s->labels.snapshot.digest,
                             .manifest_bytes = s->release.manifest.size,
                             .registry_bytes = s->labels.snapshot.size,
                             .server_time_ms = cn_clock_wall_ms()};
}

void srv_server_fail(struct srv_server *s, const char *what, const struct cn_error *err)
{
    char text[600];

    cn_log(CN_LOG_ERROR, "coordinator.failed", "at=%s error=%s", what,
           cn_log_quote(text, sizeof text, err->text));
    s->exit_code = 1;
    s->ending = true;
    cn_loop_stop(s->loop);
}

void srv_server_install(struct srv_server *s, const struct srv_release *r, struct cn_blob **model,
                        struct cn_blob **stats)
{
    s->release = *r;
    cn_blob_unref(&s->model);
    cn_blob_unref(&s->stats);
    s->model = cn_steal(*model);
    s->stats = cn_steal(*stats);
    srv_blobs_renew(&s->blobs, &r->model.digest, s->model);
}

enum cn_err srv_server_save_labels(struct srv_server *s, const struct srv_audit *audit,
                                   struct cn_error *err)
{
    struct srv_event ev = {.kind = SRV_EV_REGISTRY};
    bool changed;
    enum cn_err e = srv_labels_save(&s->labels, audit, &changed, err);

    if (e != CN_OK) {
        srv_server_fail(s, "store.labels", err);
        return e;
    }
    if (changed) {
        ev.heads = srv_server_heads(s);
        srv_gateway_feed(s, &ev);
    }
    return CN_OK;
}
