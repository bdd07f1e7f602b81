/* Fetching: one part at a time, appended to in order. */
#include "client/edge/fetcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/edge/blobs.h"
#include "common/base/limits.h"
#include "common/doors/crypto.h"

struct edge_fetcher {
    struct cn_worker *worker;
    char data[4096];
    struct cn_digest digest; /* of the part; none: there is no part */
    struct cn_buf part;
};

struct job {
    struct cn_job base; /* first */
    const struct edge_fetcher *fetcher;
    struct cn_digest digest;
    struct cn_blob *blob;
    bool store;
    edge_checked_fn fn;
    void *user;
    struct cn_error err;
};

uint64_t edge_fetcher_have(struct edge_fetcher *f, const struct cn_digest *digest)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) whole = NULL;

    if (cn_digest_equal(&f->digest, digest))
        return f->part.n;
    cn_buf_fini(&f->part);
    f->digest = *digest;
    if (edge_blobs_get(f->data, digest, &whole, NULL) == CN_OK) {
        struct cn_bytes b = cn_blob_bytes(whole);
        cn_buf_append(&f->part, b.at, b.n);
    }
    return f->part.n;
}

void edge_fetcher_keep(struct edge_fetcher *f, const struct cn_digest *digest, uint64_t offset,
                       struct cn_bytes bytes)
{
    if (cn_digest_equal(&f->digest, digest) && offset == f->part.n &&
        f->part.n + bytes.n <= CN_MAX_BLOB_BYTES)
        cn_buf_append(&f->part, bytes.at, bytes.n);
}

void edge_fetcher_forget(struct edge_fetcher *f, const struct cn_digest *digest)
{
    if (!cn_digest_equal(&f->digest, digest))
        return;
    cn_buf_fini(&f->part);
    f->digest = (struct cn_digest){0};
}

static void run(struct cn_job *base)
{
    struct job *j = (struct job *)base;
    struct cn_bytes b = cn_blob_bytes(j->blob);
    struct cn_digest is = cn_digest_of(b.at, b.n);

    if (!cn_digest_equal(&is, &j->digest)) {
        cn_fail(&j->err, CN_E_CRYPTO, "what was fetched does not have the digest that was named");
        return;
    }
    if (j->store && edge_blobs_put(j->fetcher->data, &j->digest, b, &j->err))
        return;
}

static void done(struct cn_job *base)
{
    struct job *j = (struct job *)base;

    if (base->abandoned)
        cn_fail(&j->err, CN_E_STATE, "the daemon is stopping");
    j->fn(j->user, j->err.code ? NULL : j->blob, j->err.code ? &j->err : NULL);
    cn_blob_unref(&j->blob);
    free(j);
}

void edge_fetcher_check(struct edge_fetcher *f, const struct cn_digest *digest, bool store,
                        edge_checked_fn fn, void *user)
{
    struct job *j = cn_calloc(1, sizeof *j);

    j->base.run = run;
    j->base.done = done;
    j->fetcher = f;
    j->digest = *digest;
    if (cn_digest_equal(&f->digest, digest))
        j->blob = cn_blob_take(&f->part);
    else
        j->blob = cn_blob_copy(NULL, 0);
    f->digest = (struct cn_digest){0};
    j->store = store;
    j->fn = fn;
    j->user = user;
    cn_worker_submit(f->worker, &j->base);
}

enum cn_err edge_fetcher_new(struct edge_fetcher **ret, struct cn_loop *loop, const char *data,
                             struct cn_error *err)
{
    struct edge_fetcher *CN_CLEANUP(edge_fetcher_destroy) f = cn_calloc(1, sizeof *f);

    snprintf(f->data, sizeof f->data, "%s", data);
    enum cn_err e = cn_worker_new(&f->worker, "disk", loop, err);
    if (e)
        return e;
    *ret = cn_steal(f);
    return CN_OK;
}

void edge_fetcher_destroy(struct edge_fetcher **p)
{
    struct edge_fetcher *f = cn_steal(*p);

    if (!f)
        return;
    cn_worker_destroy(&f->worker);
    cn_buf_fini(&f->part);
    free(f);
}
