/* What the registry holds, and its one way to change: a step by one event. The registry's own part;
   only registry*.c include it. */
#ifndef CN_REGISTRY_STATE_H
#define CN_REGISTRY_STATE_H

#include "common/model/label_names.h"
#include "common/model/registry.h"

struct cn_registry_label {
    struct cn_label seen; /* what callers see; its pointers show what is owned below */
    char *name, *reason;
    char **aliases;      /* the texts are owned by names */
    uint32_t *proposers; /* seen.n_proposers devices, the first one made the label; or NULL */
};

struct cn_registry {
    struct cn_buf log;     /* the events' bytes, one after the other */
    uint32_t *ends;        /* ends[v - 1]: where the event of version v ends in the log */
    uint32_t version, cap; /* events in the log, room in ends */
    struct cn_registry_label *labels; /* by id */
    uint32_t n_labels, n_accepted;
    struct cn_label_names names;
};

/* Whether the event may follow in this state, and if not, why. Writes the equality key of its name
   to key, "" when the kind has none. */
enum cn_err cn_registry_check(const struct cn_registry *r, const struct cn_label_event *ev,
                              char key[CN_MAX_LABEL_KEY_BYTES + 1],
                              struct cn_error *err) CN_NODISCARD;

/* Appends the event when the rules allow it in this state, else says why not and changes nothing.
 */
enum cn_err cn_registry_step(struct cn_registry *r, const struct cn_label_event *ev,
                             struct cn_error *err) CN_NODISCARD;

/* Back to version 0, whatever r held (zeroed memory too). */
void cn_registry_reset(struct cn_registry *r);
void cn_registry_fini(struct cn_registry *r);

#endif
