/* Which earlier examples are taught again, and when. */
#include <stdlib.h>

#include "client/edge/daemon.h"
#include "common/base/log.h"

enum {
    MAX_OTHERS = 256,                   /* mixed into one correction */
    MAX_PENDING = 512,                  /* looked at for a new model */
    MAX_REPLAY = 256,                   /* of each kind taught to a new model */
    MAX_REPLAY_BYTES = 64 * 1024 * 1024 /* of their images or features */
};

static bool add(struct edge_daemon *d, const struct edge_example *x, struct cn_blob *image,
                struct cn_blob *phi, struct edge_lessons *to)
{
    const struct edge_lesson lesson = {x->id, edge_labels_resolve(d->labels, x->label),
                                       x->answer != EDGE_CONFIRMED, image, phi};

    if (lesson.label == CN_LABEL_NONE)
        return false; /* retired: nothing to learn it as */
    edge_lessons_add(to, &lesson);
    return true;
}

bool edge_replay_lesson(struct edge_daemon *d, const struct edge_example *x,
                        struct edge_lessons *to)
{
    struct cn_blob *phi = edge_phicache_get(d->phis, x->id);
    struct cn_blob *CN_CLEANUP(cn_blob_unref) image = NULL;

    if (phi)
        return add(d, x, NULL, phi, to);
    if (edge_store_image(d->store, &x->image, &image, NULL))
        return false;
    return add(d, x, image, NULL, to);
}

void edge_replay_others(struct edge_daemon *d, int64_t but, struct edge_lessons *others)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0;

    if (edge_store_list(d->store, EDGE_LIST_PENDING, MAX_OTHERS, &x, &n, NULL))
        return; /* a correction without the mix is better than none */
    for (uint32_t i = n; i-- > 0;) {
        struct cn_blob *phi = edge_phicache_get(d->phis, x[i].id);
        if (phi && x[i].id != but)
            add(d, &x[i], NULL, phi, others);
    }
}

void edge_replay_pending(struct edge_daemon *d, uint64_t without, struct edge_lessons *fresh,
                         struct edge_lessons *others)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    size_t n_bytes = 0;
    uint32_t n = 0, newest = 0;

    if (edge_store_list(d->store, EDGE_LIST_PENDING, MAX_PENDING, &x, &n, NULL))
        return;
    /* As many of the newest as fit; taught in the order in which they came. */
    size_t each = d->live.n_phi ? d->live.n_phi * sizeof(float) : 64 * 1024;
    while (newest < n && n_bytes + each <= MAX_REPLAY_BYTES) {
        n_bytes += each;
        newest++;
    }
    for (uint32_t i = newest; i-- > 0;) {
        struct edge_lessons *to = x[i].answer == EDGE_CONFIRMED ? others : fresh;
        if ((without && x[i].seq == without) || to->n >= MAX_REPLAY)
            continue;
        edge_replay_lesson(d, &x[i], to);
    }
}

void edge_replay_cache(struct edge_daemon *d, const struct edge_lessons *lessons)
{
    for (uint32_t i = 0; i < lessons->n; i++)
        if (lessons->at[i].phi)
            edge_phicache_put(d->phis, lessons->at[i].example, lessons->at[i].phi);
}
