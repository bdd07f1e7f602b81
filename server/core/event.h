/* What can happen to the coordinator. Plain data; times are the shell's monotonic milliseconds. */
#ifndef SRV_EVENT_H
#define SRV_EVENT_H

#include "common/base/msg.h"

enum srv_device_state {
    SRV_DEVICE_NONE,
    SRV_DEVICE_ACTIVE,
    SRV_DEVICE_SUSPENDED,
    SRV_DEVICE_REVOKED
};

enum srv_event_kind {
    SRV_EV_TICK,   /* srv_core_deadline() has passed */
    SRV_EV_DEVICE, /* at start for every device of the store; then whenever an admin changes one */
    SRV_EV_MSG,    /* a decoded message from an authenticated device */
    SRV_EV_GONE,   /* the link says that this connection is no more */
    SRV_EV_MERGED, /* a merge job has ended */
    SRV_EV_CONSOLIDATED, /* a consolidation job has ended */
    SRV_EV_DECIDED,      /* gate, signature and the store's transaction have ended */
    SRV_EV_LABEL,        /* the registry's answer to SRV_ACT_PROPOSE */
    SRV_EV_REGISTRY,     /* the registry has a newer snapshot */
    SRV_EV_RELEASED,     /* a release without a round is durable: a rollback. Not while DECIDING */
    SRV_EV_CLOSE         /* an admin closes the round now */
};

struct srv_event {
    enum srv_event_kind kind;
    uint64_t now_ms;  /* always set */
    uint64_t wall_ms; /* always set: what devices are told as the coordinator's time */
    uint32_t device;  /* DEVICE, MSG, GONE, MERGED, LABEL */
    union {
        struct {
            enum srv_device_state state;
            uint64_t last_seq; /* highest committed, and its release, 0 for none; at start only */
            uint32_t last_release;
        } record;
        struct {
            uint64_t conn;
            const struct cn_msg *msg;
            uint64_t n_bulk; /* bytes of the bulk frame */
        } in;
        uint64_t conn; /* GONE */
        struct {
            uint64_t round, seq;
            enum cn_reject reject; /* CN_REJECT_NONE: merged */
            const char *text;      /* of a reject: which tensor, which label; NULL without */
        } merged;
        struct {
            uint64_t round;
            bool ok;           /* false: the round is refused for CN_REJECT_CONSOLIDATION */
            uint32_t n_models; /* the release before, then the candidates */
            struct cn_model_ref models[CN_MAX_MODELS_SCORED];
        } consolidated;
        struct {
            uint64_t round;
            bool promoted; /* the release and its updates' numbers are durable */
            struct cn_heads heads;
            const char *text; /* of a refusal, the gate's sentence */
        } decided;
        struct {
            uint32_t request, id;
            enum cn_label_state state;
            const char *text;
        } label;
        struct cn_heads heads; /* REGISTRY (its fields only), RELEASED */
    };
};

#endif
