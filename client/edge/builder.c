/* Building updates: features that are missing, cn_update_build, and the bytes on the disk. */
#include "client/edge/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/blobs.h"
#include "common/doors/crypto.h"

struct edge_builder {
    struct cn_worker *worker;
    char data[4096];
};

struct job {
    struct cn_job base; /* first */
    const struct edge_builder *builder;
    struct cn_blob *model;
    struct edge_built built;
    edge_built_fn fn;
    void *user;
    struct cn_error err;
};

/* A learner is opened only when an image has to be looked at again. */
static enum cn_err embed_missing(struct job *j)
{
    struct cn_learner *CN_CLEANUP(cn_learner_destroy) l = NULL;
    struct edge_lessons *lessons = &j->built.lessons;
    uint32_t i = 0;

    while (i < lessons->n && lessons->at[i].phi)
        i++;
    if (i == lessons->n)
        return CN_OK;
    enum cn_err e = cn_learner_open(&l, j->model, &j->err);
    if (!e)
        edge_lessons_embed(lessons, l);
    return e;
}

/* Equal lessons, equal update: the seed comes from the update's number. */
static void run(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct edge_update *u = &j->built.update;
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};

    if (embed_missing(j))
        return;
    if (!j->built.lessons.n) {
        cn_fail(&j->err, CN_E_PARSE, "none of the images can be read any more");
        return;
    }
    CN_CLEANUP(cn_freep) struct cn_example *examples = edge_lessons_examples(&j->built.lessons);
    if (cn_update_build(j->model, examples, j->built.lessons.n, u->seq, &bytes, &j->built.report,
                        &j->err))
        return;
    u->digest = cn_digest_of(bytes.at, bytes.n);
    u->size_bytes = bytes.n;
    u->n_examples = j->built.lessons.n;
    if (edge_blobs_put(j->builder->data, &u->digest, (struct cn_bytes){bytes.at, bytes.n}, &j->err))
        return;
}

static void done(struct cn_job *base)
{
    struct job *j = (struct job *)base;

    if (base->abandoned)
        cn_fail(&j->err, CN_E_STATE, "the daemon is stopping");
    j->fn(j->user, &j->built, j->err.code ? &j->err : NULL);
    cn_blob_unref(&j->model);
    edge_lessons_fini(&j->built.lessons);
    free(j);
}

void edge_builder_build(struct edge_builder *b, uint64_t seq, uint32_t base_release,
                        struct cn_blob **model, struct edge_lessons *lessons, edge_built_fn fn,
                        void *user)
{
    struct job *j = cn_calloc(1, sizeof *j);

    j->base.run = run;
    j->base.done = done;
    j->builder = b;
    j->model = cn_steal(*model);
    j->built.update.seq = seq;
    j->built.update.base = base_release;
    j->built.lessons = *lessons;
    *lessons = (struct edge_lessons){0};
    j->fn = fn;
    j->user = user;
    cn_worker_submit(b->worker, &j->base);
}

enum cn_err edge_builder_new(struct edge_builder **ret, struct cn_loop *loop, const char *data,
                             struct cn_error *err)
{
    struct edge_builder *CN_CLEANUP(edge_builder_destroy) b = cn_calloc(1, sizeof *b);

    snprintf(b->data, sizeof b->data, "%s", data);
    enum cn_err e = cn_worker_new(&b->worker, "builder", loop, err);
    if (e)
        return e;
    *ret = cn_steal(b);
    return CN_OK;
}

void edge_builder_destroy(struct edge_builder **p)
{
    struct edge_builder *b = cn_steal(*p);

    if (!b)
        return;
    cn_worker_destroy(&b->worker);
    free(b);
}
