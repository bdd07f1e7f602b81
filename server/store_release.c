/* Releases, refused rounds and tallies in the store. */
#include "server/store_release.h"

#include <stdio.h>
#include <string.h>

/* ---- the one transaction that releases ---- */

static enum cn_err insert_release(struct cn_db *tx, const struct srv_commit *c,
                                  struct cn_error *err)
{
    const struct srv_release *r = c->release;

    return cn_db_exec(
        tx, err,
        "INSERT INTO release(number, kind, parent, rolled_back_to, manifest, manifest_bytes,"
        " model, model_bytes, stats, stats_bytes, registry, registry_bytes, registry_version,"
        " created_ms, n_labels, candidate, summary, report)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "uuuubibibibiuiuttt", r->number, (uint32_t)r->kind, r->parent, r->rolled_back_to,
        r->manifest.digest.b, sizeof r->manifest.digest.b, r->manifest.size, r->model.digest.b,
        sizeof r->model.digest.b, r->model.size, r->stats.digest.b, sizeof r->stats.digest.b,
        r->stats.size, r->registry.digest.b, sizeof r->registry.digest.b, r->registry.size,
        r->registry_version, r->created_ms, r->n_labels, r->candidate, r->summary,
        c->report ? c->report : "{}");
}

static enum cn_err insert_update(struct cn_db *tx, uint32_t release, const struct srv_update *u,
                                 struct cn_error *err)
{
    enum cn_err e = cn_db_exec(
        tx, err, "INSERT INTO release_update(device, seq, release, n_examples) VALUES(?,?,?,?)",
        "uiuu", u->device, u->seq, release, u->n_examples);

    if (e != CN_OK)
        return e;
    return cn_db_exec(tx, err,
                      "UPDATE device SET last_seq = max(last_seq, ?), last_release = ?,"
                      " n_updates = n_updates + 1 WHERE id = ?",
                      "iuu", u->seq, release, u->device);
}

static enum cn_err insert_label(struct cn_db *tx, uint32_t release,
                                const struct srv_release_label *l, struct cn_error *err)
{
    return cn_db_exec(tx, err,
                      "INSERT INTO release_label(release, label, images, synthesized, n_right,"
                      " n_wrong) VALUES(?,?,?,?,?,?)",
                      "uuiiii", release, l->label, l->images, l->synthesized, l->right, l->wrong);
}

enum cn_err srv_store_commit(struct cn_db *db, const struct srv_commit *c, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e == CN_OK)
        e = insert_release(tx, c, err);
    for (uint32_t i = 0; e == CN_OK && i < c->n_updates; i++)
        e = insert_update(tx, c->release->number, &c->updates[i], err);
    for (uint32_t i = 0; e == CN_OK && i < c->n_labels; i++)
        e = insert_label(tx, c->release->number, &c->labels[i], err);
    if (e == CN_OK)
        e = srv_store_audit(tx, c->audit, err);
    return e == CN_OK ? cn_db_commit(&tx, err) : e;
}

/* ---- reading releases ---- */

static bool get_artifact(struct cn_stmt *q, int column, struct cn_artifact *ret)
{
    ret->size = (uint64_t)cn_stmt_int(q, column + 1);
    return cn_stmt_fixed(q, column, ret->digest.b, sizeof ret->digest.b);
}

static enum cn_err get_release(struct cn_stmt *q, struct srv_release *ret, struct cn_error *err)
{
    struct srv_release r = {.number = (uint32_t)cn_stmt_int(q, 0),
                            .kind = (enum cn_release_kind)cn_stmt_int(q, 1),
                            .parent = (uint32_t)cn_stmt_int(q, 2),
                            .rolled_back_to = (uint32_t)cn_stmt_int(q, 3),
                            .registry_version = (uint32_t)cn_stmt_int(q, 12),
                            .created_ms = (uint64_t)cn_stmt_int(q, 13),
                            .n_labels = (uint32_t)cn_stmt_int(q, 14),
                            .n_updates = (uint32_t)cn_stmt_int(q, 17),
                            .n_examples = (uint64_t)cn_stmt_int(q, 18)};

    snprintf(r.candidate, sizeof r.candidate, "%s", cn_stmt_text(q, 15));
    snprintf(r.summary, sizeof r.summary, "%s", cn_stmt_text(q, 16));
    if (!get_artifact(q, 4, &r.manifest) || !get_artifact(q, 6, &r.model) ||
        !get_artifact(q, 8, &r.stats) || !get_artifact(q, 10, &r.registry))
        return cn_fail(err, CN_E_PARSE, "the database's record of release %u is damaged", r.number);
    *ret = r;
    return CN_OK;
}

#define COLUMNS                                                                                    \
    "number, kind, parent, rolled_back_to, manifest, manifest_bytes, model, model_bytes, stats,"   \
    " stats_bytes, registry, registry_bytes, registry_version, created_ms, n_labels, candidate,"   \
    " summary, (SELECT count(*) FROM release_update u WHERE u.release = number),"                  \
    " (SELECT total(n_examples) FROM release_update u WHERE u.release = number)"

enum cn_err srv_store_release(struct cn_db *db, uint32_t number, struct srv_release *ret,
                              struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(db, &q, err,
                                "SELECT " COLUMNS " FROM release WHERE number = ? OR ? = 0"
                                " ORDER BY number DESC LIMIT 1",
                                "uu", number, number);

    if (e != CN_OK || (e = cn_stmt_step(q, &has_row, err)) != CN_OK)
        return e;
    if (!has_row)
        return cn_fail(err, CN_E_NOTFOUND, "there is no release %u; see release list", number);
    return get_release(q, ret, err);
}

