/* The messages of the protocol as plain data (proto/README.md says what each means and when it may
   be sent). common/doors/wire.h turns them into bytes and back. Arrays in a message are borrowed.
 */
#ifndef CN_MSG_H
#define CN_MSG_H

#include "common/base/label.h"
#include "common/base/limits.h"
#include "common/base/proto.h"
#include "common/base/reason.h"

struct cn_msg {
    enum cn_msg_kind kind;
    uint64_t session; /* given by WELCOME; 0 in HELLO and in its REFUSED, and for enrolment */
    union {
        struct {
            uint32_t major, minor;
            struct cn_digest fleet; /* the fleet's id: its public signing key */
            uint64_t nonce;         /* random; WELCOME and REFUSED repeat it */
            uint32_t release, registry_version, n_held_out;
        } hello;
        struct {
            uint32_t n_held_out; /* examples that candidates can be scored on */
        } ping;
        struct {
            uint32_t request; /* the device's own id of the label */
            char name[CN_MAX_LABEL_NAME_BYTES + 1];
        } propose;
        struct {
            struct cn_digest digest;
            uint64_t offset;
            uint32_t credit; /* chunks wanted from offset on */
        } want;
        struct {
            uint32_t base, n_held_out, n_counts;
            const struct cn_label_count *counts; /* ascending label ids */
        } ready;
        struct {
            uint64_t seq, size_bytes;
            struct cn_digest digest;
            uint32_t base, n_examples;
        } offer;
        struct {
            uint32_t release, n_tallies;
            const struct cn_label_tally *tallies; /* cumulative; ascending label ids */
        } tally;
        struct {
            uint64_t round;
            struct cn_digest model;
            uint32_t n_tallies; /* 0: the device abstains */
            const struct cn_label_tally *tallies;
        } scored;
        struct {
            struct cn_digest digest;
            uint64_t offset, total_bytes; /* the bytes themselves are the message's bulk frame */
        } chunk;
        struct {
            uint32_t major, minor;
            uint64_t nonce;
            struct cn_heads heads;
            uint64_t last_seq; /* of this device's updates: the highest that was committed */
            uint32_t last_release, ping_ms;
        } welcome;
        struct {
            enum cn_refused reason;
            uint64_t nonce, retry_ms;
        } refused;
        struct cn_heads pong, announce;
        struct {
            uint32_t request, id; /* id: canonical, when accepted; else CN_LABEL_NONE */
            enum cn_label_state state;
            char text[CN_MAX_SENTENCE_BYTES + 1];
        } label;
        struct cn_digest gone;
        struct {
            uint32_t base;
        } task;
        struct {
            enum cn_wait_about about;
            enum cn_wait reason;
            uint64_t ref, retry_ms; /* ref: seq of an OFFER, request of a PROPOSE */
        } wait;
        struct {
            uint64_t seq, offset; /* bytes that the coordinator has */
            uint32_t credit;      /* chunks welcome from there on */
        } send;
        struct {
            uint64_t seq;
        } held, received;
        struct {
            uint64_t seq;
            uint32_t release;
        } committed;
        struct {
            uint64_t seq, retry_ms;
            enum cn_reject reason;
            uint32_t release; /* current */
            char text[CN_MAX_SENTENCE_BYTES + 1];
        } reject;
        struct {
            uint64_t round, deadline_ms; /* from now */
            uint32_t n_models;           /* the first is the release before */
            struct cn_model_ref models[CN_MAX_MODELS_SCORED];
        } score;
        struct {
            uint8_t secret[CN_MAX_SECRET_BYTES];
            uint32_t n_secret, major, minor;
            char name[CN_MAX_DEVICE_NAME_BYTES + 1];
        } join; /* the device's public key is the transport's */
        struct {
            uint32_t device;
            struct cn_digest fleet;
            char name[CN_MAX_DEVICE_NAME_BYTES + 1], endpoint[CN_MAX_ENDPOINT_BYTES + 1];
        } admitted;
    };
};

#endif
