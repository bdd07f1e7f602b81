/* Names and sentences of the protocol's reasons and messages. */
#include "common/base/reason.h"

#include "common/base/own.h"
#include "common/base/proto.h"

struct word {
    const char *name, *text;
};

/* clang-format off */
static const struct word refusals[CN_REFUSED_N] = {
    [CN_REFUSED_NONE]      = {"none",      "not refused"},
    [CN_REFUSED_VERSION]   = {"version",   "the coordinator speaks another major version of the protocol; install the same version on both sides"},
    [CN_REFUSED_FLEET]     = {"fleet",     "this device belongs to another fleet; join this one with a new token"},
    [CN_REFUSED_SUSPENDED] = {"suspended", "an admin suspended this device; it keeps its corrections and asks again later"},
    [CN_REFUSED_REVOKED]   = {"revoked",   "this device was revoked; it can only come back with a new identity"},
    [CN_REFUSED_BUSY]      = {"busy",      "too many at once; try again later"},
    [CN_REFUSED_SESSION]   = {"session",   "the coordinator does not know this session; a new one is opened"},
    [CN_REFUSED_TOKEN]     = {"token",     "the token is unknown, expired or used; ask the admin for a new one"},
    [CN_REFUSED_FORM]      = {"form",      "the request cannot be what it says it is"},
};

static const struct word waits[CN_WAIT_N] = {
    [CN_WAIT_NONE]          = {"none",          "not waiting"},
    [CN_WAIT_SLOTS]         = {"slots",         "all upload slots are taken; this device stands in line"},
    [CN_WAIT_MEMORY]        = {"memory",        "the uploads in flight take as much memory as they may"},
    [CN_WAIT_ROUND_FULL]    = {"round-full",    "the round holds as many updates as a release may have"},
    [CN_WAIT_MERGING]       = {"merging",       "the update has arrived and is being checked"},
    [CN_WAIT_PARKED]        = {"parked",        "the update has arrived and is merged in the next round"},
    [CN_WAIT_IN_FLIGHT]     = {"in-flight",     "another update of this device is held; that one is settled first"},
    [CN_WAIT_CONSOLIDATING] = {"consolidating", "a release is being made"},
    [CN_WAIT_SCORING]       = {"scoring",       "devices are scoring the next release"},
    [CN_WAIT_DECIDING]      = {"deciding",      "the next release is being decided on"},
    [CN_WAIT_STALE_BASE]    = {"stale-base",    "the installed release is too old to build on; the newer one is fetched first"},
    [CN_WAIT_AHEAD]         = {"ahead",         "this device runs a newer release than the coordinator has; was the coordinator restored from a backup?"},
    [CN_WAIT_STALLED]       = {"stalled",       "the upload made no progress and lost its slot"},
    [CN_WAIT_RATE]          = {"rate",          "asked too often"},
};

static const struct word rejections[CN_REJECT_N] = {
    [CN_REJECT_NONE]          = {"none",          "not rejected"},
    [CN_REJECT_STALE]         = {"stale",         "built against a release that is too old"},
    [CN_REJECT_AHEAD]         = {"ahead",         "built against a release that the coordinator does not have"},
    [CN_REJECT_TOO_LARGE]     = {"too-large",     "larger than an update may be"},
    [CN_REJECT_DIGEST]        = {"digest",        "the bytes that arrived are not those that were offered"},
    [CN_REJECT_FORM]          = {"form",          "not an update"},
    [CN_REJECT_FLEET]         = {"fleet",         "made for another fleet or architecture"},
    [CN_REJECT_SHAPE]         = {"shape",         "a tensor has the wrong shape"},
    [CN_REJECT_NUMERIC]       = {"numeric",       "a tensor holds NaN, infinity or absurd numbers"},
    [CN_REJECT_COUNTS]        = {"counts",        "the counts per label are absurd"},
    [CN_REJECT_LABEL]         = {"label",         "it has a label that the registry does not have"},
    [CN_REJECT_GATE]          = {"gate",          "the release it would have been in was worse than the one before"},
    [CN_REJECT_CONSOLIDATION] = {"consolidation", "the round it was in could not be made into a release"},
    [CN_REJECT_BASE_CHANGED]  = {"base-changed",  "a rollback came between"},
    [CN_REJECT_OLD_SEQ]       = {"old-seq",       "its number was used before; was the device restored from a backup?"},
};

static const char *const kinds[CN_MSG_NKINDS] = {
    [CN_MSG_NONE] = "NONE", [CN_MSG_HELLO] = "HELLO", [CN_MSG_PING] = "PING", [CN_MSG_PROPOSE] = "PROPOSE",
    [CN_MSG_WANT] = "WANT", [CN_MSG_READY] = "READY", [CN_MSG_OFFER] = "OFFER", [CN_MSG_TALLY] = "TALLY",
    [CN_MSG_SCORED] = "SCORED", [CN_MSG_CHUNK] = "CHUNK", [CN_MSG_WELCOME] = "WELCOME",
    [CN_MSG_REFUSED] = "REFUSED", [CN_MSG_PONG] = "PONG", [CN_MSG_ANNOUNCE] = "ANNOUNCE",
    [CN_MSG_LABEL] = "LABEL", [CN_MSG_GONE] = "GONE", [CN_MSG_TASK] = "TASK", [CN_MSG_WAIT] = "WAIT",
    [CN_MSG_SEND] = "SEND", [CN_MSG_HELD] = "HELD", [CN_MSG_RECEIVED] = "RECEIVED",
    [CN_MSG_COMMITTED] = "COMMITTED", [CN_MSG_REJECT] = "REJECT", [CN_MSG_SCORE] = "SCORE",
    [CN_MSG_JOIN] = "JOIN", [CN_MSG_ADMITTED] = "ADMITTED",
};
/* clang-format on */

static struct word word(const struct word *table, size_t n, unsigned i)
{
    return i < n ? table[i]
                 : (struct word){"unknown", "for a reason that this version does not know"};
}

const char *cn_refused_name(enum cn_refused r)
{
    return word(refusals, CN_COUNT(refusals), r).name;
}

const char *cn_refused_text(enum cn_refused r)
{
    return word(refusals, CN_COUNT(refusals), r).text;
}

const char *cn_wait_name(enum cn_wait w)
{
    return word(waits, CN_COUNT(waits), w).name;
}

const char *cn_wait_text(enum cn_wait w)
{
    return word(waits, CN_COUNT(waits), w).text;
}

const char *cn_reject_name(enum cn_reject r)
{
    return word(rejections, CN_COUNT(rejections), r).name;
}

const char *cn_reject_text(enum cn_reject r)
{
    return word(rejections, CN_COUNT(rejections), r).text;
}

const char *cn_msg_name(enum cn_msg_kind kind)
{
    return (unsigned)kind < CN_COUNT(kinds) ? kinds[kind] : "UNKNOWN";
}
