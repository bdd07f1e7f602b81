/* GET /v1/status and /v1/labels. */
#include <stdlib.h>

#include "client/edge/api.h"
#include "client/edge/session.h"
#include "common/base/clock.h"

static const char *recipe_name(enum cn_recipe_kind kind)
{
    switch (kind) {
    case CN_RECIPE_FEATURES: return "features";
    case CN_RECIPE_ARTICLE: return "article";
    }
    return NULL;
}

static void say_waiting(struct cn_json *j, const struct edge_why *why)
{
    uint64_t mono = cn_clock_mono_ms();

    if (why->reason == EDGE_WHY_NOTHING) {
        cn_json_set_null(j, "waiting");
        return;
    }
    struct cn_json *w = cn_json_set_object(j, "waiting");
    cn_json_set_string(w, "reason", edge_why_name(why->reason));
    cn_json_set_string(w, "text", edge_session_why_text(why));
    if (why->until_ms)
        cn_json_set_int(
            w, "until_ms",
            (int64_t)(cn_clock_wall_ms() + (why->until_ms > mono ? why->until_ms - mono : 0)));
    else
        cn_json_set_null(w, "until_ms");
    if (why->need) {
        cn_json_set_int(w, "have", (int64_t)why->have);
        cn_json_set_int(w, "need", (int64_t)why->need);
    }
}

/* Examples whose label the fleet has not accepted: they cannot travel yet. */
static uint64_t count_waiting_labels(const struct edge_daemon *d, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) struct cn_label_count *taught = NULL;
    uint32_t n = 0;
    uint64_t sum = 0;

    if (edge_store_labels_taught(d->store, &taught, &n, err))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (cn_label_is_local(taught[i].label) && edge_labels_waiting(d->labels, taught[i].label))
            sum += taught[i].n;
    return sum;
}

static void say_examples(struct cn_json *j, const struct edge_totals *t, uint64_t waiting_label,
                         uint32_t n_sendable)
{
    struct cn_json *e = cn_json_set_object(j, "examples");
    uint64_t total = 0;

    for (int i = 1; i < EDGE_NSTATES; i++)
        total += i == EDGE_UNDONE ? 0 : t->n[i];
    cn_json_set_int(e, "queued", (int64_t)t->n[EDGE_QUEUED]);
    cn_json_set_int(e, "in_update", (int64_t)t->n[EDGE_IN_UPDATE]);
    cn_json_set_int(e, "committed", (int64_t)t->n[EDGE_COMMITTED]);
    cn_json_set_int(e, "held_out", (int64_t)t->n[EDGE_HELD_OUT]);
    cn_json_set_int(e, "counted", (int64_t)t->n[EDGE_COUNTED]);
    cn_json_set_int(e, "undone", (int64_t)t->n[EDGE_UNDONE]);
    cn_json_set_int(e, "waiting_label", (int64_t)waiting_label);
    cn_json_set_int(e, "sendable", n_sendable);
    cn_json_set_int(e, "total", (int64_t)total);
}

static void say_totals(struct cn_json *j, const struct edge_totals *t)
{
    struct cn_json *o = cn_json_set_object(j, "field");
    cn_json_set_int(o, "confirmed", (int64_t)t->n_confirmed);
    cn_json_set_int(o, "corrected", (int64_t)t->n_corrected);
    o = cn_json_set_object(j, "spool");
    cn_json_set_int(o, "bytes", (int64_t)t->image_bytes);
    cn_json_set_int(o, "max_bytes", (int64_t)t->max_bytes);
    o = cn_json_set_object(j, "updates");
    cn_json_set_int(o, "built", (int64_t)t->n_updates);
    cn_json_set_int(o, "committed", (int64_t)t->n_updates_committed);
    cn_json_set_int(o, "rejected", (int64_t)t->n_updates_rejected);
    cn_json_set_int(o, "last_raw_bytes", (int64_t)t->last_raw_bytes);
    cn_json_set_int(o, "last_wire_bytes", (int64_t)t->last_wire_bytes);
}

static void say_model(const struct edge_daemon *d, struct cn_json *j)
{
    const struct edge_live *live = &d->live;

    if (live->is_open)
        cn_json_set_int(j, "release", live->at.release);
    else
        cn_json_set_null(j, "release"); /* none yet, or still being opened */
    cn_json_set_int(j, "registry_version", live->at.registry_version);
    cn_json_set_int(j, "labels", cn_registry_n_accepted(edge_labels_registry(d->labels)));
    cn_json_set_string(j, "recipe", live->is_open ? recipe_name(live->recipe.kind) : NULL);
}

