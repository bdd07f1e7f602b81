/* The life of an update in the store: claimed, built, received, then committed or returned. */
#include <stdio.h>

#include "client/edge/store_impl.h"

/* States of an upload's row. Numbers stand in databases: only append. */
enum { UPLOAD_KEPT = 1, UPLOAD_RECEIVED, UPLOAD_COMMITTED, UPLOAD_REJECTED };

enum cn_err edge_store_open_update(struct edge_store *s, struct edge_update *ret,
                                   struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    struct edge_update u = {0};
    bool has_row = false;

    enum cn_err e = cn_db_query(s->db, &q, err,
                                "SELECT seq, bytes, digest, base, n_examples FROM upload "
                                "WHERE state IN (1, 2)",
                                "");
    if (!e)
        e = cn_stmt_step(q, &has_row, err);
    if (e)
        return e;
    if (has_row) {
        u.seq = (uint64_t)cn_stmt_int(q, 0);
        u.size_bytes = (uint64_t)cn_stmt_int(q, 1);
        u.base = (uint32_t)cn_stmt_int(q, 3);
        u.n_examples = (uint32_t)cn_stmt_int(q, 4);
        if (!cn_stmt_fixed(q, 2, u.digest.b, CN_DIGEST_BYTES))
            return cn_fail(err, CN_E_PARSE, "edge.db: update %llu has no digest",
                           (unsigned long long)u.seq);
    }
    *ret = u;
    return CN_OK;
}

enum cn_err edge_store_last_seq(struct edge_store *s, uint64_t *ret, struct cn_error *err)
{
    int64_t last;

    enum cn_err e = cn_db_int(s->db, &last, 0, err, "SELECT max(seq) FROM upload", "");
    if (!e)
        *ret = (uint64_t)last;
    return e;
}

enum cn_err edge_store_claim(struct edge_store *s, uint64_t seq, const int64_t *examples,
                             uint32_t n, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    for (uint32_t i = 0; i < n && !e; i++)
        e = cn_db_exec(s->db, err,
                       "UPDATE example SET state = 3, seq = ? WHERE id = ? AND state = 1", "ii",
                       seq, examples[i]);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_unclaim(struct edge_store *s, uint64_t seq, struct cn_error *err)
{
    return cn_db_exec(
        s->db, err, "UPDATE example SET state = 1, seq = 0 WHERE seq = ? AND state = 3", "i", seq);
}

enum cn_err edge_store_put_update(struct edge_store *s, const struct edge_update *u,
                                  uint64_t n_raw_bytes, uint64_t now_ms, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    char what[64];

    snprintf(what, sizeof what, "in update %llu", (unsigned long long)u->seq);
    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err, "INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?)", "ibiiuuu",
                       u->seq, u->digest.b, (size_t)CN_DIGEST_BYTES, u->size_bytes, n_raw_bytes,
                       u->base, u->n_examples, (uint32_t)UPLOAD_KEPT);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "INSERT INTO member SELECT seq, id FROM example WHERE seq = ? AND state = 3",
                       "i", u->seq);
    if (!e)
        e = edge_store_note(s, 0, u->seq, now_ms, what, err);
    return e ? e : cn_db_commit(&tx, err);
}

/* Moves the upload on, with a line for the history of its examples. */
static enum cn_err move_upload(struct edge_store *s, uint64_t seq, uint32_t state, uint64_t now_ms,
                               const char *what, struct cn_error *err)
{
    enum cn_err e =
        cn_db_exec(s->db, err, "UPDATE upload SET state = ? WHERE seq = ?", "ui", state, seq);
    return e ? e : edge_store_note(s, 0, seq, now_ms, what, err);
}

enum cn_err edge_store_received(struct edge_store *s, uint64_t seq, uint64_t now_ms,
                                struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    int64_t state;

    enum cn_err e =
        cn_db_int(s->db, &state, 0, err, "SELECT state FROM upload WHERE seq = ?", "i", seq);
    if (e || state != UPLOAD_KEPT)
        return e; /* said twice: once is enough */
    e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = move_upload(s, seq, UPLOAD_RECEIVED, now_ms, "received by the coordinator", err);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_committed(struct edge_store *s, uint64_t seq, uint32_t release,
                                 uint64_t now_ms, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    char what[64];

    snprintf(what, sizeof what, "in release %u", release);
    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "UPDATE example SET state = 4, release = ? WHERE seq = ? AND state = 3",
                       "ui", release, seq);
    if (!e)
        e = move_upload(s, seq, UPLOAD_COMMITTED, now_ms, what, err);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_rejected(struct edge_store *s, uint64_t seq, const char *why,
                                uint64_t now_ms, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    char what[CN_ERROR_TEXT_BYTES];

    snprintf(what, sizeof what, "update %llu was refused (%.300s): queued again",
             (unsigned long long)seq, why);
    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "UPDATE example SET state = 1, seq = 0 WHERE seq = ? AND state = 3", "i",
                       seq);
    if (!e)
        e = move_upload(s, seq, UPLOAD_REJECTED, now_ms, what, err);
    return e ? e : cn_db_commit(&tx, err);
}

static enum cn_err verify_one(struct edge_store *s, int64_t example, enum edge_verdict verdict,
                              uint64_t now_ms, struct cn_error *err)
{
    struct edge_example x;

    enum cn_err e = edge_store_get(s, example, &x, err);
    if (!e)
        e = cn_db_exec(s->db, err, "UPDATE example SET verdict = ? WHERE id = ?", "ui",
                       (uint32_t)verdict, example);
    if (!e)
        e = edge_store_note(s, example, 0, now_ms,
                            verdict == EDGE_RIGHT ? "verified: the release is right on this image"
                                                  : "verified: the release is wrong on this image",
                            err);
    if (!e && !s->keep_images)
        e = edge_store_drop_image(s, &x.image, err);
    return e;
}

enum cn_err edge_store_verified(struct edge_store *s, const int64_t *examples,
                                const enum edge_verdict *verdicts, uint32_t n, uint64_t now_ms,
                                struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    for (uint32_t i = 0; i < n && !e; i++)
        e = verify_one(s, examples[i], verdicts[i], now_ms, err);
    if (!e)
        e = cn_db_commit(&tx, err);
    return e || s->keep_images ? e : cn_db_scrub(s->db, err);
}
