/* What the coordinator's core may ask of the world. Plain data; pointers are lent until the next
   step. */
#ifndef SRV_ACTION_H
#define SRV_ACTION_H

#include "common/base/msg.h"

enum srv_audience { SRV_TO_ONLINE, SRV_TO_SCORERS };

/* One update of a round. */
struct srv_update {
    uint32_t device, n_examples;
    uint64_t seq;
};

enum srv_action_kind {
    SRV_ACT_SEND,        /* msg to device over conn */
    SRV_ACT_BROADCAST,   /* msg to each srv_core_next(core, to, ..), with its own session */
    SRV_ACT_SETTLE,      /* msg (COMMITTED or REJECT) to each of updates[0..n) that is online, with
                            its session and seq */
    SRV_ACT_SERVE,       /* answer WANT: CHUNKs of the blob, or GONE */
    SRV_ACT_OPEN,        /* slot: make ready for `bytes` bytes */
    SRV_ACT_WRITE,       /* the event's bulk frame goes to slot at offset `bytes` */
    SRV_ACT_FREE,        /* slot: let its bytes go (a merge job that has them keeps them) */
    SRV_ACT_MERGE,       /* job: check digest, check, add to the round's sums; MERGED when done */
    SRV_ACT_CONSOLIDATE, /* job on updates[0..n); CONSOLIDATED when done */
    SRV_ACT_DECIDE,      /* job: gate; when promoted, sign and commit the release together with
                            (device, seq) of updates[0..n) in one transaction; then DECIDED */
    SRV_ACT_DISCARD,     /* the round's sums and candidates are worth nothing any more */
    SRV_ACT_PROPOSE,     /* ask the registry; LABEL when it has answered */
    SRV_ACT_TALLY,       /* replace what is stored for (device, release) */
    SRV_ACT_SCORED       /* evidence for the gate: model `index` of the round, once per device */
};

/* In the order to be carried out. */
struct srv_action {
    enum srv_action_kind kind;
    uint32_t device; /* of SEND, SERVE, OPEN, MERGE, PROPOSE, TALLY, SCORED */
    uint64_t conn;   /* of SEND, SERVE */
    union {
        struct {
            enum srv_audience to; /* BROADCAST */
            uint32_t n;           /* SETTLE */
            const struct srv_update *updates;
            struct cn_msg msg; /* SEND, BROADCAST, SETTLE */
        };
        struct {
            uint64_t session;
            struct cn_digest digest;
            uint64_t offset;
            uint32_t credit;
        } serve;
        struct {
            uint32_t slot, base, staleness;
            uint64_t bytes, round, seq; /* bytes: OPEN size, WRITE offset */
            struct cn_digest digest;    /* MERGE */
        } slot;                         /* OPEN, WRITE, FREE, MERGE */
        struct {
            uint64_t number;
            uint32_t base, n;
            const struct srv_update *updates;
        } round; /* CONSOLIDATE, DECIDE, DISCARD */
        struct {
            uint32_t request;
            const char *name;
        } propose;
        struct {
            uint64_t round;          /* SCORED */
            uint32_t release, index; /* TALLY; SCORED */
            uint32_t n;
            const struct cn_label_tally *at;
        } tallies;
    };
};

enum { SRV_MAX_ACTIONS = 4 * CN_MAX_UPLOADS + 16 };

struct srv_actions {
    uint32_t n;
    struct srv_action at[SRV_MAX_ACTIONS];
};

#endif
