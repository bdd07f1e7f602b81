/* The devices of the fleet program: shells around real edge cores, without stores. One thread. */
#ifndef FLEET_DEVICE_H
#define FLEET_DEVICE_H

#include "client/edge/core/core.h"
#include "common/base/blob.h"
#include "common/doors/crypto.h"
#include "common/doors/loop.h"

struct fleet_device;

struct fleet {
    struct cn_loop *loop;
    struct fleet_device **devices;
    uint32_t n_devices, n_done, n_committed, n_rejected;
    uint32_t updates; /* each device is done after so many */
    uint32_t n_examples;
    const uint32_t *labels;
    uint32_t n_labels;
    size_t update_bytes; /* of the last one built */
    /* What all devices share: the newest model, and the update built against it. */
    struct cn_blob *model, *update;
    struct cn_digest model_digest;
};

/* JOINs with the token and connects to the fleet's endpoint. */
enum cn_err fleet_add(struct fleet *f, const char *token, struct cn_error *err) CN_NODISCARD;
/* Says on standard error what the devices that are not done wait for. */
void fleet_explain(const struct fleet *f);
void fleet_fini(struct fleet *f);

#endif
