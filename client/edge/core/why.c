/* What a device is waiting for, in reasons and sentences. */
#include "client/edge/core/why.h"

#include "client/edge/core/parts.h"

/* clang-format off */
static const struct {
    const char *name, *text;
} words[EDGE_WHY_N] = {
    [EDGE_WHY_NOTHING]      = {"nothing",      "nothing to wait for"},
    [EDGE_WHY_UNREACHABLE]  = {"unreachable",  "the coordinator cannot be reached; is it running, and is its endpoint right?"},
    [EDGE_WHY_SERVER_KEY]   = {"server-key",   "what answers at the coordinator's endpoint has another key; this device was joined to another coordinator"},
    [EDGE_WHY_DENIED]       = {"denied",       "the coordinator does not let this device's key in; it may have been revoked"},
    [EDGE_WHY_LOST]         = {"lost",         "the connection was lost; it is being made again"},
    [EDGE_WHY_GREETING]     = {"greeting",     "connected; the coordinator has not answered yet"},
    [EDGE_WHY_REFUSED]      = {"refused",      "the coordinator refuses this device"},
    [EDGE_WHY_OFFLINE]      = {"offline",      "corrections are kept until the coordinator is back"},
    [EDGE_WHY_NO_RELEASE]   = {"no-release",   "no release is installed yet"},
    [EDGE_WHY_BATCH]        = {"batch",        "a few corrections more, or some time, make an update worth while"},
    [EDGE_WHY_FETCH_FIRST]  = {"fetch-first",  "a newer release is fetched first"},
    [EDGE_WHY_ASKED]        = {"asked",        "asked whether the coordinator wants an update"},
    [EDGE_WHY_BUILDING]     = {"building",     "an update is being built"},
    [EDGE_WHY_OFFERED]      = {"offered",      "the update is offered"},
    [EDGE_WHY_UPLOADING]    = {"uploading",    "the update is being sent"},
    [EDGE_WHY_ARRIVED]      = {"arrived",      "the update was sent; the coordinator has not confirmed it yet"},
    [EDGE_WHY_HELD]         = {"held",         "the coordinator holds the update; the next release will contain it"},
    [EDGE_WHY_TOLD_TO_WAIT] = {"told-to-wait", "the coordinator said to wait"},
    [EDGE_WHY_REJECTED]     = {"rejected",     "the last update was rejected; its corrections are queued again"},
    [EDGE_WHY_NO_ANSWER]    = {"no-answer",    "the coordinator did not answer in time; asking again"},
    [EDGE_WHY_BUILD_FAILED] = {"build-failed", "the last update could not be built; trying again"},
    [EDGE_WHY_LOOKING]      = {"looking",      "looking for what is here already"},
    [EDGE_WHY_FETCHING]     = {"fetching",     "fetching"},
    [EDGE_WHY_VERIFYING]    = {"verifying",    "checking signature and digest"},
    [EDGE_WHY_INSTALLING]   = {"installing",   "installing"},
    [EDGE_WHY_SCORING]      = {"scoring",      "scoring a candidate for the next release"},
    [EDGE_WHY_BAD_BLOB]     = {"bad-blob",     "what was fetched is not what it should be; it was thrown away and is fetched again"},
    [EDGE_WHY_GONE]         = {"gone",         "the coordinator no longer has what it announced; asking again"},
    [EDGE_WHY_SLOW]         = {"slow",         "the transfer stood still; going on from where it stopped"},
};
/* clang-format on */

static struct edge_why why_link(const struct edge_core *c)
{
    const struct edge_link *l = &c->link;
    struct edge_why w = {.until_ms = edge_link_deadline(c)};

    switch (l->state) {
    case EDGE_LINK_ONLINE: w = (struct edge_why){.reason = EDGE_WHY_NOTHING}; break;
    case EDGE_LINK_GREETING: w.reason = EDGE_WHY_GREETING; break;
    case EDGE_LINK_REFUSED:
        w.reason = EDGE_WHY_REFUSED;
        w.refused = l->refused;
        break;
    case EDGE_LINK_DOWN:
        switch (l->cause) {
        case EDGE_DOWN_UNREACHABLE: w.reason = EDGE_WHY_UNREACHABLE; break;
        case EDGE_DOWN_SERVER_KEY: w.reason = EDGE_WHY_SERVER_KEY; break;
        case EDGE_DOWN_DENIED: w.reason = EDGE_WHY_DENIED; break;
        case EDGE_DOWN_LOST: w.reason = EDGE_WHY_LOST; break;
        }
        break;
    }
    return w;
}

