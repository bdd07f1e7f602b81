/* The fleet's label registry, made durable: every change goes to the store before anybody hears of
   it, and leaves a newer signed snapshot for devices to fetch. One thread. */
#ifndef SRV_LABELS_H
#define SRV_LABELS_H

#include "common/model/registry.h"
#include "server/blobs.h"
#include "server/store.h"

struct srv_labels {
    struct cn_registry *registry;
    struct cn_artifact snapshot; /* the signed envelope, in blobs */
    uint32_t stored_version;     /* what store and snapshot know */
    /* Borrowed: */
    struct cn_db *db;
    struct srv_blobs *blobs;
    const struct cn_secret *key;
};

/* Replays the store's log and writes the snapshot. */
enum cn_err srv_labels_open(struct srv_labels *l, struct cn_db *db, struct srv_blobs *blobs,
                            const struct cn_secret *key, struct cn_error *err) CN_NODISCARD;
void srv_labels_close(struct srv_labels *l);

/* After a change of l->registry: stores what is new in it together with the audit line, then writes
   the snapshot. *ret_changed: whether there was anything. On a failure the registry in memory is
   ahead of the store: the process must end. */
enum cn_err srv_labels_save(struct srv_labels *l, const struct srv_audit *audit, bool *ret_changed,
                            struct cn_error *err) CN_NODISCARD;

/* The label of a name, an alias, or "#ID". CN_E_NOTFOUND with a sentence. */
enum cn_err srv_labels_find(const struct srv_labels *l, const char *text,
                            const struct cn_label **ret, struct cn_error *err) CN_NODISCARD;
/* Its name, or "#ID" in scratch when the registry does not know it. */
const char *srv_labels_name(const struct srv_labels *l, uint32_t id, char scratch[16]);

/* Ids that an update may carry, ascending: accepted, merged or retired labels. At most
   CN_MAX_LABELS; returns how many. */
uint32_t srv_labels_known(const struct srv_labels *l, uint32_t *ids);
/* Where rows go that do not stay. At most CN_MAX_LABELS; returns how many. */
uint32_t srv_labels_moves(const struct srv_labels *l, struct cn_label_move *moves);

#endif
