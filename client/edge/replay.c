/* Which earlier examples are taught again, and when. */
#include <stdlib.h>

#include "client/edge/daemon.h"
#include "common/base/log.h"

enum {
    MAX_OTHERS = 256,                    /* mixed into one correction */
    MAX_REPLAY = 256,                    /* of each kind taught to a new model */
    MAX_REPLAY_BYTES = 64 * 1024 * 1024, /* of their images or features */
    MIN_EACH = 2                         /* of a label, however many labels there are */
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

/* ---- which ---- */

struct picked {
    struct edge_example *at;
    uint32_t n;
};

static void pick_label(struct edge_daemon *d, uint32_t label, bool confirmed, uint32_t limit,
                       struct picked *p)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0;

    if (edge_store_list_label(d->store, label, confirmed, limit, &x, &n, NULL))
        return; /* training with a smaller mix is better than none */
    p->at = cn_realloc(p->at, (p->n + n + 1) * sizeof *p->at);
    for (uint32_t i = 0; i < n; i++)
        p->at[p->n++] = x[i];
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct edge_example *)a)->id, y = ((const struct edge_example *)b)->id;

    return x < y ? -1 : x > y;
}

/* About max pending examples of each kind, the newest of every label, in the order in which they
   came: a label that was taught long ago must not be forgotten over those of today. */
static struct picked pick(struct edge_daemon *d, uint32_t max)
{
    CN_CLEANUP(cn_freep) struct cn_label_count *taught = NULL;
    struct picked p = {0};
    uint32_t n = 0;

    if (edge_store_labels_taught(d->store, &taught, &n, NULL))
        return p;
    uint32_t each = n && max / n > MIN_EACH ? max / n : MIN_EACH;
    for (uint32_t i = 0; i < n && p.n < 2 * max; i++) {
        pick_label(d, taught[i].label, false, each, &p);
        pick_label(d, taught[i].label, true, each, &p);
    }
    if (p.n)
        qsort(p.at, p.n, sizeof *p.at, by_id);
    return p;
}

void edge_replay_others(struct edge_daemon *d, int64_t but, struct edge_lessons *others)
{
    struct picked p = pick(d, MAX_OTHERS / 2);

    for (uint32_t i = 0; i < p.n; i++) {
        struct cn_blob *phi = edge_phicache_get(d->phis, p.at[i].id);
        if (phi && p.at[i].id != but)
            add(d, &p.at[i], NULL, phi, others);
    }
    free(p.at);
}

void edge_replay_pending(struct edge_daemon *d, uint64_t without, struct edge_lessons *fresh,
                         struct edge_lessons *others)
{
    struct picked p = pick(d, MAX_REPLAY);

    for (uint32_t i = 0; i < p.n && fresh->n_bytes + others->n_bytes < MAX_REPLAY_BYTES; i++) {
        struct edge_lessons *to = p.at[i].answer == EDGE_CONFIRMED ? others : fresh;
        if (without && p.at[i].seq == without)
            continue;
        edge_replay_lesson(d, &p.at[i], to);
    }
    free(p.at);
}

void edge_replay_cache(struct edge_daemon *d, const struct edge_lessons *lessons)
{
    for (uint32_t i = 0; i < lessons->n; i++)
        if (lessons->at[i].phi)
            edge_phicache_put(d->phis, lessons->at[i].example, lessons->at[i].phi);
}
