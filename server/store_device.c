/* Devices and tokens in the store. */
#include <stdio.h>
#include <string.h>

#include "server/store.h"

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static enum cn_err damaged(struct cn_error *err, const char *what)
{
    return cn_fail(err, CN_E_PARSE, "the database holds %s that cannot be; restore a backup", what);
}

enum cn_err srv_store_load_members(struct cn_db *db, struct srv_members *ret, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(
        db, &q, err,
        "SELECT id, key, name, state, reason, joined_ms, seen_ms, last_seq, last_release, release,"
        " n_updates, bytes_received, bytes_sent FROM device ORDER BY id",
        "");

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) {
        struct srv_member m = {.id = (uint32_t)cn_stmt_int(q, 0),
                               .state = (enum srv_device_state)cn_stmt_int(q, 3),
                               .joined_ms = (uint64_t)cn_stmt_int(q, 5),
                               .seen_ms = (uint64_t)cn_stmt_int(q, 6),
                               .last_seq = (uint64_t)cn_stmt_int(q, 7),
                               .last_release = (uint32_t)cn_stmt_int(q, 8),
                               .release = (uint32_t)cn_stmt_int(q, 9),
                               .n_updates = (uint64_t)cn_stmt_int(q, 10),
                               .bytes_received = (uint64_t)cn_stmt_int(q, 11),
                               .bytes_sent = (uint64_t)cn_stmt_int(q, 12)};
        if (m.id != ret->n + 1 || ret->n == CN_MAX_DEVICES || m.state < SRV_DEVICE_ACTIVE ||
            m.state > SRV_DEVICE_REVOKED || !cn_stmt_fixed(q, 1, m.key.b, sizeof m.key.b))
            return damaged(err, "a device");
        copy_text(m.name, sizeof m.name, cn_stmt_text(q, 2));
        copy_text(m.reason, sizeof m.reason, cn_stmt_text(q, 4));
        srv_members_add(ret, &m);
    }
    return e;
}

enum cn_err srv_store_set_device(struct cn_db *db, uint32_t id, enum srv_device_state state,
                                 const char *reason, const struct srv_audit *audit,
                                 struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e != CN_OK ||
        (e = cn_db_exec(tx, err, "UPDATE device SET state = ?, reason = ? WHERE id = ?", "utu",
                        (uint32_t)state, reason, id)) != CN_OK ||
        (e = srv_store_audit(tx, audit, err)) != CN_OK)
        return e;
    return cn_db_commit(&tx, err);
}

enum cn_err srv_store_save_members(struct cn_db *db, const struct srv_members *members,
                                   struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    for (uint32_t i = 0; e == CN_OK && i < members->n; i++) {
        const struct srv_member *m = &members->at[i];
        e = cn_db_exec(tx, err,
                       "UPDATE device SET seen_ms = ?, release = ?, bytes_received = ?,"
                       " bytes_sent = ? WHERE id = ? AND (seen_ms, bytes_sent) != (?, ?)",
                       "iuiiuii", m->seen_ms, m->release, m->bytes_received, m->bytes_sent, m->id,
                       m->seen_ms, m->bytes_sent);
    }
    return e == CN_OK ? cn_db_commit(&tx, err) : e;
}

enum cn_err srv_store_add_token(struct cn_db *db, const struct srv_token_record *t,
                                const struct srv_audit *audit, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e != CN_OK ||
        (e = cn_db_exec(tx, err,
                        "INSERT INTO token(hash, name, created_ms, expires_ms) VALUES(?,?,?,?)",
                        "btii", t->hash.b, sizeof t->hash.b, t->name, t->created_ms,
                        t->expires_ms)) != CN_OK ||
        (e = srv_store_audit(tx, audit, err)) != CN_OK)
        return e;
    return cn_db_commit(&tx, err);
}

enum cn_err srv_store_token(struct cn_db *db, const struct cn_digest *hash,
                            struct srv_token_record *ret, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(
        db, &q, err, "SELECT name, created_ms, expires_ms, device FROM token WHERE hash = ?", "b",
        hash->b, sizeof hash->b);

    if (e != CN_OK || (e = cn_stmt_step(q, &has_row, err)) != CN_OK)
        return e;
    if (!has_row)
        return cn_fail(err, CN_E_NOTFOUND, "no such token");
    *ret = (struct srv_token_record){.hash = *hash,
                                     .created_ms = (uint64_t)cn_stmt_int(q, 1),
                                     .expires_ms = (uint64_t)cn_stmt_int(q, 2),
                                     .device = (uint32_t)cn_stmt_int(q, 3)};
    copy_text(ret->name, sizeof ret->name, cn_stmt_text(q, 0));
    return CN_OK;
}

enum cn_err srv_store_name_is_promised(struct cn_db *db, const char *name, uint64_t now_ms,
                                       bool *ret, struct cn_error *err)
{
    int64_t n = 0;
    enum cn_err e =
        cn_db_int(db, &n, 0, err,
                  "SELECT count(*) FROM token WHERE name = ? AND device IS NULL AND expires_ms > ?",
                  "ti", name, now_ms);

    if (e == CN_OK)
        *ret = n > 0;
    return e;
}

enum cn_err srv_store_enrol(struct cn_db *db, const struct cn_digest *hash,
                            const struct srv_member *m, const struct srv_audit *audit,
                            struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e != CN_OK ||
        (e = cn_db_exec(tx, err,
                        "INSERT INTO device(id, key, name, state, joined_ms) VALUES(?,?,?,?,?)",
                        "ubtui", m->id, m->key.b, sizeof m->key.b, m->name, (uint32_t)m->state,
                        m->joined_ms)) != CN_OK ||
        (e = cn_db_exec(tx, err, "UPDATE token SET device = ? WHERE hash = ? AND device IS NULL",
                        "ub", m->id, hash->b, sizeof hash->b)) != CN_OK)
        return e;
    if (cn_db_n_changes(tx) != 1)
        return cn_fail(err, CN_E_STATE, "the token was used meanwhile");
    e = srv_store_audit(tx, audit, err);
    return e == CN_OK ? cn_db_commit(&tx, err) : e;
}
