/* Changes of the label registry: each becomes an event, and may fail by its rules. */
#include <assert.h>
#include <string.h>

#include "common/doors/text.h"
#include "common/model/registry_state.h"

static enum cn_err set_actor(struct cn_label_event *ev, const char *actor, struct cn_error *err)
{
    size_t n = strlen(actor);

    if (n == 0 || n > CN_MAX_ACTOR_BYTES || !cn_text_is_line(actor, n))
        return cn_fail(err, CN_E_PARSE,
                       "who changes a label must be named in 1 to %d bytes of text",
                       CN_MAX_ACTOR_BYTES);
    memcpy(ev->actor, actor, n + 1);
    return CN_OK;
}

static enum cn_err set_name(struct cn_label_event *ev, const char *name, struct cn_error *err)
{
    char text[CN_MAX_LABEL_NAME_BYTES + 1], key[CN_MAX_LABEL_KEY_BYTES + 1];
    enum cn_err e = cn_text_normalize_label(name, strlen(name), text, key, err);

    if (!e)
        memcpy(ev->text, text, sizeof text);
    return e;
}

static enum cn_err set_reason(struct cn_label_event *ev, const char *reason, struct cn_error *err)
{
    size_t n = reason ? strlen(reason) : 0;

    if (n > CN_MAX_REASON_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the reason has %zu bytes; at most %d are allowed", n,
                       CN_MAX_REASON_BYTES);
    if (n > 0 && !cn_text_is_line(reason, n))
        return cn_fail(err, CN_E_PARSE, "the reason must be one line of text in UTF-8");
    memcpy(ev->text, n ? reason : "", n + 1);
    return CN_OK;
}

/* The first accepted label takes the placeholder's place. */
static void replace_placeholder(struct cn_registry *r, const struct cn_label_event *accepted)
{
    struct cn_label_event ev = *accepted;

    if (r->labels[CN_LABEL_NOISE].seen.state != CN_LABEL_PLACEHOLDER)
        return;
    ev.kind = CN_LABEL_EV_REPLACED;
    ev.id = CN_LABEL_NOISE;
    ev.other = accepted->id;
    ev.text[0] = 0;
    enum cn_err e = cn_registry_step(r, &ev, NULL);
    assert(!e);
}

static enum cn_err log_is_full(struct cn_error *err)
{
    return cn_fail(err, CN_E_LIMIT, "the label registry's log is full: %d events",
                   CN_MAX_REGISTRY_EVENTS);
}

/* An event that leaves its label accepted. Room is needed for REPLACED too. */
static enum cn_err accept_label(struct cn_registry *r, const struct cn_label_event *ev,
                                struct cn_error *err)
{
    if (r->version > CN_MAX_REGISTRY_EVENTS - 2)
        return log_is_full(err);
    enum cn_err e = cn_registry_step(r, ev, err);
    if (!e)
        replace_placeholder(r, ev);
    return e;
}

static bool has_proposed(const struct cn_registry_label *label, uint32_t device)
{
    for (uint32_t i = 0; i < label->seen.n_proposers; i++)
        if (label->proposers[i] == device)
            return true;
    return false;
}

static bool is_enough(const struct cn_proposal *p, uint32_t n_proposers)
{
    switch (p->policy) {
    case CN_POLICY_AUTO: return true;
    case CN_POLICY_QUORUM: return n_proposers >= p->quorum;
    case CN_POLICY_MANUAL: return false;
    }
    return false;
}

/* One more device asks for a label that waits; it counts once, and only as far as we count. */
static enum cn_err support(struct cn_registry *r, const struct cn_proposal *p,
                           struct cn_label_event *ev, struct cn_error *err)
{
    const struct cn_registry_label *label = &r->labels[ev->id];

    if (has_proposed(label, p->device) || label->seen.n_proposers == CN_MAX_LABEL_PROPOSERS)
        return CN_OK;
    return cn_registry_step(r, ev, err);
}

/* Appends up to three events: PROPOSED, APPROVED, REPLACED. */
static enum cn_err bring_up(struct cn_registry *r, const struct cn_proposal *p,
                            struct cn_label_event *ev, struct cn_error *err)
{
    if (r->version > CN_MAX_REGISTRY_EVENTS - 3)
        return log_is_full(err);
    enum cn_err e = ev->id < r->n_labels ? support(r, p, ev, err) : cn_registry_step(r, ev, err);
    if (e || !is_enough(p, r->labels[ev->id].seen.n_proposers))
        return e;
    struct cn_label_event approved = {
        .kind = CN_LABEL_EV_APPROVED, .id = ev->id, .time_ms = p->now_ms, .actor = "policy"};
    return accept_label(r, &approved, err);
}

