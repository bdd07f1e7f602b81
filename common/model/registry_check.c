/* The rules of the label registry: which event may follow in which state. The admins' commands and
   the bytes of snapshots both come through here, so whatever a log says has obeyed the same rules
   everywhere. */
#include "common/model/registry_state.h"

#include <string.h>

#include "common/doors/text.h"

#define IN(state) (1u << CN_LABEL_##state)

/* In which states a label may be for an event about it; events that make labels are not here. */
static const unsigned allowed[] = {
    [CN_LABEL_EV_APPROVED] = IN(PROPOSED) | IN(REJECTED),
    [CN_LABEL_EV_REJECTED] = IN(PROPOSED),
    [CN_LABEL_EV_RENAMED] = IN(PROPOSED) | IN(ACCEPTED),
    [CN_LABEL_EV_ALIAS_ADDED] = IN(PROPOSED) | IN(ACCEPTED),
    [CN_LABEL_EV_ALIAS_REMOVED] = IN(PROPOSED) | IN(ACCEPTED) | IN(REJECTED) | IN(RETIRED),
    [CN_LABEL_EV_MERGED] = IN(PROPOSED) | IN(ACCEPTED) | IN(REJECTED) | IN(RETIRED),
    [CN_LABEL_EV_RETIRED] = IN(ACCEPTED),
    [CN_LABEL_EV_RESTORED] = IN(RETIRED),
    [CN_LABEL_EV_REPLACED] = IN(PLACEHOLDER),
};

static enum cn_err check_label(const struct cn_registry *r, const struct cn_label_event *ev,
                               struct cn_error *err)
{
    if (ev->id >= r->n_labels)
        return cn_fail(err, CN_E_NOTFOUND, "there is no label #%u", ev->id);
    const struct cn_label *label = &r->labels[ev->id].seen;
    if (ev->id == CN_LABEL_NOISE && ev->kind != CN_LABEL_EV_REPLACED)
        return cn_fail(err, CN_E_STATE, "label #0 (noise) is the placeholder and stays as it is");
    if (!(allowed[ev->kind] & (1u << label->state)))
        return cn_fail(err, CN_E_STATE, "label #%u (%s) is %s and cannot be %s", ev->id,
                       label->name, cn_label_state_name(label->state),
                       cn_label_event_name(ev->kind));
    return CN_OK;
}

static enum cn_err name_taken(const struct cn_registry *r, const char *text, uint32_t id,
                              struct cn_error *err)
{
    const struct cn_label *owner = &r->labels[id].seen;

    return cn_fail(err, CN_E_EXISTS, "\"%s\" already means label #%u (%s), which is %s", text, id,
                   owner->name, cn_label_state_name(owner->state));
}

static enum cn_err check_new(const struct cn_registry *r, const struct cn_label_event *ev,
                             const struct cn_label_name *owner, struct cn_error *err)
{
    if (owner)
        return name_taken(r, ev->text, owner->id, err);
    if (r->n_labels == CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "the registry is full: %d labels, retired ones included",
                       CN_MAX_LABELS);
    if (ev->id != r->n_labels)
        return cn_fail(err, CN_E_PARSE, "a new label has id %u, but the next free one is %u",
                       ev->id, r->n_labels);
    return CN_OK;
}

/* One device must not fill the registry. */
static enum cn_err check_device(const struct cn_registry *r, uint32_t device, struct cn_error *err)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->n_labels; i++)
        n += r->labels[i].proposers && r->labels[i].proposers[0] == device;
    if (n >= CN_MAX_DEVICE_LABELS)
        return cn_fail(err, CN_E_LIMIT,
                       "device %u has brought up %u labels already; an admin can add more", device,
                       n);
    return CN_OK;
}

static enum cn_err check_proposed(const struct cn_registry *r, const struct cn_label_event *ev,
                                  const struct cn_label_name *owner, struct cn_error *err)
{
    if (!owner) {
        enum cn_err e = check_device(r, ev->other, err);
        return e ? e : check_new(r, ev, owner, err);
    }
    const struct cn_registry_label *label = &r->labels[owner->id];
    if (owner->id != ev->id || label->seen.state != CN_LABEL_PROPOSED)
        return name_taken(r, ev->text, owner->id, err);
    if (label->seen.n_proposers == CN_MAX_LABEL_PROPOSERS)
        return cn_fail(err, CN_E_LIMIT, "label #%u has %d proposers already", ev->id,
                       CN_MAX_LABEL_PROPOSERS);
    for (uint32_t i = 0; i < label->seen.n_proposers; i++)
        if (label->proposers[i] == ev->other)
            return cn_fail(err, CN_E_EXISTS, "device %u has proposed label #%u already", ev->other,
                           ev->id);
    return CN_OK;
}

static enum cn_err check_alias_room(const struct cn_label *label, uint32_t n_more,
                                    struct cn_error *err)
{
    if (label->n_aliases + n_more <= CN_MAX_LABEL_ALIASES)
        return CN_OK;
    return cn_fail(err, CN_E_LIMIT, "label #%u (%s) would have %u aliases; at most %d", label->id,
                   label->name, label->n_aliases + n_more, CN_MAX_LABEL_ALIASES);
}