enum cn_err srv_store_report(struct cn_db *db, uint32_t number, struct cn_buf *ret,
                             struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e =
        cn_db_query(db, &q, err, "SELECT report FROM release WHERE number = ?", "u", number);

    if (e != CN_OK || (e = cn_stmt_step(q, &has_row, err)) != CN_OK)
        return e;
    cn_buf_printf(ret, "%s", has_row ? cn_stmt_text(q, 0) : "{}");
    return CN_OK;
}

enum cn_err srv_store_each_release(struct cn_db *db, srv_store_release_fn fn, void *user,
                                   struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    struct srv_release r;
    enum cn_err e =
        cn_db_query(db, &q, err, "SELECT " COLUMNS " FROM release ORDER BY number DESC", "");

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row)
        if ((e = get_release(q, &r, err)) != CN_OK || (e = fn(user, &r, err)) != CN_OK)
            return e;
    return e;
}

enum cn_err srv_store_each_update(struct cn_db *db, uint32_t release, srv_store_update_fn fn,
                                  void *user, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(db, &q, err,
                                "SELECT device, seq, n_examples FROM release_update"
                                " WHERE release = ? ORDER BY device, seq",
                                "u", release);

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) {
        struct srv_update u = {.device = (uint32_t)cn_stmt_int(q, 0),
                               .seq = (uint64_t)cn_stmt_int(q, 1),
                               .n_examples = (uint32_t)cn_stmt_int(q, 2)};
        fn(user, &u);
    }
    return e;
}

enum cn_err srv_store_each_label(struct cn_db *db, uint32_t release, srv_store_label_fn fn,
                                 void *user, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e =
        cn_db_query(db, &q, err,
                    "SELECT label, sum(images), sum(synthesized), sum(n_right), sum(n_wrong)"
                    " FROM release_label WHERE release = ? OR ? = 0 GROUP BY label ORDER BY label",
                    "uu", release, release);

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) {
        struct srv_release_label l = {.label = (uint32_t)cn_stmt_int(q, 0),
                                      .images = (uint64_t)cn_stmt_int(q, 1),
                                      .synthesized = (uint64_t)cn_stmt_int(q, 2),
                                      .right = (uint64_t)cn_stmt_int(q, 3),
                                      .wrong = (uint64_t)cn_stmt_int(q, 4)};
        fn(user, &l);
    }
    return e;
}

enum cn_err srv_store_n_committed(struct cn_db *db, uint64_t *ret, struct cn_error *err)
{
    int64_t n = 0;
    enum cn_err e = cn_db_int(db, &n, 0, err, "SELECT count(*) FROM release_update", "");

    if (e == CN_OK)
        *ret = (uint64_t)n;
    return e;
}

/* ---- refused rounds ---- */

enum cn_err srv_store_add_refusal(struct cn_db *db, const struct srv_refusal *r,
                                  struct cn_error *err)
{
    return cn_db_exec(db, err,
                      "INSERT INTO refusal(time_ms, n_updates, why, report) VALUES(?,?,?,?)",
                      "iutt", r->time_ms, r->n_updates, r->why, r->report);
}

enum cn_err srv_store_each_refusal(struct cn_db *db, srv_store_refusal_fn fn, void *user,
                                   struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(
        db, &q, err,
        "SELECT time_ms, n_updates, why, report FROM refusal ORDER BY id DESC LIMIT 100", "");

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) {
        struct srv_refusal r = {.time_ms = (uint64_t)cn_stmt_int(q, 0),
                                .n_updates = (uint32_t)cn_stmt_int(q, 1),
                                .why = cn_stmt_text(q, 2),
                                .report = cn_stmt_text(q, 3)};
        fn(user, &r);
    }
    return e;
}

/* ---- tallies ---- */

enum cn_err srv_store_tally(struct cn_db *db, uint32_t device, uint32_t release,
                            const struct cn_label_tally *t, uint32_t n, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e == CN_OK)
        e = cn_db_exec(tx, err, "DELETE FROM tally WHERE device = ? AND release = ?", "uu", device,
                       release);
    for (uint32_t i = 0; e == CN_OK && i < n; i++)
        e = cn_db_exec(tx, err,
                       "INSERT INTO tally(device, release, label, confirmed, corrected, n_right,"
                       " n_wrong) VALUES(?,?,?,?,?,?,?)",
                       "uuuuuuu", device, release, t[i].label, t[i].confirmed, t[i].corrected,
                       t[i].right, t[i].wrong);
    return e == CN_OK ? cn_db_commit(&tx, err) : e;
}

enum cn_err srv_store_each_tally(struct cn_db *db, uint32_t device, uint32_t release,
                                 srv_store_tally_fn fn, void *user, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(
        db, &q, err,
        "SELECT label, sum(confirmed), sum(corrected), sum(n_right), sum(n_wrong) FROM tally"
        " WHERE release = ? AND (device = ? OR ? = 0) GROUP BY label ORDER BY label",
        "uuu", release, device, device);

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) {
        struct cn_label_tally t = {.label = (uint32_t)cn_stmt_int(q, 0),
                                   .confirmed = (uint32_t)cn_stmt_int(q, 1),
                                   .corrected = (uint32_t)cn_stmt_int(q, 2),
                                   .right = (uint32_t)cn_stmt_int(q, 3),
                                   .wrong = (uint32_t)cn_stmt_int(q, 4)};
        fn(user, &t);
    }
    return e;
}
