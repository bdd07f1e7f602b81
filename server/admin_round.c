/* Commands about the coordinator as a whole and about the round. */
#include <stdio.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "server/admin.h"
#include "server/gateway.h"

enum { STOP_AFTER_MS = 200 };

/* The round in words: what it waits for, and how far it is. */
static void waiting_text(const struct srv_why *w, char *out, size_t size)
{
    if (w->need)
        snprintf(out, size, "%s (%u of %u)%s", srv_why_text(w->reason), w->have, w->need,
                 w->overdue ? ", overdue" : "");
    else
        snprintf(out, size, "%s%s", srv_why_text(w->reason), w->overdue ? ", overdue" : "");
}

static const char *state_name(enum srv_round_state state)
{
    switch (state) {
    case SRV_ROUND_GATHERING: return "gathering";
    case SRV_ROUND_CLOSING: return "closing";
    case SRV_ROUND_CONSOLIDATING: return "consolidating";
    case SRV_ROUND_SCORING: return "scoring";
    case SRV_ROUND_DECIDING: return "deciding";
    }
    return "unknown";
}

static void put_round(const struct srv_server *s, struct cn_json *j)
{
    const struct srv_round *r = &s->core.round;
    const struct srv_why w = srv_core_why(&s->core);
    uint32_t active = s->core.n_active;
    char text[256];

    waiting_text(&w, text, sizeof text);
    cn_json_set_int(j, "number", (int64_t)r->number);
    cn_json_set_string(j, "state", state_name(r->state));
    cn_json_set_int(j, "updates", r->n_updates);
    cn_json_set_int(j, "needed", s->core.conf.updates < active ? s->core.conf.updates : active);
    cn_json_set_int(j, "uploads", s->core.n_busy);
    cn_json_set_int(j, "opened_ms", (int64_t)srv_admin_wall_ms(r->opened_ms));
    cn_json_set_int(j, "closes_ms", (int64_t)srv_admin_wall_ms(w.until_ms));
    cn_json_set_string(j, "waiting", text);
}

static enum cn_err round_show(struct srv_admin_call *c, struct cn_error *err)
{
    (void)err;
    put_round(c->s, c->result);
    return CN_OK;
}

static enum cn_err round_close(struct srv_admin_call *c, struct cn_error *err)
{
    const struct srv_round *r = &c->s->core.round;
    uint64_t number = r->number;
    enum cn_err e;

    if (r->state != SRV_ROUND_GATHERING)
        return cn_fail(err, CN_E_STATE, "round %llu is closed already: it is %s",
                       (unsigned long long)number, state_name(r->state));
    if (r->n_updates + r->n_merging == 0)
        return cn_fail(err, CN_E_STATE,
                       "round %llu has no update yet; `cairn-edge flush` on a device sends what it "
                       "has",
                       (unsigned long long)number);
    if ((e = srv_store_audit(c->s->db, &c->audit, err)) != CN_OK)
        return e;
    srv_gateway_feed(c->s, &(struct srv_event){.kind = SRV_EV_CLOSE});
    cn_json_set_int(c->result, "round", (int64_t)number);
    cn_json_set_string(c->result, "state", state_name(c->s->core.round.state));
    return CN_OK;
}

/* ---- status ---- */

static void put_devices(const struct srv_server *s, struct cn_json *j)
{
    uint32_t n[SRV_DEVICE_REVOKED + 1] = {0};

    for (uint32_t i = 0; i < s->members.n; i++)
        n[s->members.at[i].state]++;
    cn_json_set_int(j, "active", n[SRV_DEVICE_ACTIVE]);
    cn_json_set_int(j, "online", s->core.online.n);
    cn_json_set_int(j, "suspended", n[SRV_DEVICE_SUSPENDED]);
    cn_json_set_int(j, "revoked", n[SRV_DEVICE_REVOKED]);
}

static enum cn_err status(struct srv_admin_call *c, struct cn_error *err)
{
    static const char *const recipes[] = {"features", "article"}, *const synths[] = {
                                                                      "none", "moments", "cgan"};
    const struct srv_server *s = c->s;
    const struct cn_link_stats link = cn_link_stats(s->fleet);
    struct cn_json *j = c->result, *part;
    uint64_t committed = 0, rejected = 0;
    struct rusage usage;

