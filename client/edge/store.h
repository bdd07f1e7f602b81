/* What the device must not forget, in SQLite: what people taught (images, labels, answers), own
   labels, updates, the installed release, tallies. A change is one transaction and is on the disk
   when the function returns. Bounded by bytes of images. Loop thread only. */
#ifndef EDGE_STORE_H
#define EDGE_STORE_H

#include "client/edge/core/event.h"
#include "client/edge/labels.h"
#include "common/base/blob.h"
#include "common/base/digest.h"

enum edge_answer { EDGE_CONFIRMED = 1, EDGE_CORRECTED, EDGE_NEW_LABEL };

/* Life of an example. Numbers stand in databases: only append. */
enum edge_example_state {
    EDGE_QUEUED = 1, /* taught here, in no update */
    EDGE_HELD_OUT,   /* kept for scoring candidates */
    EDGE_IN_UPDATE,  /* in the update that is in flight */
    EDGE_COMMITTED,  /* in a release */
    EDGE_UNDONE,     /* taken back, or a newer answer about the same image took its place */
    EDGE_COUNTED,    /* a confirmation where the recipe learns from corrections only */
    EDGE_NSTATES
};

enum edge_verdict { EDGE_UNVERIFIED, EDGE_RIGHT, EDGE_WRONG };

struct edge_example {
    int64_t id; /* the receipt's number */
    struct cn_digest image;
    uint32_t label; /* local or canonical */
    enum edge_answer answer;
    enum edge_example_state state;
    enum edge_verdict verdict; /* of the release that holds it, on this image */
    uint64_t seq;              /* update that it is in, or was committed in; 0: none */
    bool is_received;          /* the coordinator holds that update */
    uint32_t release;          /* that holds it; 0: none */
    uint32_t predicted, predicted_by;
    uint64_t time_ms;
};

struct edge_installed {
    uint32_t release; /* 0: none yet */
    struct cn_digest manifest, model;
    uint32_t registry_version;
    struct cn_digest registry; /* envelope; none until one came */
};

struct edge_totals {
    uint64_t n[EDGE_NSTATES]; /* by state */
    uint64_t n_confirmed, n_corrected;
    uint64_t n_updates, n_updates_committed, n_updates_rejected;
    uint64_t last_raw_bytes, last_wire_bytes;
    uint64_t image_bytes, max_bytes;
};

struct edge_store;

/* Opens or makes DATA/edge.db. CN_E_READONLY, CN_E_VERSION, ... say what to do. */
enum cn_err edge_store_open(struct edge_store **ret, const char *data, uint64_t max_bytes,
                            bool keep_images, struct cn_error *err) CN_NODISCARD;
void edge_store_close(struct edge_store **s);

/* ---- teaching (store_teach.c) ---- */

struct edge_teaching {
    struct cn_digest digest;
    struct cn_bytes image;
    uint32_t label;
    const struct edge_own_label *own; /* a new own label, stored with it; NULL otherwise */
    enum edge_answer answer;
    enum edge_example_state
        state; /* EDGE_QUEUED, EDGE_HELD_OUT or EDGE_COUNTED (then no image is kept) */
    uint32_t predicted, predicted_by;
    uint64_t now_ms;
};

/* One transaction: the example, its image, its label, the tally; a queued answer about the same
   image is undone (*ret_undone, 0 without one). CN_E_FULL when the spool is. */
enum cn_err edge_store_teach(struct edge_store *s, const struct edge_teaching *t,
                             int64_t *ret_example, int64_t *ret_undone,
                             struct cn_error *err) CN_NODISCARD;
/* Takes an example back. CN_E_STATE once it is in an update, CN_E_NOTFOUND. */
enum cn_err edge_store_undo(struct edge_store *s, int64_t example, uint64_t now_ms,
                            struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_set_state(struct edge_store *s, int64_t example,
                                 enum edge_example_state state, const char *why, uint64_t now_ms,
                                 struct cn_error *err) CN_NODISCARD;
/* The longest held out example of the label goes back to the queue. */
enum cn_err edge_store_release_held(struct edge_store *s, uint32_t label, uint64_t now_ms,
                                    struct cn_error *err) CN_NODISCARD;
/* Examples of the label that were taught here and not taken back, and those held out. */
enum cn_err edge_store_count(struct edge_store *s, uint32_t label, uint32_t *ret_n,
                             uint32_t *ret_held_out, struct cn_error *err) CN_NODISCARD;

/* ---- labels ---- */

enum cn_err edge_store_load_labels(struct edge_store *s, struct edge_labels *labels,
                                   struct cn_error *err) CN_NODISCARD;
/* Stores an own label's row; with rename set, examples and tallies of its local id get the
   canonical one in the same transaction. */
enum cn_err edge_store_put_own(struct edge_store *s, const struct edge_own_label *own, bool rename,
                               struct cn_error *err) CN_NODISCARD;
/* The registry merged two labels: pending examples of `from` become examples of `to`. */
enum cn_err edge_store_merge_label(struct edge_store *s, uint32_t from, uint32_t to,
                                   struct cn_error *err) CN_NODISCARD;

/* ---- updates and releases (store_update.c) ---- */

/* The update in flight; seq 0 when there is none. */
enum cn_err edge_store_open_update(struct edge_store *s, struct edge_update *ret,
                                   struct cn_error *err) CN_NODISCARD;
/* The highest seq ever used here. */
enum cn_err edge_store_last_seq(struct edge_store *s, uint64_t *ret,
                                struct cn_error *err) CN_NODISCARD;
/* Before building: these queued examples are in update seq and in no other. A claim without an
   update (we died while building) is undone when the store is opened. */
enum cn_err edge_store_claim(struct edge_store *s, uint64_t seq, const int64_t *examples,
                             uint32_t n, struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_unclaim(struct edge_store *s, uint64_t seq,
                               struct cn_error *err) CN_NODISCARD;
/* The update of the claimed examples is built; its bytes lie under u->digest. */
enum cn_err edge_store_put_update(struct edge_store *s, const struct edge_update *u,
                                  uint64_t n_raw_bytes, uint64_t now_ms,
                                  struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_received(struct edge_store *s, uint64_t seq, uint64_t now_ms,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_committed(struct edge_store *s, uint64_t seq, uint32_t release,
                                 uint64_t now_ms, struct cn_error *err) CN_NODISCARD;
/* Its examples are queued again; why goes into their history. */
enum cn_err edge_store_rejected(struct edge_store *s, uint64_t seq, const char *why,
                                uint64_t now_ms, struct cn_error *err) CN_NODISCARD;
/* What the release that holds them says of these examples' images, which are deleted unless
   [spool] keep_images. */
enum cn_err edge_store_verified(struct edge_store *s, const int64_t *examples,
                                const enum edge_verdict *verdicts, uint32_t n, uint64_t now_ms,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_installed(struct edge_store *s, struct edge_installed *ret,
                                 struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_install(struct edge_store *s, const struct edge_installed *i,
                               struct cn_error *err) CN_NODISCARD;

/* ---- reading (store_read.c); lists are the caller's to free ---- */

enum edge_list {
    EDGE_LIST_QUEUED,    /* oldest first */
    EDGE_LIST_HELD_OUT,  /* oldest first */
    EDGE_LIST_PENDING,   /* queued, held out or in an update: newest first */
    EDGE_LIST_UNVERIFIED /* committed in the installed release or before, image still here */
};

enum cn_err edge_store_list(struct edge_store *s, enum edge_list which, uint32_t limit,
                            struct edge_example **ret, uint32_t *ret_n,
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