enum cn_err cn_registry_propose(struct cn_registry *r, const struct cn_proposal *p,
                                uint32_t *ret_id, enum cn_label_state *ret_state,
                                struct cn_error *err)
{
    struct cn_label_event ev = {
        .kind = CN_LABEL_EV_PROPOSED, .id = r->n_labels, .other = p->device, .time_ms = p->now_ms};

    assert(p->policy != CN_POLICY_QUORUM ||
           (p->quorum >= 1 && p->quorum <= CN_MAX_LABEL_PROPOSERS));
    enum cn_err e = set_name(&ev, p->name, err);
    if (e)
        return e;
    const struct cn_label *label = cn_registry_find(r, ev.text);
    if (label)
        ev.id = label->id;
    if (!label || label->state == CN_LABEL_PROPOSED)
        e = bring_up(r, p, &ev, err);
    if (e)
        return e;
    *ret_id = ev.id;
    *ret_state = r->labels[ev.id].seen.state;
    return CN_OK;
}

enum cn_err cn_registry_add(struct cn_registry *r, struct cn_registry_by by, const char *name,
                            uint32_t *ret_id, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_ADDED, .id = r->n_labels, .time_ms = by.now_ms};
    enum cn_err e = set_actor(&ev, by.actor, err);

    if (!e)
        e = set_name(&ev, name, err);
    if (!e)
        e = accept_label(r, &ev, err);
    if (!e)
        *ret_id = ev.id;
    return e;
}

/* A change with neither name nor reason; other is 0 but for MERGED. */
static enum cn_err change(struct cn_registry *r, struct cn_registry_by by, struct cn_label_event ev,
                          struct cn_error *err)
{
    enum cn_err e = set_actor(&ev, by.actor, err);

    ev.time_ms = by.now_ms;
    if (!e && ev.kind == CN_LABEL_EV_APPROVED)
        return accept_label(r, &ev, err);
    return e ? e : cn_registry_step(r, &ev, err);
}

static enum cn_err change_with_name(struct cn_registry *r, struct cn_registry_by by,
                                    struct cn_label_event ev, const char *name,
                                    struct cn_error *err)
{
    enum cn_err e = set_name(&ev, name, err);

    return e ? e : change(r, by, ev, err);
}

static enum cn_err change_with_reason(struct cn_registry *r, struct cn_registry_by by,
                                      struct cn_label_event ev, const char *reason,
                                      struct cn_error *err)
{
    enum cn_err e = set_reason(&ev, reason, err);

    return e ? e : change(r, by, ev, err);
}

enum cn_err cn_registry_approve(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                struct cn_error *err)
{
    return change(r, by, (struct cn_label_event){.kind = CN_LABEL_EV_APPROVED, .id = id}, err);
}

enum cn_err cn_registry_reject(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *reason, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_REJECTED, .id = id};

    return change_with_reason(r, by, ev, reason, err);
}

enum cn_err cn_registry_rename(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *name, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_RENAMED, .id = id};

    return change_with_name(r, by, ev, name, err);
}

enum cn_err cn_registry_alias(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                              const char *alias, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_ALIAS_ADDED, .id = id};

    return change_with_name(r, by, ev, alias, err);
}

enum cn_err cn_registry_unalias(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                const char *alias, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_ALIAS_REMOVED, .id = id};

    return change_with_name(r, by, ev, alias, err);
}

enum cn_err cn_registry_merge(struct cn_registry *r, struct cn_registry_by by, uint32_t from,
                              uint32_t into, struct cn_error *err)
{
    uint32_t target = cn_registry_resolve(r, into);
    struct cn_label_event ev = {.kind = CN_LABEL_EV_MERGED, .id = from};

    ev.other = target == CN_LABEL_NONE ? into : target;
    return change(r, by, ev, err);
}

enum cn_err cn_registry_retire(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *reason, struct cn_error *err)
{
    struct cn_label_event ev = {.kind = CN_LABEL_EV_RETIRED, .id = id};

    return change_with_reason(r, by, ev, reason, err);
}

enum cn_err cn_registry_restore(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                struct cn_error *err)
{
    return change(r, by, (struct cn_label_event){.kind = CN_LABEL_EV_RESTORED, .id = id}, err);
}
