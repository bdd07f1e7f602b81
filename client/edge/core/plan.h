/* The spool's plan: which examples are held out for scoring, and which go into the next update.
   Pure functions on summaries of examples; the store keeps the examples. Threads: any. */
#ifndef EDGE_PLAN_H
#define EDGE_PLAN_H

#include "common/base/digest.h"
#include "common/base/label.h"
#include "common/base/limits.h"

enum {
    EDGE_PLAN_EVERY = 20,     /* one example in so many is held out, */
    EDGE_PLAN_MIN_LABEL = 20, /* once its label has so many here, */
    EDGE_PLAN_MAX_HELD = 64   /* up to so many per label: then the oldest goes back to the queue */
};

/* Is this fresh example to be held out? n_of_label: examples of its label on this device so far,
   whatever became of them. Decided by the image alone, so that a repeated image is decided alike.
 */
bool edge_plan_holds_out(const struct cn_digest *image, uint32_t n_of_label);

/* One queued example (not held out, not in an update). */
struct edge_plan_example {
    uint64_t id, queued_ms;
    uint32_t label;
    bool accepted; /* the label is canonical and accepted by the registry */
    bool known;    /* the installed release has a row for it */
    bool chosen;   /* written by edge_plan_choose */
};

struct edge_plan_conf {
    uint32_t min_count;    /* of the recipe: fewer images of a label than this wait for more */
    uint32_t max_examples; /* of one update */
};

struct edge_plan {
    uint32_t n_eligible, n_chosen;
    uint64_t oldest_ms;             /* queued_ms of the oldest eligible, 0 for none */
    bool has_new_label;             /* an eligible one has a label that the release lacks */
    uint32_t queued[CN_MAX_LABELS]; /* accepted examples of each canonical label */
    uint32_t min_count;
};

/* Chooses for the next update, from examples, oldest first. Whole labels as far as they fit, the
   one that waits longest first; of a label that fits in part, the oldest. No label is sent, or
   where it can be helped left behind, with fewer than min_count examples. Linear in n for each
   label that is there. */
void edge_plan_choose(const struct edge_plan_conf *conf, struct edge_plan_example *examples,
                      uint32_t n, struct edge_plan *ret);

/* How many more images of this label are needed before any is sent; 0: enough, or none is queued.
 */
uint32_t edge_plan_short_of(const struct edge_plan *plan, uint32_t label);

#endif
