/* Own labels: asked about, answered, and renamed everywhere at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/session_impl.h"
#include "common/base/log.h"

/* The label is the fleet's from now on: store, overlay and the learner's row follow. */
static void accept(struct edge_session *s, const struct edge_own_label *was, uint32_t id)
{
    struct edge_daemon *d = s->d;
    struct edge_own_label own = *was;
    char quoted[CN_ERROR_TEXT_BYTES];
    struct cn_error err;

    own.state = EDGE_OWN_ACCEPTED;
    own.canonical = id;
    if (edge_store_put_own(d->store, &own, true, &err))
        edge_daemon_die("label.accept", &err);
    edge_labels_put_own(d->labels, &own);
    uint32_t row = edge_labels_resolve(d->labels, own.local);
    edge_trainer_rename(d->trainer, own.local, row == CN_LABEL_NONE ? id : row);
    cn_log(CN_LOG_INFO, "label.accepted", "id=%u name=%s", id,
           cn_log_quote(quoted, sizeof quoted, own.name));
}

static void set_state(struct edge_session *s, const struct edge_own_label *was,
                      enum edge_own_state state, const char *reason)
{
    struct edge_own_label own = *was;
    struct cn_error err;

    if (own.state == state)
        return;
    own.state = state;
    snprintf(own.reason, sizeof own.reason, "%s", reason ? reason : "");
    if (edge_store_put_own(s->d->store, &own, false, &err))
        edge_daemon_die("label.state", &err);
    edge_labels_put_own(s->d->labels, &own);
    cn_log(CN_LOG_INFO, "label.state", "local=%u state=%s", own.local - CN_LABEL_LOCAL,
           state == EDGE_OWN_PENDING ? "pending" : "rejected");
}

void edge_session_label(struct edge_session *s, uint32_t local, enum cn_label_state state,
                        uint32_t id, const char *text)
{
    const struct edge_own_label *own = edge_labels_get_own(s->d->labels, local);

    if (!own || own->state == EDGE_OWN_ACCEPTED)
        return; /* an answer that came twice */
    switch (state) {
    case CN_LABEL_ACCEPTED: accept(s, own, id); break;
    case CN_LABEL_PLACEHOLDER:
    case CN_LABEL_PROPOSED: set_state(s, own, EDGE_OWN_PENDING, text); break;
    case CN_LABEL_REJECTED:
    case CN_LABEL_MERGED:
    case CN_LABEL_RETIRED: set_state(s, own, EDGE_OWN_REJECTED, text); break;
    case CN_LABEL_NSTATES: return;
    }
    edge_session_queue_changed(s);
}

void edge_session_unresolved(struct edge_session *s)
{
    uint32_t n, n_asked = 0;
    const struct edge_own_label *own = edge_labels_own(s->d->labels, &n);

    /* One more than the core remembers, so that it knows that there are more. */
    for (uint32_t i = 0; i < n && n_asked <= EDGE_MAX_PROPOSALS; i++) {
        if (own[i].state != EDGE_OWN_LOCAL && own[i].state != EDGE_OWN_PENDING)
            continue;
        edge_session_propose(s, own[i].local);
        n_asked++;
    }
}

/* Pending examples of a label that was merged into another follow it. */
static void follow_merges(struct edge_session *s)
{
    CN_CLEANUP(cn_freep) struct cn_label_count *taught = NULL;
    struct edge_daemon *d = s->d;
    struct cn_error err;
    uint32_t n = 0;

    if (edge_store_labels_taught(d->store, &taught, &n, &err))
        edge_daemon_die("label.merge", &err);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = edge_labels_resolve(d->labels, taught[i].label);
        if (cn_label_is_local(taught[i].label) || to == taught[i].label || to == CN_LABEL_NONE)
            continue;
        if (edge_store_merge_label(d->store, taught[i].label, to, &err))
            edge_daemon_die("label.merge", &err);
        edge_trainer_rename(d->trainer, taught[i].label, to);
    }
}

void edge_session_follow_registry(struct edge_session *s)
{
    struct edge_daemon *d = s->d;
    uint32_t n;
    const struct edge_own_label *own = edge_labels_own(d->labels, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct cn_label *label =
            cn_registry_find(edge_labels_registry(d->labels), own[i].name);
        uint32_t id =
            label ? cn_registry_resolve(edge_labels_registry(d->labels), label->id) : CN_LABEL_NONE;
        const struct cn_label *now =
            id == CN_LABEL_NONE ? label : cn_registry_get(edge_labels_registry(d->labels), id);
        if (now)
            edge_session_label(s, own[i].local, now->state, now->id, now->reason);
    }
    follow_merges(s);
}
