/* Reading the store; lists are the caller's to free. Loop thread only. */
#ifndef EDGE_STORE_READ_H
#define EDGE_STORE_READ_H

#include "client/edge/store.h"
#include "common/base/blob.h"

struct edge_totals {
    uint64_t n[EDGE_NSTATES]; /* by state */
    uint64_t n_confirmed, n_corrected;
    uint64_t n_updates, n_updates_committed, n_updates_rejected;
    uint64_t last_raw_bytes, last_wire_bytes;
    uint64_t image_bytes, max_bytes;
};

enum edge_list {
    EDGE_LIST_QUEUED,    /* oldest first */
    EDGE_LIST_HELD_OUT,  /* oldest first */
    EDGE_LIST_PENDING,   /* queued, held out or in an update: newest first */
    EDGE_LIST_UNVERIFIED /* committed in the installed release or before, image still here */
};

enum cn_err edge_store_list(struct edge_store *s, enum edge_list which, uint32_t limit,
                            struct edge_example **ret, uint32_t *ret_n,
                            struct cn_error *err) CN_NODISCARD;
/* Pending examples of one label, newest first: people's corrections, or their confirmations. */
enum cn_err edge_store_list_label(struct edge_store *s, uint32_t label, bool confirmed,
                                  uint32_t limit, struct edge_example **ret, uint32_t *ret_n,
                                  struct cn_error *err) CN_NODISCARD;
struct edge_receipts_query {
    uint32_t limit;
    int64_t before;                /* 0: from the newest */
    enum edge_example_state state; /* 0: any */
};
enum cn_err edge_store_receipts(struct edge_store *s, const struct edge_receipts_query *q,
                                struct edge_example **ret, uint32_t *ret_n,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_get(struct edge_store *s, int64_t example, struct edge_example *ret,
                           struct cn_error *err) CN_NODISCARD;
typedef void (*edge_history_fn)(void *user, uint64_t time_ms, const char *what);
enum cn_err edge_store_history(struct edge_store *s, int64_t example, edge_history_fn fn,
                               void *user, struct cn_error *err) CN_NODISCARD;
/* CN_E_NOTFOUND once it was deleted. */
enum cn_err edge_store_image(struct edge_store *s, const struct cn_digest *digest,
                             struct cn_blob **ret, struct cn_error *err) CN_NODISCARD;
/* Examples taught here per label, ascending; those taken back are not counted. */
enum cn_err edge_store_labels_taught(struct edge_store *s, struct cn_label_count **ret,
                                     uint32_t *ret_n, struct cn_error *err) CN_NODISCARD;
/* People's answers to predictions of that release: confirmed and corrected per label, ascending. */
enum cn_err edge_store_tallies(struct edge_store *s, uint32_t release, struct cn_label_tally **ret,
                               uint32_t *ret_n, struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_totals(struct edge_store *s, struct edge_totals *ret,
                              struct cn_error *err) CN_NODISCARD;

#endif
