/* One event of the label registry's log, and its bytes. Plain data; threads: no shared state. */
#ifndef CN_LABEL_EVENT_H
#define CN_LABEL_EVENT_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"

enum cn_label_event_kind {
    CN_LABEL_EV_PROPOSED =
        1,                /* id, other = device, text = name: a new label, or one more proposer */
    CN_LABEL_EV_ADDED,    /* id, text = name: accepted at once */
    CN_LABEL_EV_APPROVED, /* id: proposed or rejected -> accepted */
    CN_LABEL_EV_REJECTED, /* id, text = reason: proposed -> rejected */
    CN_LABEL_EV_RENAMED,  /* id, text = name: the old name stays as an alias */
    CN_LABEL_EV_ALIAS_ADDED,   /* id, text = alias */
    CN_LABEL_EV_ALIAS_REMOVED, /* id, text = alias */
    CN_LABEL_EV_MERGED,        /* id, other = into: all its names become aliases of `into` */
    CN_LABEL_EV_RETIRED,       /* id, text = reason: accepted -> retired */
    CN_LABEL_EV_RESTORED,      /* id: retired -> accepted */
    CN_LABEL_EV_REPLACED       /* id = CN_LABEL_NOISE, other = the first accepted label */
};

struct cn_label_event {
    enum cn_label_event_kind kind;
    uint32_t id, other; /* other 0 where the kind has none */
    uint64_t time_ms;
    char actor[CN_MAX_ACTOR_BYTES + 1]; /* an admin's name, "device 7", "policy" */
    char text[CN_MAX_REASON_BYTES + 1]; /* name or reason, "" where the kind has none */
};

/* Bytes, little-endian; one event has one encoding:
     kind u8 | id u32 | other u32 | time_ms u64 | actor u8 n, bytes | text u8 n, bytes
   The actor of PROPOSED is its device, so its actor has no bytes. */
enum { CN_LABEL_EVENT_MIN_BYTES = 19 };

void cn_label_event_encode(const struct cn_label_event *ev, struct cn_buf *out);
/* Reads one event from the front of `from` and moves it past. CN_E_PARSE: cut off, unknown kind,
   an `other` or a text that the kind does not have, text that is no line, an id out of range. */
enum cn_err cn_label_event_decode(struct cn_bytes *from, struct cn_label_event *ret,
                                  struct cn_error *err) CN_NODISCARD;

/* Stable words: "proposed", "renamed", ... */
const char *cn_label_event_name(enum cn_label_event_kind kind);

#endif
