/* What the trainer said about one image, and the bounded memory of the latest of them, so that a
   person can confirm or correct by id. Loop thread only. */
#ifndef EDGE_PREDICTION_H
#define EDGE_PREDICTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/blob.h"

enum { EDGE_MAX_TOP = 16 };

struct edge_guess {
    uint32_t label; /* canonical or local id, as the model's row is called */
    float p;
};

struct edge_prediction {
    struct cn_blob *image, *phi; /* owned references; phi: the features, float32 */
    uint32_t release;            /* that answered, with what this device taught on top */
    uint32_t n_top;
    struct edge_guess top[EDGE_MAX_TOP]; /* most likely first */
};

void edge_prediction_fini(struct edge_prediction *p);

struct edge_ring;

/* At most max_n predictions (a power of two) and max_bytes of images and features; boot makes ids
   of different runs different. */
struct edge_ring *edge_ring_new(uint32_t max_n, size_t max_bytes, uint32_t boot) CN_NODISCARD;
void edge_ring_destroy(struct edge_ring **ring);
/* Takes what *p owns and returns its id; the oldest make room. */
uint64_t edge_ring_put(struct edge_ring *ring, struct edge_prediction *p);
/* NULL when it never was or fell out; valid until the next put. */
const struct edge_prediction *edge_ring_get(const struct edge_ring *ring, uint64_t id);

#endif
