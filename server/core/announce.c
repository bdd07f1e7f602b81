/* What is newest, told to everybody: releases at once, registry changes gathered for a while (a
   hundred new labels are one announcement). Who misses an announcement hears it with the next PONG.
 */
#include <assert.h>

#include "server/core/parts.h"

struct cn_heads srv_heads(const struct srv_core *c)
{
    struct cn_heads h = c->heads;

    h.server_time_ms = c->wall_ms;
    return h;
}

static void announce(struct srv_core *c, struct srv_actions *out)
{
    c->announce_due_ms = 0;
    c->announce_after_ms = c->now_ms + c->conf.announce_ms;
    if (c->online.n == 0)
        return;
    struct srv_action *a = srv_act(out, SRV_ACT_BROADCAST);
    a->to = SRV_TO_ONLINE;
    a->msg.kind = CN_MSG_ANNOUNCE;
    a->msg.announce = srv_heads(c);
}

static bool take_registry(struct srv_core *c, const struct cn_heads *h)
{
    if (h->registry_version <= c->heads.registry_version)
        return false;
    c->heads.registry_version = h->registry_version;
    c->heads.registry = h->registry;
    c->heads.registry_bytes = h->registry_bytes;
    return true;
}

void srv_announce_release(struct srv_core *c, const struct cn_heads *heads, struct srv_actions *out)
{
    assert(heads->release > c->heads.release);
    c->heads.release = heads->release;
    c->heads.manifest = heads->manifest;
    c->heads.manifest_bytes = heads->manifest_bytes;
    take_registry(c, heads);
    announce(c, out);
}

void srv_announce_registry(struct srv_core *c, const struct cn_heads *heads,
                           struct srv_actions *out)
{
    if (!take_registry(c, heads))
        return;
    if (c->now_ms >= c->announce_after_ms)
        announce(c, out);
    else
        c->announce_due_ms = c->announce_after_ms;
}

void srv_announce_tick(struct srv_core *c, struct srv_actions *out)
{
    if (c->announce_due_ms && c->now_ms >= c->announce_due_ms)
        announce(c, out);
}
