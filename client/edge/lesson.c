/* Lessons: an image, its label, and its features once they are known. */
#include "client/edge/lesson.h"

#include <assert.h>
#include <stdlib.h>

static void drop(struct edge_lesson *s)
{
    cn_blob_unref(&s->image);
    cn_blob_unref(&s->phi);
}

void edge_lessons_fini(struct edge_lessons *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        drop(&l->at[i]);
    free(l->at);
    *l = (struct edge_lessons){0};
}

void edge_lessons_add(struct edge_lessons *l, const struct edge_lesson *lesson)
{
    assert(lesson->image || lesson->phi);
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->at = cn_realloc(l->at, l->cap * sizeof l->at[0]);
    }
    struct edge_lesson *s = &l->at[l->n++];
    *s = *lesson;
    s->image = lesson->image ? cn_blob_ref(lesson->image) : NULL;
    s->phi = lesson->phi ? cn_blob_ref(lesson->phi) : NULL;
    l->n_bytes += s->image ? cn_blob_bytes(s->image).n : 0;
    l->n_bytes += s->phi ? cn_blob_bytes(s->phi).n : 0;
}

enum cn_err edge_embed(struct cn_learner *learner, struct cn_bytes image, struct cn_blob **ret_phi,
                       struct cn_error *err)
{
    const struct cn_pipeline *pipeline = &cn_learner_recipe(learner)->pipeline;
    CN_CLEANUP(cn_freep) float *x = cn_alloc_aligned(cn_pipeline_size(pipeline), sizeof *x);
    CN_CLEANUP(cn_buf_fini) struct cn_buf phi = {0};

    enum cn_err e = cn_pipeline_apply(pipeline, image, x, err);
    if (e)
        return e;
    /* A buffer's bytes come from malloc, so they are aligned for floats. */
    float *out = (float *)(void *)cn_buf_extend(&phi, cn_learner_phi_size(learner) * sizeof *out);
    cn_learner_embed(learner, x, 1, out);
    *ret_phi = cn_blob_take(&phi);
    return CN_OK;
}

uint32_t edge_lessons_embed(struct edge_lessons *l, struct cn_learner *learner)
{
    uint32_t kept = 0, n = l->n;

    for (uint32_t i = 0; i < n; i++) {
        struct edge_lesson *s = &l->at[i];
        if (!s->phi && edge_embed(learner, cn_blob_bytes(s->image), &s->phi, NULL)) {
            drop(s);
            continue;
        }
        l->at[kept++] = *s;
    }
    l->n = kept;
    return n - kept;
}

struct cn_example *edge_lessons_examples(const struct edge_lessons *l)
{
    struct cn_example *e = cn_calloc(l->n, sizeof *e);

    for (uint32_t i = 0; i < l->n; i++)
        e[i] = (struct cn_example){l->at[i].label, l->at[i].corrected, edge_phi(l->at[i].phi)};
    return e;
}

const float *edge_phi(const struct cn_blob *phi)
{
    return (const float *)(const void *)cn_blob_bytes(phi).at;
}
