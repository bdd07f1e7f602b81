/* The latest predictions: a ring in which an id is a place, so that finding one is a subtraction.
 */
#include "client/edge/prediction.h"

#include <assert.h>
#include <stdlib.h>

struct edge_ring {
    uint32_t max_n, boot;
    size_t max_bytes, n_bytes;
    uint32_t first, next; /* serial numbers: [first, next) are held, at [serial % max_n] */
    struct edge_prediction at[];
};

void edge_prediction_fini(struct edge_prediction *p)
{
    cn_blob_unref(&p->image);
    cn_blob_unref(&p->phi);
    p->n_top = 0;
}

static size_t weight(const struct edge_prediction *p)
{
    return (p->image ? cn_blob_bytes(p->image).n : 0) + (p->phi ? cn_blob_bytes(p->phi).n : 0);
}

struct edge_ring *edge_ring_new(uint32_t max_n, size_t max_bytes, uint32_t boot)
{
    struct edge_ring *r = cn_calloc(1, sizeof *r + max_n * sizeof r->at[0]);

    assert(max_n > 0 && (max_n & (max_n - 1)) == 0); /* serials may wrap */
    r->max_n = max_n;
    r->max_bytes = max_bytes;
    r->boot = boot;
    r->first = r->next = 1;
    return r;
}

static void drop_oldest(struct edge_ring *r)
{
    struct edge_prediction *p = &r->at[r->first++ % r->max_n];

    r->n_bytes -= weight(p);
    edge_prediction_fini(p);
}

void edge_ring_destroy(struct edge_ring **p)
{
    struct edge_ring *r = cn_steal(*p);

    while (r && r->first != r->next)
        drop_oldest(r);
    free(r);
}

uint64_t edge_ring_put(struct edge_ring *r, struct edge_prediction *p)
{
    size_t n = weight(p);

    while (r->first != r->next && (r->next - r->first >= r->max_n || r->n_bytes + n > r->max_bytes))
        drop_oldest(r);
    r->at[r->next % r->max_n] = *p;
    *p = (struct edge_prediction){0};
    r->n_bytes += n;
    return (uint64_t)r->boot << 32 | r->next++;
}

const struct edge_prediction *edge_ring_get(const struct edge_ring *r, uint64_t id)
{
    uint32_t serial = (uint32_t)id;

    if (id >> 32 != r->boot || serial - r->first >= r->next - r->first)
        return NULL;
    return &r->at[serial % r->max_n];
}
