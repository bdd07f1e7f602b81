/* What can happen to a device. Plain data; times are the shell's monotonic milliseconds. */
#ifndef EDGE_EVENT_H
#define EDGE_EVENT_H

#include "common/base/msg.h"

enum edge_event_kind {
    EDGE_EV_TICK,      /* edge_core_deadline() has passed */
    EDGE_EV_UP,        /* the link is connected and authenticated */
    EDGE_EV_DOWN,      /* it is not, or no longer */
    EDGE_EV_MSG,       /* a decoded message from the coordinator */
    EDGE_EV_QUEUE,     /* what waits to be sent has changed (the plan's summary) */
    EDGE_EV_FLUSH,     /* a person asks for an update now */
    EDGE_EV_BUILT,     /* an update is durable in the store, or could not be built */
    EDGE_EV_HAVE,      /* the answer to LOOK */
    EDGE_EV_VERIFIED,  /* the answer to VERIFY */
    EDGE_EV_INSTALLED, /* the answer to INSTALL */
    EDGE_EV_SCORED,    /* the answer to SCORE */
    EDGE_EV_PROPOSE,   /* a label of the device's own waits for a canonical id */
    EDGE_EV_COUNTED    /* field tallies of the installed release have changed */
};

/* Why the link is down, as far as the link knows. */
enum edge_down { EDGE_DOWN_UNREACHABLE, EDGE_DOWN_SERVER_KEY, EDGE_DOWN_DENIED, EDGE_DOWN_LOST };

/* What is fetched. */
enum edge_blob { EDGE_BLOB_REGISTRY, EDGE_BLOB_MANIFEST, EDGE_BLOB_MODEL, EDGE_BLOB_CANDIDATE };

/* What of the queue could go into the next update (plan.h). */
struct edge_queue {
    uint32_t n_eligible;
    uint64_t oldest_age_ms; /* of the eligible */
    bool has_new_label;     /* one of them has a label that the installed release lacks */
    uint32_t n_held_out;    /* examples that candidates can be scored on */
};

/* An update in the store: made once, then offered until the coordinator has settled it. */
struct edge_update {
    uint64_t seq; /* 0: none */
    uint64_t size_bytes;
    struct cn_digest digest;
    uint32_t base, n_examples;
};

struct edge_event {
    enum edge_event_kind kind;
    uint64_t now_ms; /* always set */
    uint64_t random; /* always set: fresh, for nonces and jitter */
    union {
        enum edge_down down;
        struct {
            const struct cn_msg *msg;
            uint64_t n_bulk;
        } in;
        struct edge_queue queue;
        struct {
            struct edge_update update; /* seq as BUILD said; already durable */
            bool ok;                   /* false: nothing was built, the examples stay queued */
        } built;
        struct {
            struct cn_digest digest;
            uint64_t n_bytes; /* already here, from offset 0; the size when complete */
        } have;
        struct {
            struct cn_digest digest;
            bool ok; /* digest, signature, fleet, form; never older than what is installed */
            uint32_t release;          /* of a manifest: what it says */
            struct cn_model_ref model; /* likewise */
        } verified;
        struct {
            enum edge_blob what; /* REGISTRY or MODEL */
            uint32_t number;     /* version or release */
            bool ok;
        } installed;
        struct {
            uint64_t round;
            struct cn_digest model;
            uint32_t n; /* 0: could not be scored */
            const struct cn_label_tally *tallies;
        } scored;
        struct {
            uint32_t request; /* the local label id */
            const char *name;
        } propose;
    };
};

#endif
