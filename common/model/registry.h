/* A fleet's labels: an append-only log of events, and the state that the log says. The version is
   the number of events; replaying the log gives the state, always. Pure: no I/O, no clock, no
   randomness. Threads: one at a time per registry; const functions together. */
#ifndef CN_REGISTRY_H
#define CN_REGISTRY_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/label.h"
#include "common/base/limits.h"
#include "common/model/label_event.h"

struct cn_registry;

struct cn_label {
    uint32_t id; /* dense: 0 is the placeholder, then 1, 2, ...; never reused */
    enum cn_label_state state;
    const char *name;
    char *const *aliases;
    uint32_t n_aliases;
    uint32_t merged_into; /* CN_LABEL_NONE unless MERGED; may be merged too: cn_registry_resolve */
    uint32_t n_proposers; /* distinct devices, 0 when an admin added it */
    uint64_t created_ms, changed_ms;
    const char *reason; /* of the last rejection or retirement, "" without */
};

/* Who changes what, and when. */
struct cn_registry_by {
    const char *actor;
    uint64_t now_ms;
};

enum cn_policy { CN_POLICY_AUTO, CN_POLICY_QUORUM, CN_POLICY_MANUAL }; /* for proposals */

struct cn_proposal {
    const char *name;
    uint32_t device;
    uint64_t now_ms;
    enum cn_policy policy;
    uint32_t quorum; /* distinct devices, 1..CN_MAX_LABEL_PROPOSERS; CN_POLICY_QUORUM only */
};

/* Version 0: the placeholder "noise" and nothing else. */
struct cn_registry *cn_registry_new(void) CN_NODISCARD;
void cn_registry_destroy(struct cn_registry **r);

uint32_t cn_registry_version(const struct cn_registry *r);
/* Labels ever made, the placeholder included: ids are 0..n-1, so this is also how to iterate. */
uint32_t cn_registry_n_labels(const struct cn_registry *r);
uint32_t cn_registry_n_accepted(const struct cn_registry *r);
/* NULL for an unknown id. Labels are borrowed until the next change of the registry. */
const struct cn_label *cn_registry_get(const struct cn_registry *r, uint32_t id);
/* The label of that name or alias after normalization, in whatever state; NULL when there is none.
   The placeholder is found by id only: its name is nobody's, so "noise" may become a real label. */
const struct cn_label *cn_registry_find(const struct cn_registry *r, const char *name);
/* Follows merges to a proposed, accepted or placeholder label; CN_LABEL_NONE for retired, rejected,
   replaced and unknown ones. */
uint32_t cn_registry_resolve(const struct cn_registry *r, uint32_t id);
/* For each of the ids (rows of a model) that does not resolve to itself, where its row goes.
   Returns how many were written to moves[n]. Ids unknown here (newer, or local) are left alone. */
uint32_t cn_registry_moves(const struct cn_registry *r, const uint32_t *ids, uint32_t n,
                           struct cn_label_move *moves);
/* The event that made version `version` out of the one before, 1 <= version <= current. */
void cn_registry_event(const struct cn_registry *r, uint32_t version, struct cn_label_event *ret);

/* A device asks for a name. The answer is the one label that bears it, new or not, and its state:
   ACCEPTED (use ret_id), PROPOSED (wait), REJECTED or RETIRED (no). Asking again changes nothing.
   CN_E_PARSE or CN_E_LIMIT: no such name can be, or too many labels (of this device, of all). */
enum cn_err cn_registry_propose(struct cn_registry *r, const struct cn_proposal *p,
                                uint32_t *ret_id, enum cn_label_state *ret_state,
                                struct cn_error *err) CN_NODISCARD;

/* Admins' changes; each appends one event (an acceptance may append REPLACED too) or fails and
   changes nothing. CN_E_EXISTS: the name belongs to a label, which the sentence names;
   CN_E_NOTFOUND; CN_E_STATE: not possible for a label in that state; CN_E_PARSE, CN_E_LIMIT: the
   text. */
enum cn_err cn_registry_add(struct cn_registry *r, struct cn_registry_by by, const char *name,
                            uint32_t *ret_id, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_approve(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_reject(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *reason, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_rename(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *name, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_alias(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                              const char *alias, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_unalias(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                const char *alias, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_merge(struct cn_registry *r, struct cn_registry_by by, uint32_t from,
                              uint32_t into, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_retire(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                               const char *reason, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_registry_restore(struct cn_registry *r, struct cn_registry_by by, uint32_t id,
                                struct cn_error *err) CN_NODISCARD;

/* Appends the events after version `since` to out: a delta, or with since = 0 a snapshot. Equal
   logs give equal bytes. The format stands in label_event.h. */
void cn_registry_encode(const struct cn_registry *r, uint32_t since, struct cn_buf *out);
/* A registry from a snapshot. CN_E_PARSE, CN_E_VERSION, CN_E_LIMIT; an event that the rules forbid
   is CN_E_PARSE too. */
enum cn_err cn_registry_decode(struct cn_registry **ret, struct cn_bytes bytes,
                               struct cn_error *err) CN_NODISCARD;
/* Brings the registry up to what the delta (or snapshot) says; events that it has already are
   compared, not repeated. CN_E_STATE: the delta begins after our version, or the histories differ.
   On an error nothing has changed. */
enum cn_err cn_registry_apply(struct cn_registry *r, struct cn_bytes bytes,
                              struct cn_error *err) CN_NODISCARD;

/* Stable words: "accepted", "merged", ... */
const char *cn_label_state_name(enum cn_label_state state);

#endif
