/* What the device must not forget, in SQLite: what people taught (images, labels, answers), own
   labels, updates (store_update.h), the installed release, tallies. store_read.h reads it. A change
   is one transaction and is on the disk when the function returns. Bounded by bytes of images. Loop
   thread only. */
#ifndef EDGE_STORE_H
#define EDGE_STORE_H

#include "client/edge/labels.h"
#include "common/base/buf.h"
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

#endif
