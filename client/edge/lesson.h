/* Labelled images on their way to a learner: what every job of the trainer and the builder owns.
   Threads: one owner at a time; images and features are shared, never changed. */
#ifndef EDGE_LESSON_H
#define EDGE_LESSON_H

#include "common/base/blob.h"
#include "common/recipe/learner.h"

struct edge_lesson {
    int64_t example; /* row of the spool */
    uint32_t label;
    bool corrected;
    struct cn_blob *image, *phi; /* owned references; at least one is there */
};

/* {0} is an empty list. */
struct edge_lessons {
    struct edge_lesson *at;
    uint32_t n, cap;
    size_t n_bytes; /* of the images and features that were added */
};

/* What one job may hold of them: images of a spool can be larger than the memory. */
enum { EDGE_MAX_LESSON_BYTES = 256 * 1024 * 1024 };

void edge_lessons_fini(struct edge_lessons *l);
/* Adds a copy of *lesson with references of its own. */
void edge_lessons_add(struct edge_lessons *l, const struct edge_lesson *lesson);

/* The features of one image, as floats in a blob. CN_E_PARSE or CN_E_LIMIT: not a usable image. */
enum cn_err edge_embed(struct cn_learner *learner, struct cn_bytes image, struct cn_blob **ret_phi,
                       struct cn_error *err) CN_NODISCARD;
/* Fills in missing features; a lesson whose image cannot be read any more is dropped (returned:
   how many). */
uint32_t edge_lessons_embed(struct edge_lessons *l, struct cn_learner *learner);
/* As cn_example[n]; borrowed from the lessons. */
struct cn_example *edge_lessons_examples(const struct edge_lessons *l) CN_NODISCARD;

const float *edge_phi(const struct cn_blob *phi);

#endif
