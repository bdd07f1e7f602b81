/* The line for upload slots. Whoever finds no slot free stands in line; when one gets free, the
   first in line is told to come now, and the slot is kept for it for a while. Who does not come in
   time loses the place: nobody waits for a device that has gone. */
#include "server/core/parts.h"

/* How long after its time a device keeps its place. */
static uint64_t grace_ms(const struct srv_core *c)
{
    return c->conf.retry_ms;
}

static uint32_t n_free(const struct srv_core *c)
{
    return c->conf.n_slots - c->n_busy;
}

static bool is_late(const struct srv_core *c, uint32_t device)
{
    return c->now_ms >= srv_device(c, device)->wait_until_ms + grace_ms(c);
}

void srv_line_leave(struct srv_core *c, uint32_t device)
{
    struct srv_device *d = srv_device(c, device);

    if (d->in_line)
        srv_list_remove(c, &c->line, device);
    d->in_line = false;
}

bool srv_line_admits(struct srv_core *c, uint32_t device)
{
    uint32_t n = n_free(c);

    while (c->line.head && c->line.head != device && is_late(c, c->line.head))
        srv_line_leave(c, c->line.head);
    for (uint32_t id = c->line.head; id && n; id = srv_device(c, id)->line.next, n--)
        if (id == device)
            return true;
    return n > 0; /* everybody in line has a slot waiting, and there is one more */
}

void srv_line_join(struct srv_core *c, uint32_t device, uint64_t seq, enum cn_wait reason,
                   struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, device);

    if (!d->in_line)
        srv_list_push(c, &c->line, device);
    d->in_line = true;
    srv_tell_wait(c, device, CN_ABOUT_OFFER, seq, reason, c->now_ms + c->conf.retry_ms, out);
}

void srv_line_nudge(struct srv_core *c, struct srv_actions *out)
{
    uint32_t n = n_free(c);

    for (uint32_t id = c->line.head; id && n; id = srv_device(c, id)->line.next, n--) {
        struct srv_device *d = srv_device(c, id);
        if (d->wait_until_ms > c->now_ms) /* else it was told already */
            srv_tell_wait(c, id, CN_ABOUT_OFFER, d->wait_ref, d->wait, c->now_ms, out);
    }
}

void srv_line_tick(struct srv_core *c, struct srv_actions *out)
{
    if (!c->line.head || !is_late(c, c->line.head))
        return;
    while (c->line.head && is_late(c, c->line.head))
        srv_line_leave(c, c->line.head);
    srv_line_nudge(c, out);
}

uint64_t srv_line_deadline(const struct srv_core *c)
{
    return c->line.head ? srv_device(c, c->line.head)->wait_until_ms + grace_ms(c) : 0;
}
