/* What the round, or a device, is waiting for, and until when. */
#ifndef SRV_WHY_H
#define SRV_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/reason.h"

struct srv_core;

enum srv_why_reason {
    SRV_WHY_IDLE,          /* no update yet: there is nothing to wait for */
    SRV_WHY_UPDATES,       /* more updates, or the time */
    SRV_WHY_MERGES,        /* the last merge jobs of a closed round */
    SRV_WHY_CONSOLIDATION, /* the consolidation job */
    SRV_WHY_SCORES,        /* answers of devices that score */
    SRV_WHY_DECISION,      /* gate, signature and commit */
    SRV_WHY_N
};

struct srv_why {
    enum srv_why_reason reason;
    bool overdue;        /* the job's first deadline has passed; until_ms is the next */
    uint64_t until_ms;   /* 0: no deadline (IDLE only) */
    uint32_t have, need; /* updates, merges or devices that answered; and of how many */
};

struct srv_why srv_core_why(const struct srv_core *c);
const char *srv_why_name(enum srv_why_reason r);
const char *srv_why_text(enum srv_why_reason r);

/* What a device was last told to wait for; CN_WAIT_NONE when it is not waiting. */
enum cn_wait srv_core_device_why(const struct srv_core *c, uint32_t device, uint64_t *ret_until_ms);

#endif
