/* The state of a device's core, in the caller's storage: read it for status, change it only through
   edge_core_step. */
#ifndef EDGE_STATE_H
#define EDGE_STATE_H

#include "client/edge/core/action.h"
#include "client/edge/core/conf.h"
#include "client/edge/core/why.h"

enum edge_link_state { EDGE_LINK_DOWN, EDGE_LINK_GREETING, EDGE_LINK_ONLINE, EDGE_LINK_REFUSED };

struct edge_link {
    enum edge_link_state state;
    bool is_up;
    enum edge_down cause;
    enum cn_refused refused;
    uint64_t session, nonce;
    uint64_t deadline_ms, heard_ms, ping_ms, ping_due_ms;
    uint32_t n_failures; /* in a row: the backoff's exponent */
};

/* clang-format off */
enum edge_send_state { /* IDLE: no update; ASKING: READY is out */
    EDGE_SEND_IDLE, EDGE_SEND_ASKING, EDGE_SEND_BUILDING,
    EDGE_SEND_KEPT,     /* from here on an update is in the store; not offered in this session */
    EDGE_SEND_OFFERED, EDGE_SEND_SENDING,
    EDGE_SEND_ARRIVED,  /* every byte was sent */
    EDGE_SEND_HELD      /* RECEIVED: in the sums of the round */
};

enum edge_fetch_state {
    EDGE_FETCH_IDLE, EDGE_FETCH_LOOKING, EDGE_FETCH_RUNNING, EDGE_FETCH_VERIFYING, EDGE_FETCH_INSTALLING,
    EDGE_FETCH_SCORING
};
/* clang-format on */

struct edge_send {
    enum edge_send_state state;
    struct edge_update update;
    struct edge_queue queue;
    uint64_t queue_ms; /* when the queue was told */
    bool flush;
    uint64_t next_seq;
    uint64_t sent_bytes, allowed_bytes; /* SENDING; the coordinator's credit ends at allowed */
    uint64_t deadline_ms, pause_ms;     /* of the state; IDLE and KEPT do nothing before pause_ms */
    enum edge_why_reason paused_for;
    enum cn_wait wait;
    enum cn_reject reject;
    uint32_t n_failures;
    uint64_t n_built, n_committed, n_rejected; /* since start */
};

struct edge_fetch {
    enum edge_fetch_state state;
    enum edge_blob what;
    struct cn_model_ref blob;
    uint32_t number;
    uint64_t received_bytes, wanted_bytes;
    uint64_t deadline_ms, pause_ms; /* of the state; IDLE does nothing before pause_ms */
    enum edge_why_reason paused_for;
    uint32_t n_failures, n_bad; /* n_bad: since start */
    uint32_t manifest_release;  /* of the manifest that was verified last, and its model */
    struct cn_digest manifest;
    struct cn_model_ref model;
};

struct edge_score {
    uint64_t round, deadline_ms; /* round 0: nothing to score */
    uint32_t n_models, next;
    struct cn_model_ref models[CN_MAX_MODELS_SCORED];
};

enum { EDGE_MAX_PROPOSALS = 64 };

struct edge_proposals {
    uint32_t n;
    bool missed; /* more labels wait than fit here */
    struct {
        uint32_t request;
        uint64_t due_ms;
        char name[CN_MAX_LABEL_NAME_BYTES + 1];
    } at[EDGE_MAX_PROPOSALS];
};

struct edge_core {
    struct edge_core_conf conf;
    uint64_t now_ms, random;
    uint32_t release, registry_version; /* installed */
    struct cn_digest model;
    struct cn_heads heads; /* announced */
    struct edge_link link;
    struct edge_send send;
    struct edge_fetch fetch;
    struct edge_score score;
    struct edge_proposals proposals;
    bool has_tally;
    uint64_t tally_due_ms;
};

#endif