static enum cn_err check_renamed(const struct cn_registry *r, const struct cn_label_event *ev,
                                 const struct cn_label_name *owner, struct cn_error *err)
{
    const struct cn_label *label = &r->labels[ev->id].seen;

    if (owner && owner->id != ev->id)
        return name_taken(r, ev->text, owner->id, err);
    if (strcmp(ev->text, label->name) == 0)
        return cn_fail(err, CN_E_STATE, "label #%u is called \"%s\" already", ev->id, ev->text);
    return check_alias_room(label, owner ? 0 : 1, err);
}

static enum cn_err check_alias_removed(const struct cn_registry *r, const struct cn_label_event *ev,
                                       const struct cn_label_name *owner, struct cn_error *err)
{
    const struct cn_label *label = &r->labels[ev->id].seen;

    if (!owner || owner->id != ev->id)
        return cn_fail(err, CN_E_NOTFOUND, "\"%s\" is no alias of label #%u (%s)", ev->text, ev->id,
                       label->name);
    if (strcmp(owner->text, label->name) == 0)
        return cn_fail(err, CN_E_STATE, "\"%s\" is the name of label #%u, not an alias; rename it",
                       ev->text, ev->id);
    return CN_OK;
}

static enum cn_err check_merged(const struct cn_registry *r, const struct cn_label_event *ev,
                                struct cn_error *err)
{
    if (ev->other >= r->n_labels)
        return cn_fail(err, CN_E_NOTFOUND, "there is no label #%u", ev->other);
    const struct cn_label *into = &r->labels[ev->other].seen;
    if (ev->other == ev->id)
        return cn_fail(err, CN_E_STATE, "label #%u (%s) cannot be merged into itself", ev->id,
                       into->name);
    if (into->state != CN_LABEL_ACCEPTED)
        return cn_fail(err, CN_E_STATE, "label #%u (%s) is %s; merge into an accepted label",
                       into->id, into->name, cn_label_state_name(into->state));
    return check_alias_room(into, 1 + r->labels[ev->id].seen.n_aliases, err);
}

static enum cn_err check_retired(const struct cn_registry *r, struct cn_error *err)
{
    if (r->n_accepted > 1)
        return CN_OK;
    return cn_fail(err, CN_E_STATE, "the last accepted label cannot be retired; add another first");
}

static enum cn_err check_replaced(const struct cn_registry *r, const struct cn_label_event *ev,
                                  struct cn_error *err)
{
    if (ev->other < r->n_labels && r->labels[ev->other].seen.state == CN_LABEL_ACCEPTED)
        return CN_OK;
    return cn_fail(err, CN_E_STATE, "the placeholder gives its place to an accepted label only");
}

static bool makes_label(enum cn_label_event_kind kind)
{
    return kind == CN_LABEL_EV_PROPOSED || kind == CN_LABEL_EV_ADDED;
}

static bool has_name(enum cn_label_event_kind kind)
{
    return makes_label(kind) || kind == CN_LABEL_EV_RENAMED || kind == CN_LABEL_EV_ALIAS_ADDED ||
           kind == CN_LABEL_EV_ALIAS_REMOVED;
}

/* Names in the log are display forms; key is "" for kinds without a name. */
static enum cn_err check_name(const struct cn_label_event *ev, char key[CN_MAX_LABEL_KEY_BYTES + 1],
                              struct cn_error *err)
{
    char text[CN_MAX_LABEL_NAME_BYTES + 1];

    key[0] = 0;
    if (!has_name(ev->kind))
        return CN_OK;
    enum cn_err e = cn_text_normalize_label(ev->text, strlen(ev->text), text, key, err);
    if (!e && strcmp(text, ev->text) != 0)
        return cn_fail(err, CN_E_PARSE, "a label name in the log is not in its normal form");
    return e;
}

enum cn_err cn_registry_check(const struct cn_registry *r, const struct cn_label_event *ev,
                              char key[CN_MAX_LABEL_KEY_BYTES + 1], struct cn_error *err)
{
    if (r->version == CN_MAX_REGISTRY_EVENTS)
        return cn_fail(err, CN_E_LIMIT, "the label registry's log is full: %d events",
                       CN_MAX_REGISTRY_EVENTS);
    enum cn_err e = check_name(ev, key, err);
    if (!e && !makes_label(ev->kind))
        e = check_label(r, ev, err);
    if (e)
        return e;
    const struct cn_label_name *owner = *key ? cn_label_names_find(&r->names, key) : NULL;
    switch (ev->kind) {
    case CN_LABEL_EV_PROPOSED: return check_proposed(r, ev, owner, err);
    case CN_LABEL_EV_ADDED: return check_new(r, ev, owner, err);
    case CN_LABEL_EV_RENAMED: return check_renamed(r, ev, owner, err);
    case CN_LABEL_EV_ALIAS_ADDED:
        return owner ? name_taken(r, ev->text, owner->id, err)
                     : check_alias_room(&r->labels[ev->id].seen, 1, err);
    case CN_LABEL_EV_ALIAS_REMOVED: return check_alias_removed(r, ev, owner, err);
    case CN_LABEL_EV_MERGED: return check_merged(r, ev, err);
    case CN_LABEL_EV_RETIRED: return check_retired(r, err);
    case CN_LABEL_EV_REPLACED: return check_replaced(r, ev, err);
    case CN_LABEL_EV_APPROVED:
    case CN_LABEL_EV_REJECTED:
    case CN_LABEL_EV_RESTORED: return CN_OK;
    }
    return CN_OK;
}
