/* What the round, or a device, is waiting for. */
#include "server/core/why.h"

#include "server/core/parts.h"

/* clang-format off */
static const struct {
    const char *name, *text;
} words[SRV_WHY_N] = {
    [SRV_WHY_IDLE]          = {"idle",          "no update has come yet"},
    [SRV_WHY_UPDATES]       = {"updates",       "the round waits for more updates, or for its time to close"},
    [SRV_WHY_MERGES]        = {"merges",        "the round is closed; the last updates are being merged"},
    [SRV_WHY_CONSOLIDATION] = {"consolidation", "candidates for the next release are being made"},
    [SRV_WHY_SCORES]        = {"scores",        "devices score the candidates on what they held out"},
    [SRV_WHY_DECISION]      = {"decision",      "the next release is being decided on, signed and stored"},
};
/* clang-format on */

struct srv_why srv_core_why(const struct srv_core *c)
{
    const struct srv_round *r = &c->round;
    struct srv_why w = {.until_ms = r->deadline_ms, .overdue = r->overdue};

    w.have = r->n_updates;
    w.need = r->n_updates;
    switch (r->state) {
    case SRV_ROUND_GATHERING:
        w.reason = r->n_updates || r->n_merging ? SRV_WHY_UPDATES : SRV_WHY_IDLE;
        w.need = srv_round_needed(c);
        break;
    case SRV_ROUND_CLOSING:
        w.reason = SRV_WHY_MERGES;
        w.need = r->n_updates + r->n_merging;
        break;
    case SRV_ROUND_CONSOLIDATING: w.reason = SRV_WHY_CONSOLIDATION; break;
    case SRV_ROUND_SCORING:
        w.reason = SRV_WHY_SCORES;
        w.have = r->n_asked - r->n_unanswered;
        w.need = r->n_asked;
        break;
    case SRV_ROUND_DECIDING: w.reason = SRV_WHY_DECISION; break;
    }
    if (w.until_ms == 0 && w.reason == SRV_WHY_UPDATES)
        w.until_ms = srv_upload_deadline(c); /* its first update is being merged */
    return w;
}

const char *srv_why_name(enum srv_why_reason r)
{
    return r < SRV_WHY_N ? words[r].name : "unknown";
}

const char *srv_why_text(enum srv_why_reason r)
{
    return r < SRV_WHY_N ? words[r].text : "waiting for something that this version does not know";
}

enum cn_wait srv_core_device_why(const struct srv_core *c, uint32_t device, uint64_t *ret_until_ms)
{
    const struct srv_device *d = srv_core_device(c, device);

    if (!d || d->wait == CN_WAIT_NONE)
        return CN_WAIT_NONE;
    *ret_until_ms = d->wait_until_ms;
    return d->wait;
}
