/* Writing down what people said: one transaction per answer. */
#include <assert.h>
#include <stdio.h>

#include "client/edge/store_impl.h"

/* A held-out, queued or travelling example, or one that a release should still be verified on,
   needs its image. */
#define NEEDED "(state IN (1, 2, 3) OR (state = 4 AND verdict = 0))"

enum cn_err edge_store_drop_image(struct edge_store *s, const struct cn_digest *digest,
                                  struct cn_error *err)
{
    return cn_db_exec(s->db, err,
                      "DELETE FROM image WHERE digest = ? AND NOT EXISTS "
                      "(SELECT 1 FROM example WHERE image = digest AND " NEEDED ")",
                      "b", digest->b, (size_t)CN_DIGEST_BYTES);
}

enum cn_err edge_store_tally(struct edge_store *s, const struct edge_example *e, int n,
                             struct cn_error *err)
{
    int confirmed = e->answer == EDGE_CONFIRMED ? n : 0;

    return cn_db_exec(s->db, err,
                      "INSERT INTO tally VALUES (?, ?, max(?, 0), max(?, 0)) "
                      "ON CONFLICT DO UPDATE SET confirmed = max(0, confirmed + ?), "
                      "corrected = max(0, corrected + ?)",
                      "uuiiii", e->predicted_by, e->label, (int64_t)confirmed,
                      (int64_t)(n - confirmed), (int64_t)confirmed, (int64_t)(n - confirmed));
}

/* Images that are kept only because [spool] keep_images asks for it make room first. */
static enum cn_err make_room(struct edge_store *s, size_t n_bytes, struct cn_error *err)
{
    int64_t used, kept;

    for (;;) {
        enum cn_err e = cn_db_int(s->db, &used, 0, err, "SELECT bytes FROM spool", "");
        if (e || (uint64_t)used + n_bytes <= s->max_bytes)
            return e;
        e = cn_db_int(s->db, &kept, 0, err,
                      "SELECT id FROM image WHERE NOT EXISTS (SELECT 1 FROM example WHERE "
                      "image = digest AND " NEEDED ") ORDER BY id LIMIT 1",
                      "");
        if (e)
            return e;
        if (!kept)
            return cn_fail(err, CN_E_FULL,
                           "the spool is full: %.1f of %.1f MB of images wait for a release; "
                           "connect the device to its coordinator, or raise [spool] max_mb",
                           (double)used / 1e6, (double)s->max_bytes / 1e6);
        e = cn_db_exec(s->db, err, "DELETE FROM image WHERE id = ?", "i", kept);
        if (e)
            return e;
    }
}

static enum cn_err put_image(struct edge_store *s, const struct edge_teaching *t,
                             struct cn_error *err)
{
    int64_t there;

    enum cn_err e = cn_db_int(s->db, &there, 0, err, "SELECT id FROM image WHERE digest = ?", "b",
                              t->digest.b, (size_t)CN_DIGEST_BYTES);
    if (e || there)
        return e;
    e = make_room(s, t->image.n, err);
    if (e)
        return e;
    return cn_db_exec(s->db, err, "INSERT INTO image (digest, bytes) VALUES (?, ?)", "bB",
                      t->digest.b, (size_t)CN_DIGEST_BYTES, t->image);
}

static enum cn_err take_back(struct edge_store *s, const struct edge_example *x, const char *why,
                             uint64_t now_ms, struct cn_error *err)
{
    enum cn_err e = cn_db_exec(s->db, err, "UPDATE example SET state = ? WHERE id = ?", "ui",
                               (uint32_t)EDGE_UNDONE, x->id);
    if (!e)
        e = edge_store_tally(s, x, -1, err);
    if (!e)
        e = edge_store_note(s, x->id, 0, now_ms, why, err);
    return e;
}

/* An earlier answer about the same image that is still at home gives way to the newer one. */
static enum cn_err supersede(struct edge_store *s, const struct edge_teaching *t,
                             int64_t *ret_undone, struct cn_error *err)
{
    struct edge_example old;
    int64_t id;

    *ret_undone = 0;
    enum cn_err e = cn_db_int(s->db, &id, 0, err,
                              "SELECT id FROM example WHERE image = ? AND state IN (1, 2, 6)", "b",
                              t->digest.b, (size_t)CN_DIGEST_BYTES);
    if (e || !id)
        return e;
    e = edge_store_get(s, id, &old, err);
    if (!e)
        e = take_back(s, &old, "a newer answer about the same image took its place", t->now_ms,
                      err);
    if (!e)
        *ret_undone = id;
    return e;
}

