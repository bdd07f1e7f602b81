/* What messages are made of: the protocol's version, the kinds of messages, and small values that
   several of them carry. */
#ifndef CN_PROTO_H
#define CN_PROTO_H

#include "common/base/digest.h"

enum { CN_PROTO_MAJOR = 1, CN_PROTO_MINOR = 0 };

enum {
    CN_MAX_MODELS_SCORED = 4, /* the release before, then the candidates */
    CN_MAX_SENTENCE_BYTES = 160,
    CN_MAX_SECRET_BYTES = 64, /* of a one-time token */
    CN_MAX_ENDPOINT_BYTES = 128
};

enum cn_msg_kind {
    CN_MSG_NONE,
    CN_MSG_HELLO, /* a device says */
    CN_MSG_PING,
    CN_MSG_PROPOSE,
    CN_MSG_WANT,
    CN_MSG_READY,
    CN_MSG_OFFER,
    CN_MSG_TALLY,
    CN_MSG_SCORED,
    CN_MSG_CHUNK,   /* both say, and only this one has a bulk frame */
    CN_MSG_WELCOME, /* the coordinator says */
    CN_MSG_REFUSED,
    CN_MSG_PONG,
    CN_MSG_ANNOUNCE,
    CN_MSG_LABEL,
    CN_MSG_GONE,
    CN_MSG_TASK,
    CN_MSG_WAIT,
    CN_MSG_SEND,
    CN_MSG_HELD,
    CN_MSG_RECEIVED,
    CN_MSG_COMMITTED,
    CN_MSG_REJECT,
    CN_MSG_SCORE,
    CN_MSG_JOIN, /* the enrolment endpoint */
    CN_MSG_ADMITTED,
    CN_MSG_NKINDS
};

/* "HELLO", "CHUNK"...; never NULL. */
const char *cn_msg_name(enum cn_msg_kind kind);

/* What is newest at the coordinator. */
struct cn_heads {
    uint32_t release, registry_version;
    struct cn_digest manifest, registry; /* signed envelopes, fetched by digest */
    uint64_t manifest_bytes, registry_bytes;
    uint64_t server_time_ms; /* wall clock */
};

struct cn_model_ref {
    struct cn_digest digest;
    uint64_t size_bytes;
};

enum cn_wait_about { CN_ABOUT_READY, CN_ABOUT_OFFER, CN_ABOUT_PROPOSE, CN_ABOUT_N };

#endif
