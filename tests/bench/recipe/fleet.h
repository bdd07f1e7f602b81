/* A coordinator without its shell: devices' updates go in, the next release's model comes out.
   Everything in one process, by the product's own functions. */
#ifndef FLEET_H
#define FLEET_H

#include "common/recipe/consolidate.h"

enum { FLEET_MAX_LABELS = 32 };

struct fleet {
    struct cn_recipe recipe;
    struct cn_blob *model, *stats;
    uint32_t n_labels, labels[FLEET_MAX_LABELS]; /* what the registry would accept */
    uint64_t seed;
    uint64_t bytes_sent; /* by devices */
    struct cn_update_report last_update;
};

void fleet_init(struct fleet *f, const struct cn_recipe *r);
void fleet_fini(struct fleet *f);
/* One device's update against the current model. */
void fleet_build(struct fleet *f, const struct cn_example *examples, uint32_t n,
                 struct cn_buf *update);
/* Merges the updates and consolidates into *out; the release stays as it is until fleet_take. */
void fleet_consolidate(struct fleet *f, const struct cn_buf *updates, uint32_t n,
                       struct cn_consolidation *out);
/* Candidate `name`, or the first one, becomes the release. */
void fleet_take(struct fleet *f, struct cn_consolidation *c, const char *name);

/* Share of right answers of a model blob. */
double fleet_accuracy(struct cn_blob *model, const struct cn_example *examples, uint32_t n);

/* Spreads n examples over n_devices by a Dirichlet(alpha) draw per label; device[i] receives the
   index of the device. */
void fleet_spread(const struct cn_example *examples, uint32_t n, uint32_t n_devices, double alpha,
                  uint64_t seed, uint32_t *device);

#endif
