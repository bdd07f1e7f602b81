/* The two lists of devices, linked through the devices themselves: online (longest silent first),
   and the line for upload slots. Every operation is O(1). */
#include <assert.h>

#include "server/core/parts.h"

static struct srv_neighbours *links(const struct srv_core *c, const struct srv_list *l,
                                    uint32_t device)
{
    struct srv_device *d = srv_device(c, device);
    return l == &c->online ? &d->online : &d->line;
}

void srv_list_push(struct srv_core *c, struct srv_list *l, uint32_t device)
{
    *links(c, l, device) = (struct srv_neighbours){.prev = l->tail};
    if (l->tail)
        links(c, l, l->tail)->next = device;
    else
        l->head = device;
    l->tail = device;
    l->n++;
}

void srv_list_remove(struct srv_core *c, struct srv_list *l, uint32_t device)
{
    struct srv_neighbours *at = links(c, l, device);

    assert(l->n > 0);
    if (at->prev)
        links(c, l, at->prev)->next = at->next;
    else
        l->head = at->next;
    if (at->next)
        links(c, l, at->next)->prev = at->prev;
    else
        l->tail = at->prev;
    *at = (struct srv_neighbours){0};
    l->n--;
}

bool srv_list_is_sound(const struct srv_core *c, const struct srv_list *l)
{
    uint32_t n = 0, before = 0;

    for (uint32_t id = l->head; id; id = links(c, l, id)->next) {
        if (links(c, l, id)->prev != before || ++n > l->n)
            return false;
        before = id;
    }
    return n == l->n && before == l->tail;
}
