/* Carries out what the core asks for, in its order. */
#include <assert.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/gateway.h"
#include "server/merge.h"
#include "server/trial.h"

/* ---- messages to one and to many ---- */

static void broadcast(struct srv_server *s, struct srv_action *a)
{
    for (uint32_t id = 0; (id = srv_core_next(&s->core, a->to, id)) != 0;) {
        const struct srv_device *d = srv_core_device(&s->core, id);
        a->msg.session = d->session;
        srv_gateway_send(s, id, d->conn, &a->msg, NULL);
    }
}

static void settle(struct srv_server *s, struct srv_action *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const struct srv_device *d = srv_core_device(&s->core, a->updates[i].device);
        if (!d || d->session == 0)
            continue;
        a->msg.session = d->session;
        if (a->msg.kind == CN_MSG_COMMITTED)
            a->msg.committed.seq = a->updates[i].seq;
        else
            a->msg.reject.seq = a->updates[i].seq;
        srv_gateway_send(s, a->updates[i].device, d->conn, &a->msg, NULL);
    }
}

/* Chunks go out as pieces of one shared blob. What does not fit the peer's queue is not sent: the
   device asks again from where it stands. */
static void serve(struct srv_server *s, const struct srv_action *a)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = NULL;
    struct cn_error err;
    struct cn_msg msg = {.session = a->serve.session};

    if (srv_blobs_get(&s->blobs, &a->serve.digest, &blob, &err) != CN_OK ||
        a->serve.offset >= cn_blob_bytes(blob).n) {
        msg.kind = CN_MSG_GONE;
        msg.gone = a->serve.digest;
        srv_gateway_send(s, a->device, a->conn, &msg, NULL);
        return;
    }
    size_t total = cn_blob_bytes(blob).n, at = (size_t)a->serve.offset;
    msg.kind = CN_MSG_CHUNK;
    for (uint32_t i = 0; i < a->serve.credit && at < total; i++) {
        struct cn_link_bulk bulk = {blob, at,
                                    total - at < CN_CHUNK_BYTES ? total - at : CN_CHUNK_BYTES};
        msg.chunk.digest = a->serve.digest;
        msg.chunk.offset = at;
        msg.chunk.total_bytes = total;
        if (!srv_gateway_send(s, a->device, a->conn, &msg, &bulk))
            break;
        at += bulk.n;
    }
}

/* ---- uploads ---- */

static void open_slot(struct srv_server *s, const struct srv_action *a)
{
    struct cn_buf *slot = &s->gateway.slots[a->slot.slot];

    assert(a->slot.slot < CN_MAX_UPLOADS && a->slot.bytes <= CN_MAX_UPDATE_BYTES);
    cn_buf_fini(slot);
    cn_buf_reserve(slot, (size_t)a->slot.bytes);
}

static void write_slot(struct srv_server *s, const struct srv_action *a)
{
    struct cn_buf *slot = &s->gateway.slots[a->slot.slot];

    assert(a->slot.slot < CN_MAX_UPLOADS && slot->n == a->slot.bytes);
    cn_buf_append(slot, s->gateway.bulk.at, s->gateway.bulk.n);
}

/* ---- labels and tallies ---- */

static void propose(struct srv_server *s, const struct srv_action *a)
{
    struct cn_error err = {0};
    const struct srv_member *m = srv_members_get(&s->members, a->device);
    const struct cn_proposal p = {.name = a->propose.name,
                                  .device = a->device,
                                  .now_ms = cn_clock_wall_ms(),
                                  .policy = (enum cn_policy)s->conf.policy,
                                  .quorum = (uint32_t)s->conf.quorum};
    struct srv_event answer = {.kind = SRV_EV_LABEL, .device = a->device};
    char name[2 * CN_MAX_LABEL_NAME_BYTES + 8];

    answer.label.request = a->propose.request;
    answer.label.id = CN_LABEL_NONE;
    answer.label.state = CN_LABEL_REJECTED;
    if (cn_registry_propose(s->labels.registry, &p, &answer.label.id, &answer.label.state, &err) !=
        CN_OK)
        answer.label.text = err.text;
    else if (answer.label.state == CN_LABEL_REJECTED || answer.label.state == CN_LABEL_RETIRED)
        answer.label.text = cn_registry_get(s->labels.registry, answer.label.id)->reason;
    if (cn_registry_version(s->labels.registry) != s->labels.stored_version) {
        cn_log(CN_LOG_INFO, "label.proposed", "device=%u name=%s id=%u state=%s", a->device,
               cn_log_quote(name, sizeof name, p.name), answer.label.id,
               cn_label_state_name(answer.label.state));
        const struct srv_audit audit = {m->name, "label.propose", p.name, p.now_ms};
        if (srv_server_save_labels(s, &audit, &err) != CN_OK)
            return;
    }
    if (answer.label.state != CN_LABEL_ACCEPTED)
        answer.label.id = CN_LABEL_NONE;
    srv_gateway_feed(s, &answer);
}

static void tally(struct srv_server *s, const struct srv_action *a)
{
    struct cn_error err;

    if (srv_store_tally(s->db, a->device, a->tallies.release, a->tallies.at, a->tallies.n, &err) !=
        CN_OK)
        srv_server_fail(s, "store.tally", &err);
}

static void act(struct srv_server *s, struct srv_action *a)
{
    switch (a->kind) {
    case SRV_ACT_SEND: srv_gateway_send(s, a->device, a->conn, &a->msg, NULL); break;
    case SRV_ACT_BROADCAST: broadcast(s, a); break;
    case SRV_ACT_SETTLE: settle(s, a); break;
    case SRV_ACT_SERVE: serve(s, a); break;
    case SRV_ACT_OPEN: open_slot(s, a); break;
    case SRV_ACT_WRITE: write_slot(s, a); break;
    case SRV_ACT_FREE: cn_buf_fini(&s->gateway.slots[a->slot.slot]); break;
    case SRV_ACT_MERGE: srv_merge_start(s, a, &s->gateway.slots[a->slot.slot]); break;
    case SRV_ACT_CONSOLIDATE: srv_trial_consolidate(s, a); break;
    case SRV_ACT_DECIDE: srv_trial_decide(s, a); break;
    case SRV_ACT_DISCARD: srv_trial_discard(s); break;
    case SRV_ACT_PROPOSE: propose(s, a); break;
    case SRV_ACT_TALLY: tally(s, a); break;
    case SRV_ACT_SCORED: srv_trial_scored(s, a); break;
    }
}

void srv_act_all(struct srv_server *s)
{
    for (uint32_t i = 0; i < s->gateway.actions.n && !s->ending; i++)
        act(s, &s->gateway.actions.at[i]);
}
