/* A sorted array: example ids only grow, so putting is appending and finding is a binary search.
   Dropped entries stay as holes until the front is trimmed or the array is full. */
#include "client/edge/phicache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    int64_t example;
    struct cn_blob *phi; /* NULL: a hole */
};

struct edge_phicache {
    size_t max_bytes, n_bytes;
    struct entry *at;
    size_t first, n, cap; /* entries [first, n) */
};

struct edge_phicache *edge_phicache_new(size_t max_bytes)
{
    struct edge_phicache *c = cn_calloc(1, sizeof *c);

    c->max_bytes = max_bytes;
    return c;
}

void edge_phicache_clear(struct edge_phicache *c)
{
    for (size_t i = c->first; i < c->n; i++)
        cn_blob_unref(&c->at[i].phi);
    c->first = c->n = c->n_bytes = 0;
}

void edge_phicache_destroy(struct edge_phicache **p)
{
    struct edge_phicache *c = cn_steal(*p);

    if (!c)
        return;
    edge_phicache_clear(c);
    free(c->at);
    free(c);
}

/* The first place whose example is not below. */
static size_t find(const struct edge_phicache *c, int64_t example)
{
    size_t lo = c->first, hi = c->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->at[mid].example < example)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void make_hole(struct edge_phicache *c, size_t i)
{
    if (c->at[i].phi)
        c->n_bytes -= cn_blob_bytes(c->at[i].phi).n;
    cn_blob_unref(&c->at[i].phi);
}

static void compact(struct edge_phicache *c)
{
    size_t kept = 0;

    for (size_t i = c->first; i < c->n; i++)
        if (c->at[i].phi)
            c->at[kept++] = c->at[i];
    c->first = 0;
    c->n = kept;
}

static void make_room(struct edge_phicache *c)
{
    if (c->n < c->cap)
        return;
    compact(c);
    if (c->n < c->cap / 2)
        return;
    c->cap = c->cap ? 2 * c->cap : 64;
    c->at = cn_realloc(c->at, c->cap * sizeof c->at[0]);
}

void edge_phicache_put(struct edge_phicache *c, int64_t example, struct cn_blob *phi)
{
    make_room(c);
    size_t i = find(c, example);
    if (i < c->n && c->at[i].example == example) {
        make_hole(c, i);
    } else {
        memmove(&c->at[i + 1], &c->at[i], (c->n - i) * sizeof c->at[0]);
        c->n++;
    }
    c->at[i] = (struct entry){example, cn_blob_ref(phi)};
    c->n_bytes += cn_blob_bytes(phi).n;
    while (c->n_bytes > c->max_bytes)
        make_hole(c, c->first++);
}

struct cn_blob *edge_phicache_get(const struct edge_phicache *c, int64_t example)
{
    size_t i = find(c, example);

    return i < c->n && c->at[i].example == example ? c->at[i].phi : NULL;
}

void edge_phicache_drop(struct edge_phicache *c, int64_t example)
{
    size_t i = find(c, example);

    if (i < c->n && c->at[i].example == example)
        make_hole(c, i);
}
