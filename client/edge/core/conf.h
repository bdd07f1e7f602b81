/* What a device's core is told at its start: how patient it is, and what the store holds. */
#ifndef EDGE_CORE_CONF_H
#define EDGE_CORE_CONF_H

#include "client/edge/core/event.h"

struct edge_core_conf {
    struct cn_digest fleet;
    uint32_t batch;                  /* an update is asked for at so many eligible examples, */
    uint64_t max_wait_ms;            /* or when one has waited so long (or on FLUSH), */
    uint64_t new_label_wait_ms;      /* which is shorter for a label that the fleet does not know */
    uint64_t reply_ms;               /* an answer must come within */
    uint64_t idle_ms;                /* a transfer must move within */
    uint64_t commit_ms;              /* a held update is offered again after */
    uint64_t job_ms;                 /* building, verifying, installing, scoring is overdue after */
    uint64_t retry_ms, retry_max_ms; /* backoff: doubles from one to the other, with jitter */
    uint64_t tally_ms;               /* field tallies are sent at most this often */
    uint64_t propose_ms;             /* a label that waits is asked about again after */
    uint32_t credit;                 /* chunks wanted ahead */
};

/* What a restart finds in the store. */
struct edge_start {
    uint64_t now_ms;
    uint32_t release, registry_version; /* installed, 0 for none */
    struct cn_digest model;             /* of the installed release */
    uint64_t next_seq;                  /* above every seq that was ever given to an update */
    struct edge_update update;          /* the one in flight; seq 0: none */
};

#endif
