/* The coordinator's database: schema, facts, audit, registry log. */
#include "server/store.h"

/* Scripts are never edited: a change of the schema is one more of them. */
static const char *const migrations[] = {
    "CREATE TABLE fact(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    "  what TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE TABLE label_delta(version INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE device(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
    "  name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '',"
    "  joined_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL DEFAULT 0,"
    "  last_seq INTEGER NOT NULL DEFAULT 0, last_release INTEGER NOT NULL DEFAULT 0,"
    "  release INTEGER NOT NULL DEFAULT 0, n_updates INTEGER NOT NULL DEFAULT 0,"
    "  bytes_received INTEGER NOT NULL DEFAULT 0, bytes_sent INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE token(hash BLOB PRIMARY KEY, name TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL, device INTEGER REFERENCES device(id)) WITHOUT ROWID;"
    "CREATE TABLE release(number INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    "  parent INTEGER NOT NULL, rolled_back_to INTEGER NOT NULL,"
    "  manifest BLOB NOT NULL, manifest_bytes INTEGER NOT NULL,"
    "  model BLOB NOT NULL, model_bytes INTEGER NOT NULL,"
    "  stats BLOB NOT NULL, stats_bytes INTEGER NOT NULL,"
    "  registry BLOB NOT NULL, registry_bytes INTEGER NOT NULL,"
    "  registry_version INTEGER NOT NULL, created_ms INTEGER NOT NULL, n_labels INTEGER NOT NULL,"
    "  candidate TEXT NOT NULL, summary TEXT NOT NULL, report TEXT NOT NULL);"
    "CREATE TABLE release_update(device INTEGER NOT NULL, seq INTEGER NOT NULL,"
    "  release INTEGER NOT NULL REFERENCES release(number), n_examples INTEGER NOT NULL,"
    "  PRIMARY KEY(device, seq)) WITHOUT ROWID;"
    "CREATE INDEX release_update_by_release ON release_update(release);"
    "CREATE TABLE release_label(release INTEGER NOT NULL REFERENCES release(number),"
    "  label INTEGER NOT NULL, images INTEGER NOT NULL, synthesized INTEGER NOT NULL,"
    "  n_right INTEGER NOT NULL, n_wrong INTEGER NOT NULL,"
    "  PRIMARY KEY(release, label)) WITHOUT ROWID;"
    "CREATE TABLE refusal(id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    "  n_updates INTEGER NOT NULL, why TEXT NOT NULL, report TEXT NOT NULL);"
    "CREATE TABLE tally(device INTEGER NOT NULL, release INTEGER NOT NULL, label INTEGER NOT NULL,"
    "  confirmed INTEGER NOT NULL, corrected INTEGER NOT NULL,"
    "  n_right INTEGER NOT NULL, n_wrong INTEGER NOT NULL,"
    "  PRIMARY KEY(device, release, label)) WITHOUT ROWID;"
    "CREATE INDEX tally_by_release ON tally(release, label);",
};

enum { APPLICATION_ID = 0x63726e73 /* "crns" */ };

enum cn_err srv_store_open(struct cn_db **ret, const char *path, struct cn_error *err)
{
    const struct cn_db_conf conf = {.path = path,
                                    .application_id = APPLICATION_ID,
                                    .migrations = migrations,
                                    .n_migrations = CN_COUNT(migrations)};

    return cn_db_open(ret, &conf, err);
}

enum cn_err srv_store_audit(struct cn_db *db, const struct srv_audit *a, struct cn_error *err)
{
    if (!a)
        return CN_OK;
    return cn_db_exec(db, err, "INSERT INTO audit(time_ms, who, what, detail) VALUES(?,?,?,?)",
                      "ittt", a->time_ms, a->who, a->what, a->detail ? a->detail : "");
}

enum cn_err srv_store_set_fact(struct cn_db *db, const char *key, const char *value,
                               struct cn_error *err)
{
    return cn_db_exec(db, err, "INSERT OR REPLACE INTO fact(key, value) VALUES(?,?)", "tt", key,
                      value);
}

enum cn_err srv_store_fact(struct cn_db *db, const char *key, struct cn_buf *ret,
                           struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(db, &q, err, "SELECT value FROM fact WHERE key = ?", "t", key);

    if (e != CN_OK || (e = cn_stmt_step(q, &has_row, err)) != CN_OK)
        return e;
    if (has_row)
        cn_buf_printf(ret, "%s", cn_stmt_text(q, 0));
    return CN_OK;
}

enum cn_err srv_store_add_labels(struct cn_db *db, uint32_t version, struct cn_bytes delta,
                                 const struct srv_audit *audit, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    enum cn_err e = cn_db_begin(db, &tx, err);

    if (e != CN_OK ||
        (e = cn_db_exec(tx, err, "INSERT INTO label_delta(version, bytes) VALUES(?,?)", "uB",
                        version, delta)) != CN_OK ||
        (e = srv_store_audit(tx, audit, err)) != CN_OK)
        return e;
    return cn_db_commit(&tx, err);
}

enum cn_err srv_store_each_delta(struct cn_db *db, srv_store_delta_fn fn, void *user,
                                 struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;
    enum cn_err e = cn_db_query(db, &q, err, "SELECT bytes FROM label_delta ORDER BY version", "");

    if (e != CN_OK)
        return e;
    while ((e = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row)
        if ((e = fn(user, cn_stmt_blob(q, 0), err)) != CN_OK)
            return e;
    return e;
}