void edge_api_status(struct edge_daemon *d, struct cn_http_request *req)
{
    struct edge_session_status session = edge_session_status(d->session);
    char fleet[2 * CN_DIGEST_BYTES + 1];
    struct edge_totals totals;
    struct cn_error err = {0};

    uint64_t waiting_label = count_waiting_labels(d, &err);
    if (err.code || edge_store_totals(d->store, &totals, &err)) {
        cn_http_fail(&req, &err);
        return;
    }
    struct cn_json *j = cn_json_new_object();
    cn_json_set_int(j, "device", d->identity.device);
    cn_json_set_string(j, "name", d->identity.name);
    cn_json_set_string(j, "fleet", cn_hex_encode(fleet, d->identity.fleet.b, CN_DIGEST_BYTES));
    say_model(d, j);
    cn_json_set_bool(j, "online", session.is_online);
    cn_json_set_string(j, "coordinator", d->identity.endpoint);
    say_waiting(j, &session.why);
    say_examples(j, &totals, waiting_label, session.n_eligible);
    say_totals(j, &totals);
    struct cn_json *bytes = cn_json_set_object(j, "bytes");
    cn_json_set_int(bytes, "sent", (int64_t)session.bytes_sent);
    cn_json_set_int(bytes, "received", (int64_t)session.bytes_received);
    cn_json_set_int(j, "uptime_ms", (int64_t)(cn_clock_mono_ms() - d->started_ms));
    cn_http_reply_json(&req, 200, &j);
}

/* ---- labels ---- */

static uint32_t taught_here(const struct cn_label_count *taught, uint32_t n, uint32_t label)
{
    for (uint32_t i = 0; i < n; i++)
        if (taught[i].label == label)
            return taught[i].n;
    return 0;
}

static void say_label(struct cn_json *labels, uint32_t id, const char *name, const char *state,
                      uint32_t n_taught)
{
    struct cn_json *l = cn_json_push_object(labels);

    cn_json_set_int(l, "id", id);
    cn_json_set_string(l, "name", name);
    cn_json_set_string(l, "state", state);
    cn_json_set_int(l, "taught_here", n_taught);
}

static const char *own_state_name(enum edge_own_state state)
{
    switch (state) {
    case EDGE_OWN_LOCAL: return "local";
    case EDGE_OWN_PENDING: return "pending";
    case EDGE_OWN_ACCEPTED: return "accepted";
    case EDGE_OWN_REJECTED: return "rejected";
    }
    return "unknown";
}

/* The fleet's labels, then the own names that are not among them (yet). */
static void say_labels(const struct edge_daemon *d, struct cn_json *labels,
                       const struct cn_label_count *taught, uint32_t n_taught)
{
    const struct cn_registry *r = edge_labels_registry(d->labels);
    uint32_t n_own;
    const struct edge_own_label *own = edge_labels_own(d->labels, &n_own);

    for (uint32_t id = 0; id < cn_registry_n_labels(r); id++) {
        const struct cn_label *l = cn_registry_get(r, id);
        if (l->state == CN_LABEL_ACCEPTED)
            say_label(labels, id, l->name, edge_live_knows(&d->live, id) ? "released" : "accepted",
                      taught_here(taught, n_taught, id));
    }
    for (uint32_t i = 0; i < n_own; i++) {
        const struct edge_own_label *o = &own[i];
        if (o->state == EDGE_OWN_ACCEPTED && cn_registry_get(r, o->canonical))
            continue;
        uint32_t id = o->canonical == CN_LABEL_NONE ? o->local : o->canonical;
        say_label(labels, id, o->name, own_state_name(o->state), taught_here(taught, n_taught, id));
    }
}

void edge_api_labels(struct edge_daemon *d, struct cn_http_request *req)
{
    CN_CLEANUP(cn_freep) struct cn_label_count *taught = NULL;
    struct cn_error err;
    uint32_t n = 0;

    if (edge_store_labels_taught(d->store, &taught, &n, &err)) {
        cn_http_fail(&req, &err);
        return;
    }
    struct cn_json *j = cn_json_new_object();
    cn_json_set_int(j, "registry_version", d->live.at.registry_version);
    say_labels(d, cn_json_set_array(j, "labels"), taught, n);
    cn_http_reply_json(&req, 200, &j);
}