static struct edge_why why_idle(const struct edge_core *c)
{
    const struct edge_send *s = &c->send;
    struct edge_why w = {.until_ms = edge_send_deadline(c)};

    w.have = s->queue.n_eligible;
    w.need = c->conf.batch;
    if (s->state == EDGE_SEND_IDLE && s->queue.n_eligible == 0)
        w.reason = EDGE_WHY_NOTHING;
    else if (!edge_core_is_online(c))
        w.reason = EDGE_WHY_OFFLINE;
    else if (s->state == EDGE_SEND_IDLE && !c->release)
        w.reason = EDGE_WHY_NO_RELEASE;
    else if (c->now_ms < s->pause_ms) {
        w.reason = s->paused_for;
        w.until_ms = s->pause_ms;
    } else
        w.reason = edge_fetch_is_upgrading(c) ? EDGE_WHY_FETCH_FIRST : EDGE_WHY_BATCH;
    w.wait = w.reason == EDGE_WHY_TOLD_TO_WAIT ? s->wait : CN_WAIT_NONE;
    w.reject = w.reason == EDGE_WHY_REJECTED ? s->reject : CN_REJECT_NONE;
    if (w.reason == EDGE_WHY_FETCH_FIRST)
        w.until_ms = edge_fetch_deadline(c);
    return w;
}

static struct edge_why why_send(const struct edge_core *c)
{
    const struct edge_send *s = &c->send;
    struct edge_why w = {.until_ms = s->deadline_ms, .need = s->update.size_bytes};

    switch (s->state) {
    case EDGE_SEND_IDLE:
    case EDGE_SEND_KEPT: return why_idle(c);
    case EDGE_SEND_ASKING: w.reason = EDGE_WHY_ASKED; break;
    case EDGE_SEND_BUILDING: w.reason = EDGE_WHY_BUILDING; break;
    case EDGE_SEND_OFFERED: w.reason = EDGE_WHY_OFFERED; break;
    case EDGE_SEND_SENDING:
        w.reason = EDGE_WHY_UPLOADING;
        w.have = s->sent_bytes;
        break;
    case EDGE_SEND_ARRIVED: w.reason = EDGE_WHY_ARRIVED; break;
    case EDGE_SEND_HELD: w.reason = EDGE_WHY_HELD; break;
    }
    return w;
}

static struct edge_why why_fetch(const struct edge_core *c)
{
    const struct edge_fetch *f = &c->fetch;
    struct edge_why w = {.until_ms = f->deadline_ms, .need = f->blob.size_bytes};

    switch (f->state) {
    case EDGE_FETCH_IDLE:
        w = (struct edge_why){.reason = EDGE_WHY_NOTHING};
        if (c->now_ms < f->pause_ms) {
            w.reason = f->paused_for;
            w.until_ms = f->pause_ms;
        }
        break;
    case EDGE_FETCH_LOOKING: w.reason = EDGE_WHY_LOOKING; break;
    case EDGE_FETCH_RUNNING:
        w.reason = EDGE_WHY_FETCHING;
        w.have = f->received_bytes;
        break;
    case EDGE_FETCH_VERIFYING: w.reason = EDGE_WHY_VERIFYING; break;
    case EDGE_FETCH_INSTALLING: w.reason = EDGE_WHY_INSTALLING; break;
    case EDGE_FETCH_SCORING: w.reason = EDGE_WHY_SCORING; break;
    }
    return w;
}

struct edge_why edge_core_why(const struct edge_core *c, enum edge_part part)
{
    switch (part) {
    case EDGE_PART_LINK: return why_link(c);
    case EDGE_PART_SEND: return why_send(c);
    case EDGE_PART_FETCH: return why_fetch(c);
    case EDGE_PART_N: break;
    }
    return (struct edge_why){.reason = EDGE_WHY_NOTHING};
}

struct edge_why edge_core_why_first(const struct edge_core *c)
{
    struct edge_why w = {.reason = EDGE_WHY_NOTHING};

    for (enum edge_part p = EDGE_PART_LINK; p < EDGE_PART_N && w.reason == EDGE_WHY_NOTHING; p++)
        w = edge_core_why(c, p);
    return w;
}

const char *edge_why_name(enum edge_why_reason r)
{
    return r < EDGE_WHY_N ? words[r].name : "unknown";
}

const char *edge_why_text(enum edge_why_reason r)
{
    return r < EDGE_WHY_N ? words[r].text : "waiting for something that this version does not know";
}