    enum cn_err e = srv_store_n_committed(s->db, &committed, err);
    if (e != CN_OK)
        return e;
    for (size_t i = 0; i < CN_COUNT(s->core.n_rejected); i++)
        rejected += s->core.n_rejected[i];
    getrusage(RUSAGE_SELF, &usage);
    cn_json_set_string(j, "name", s->conf.name);
    srv_admin_set_digest(j, "fleet", &s->data.fleet_id);
    cn_json_set_int(j, "release", s->release.number);
    cn_json_set_int(j, "labels", cn_registry_n_accepted(s->labels.registry));
    cn_json_set_int(j, "registry_version", s->labels.stored_version);
    cn_json_set_string(j, "recipe", recipes[s->conf.recipe_kind]);
    cn_json_set_string(j, "synth", synths[s->conf.synth]);
    put_devices(s, cn_json_set_object(j, "devices"));
    put_round(s, cn_json_set_object(j, "round"));
    part = cn_json_set_object(j, "updates");
    cn_json_set_int(part, "committed", (int64_t)committed);
    cn_json_set_int(part, "rejected", (int64_t)rejected);
    part = cn_json_set_object(j, "bytes");
    cn_json_set_int(part, "received", (int64_t)link.bytes_received);
    cn_json_set_int(part, "sent", (int64_t)link.bytes_sent);
    cn_json_set_int(j, "memory_peak_bytes", (int64_t)usage.ru_maxrss * 1024);
    cn_json_set_int(j, "uptime_ms", (int64_t)(cn_clock_mono_ms() - s->started_ms));
    part = cn_json_set_object(j, "endpoints");
    cn_json_set_string(part, "fleet", cn_link_endpoint(s->fleet));
    cn_json_set_string(part, "enrol", cn_link_endpoint(s->enrol));
    cn_json_set_string(part, "admin", cn_link_endpoint(s->admin));
    return CN_OK;
}

/* ---- why ---- */

static void put_wait(struct cn_json *list, const char *who, const char *reason, const char *text,
                     uint64_t until_ms)
{
    struct cn_json *j = cn_json_push_object(list);

    cn_json_set_string(j, "who", who);
    cn_json_set_string(j, "reason", reason);
    cn_json_set_string(j, "text", text);
    if (until_ms)
        cn_json_set_int(j, "until_ms", (int64_t)srv_admin_wall_ms(until_ms));
    else
        cn_json_set_null(j, "until_ms");
}

static enum cn_err why(struct srv_admin_call *c, struct cn_error *err)
{
    const struct srv_server *s = c->s;
    const struct srv_why w = srv_core_why(&s->core);
    struct cn_json *list = cn_json_set_array(c->result, "waits");
    char who[CN_MAX_DEVICE_NAME_BYTES + 16], text[256];

    (void)err;
    snprintf(who, sizeof who, "round %llu", (unsigned long long)s->core.round.number);
    waiting_text(&w, text, sizeof text);
    put_wait(list, who, srv_why_name(w.reason), text, w.until_ms);
    for (uint32_t id = 1; id <= s->members.n; id++) {
        uint64_t until_ms = 0;
        enum cn_wait wait = srv_core_device_why(&s->core, id, &until_ms);
        if (wait == CN_WAIT_NONE)
            continue;
        snprintf(who, sizeof who, "device %s", s->members.at[id - 1].name);
        put_wait(list, who, cn_wait_name(wait), cn_wait_text(wait), until_ms);
    }
    for (uint32_t id = 1; id < cn_registry_n_labels(s->labels.registry); id++) {
        const struct cn_label *l = cn_registry_get(s->labels.registry, id);
        if (l->state != CN_LABEL_PROPOSED)
            continue;
        snprintf(text, sizeof text, "label \"%s\" was proposed by %u devices and waits for %s",
                 l->name, l->n_proposers,
                 s->conf.policy == SRV_POLICY_QUORUM ? "a quorum" : "cairn label approve");
        put_wait(list, l->name, "proposed", text, 0);
    }
    return CN_OK;
}

static void stop_now(void *server)
{
    struct srv_server *s = server;

    cn_loop_stop(s->loop);
}

/* A moment later, so that the answer is on its way before its connection ends. */
static enum cn_err stop(struct srv_admin_call *c, struct cn_error *err)
{
    enum cn_err e = srv_store_audit(c->s->db, &c->audit, err);

    if (e == CN_OK)
        cn_loop_set_timer(c->s->loop, cn_clock_mono_ms() + STOP_AFTER_MS, stop_now, c->s);
    return e;
}

const struct srv_admin_command srv_admin_round_commands[] = {
    {"status", "", status},           {"why", "", why},   {"round.show", "", round_show},
    {"round.close", "", round_close}, {"stop", "", stop}, {NULL, NULL, NULL},
};
