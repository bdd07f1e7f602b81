/* Labels of this device: a registry that others write, and an overlay that we write. */
#include "client/edge/labels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/text.h"

struct edge_labels {
    struct cn_registry *registry;
    struct edge_own_label *own;
    uint32_t n_own, cap_own;
};

struct edge_labels *edge_labels_new(void)
{
    struct edge_labels *l = cn_calloc(1, sizeof *l);

    l->registry = cn_registry_new();
    return l;
}

void edge_labels_destroy(struct edge_labels **p)
{
    struct edge_labels *l = cn_steal(*p);

    if (!l)
        return;
    cn_registry_destroy(&l->registry);
    free(l->own);
    free(l);
}

void edge_labels_set_registry(struct edge_labels *l, struct cn_registry **registry)
{
    cn_registry_destroy(&l->registry);
    l->registry = cn_steal(*registry);
}

const struct cn_registry *edge_labels_registry(const struct edge_labels *l)
{
    return l->registry;
}

const struct edge_own_label *edge_labels_own(const struct edge_labels *l, uint32_t *ret_n)
{
    *ret_n = l->n_own;
    return l->own;
}

static struct edge_own_label *own_at(const struct edge_labels *l, uint32_t local)
{
    for (uint32_t i = 0; i < l->n_own; i++)
        if (l->own[i].local == local)
            return &l->own[i];
    return NULL;
}

static const struct edge_own_label *own_of_key(const struct edge_labels *l, const char *key)
{
    for (uint32_t i = 0; i < l->n_own; i++)
        if (strcmp(l->own[i].key, key) == 0)
            return &l->own[i];
    return NULL;
}

const struct edge_own_label *edge_labels_get_own(const struct edge_labels *l, uint32_t local)
{
    return own_at(l, local);
}

void edge_labels_put_own(struct edge_labels *l, const struct edge_own_label *own)
{
    struct edge_own_label *there = own_at(l, own->local);

    assert(cn_label_is_local(own->local));
    if (!there) {
        if (l->n_own == l->cap_own) {
            l->cap_own = l->cap_own ? 2 * l->cap_own : 8;
            l->own = cn_realloc(l->own, l->cap_own * sizeof l->own[0]);
        }
        there = &l->own[l->n_own++];
    }
    *there = *own;
}

/* What the registry says of a name: *ret_id is set when it is usable. */
static enum cn_err look_up(const struct edge_labels *l, const char *name, uint32_t *ret_id,
                           struct cn_error *err)
{
    const struct cn_label *label = cn_registry_find(l->registry, name);

    while (label && label->state == CN_LABEL_MERGED)
        label = cn_registry_get(l->registry, label->merged_into);
    if (!label)
        return CN_OK;
    if (label->state == CN_LABEL_RETIRED || label->state == CN_LABEL_REJECTED)
        return cn_fail(err, CN_E_STATE, "the fleet does not learn \"%s\": it was %s%s%.200s", name,
                       cn_label_state_name(label->state), *label->reason ? ": " : "",
                       label->reason);
    if (label->state == CN_LABEL_ACCEPTED)
        *ret_id = label->id;
    return CN_OK; /* somebody else's proposal is ours to second: it stays a name of our own */
}

enum cn_err edge_labels_find(const struct edge_labels *l, const char *word, uint32_t *ret_id,
                             struct edge_own_label *ret_new, struct cn_error *err)
{
    struct edge_own_label new = {.canonical = CN_LABEL_NONE, .state = EDGE_OWN_LOCAL};
    uint32_t id = CN_LABEL_NONE;

    enum cn_err e = cn_text_normalize_label(word, strlen(word), new.name, new.key, err);
    if (!e)
        e = look_up(l, new.name, &id, err);
    if (e)
        return e;
    if (id == CN_LABEL_NONE) {
        const struct edge_own_label *own = own_of_key(l, new.key);
        if (own && own->state == EDGE_OWN_REJECTED)
            return cn_fail(err, CN_E_STATE, "the fleet rejected the label \"%s\"%s%.200s",
                           own->name, *own->reason ? ": " : "", own->reason);
        if (own)
            id = own->canonical != CN_LABEL_NONE ? own->canonical : own->local;
        else if (l->n_own >= CN_MAX_LABELS)
            return cn_fail(err, CN_E_LIMIT, "this device has made up %u labels, which is the limit",
                           l->n_own);
    }
    *ret_id = id;
    if (ret_new) {
        new.local =
            CN_LABEL_LOCAL + (l->n_own ? l->own[l->n_own - 1].local - CN_LABEL_LOCAL + 1 : 0);
        *ret_new = new;
    }
    return CN_OK;
}

uint32_t edge_labels_resolve(const struct edge_labels *l, uint32_t id)
{
    if (cn_label_is_local(id)) {
        const struct edge_own_label *own = own_at(l, id);
        if (!own || own->canonical == CN_LABEL_NONE)
            return id;
        id = own->canonical;
    }
    return cn_registry_get(l->registry, id) ? cn_registry_resolve(l->registry, id) : id;
}

/* Our own name of a label whose id is newer than the registry that we have. */
static const char *own_name(const struct edge_labels *l, uint32_t id)
{
    for (uint32_t i = 0; i < l->n_own; i++)
        if (l->own[i].local == id || l->own[i].canonical == id)
            return l->own[i].name;
    return "(a label newer than this device's registry)";
}

const char *edge_labels_name(const struct edge_labels *l, uint32_t id)
{
    uint32_t now = edge_labels_resolve(l, id);
    const struct cn_label *label = cn_registry_get(l->registry, now == CN_LABEL_NONE ? id : now);

    return label ? label->name : own_name(l, id);
}

const char *edge_labels_waiting(const struct edge_labels *l, uint32_t id)
{
    if (cn_label_is_local(id)) {
        const struct edge_own_label *own = own_at(l, id);
        if (!own)
            return "the label is not known any more";
        switch (own->state) {
        case EDGE_OWN_LOCAL: return "the coordinator has not heard of this label yet";
        case EDGE_OWN_PENDING: return "the fleet has not approved this label yet";
        case EDGE_OWN_REJECTED: return "the fleet rejected this label";
        case EDGE_OWN_ACCEPTED: break;
        }
    }
    if (edge_labels_resolve(l, id) == CN_LABEL_NONE)
        return "the label was retired";
    return NULL;
}
