/* The label registry as callers see it: making one, and questions. */
#include "common/model/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/text.h"
#include "common/model/registry_state.h"

struct cn_registry *cn_registry_new(void)
{
    struct cn_registry *r = cn_calloc(1, sizeof *r);

    cn_registry_reset(r);
    return r;
}

void cn_registry_destroy(struct cn_registry **r)
{
    if (!*r)
        return;
    cn_registry_fini(*r);
    free(cn_steal(*r));
}

const char *cn_label_state_name(enum cn_label_state state)
{
    static const char *const names[CN_LABEL_NSTATES] = {
        [CN_LABEL_PLACEHOLDER] = "placeholder", [CN_LABEL_PROPOSED] = "proposed",
        [CN_LABEL_ACCEPTED] = "accepted",       [CN_LABEL_REJECTED] = "rejected",
        [CN_LABEL_MERGED] = "merged",           [CN_LABEL_RETIRED] = "retired",
    };

    assert(state < CN_LABEL_NSTATES);
    return names[state];
}

uint32_t cn_registry_version(const struct cn_registry *r)
{
    return r->version;
}

uint32_t cn_registry_n_labels(const struct cn_registry *r)
{
    return r->n_labels;
}

uint32_t cn_registry_n_accepted(const struct cn_registry *r)
{
    return r->n_accepted;
}

const struct cn_label *cn_registry_get(const struct cn_registry *r, uint32_t id)
{
    return id < r->n_labels ? &r->labels[id].seen : NULL;
}

const struct cn_label *cn_registry_find(const struct cn_registry *r, const char *name)
{
    char text[CN_MAX_LABEL_NAME_BYTES + 1], key[CN_MAX_LABEL_KEY_BYTES + 1];

    if (cn_text_normalize_label(name, strlen(name), text, key, NULL))
        return NULL;
    const struct cn_label_name *owner = cn_label_names_find(&r->names, key);
    return owner ? &r->labels[owner->id].seen : NULL;
}

/* Ends, because a label is merged once and only into one that is not merged yet. */
uint32_t cn_registry_resolve(const struct cn_registry *r, uint32_t id)
{
    const struct cn_label *label = cn_registry_get(r, id);

    while (label && label->state == CN_LABEL_MERGED)
        label = cn_registry_get(r, label->merged_into);
    if (!label || label->state == CN_LABEL_REJECTED || label->state == CN_LABEL_RETIRED)
        return CN_LABEL_NONE;
    return label->id;
}

uint32_t cn_registry_moves(const struct cn_registry *r, const uint32_t *ids, uint32_t n,
                           struct cn_label_move *moves)
{
    uint32_t n_moves = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = cn_registry_resolve(r, ids[i]);
        if (to != ids[i] && cn_registry_get(r, ids[i]))
            moves[n_moves++] = (struct cn_label_move){ids[i], to};
    }
    return n_moves;
}

void cn_registry_event(const struct cn_registry *r, uint32_t version, struct cn_label_event *ret)
{
    assert(version >= 1 && version <= r->version);
    uint32_t start = version > 1 ? r->ends[version - 2] : 0;
    struct cn_bytes bytes = {r->log.at + start, r->ends[version - 1] - start};
    enum cn_err e = cn_label_event_decode(&bytes, ret, NULL);
    assert(!e && bytes.n == 0);
}
