/* A person's answer to a prediction: durable first, then effective at once. Threads: the loop's. */
#ifndef EDGE_TEACH_H
#define EDGE_TEACH_H

#include "client/edge/daemon.h"

struct edge_taught {
    int64_t receipt;
    uint32_t label;
    enum edge_answer answer;
    enum edge_example_state state;
    const struct edge_trained *trained; /* of a correction that was trained on; else NULL */
    const struct cn_error *train_err;   /* it is in the spool, but training failed; else NULL */
};

/* t or err is NULL; both are lent. */
typedef void (*edge_taught_fn)(void *user, const struct edge_taught *t, const struct cn_error *err);

/* word: the right label, known or new; NULL agrees with the prediction. The example is on the disk
   before fn is called (for a confirmation: before this returns). CN_E_FULL and other errors of the
   store leave nothing half done. */
void edge_teach(struct edge_daemon *d, const struct edge_prediction *p, const char *word,
                edge_taught_fn fn, void *user);

#endif
