/* What a device is waiting for, and until when: one answer for each of its three machines. */
#ifndef EDGE_WHY_H
#define EDGE_WHY_H

#include <stdint.h>

#include "common/base/reason.h"

struct edge_core;

/* clang-format off */
enum edge_why_reason {
    EDGE_WHY_NOTHING,                                   /* nothing to do */
    EDGE_WHY_UNREACHABLE, EDGE_WHY_SERVER_KEY, EDGE_WHY_DENIED, EDGE_WHY_LOST,          /* link */
    EDGE_WHY_GREETING, EDGE_WHY_REFUSED,
    EDGE_WHY_OFFLINE, EDGE_WHY_NO_RELEASE, EDGE_WHY_BATCH, EDGE_WHY_FETCH_FIRST,        /* send */
    EDGE_WHY_ASKED, EDGE_WHY_BUILDING, EDGE_WHY_OFFERED, EDGE_WHY_UPLOADING, EDGE_WHY_ARRIVED,
    EDGE_WHY_HELD, EDGE_WHY_TOLD_TO_WAIT, EDGE_WHY_REJECTED, EDGE_WHY_NO_ANSWER, EDGE_WHY_BUILD_FAILED,
    EDGE_WHY_LOOKING, EDGE_WHY_FETCHING, EDGE_WHY_VERIFYING, EDGE_WHY_INSTALLING,       /* fetch */
    EDGE_WHY_SCORING, EDGE_WHY_BAD_BLOB, EDGE_WHY_GONE, EDGE_WHY_SLOW,
    EDGE_WHY_N
};
/* clang-format on */

enum edge_part { EDGE_PART_LINK, EDGE_PART_SEND, EDGE_PART_FETCH, EDGE_PART_N };

struct edge_why {
    enum edge_why_reason reason;
    enum cn_refused refused; /* of REFUSED */
    enum cn_wait wait;       /* of TOLD_TO_WAIT */
    enum cn_reject reject;   /* of REJECTED */
    uint64_t until_ms;       /* the deadline of the state; 0 for NOTHING, OFFLINE, NO_RELEASE */
    uint64_t have, need;     /* examples of a batch, bytes of a transfer */
};

struct edge_why edge_core_why(const struct edge_core *c, enum edge_part part);
/* The one to show when there is room for one: link, then send, then fetch. */
struct edge_why edge_core_why_first(const struct edge_core *c);

/* Of REFUSED, TOLD_TO_WAIT and REJECTED, the sentence of the reason inside says more
   (common/base/reason.h). */
const char *edge_why_name(enum edge_why_reason r);
const char *edge_why_text(enum edge_why_reason r);

#endif
