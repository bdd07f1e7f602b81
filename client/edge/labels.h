/* Names and ids of labels as this device sees them: the fleet's registry, and on top of it the
   device's own overlay of names that the fleet has not accepted yet. Loop thread only. */
#ifndef EDGE_LABELS_H
#define EDGE_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/label.h"
#include "common/base/limits.h"
#include "common/model/registry.h"

enum edge_own_state {
    EDGE_OWN_LOCAL,    /* not answered by the coordinator yet */
    EDGE_OWN_PENDING,  /* proposed there, not decided */
    EDGE_OWN_ACCEPTED, /* canonical is set: ids of examples and rows were renamed */
    EDGE_OWN_REJECTED
};

/* A name that was first used here. */
struct edge_own_label {
    uint32_t local, canonical; /* canonical: CN_LABEL_NONE until accepted */
    enum edge_own_state state;
    char name[CN_MAX_LABEL_NAME_BYTES + 1];
    char key[CN_MAX_LABEL_KEY_BYTES + 1];
    char reason[CN_MAX_REASON_BYTES + 1]; /* of a rejection */
};

struct edge_labels;

/* An empty overlay on the registry of version 0. */
struct edge_labels *edge_labels_new(void) CN_NODISCARD;
void edge_labels_destroy(struct edge_labels **l);

/* Takes the registry; the overlay is not changed by it. */
void edge_labels_set_registry(struct edge_labels *l, struct cn_registry **registry);
const struct cn_registry *edge_labels_registry(const struct edge_labels *l);

/* What a person's word means: an accepted label's id, the local id of an own label, or
   CN_LABEL_NONE for a name that is new (then *ret_new, when not NULL, is how it would be added).
   CN_E_PARSE, CN_E_LIMIT: no such name can be; CN_E_STATE: retired or rejected, with the reason. */
enum cn_err edge_labels_find(const struct edge_labels *l, const char *word, uint32_t *ret_id,
                             struct edge_own_label *ret_new, struct cn_error *err) CN_NODISCARD;
/* Own labels, in the order in which they came. */
const struct edge_own_label *edge_labels_own(const struct edge_labels *l, uint32_t *ret_n);
/* NULL when there is none. */
const struct edge_own_label *edge_labels_get_own(const struct edge_labels *l, uint32_t local);
/* Adds a row, or replaces the one with the same local id. */
void edge_labels_put_own(struct edge_labels *l, const struct edge_own_label *own);

/* The id that stands for this one now: local ids follow their acceptance, canonical ones merges.
   CN_LABEL_NONE: retired, rejected or replaced. An unknown canonical id is newer than our
   registry and stands for itself. */
uint32_t edge_labels_resolve(const struct edge_labels *l, uint32_t id);
/* For people; never NULL. Valid until the next change of labels. */
const char *edge_labels_name(const struct edge_labels *l, uint32_t id);
/* Why examples of this label cannot travel yet: a sentence, or NULL when they can. */
const char *edge_labels_waiting(const struct edge_labels *l, uint32_t id);

#endif
