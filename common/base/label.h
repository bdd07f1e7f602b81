/* The value types of labels that cores, messages and learning share. Plain data. */
#ifndef CN_LABEL_H
#define CN_LABEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CN_LABEL_NOISE = 0, /* the placeholder of a fleet's first boot */
    CN_LABEL_LOCAL =
        0x40000000,            /* ids from here up are a device's own overlay, never on the wire */
    CN_LABEL_NONE = 0x7fffffff /* no label */
};

static inline bool cn_label_is_local(uint32_t id)
{
    return id >= CN_LABEL_LOCAL && id != CN_LABEL_NONE;
}

enum cn_label_state {
    CN_LABEL_PLACEHOLDER, /* "noise", until the first real label is accepted */
    CN_LABEL_PROPOSED,    /* waits for a quorum or a person */
    CN_LABEL_ACCEPTED,
    CN_LABEL_REJECTED,
    CN_LABEL_MERGED,  /* into another label, for ever */
    CN_LABEL_RETIRED, /* no longer predicted; the placeholder ends here too */
    CN_LABEL_NSTATES
};

/* How a model's row is carried to a newer registry version: `from` was merged into `to`, or is
   dropped when `to` is CN_LABEL_NONE. */
struct cn_label_move {
    uint32_t from, to;
};

struct cn_label_count {
    uint32_t label, n;
};

/* What a device says of one label under one release or candidate: counts only. */
struct cn_label_tally {
    uint32_t label;
    uint32_t confirmed,
        corrected;         /* people's answers to predictions of that release (test-then-train) */
    uint32_t right, wrong; /* of held-out examples whose true label this is */
};

#endif
