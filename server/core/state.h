/* The state of the coordinator's core, in the caller's storage: read it for status, change it only
   through srv_core_step. */
#ifndef SRV_STATE_H
#define SRV_STATE_H

#include "server/core/action.h"
#include "server/core/event.h"

struct srv_core_conf {
    struct cn_digest fleet;
    struct cn_heads heads; /* the newest release and registry of the store */
    uint64_t boot;         /* random: sessions of another life of the coordinator are strangers */
    uint64_t round;        /* number of the first round, at least 1 */

    uint32_t updates;       /* k: a round closes at so many updates (or one of every device) */
    uint64_t max_wait_ms;   /* T: or so long after its first one */
    uint64_t score_wait_ms; /* how long devices may score */
    uint64_t job_ms;        /* a merge, consolidation or decision longer than this is overdue */
    uint32_t max_staleness; /* releases between an update's base and the current one */
    uint32_t n_slots;       /* uploads in flight, at most CN_MAX_UPLOADS */
    uint64_t slot_idle_ms;  /* an upload without progress loses its slot */
    uint64_t max_update_bytes, max_inflight_bytes;
    uint32_t credit;           /* chunks a device may send ahead, at most CN_MAX_CREDIT */
    uint64_t retry_ms;         /* what WAIT says when no better time is known */
    uint64_t refused_retry_ms; /* what REJECT says after a refused round */
    uint64_t ping_ms;     /* devices are heard at least this often; three misses end a session */
    uint32_t max_scorers; /* devices asked to score a round's candidates */
    uint32_t proposals_per_minute;
    uint64_t announce_ms; /* registry changes are announced at most this often */
    uint64_t tally_ms;    /* tallies of one device are taken at most this often */
};

struct srv_neighbours {
    uint32_t prev, next; /* device ids, 0 is the end */
};

struct srv_list {
    uint32_t head, tail, n;
};

struct srv_device {
    enum srv_device_state state;
    uint64_t session, nonce, conn; /* session 0: offline */
    uint64_t seen_ms;
    struct srv_neighbours online, line;

    uint64_t last_seq; /* highest committed, durable; and its release */
    uint32_t last_release;
    uint64_t held_seq;     /* in the sums of the open round, 0 for none */
    uint64_t rejected_seq; /* at or below this, nothing more of this device is taken; and why */
    enum cn_reject rejected_for;
    uint32_t slot; /* 1 + index of its upload slot, 0 for none */

    enum cn_wait wait; /* what it was last told to wait for */
    uint64_t wait_until_ms, wait_ref;
    bool in_line; /* for a slot */

    uint32_t n_held_out;
    uint64_t asked_round; /* the round it was last asked to score */
    uint32_t unscored;    /* bit i: model i not yet scored */

    uint64_t proposals_since_ms, tally_after_ms;
    uint32_t n_proposals;
};

enum srv_slot_state { SRV_SLOT_FREE, SRV_SLOT_RECEIVING, SRV_SLOT_PARKED, SRV_SLOT_MERGING };

struct srv_slot {
    enum srv_slot_state state;
    uint32_t device, base, n_examples;
    uint64_t seq, size_bytes, received_bytes;
    uint64_t round;       /* of MERGING: whose sums */
    uint64_t deadline_ms; /* RECEIVING: progress; MERGING: the job */
    struct cn_digest digest;
};

/* clang-format off */
enum srv_round_state {
    SRV_ROUND_GATHERING, SRV_ROUND_CLOSING, SRV_ROUND_CONSOLIDATING, SRV_ROUND_SCORING, SRV_ROUND_DECIDING
};
/* clang-format on */

struct srv_round {
    uint64_t number;
    enum srv_round_state state;
    uint64_t opened_ms, deadline_ms; /* of its first update; of this state, 0 for none */
    bool overdue;
    uint32_t n_updates, n_merging;  /* in the sums; on their way there */
    uint32_t n_asked, n_unanswered; /* devices that score; of them, online and not done */
    uint32_t n_models;
    struct cn_model_ref models[CN_MAX_MODELS_SCORED];
};

struct srv_core {
    struct srv_core_conf conf;
    struct cn_heads heads;
    uint64_t now_ms, wall_ms, n_sessions;
    uint64_t announce_after_ms, announce_due_ms; /* due 0: nothing to announce */

    struct srv_device *devices; /* device id - 1 */
    uint32_t n_devices, n_active;
    struct srv_list online; /* longest silent first */
    struct srv_list line;   /* for upload slots, first come first served */

    struct srv_slot slots[CN_MAX_UPLOADS];
    uint32_t n_busy;
    uint64_t inflight_bytes;

    struct srv_round round;
    struct srv_update *updates; /* round.n_updates of them */

    uint64_t n_committed, n_rejected[CN_REJECT_N], n_stalled; /* since start, for metrics */
};

#endif
