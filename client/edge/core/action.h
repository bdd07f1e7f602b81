/* What a device's core may ask of the world. Plain data; pointers are lent until the next step. */
#ifndef EDGE_ACTION_H
#define EDGE_ACTION_H

#include "client/edge/core/event.h"

enum edge_action_kind {
    EDGE_ACT_CONNECT,  /* make the link try (again); nothing to do when it does by itself */
    EDGE_ACT_SEND,     /* msg; READY and TALLY get their arrays from the store */
    EDGE_ACT_UPLOAD,   /* msg (CHUNK) with bytes [offset, offset + n_bytes) of update seq as bulk */
    EDGE_ACT_BUILD,    /* job: choose by the plan, build against base, make durable as seq; BUILT */
    EDGE_ACT_RECEIVED, /* receipts: the coordinator holds update seq */
    EDGE_ACT_COMMIT,   /* durable: update seq is in that release; its examples are committed */
    EDGE_ACT_RETURN,   /* durable: update seq is dropped for `reason`; its examples are queued again
                        */
    EDGE_ACT_LOOK,     /* how much of the blob is here? HAVE */
    EDGE_ACT_KEEP,     /* the event's bulk frame is the blob's bytes at offset */
    EDGE_ACT_FORGET,   /* throw the blob, or the part that is here, away */
    EDGE_ACT_VERIFY,   /* the blob is complete: check it as what it is; VERIFIED */
    EDGE_ACT_INSTALL,  /* swap it in, atomically and durably; INSTALLED */
    EDGE_ACT_SCORE,    /* job: the model on the held-out examples; SCORED */
    EDGE_ACT_LABEL,    /* durable: the coordinator's answer about the local label `request` */
    EDGE_ACT_UNRESOLVED /* push EDGE_EV_PROPOSE again for labels that still wait */
};

/* In the order to be carried out. An action that must be durable and fails ends the process. */
struct edge_action {
    enum edge_action_kind kind;
    union {
        struct {
            uint64_t seq, offset, n_bytes; /* UPLOAD */
            struct cn_msg msg;             /* SEND, UPLOAD */
        };
        struct {
            uint64_t seq;
            uint32_t base;         /* BUILD */
            uint32_t release;      /* COMMIT */
            enum cn_reject reason; /* RETURN */
            const char *text;      /* RETURN: what the coordinator said, or NULL */
        } update;                  /* BUILD, RECEIVED, COMMIT, RETURN */
        struct {
            enum edge_blob what;
            struct cn_digest digest;
            uint64_t size_bytes, offset; /* LOOK; KEEP */
            uint32_t number;             /* version or release; INSTALL */
            struct cn_digest manifest;   /* INSTALL of a model */
        } blob;                          /* LOOK, KEEP, FORGET, VERIFY, INSTALL */
        struct {
            uint64_t round;
            struct cn_model_ref model;
            bool is_installed; /* the model is the installed release's own */
        } score;
        struct {
            uint32_t request, id;
            enum cn_label_state state;
            const char *text;
        } label;
    };
};

enum { EDGE_MAX_ACTIONS = CN_MAX_CREDIT + 32 };

struct edge_actions {
    uint32_t n;
    struct edge_action at[EDGE_MAX_ACTIONS];
};

#endif