static enum cn_err put_example(struct edge_store *s, const struct edge_teaching *t,
                               int64_t *ret_example, struct cn_error *err)
{
    enum cn_err e = cn_db_exec(
        s->db, err,
        "INSERT INTO example (image, label, answer, state, predicted, predicted_by, time_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        "buuuuui", t->digest.b, (size_t)CN_DIGEST_BYTES, t->label, (uint32_t)t->answer,
        (uint32_t)t->state, t->predicted, t->predicted_by, t->now_ms);
    if (e)
        return e;
    *ret_example = cn_db_last_id(s->db);
    const struct edge_example x = {
        .label = t->label, .answer = t->answer, .predicted_by = t->predicted_by};
    return edge_store_tally(s, &x, 1, err);
}

static enum cn_err put_own(struct edge_store *s, const struct edge_own_label *own,
                           struct cn_error *err)
{
    return cn_db_exec(s->db, err, "INSERT INTO label VALUES (?, ?, ?, ?, ?, '')", "uuutt",
                      own->local, own->canonical, (uint32_t)own->state, own->name, own->key);
}

enum cn_err edge_store_teach(struct edge_store *s, const struct edge_teaching *t,
                             int64_t *ret_example, int64_t *ret_undone, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    int64_t example = 0, undone = 0;

    assert(t->state == EDGE_QUEUED || t->state == EDGE_HELD_OUT || t->state == EDGE_COUNTED);
    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = supersede(s, t, &undone, err);
    if (!e && t->state != EDGE_COUNTED)
        e = put_image(s, t, err);
    if (!e && t->own)
        e = put_own(s, t->own, err);
    if (!e)
        e = put_example(s, t, &example, err);
    if (!e && t->state == EDGE_COUNTED)
        e = edge_store_drop_image(s, &t->digest, err);
    if (!e)
        e = cn_db_commit(&tx, err);
    if (e)
        return e;
    *ret_example = example;
    *ret_undone = undone;
    return CN_OK;
}

enum cn_err edge_store_undo(struct edge_store *s, int64_t example, uint64_t now_ms,
                            struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    struct edge_example x;

    enum cn_err e = edge_store_get(s, example, &x, err);
    if (e)
        return e;
    if (x.state == EDGE_UNDONE)
        return CN_OK;
    if (x.state == EDGE_IN_UPDATE || x.state == EDGE_COMMITTED)
        return cn_fail(err, CN_E_STATE,
                       "receipt %lld is in %s already and cannot be taken back; teach the image's "
                       "right label instead",
                       (long long)example, x.state == EDGE_COMMITTED ? "a release" : "an update");
    e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = take_back(s, &x, "taken back", now_ms, err);
    if (!e)
        e = edge_store_drop_image(s, &x.image, err);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_set_state(struct edge_store *s, int64_t example,
                                 enum edge_example_state state, const char *why, uint64_t now_ms,
                                 struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err, "UPDATE example SET state = ?, seq = 0 WHERE id = ?", "ui",
                       (uint32_t)state, example);
    if (!e)
        e = edge_store_note(s, example, 0, now_ms, why, err);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_release_held(struct edge_store *s, uint32_t label, uint64_t now_ms,
                                    struct cn_error *err)
{
    int64_t id;

    enum cn_err e =
        cn_db_int(s->db, &id, 0, err, "SELECT min(id) FROM example WHERE label = ? AND state = 2",
                  "u", label);
    if (e || !id)
        return e;
    return edge_store_set_state(s, id, EDGE_QUEUED, "no longer held out: queued", now_ms, err);
}

enum cn_err edge_store_count(struct edge_store *s, uint32_t label, uint32_t *ret_n,
                             uint32_t *ret_held_out, struct cn_error *err)
{
    int64_t n, held;

    enum cn_err e =
        cn_db_int(s->db, &n, 0, err, "SELECT count(*) FROM example WHERE label = ? AND state <> 5",
                  "u", label);
    if (!e)
        e = cn_db_int(s->db, &held, 0, err,
                      "SELECT count(*) FROM example WHERE label = ? AND state = 2", "u", label);
    if (e)
        return e;
    *ret_n = (uint32_t)n;
    *ret_held_out = (uint32_t)held;
    return CN_OK;
}
