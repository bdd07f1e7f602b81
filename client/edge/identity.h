/* Who this device is: its key, and what the coordinator said at enrolment (DATA/identity.json).
   One thread. */
#ifndef EDGE_IDENTITY_H
#define EDGE_IDENTITY_H

#include "common/base/limits.h"
#include "common/base/proto.h"
#include "common/doors/crypto.h"

struct edge_identity {
    uint32_t device;
    struct cn_digest fleet; /* the fleet's public signing key */
    struct cn_public_key server;
    char name[CN_MAX_DEVICE_NAME_BYTES + 1];
    char endpoint[CN_MAX_ENDPOINT_BYTES + 1];
};

/* CN_E_NOTFOUND: this data directory has joined no fleet. */
enum cn_err edge_identity_load(struct edge_identity *ret, const char *data,
                               struct cn_error *err) CN_NODISCARD;
enum cn_err edge_identity_save(const struct edge_identity *id, const char *data,
                               struct cn_error *err) CN_NODISCARD;

/* DATA/keys/device.key; with make set it is made when there is none. */
enum cn_err edge_identity_key(struct cn_secret **ret, const char *data, bool make,
                              struct cn_error *err) CN_NODISCARD;

#endif
