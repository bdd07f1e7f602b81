/* The store: schema, opening, and the rows that are few.

   An example is a row that lives for ever (until a hundred thousand newer ones came): it is the
   receipt. Its image is a row of its own, shared by all answers about the same image, and goes when
   the last example that needs it is in a release and was verified. Triggers keep the sum of image
   bytes, so that the bound of the spool holds in the same transaction. */
#include "client/edge/store_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_RECEIPTS = 100000, APPLICATION_ID = 0x43524e45 /* "CRNE" */ };

/* clang-format off */
static const char *const migrations[] = {
    "CREATE TABLE example ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, image BLOB NOT NULL, label INTEGER NOT NULL,"
    "  answer INTEGER NOT NULL, state INTEGER NOT NULL, verdict INTEGER NOT NULL DEFAULT 0,"
    "  seq INTEGER NOT NULL DEFAULT 0, release INTEGER NOT NULL DEFAULT 0,"
    "  predicted INTEGER NOT NULL, predicted_by INTEGER NOT NULL, time_ms INTEGER NOT NULL);"
    "CREATE INDEX example_state ON example (state, id);"
    "CREATE INDEX example_label ON example (label, state);"
    "CREATE INDEX example_image ON example (image);"
    "CREATE INDEX example_seq ON example (seq) WHERE seq > 0;"
    "CREATE TABLE image (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);"
    "CREATE TABLE spool (bytes INTEGER NOT NULL);"
    "INSERT INTO spool VALUES (0);"
    "CREATE TRIGGER image_in AFTER INSERT ON image BEGIN"
    "  UPDATE spool SET bytes = bytes + length(new.bytes); END;"
    "CREATE TRIGGER image_out AFTER DELETE ON image BEGIN"
    "  UPDATE spool SET bytes = bytes - length(old.bytes); END;"
    "CREATE TABLE label ("
    "  local INTEGER PRIMARY KEY, canonical INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, reason TEXT NOT NULL);"
    "CREATE TABLE upload ("
    "  seq INTEGER PRIMARY KEY, digest BLOB NOT NULL, bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL,"
    "  base INTEGER NOT NULL, n_examples INTEGER NOT NULL, state INTEGER NOT NULL);"
    "CREATE TABLE member (seq INTEGER NOT NULL, example INTEGER NOT NULL, PRIMARY KEY (example, seq)) WITHOUT ROWID;"
    "CREATE TABLE note (example INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, what TEXT NOT NULL);"
    "CREATE INDEX note_example ON note (example) WHERE example > 0;"
    "CREATE INDEX note_seq ON note (seq) WHERE seq > 0;"
    "CREATE TABLE tally ("
    "  release INTEGER NOT NULL, label INTEGER NOT NULL, confirmed INTEGER NOT NULL, corrected INTEGER NOT NULL,"
    "  PRIMARY KEY (release, label)) WITHOUT ROWID;"
    "CREATE TABLE installed ("
    "  release INTEGER NOT NULL, manifest BLOB NOT NULL, model BLOB NOT NULL,"
    "  registry_version INTEGER NOT NULL, registry BLOB NOT NULL);"
    "INSERT INTO installed VALUES (0, zeroblob(32), zeroblob(32), 0, zeroblob(32));",
};
/* clang-format on */

/* What a death between two transactions left: claims without an update. Receipts of long ago go. */
static enum cn_err tidy(struct edge_store *s, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "UPDATE example SET state = 1, seq = 0 WHERE state = 3 AND seq NOT IN "
                       "(SELECT seq FROM upload)",
                       "");
    if (!e)
        e = cn_db_exec(s->db, err,
                       "DELETE FROM example WHERE state IN (4, 5, 6) AND id <= "
                       "(SELECT max(id) FROM example) - ? AND image NOT IN "
                       "(SELECT digest FROM image)",
                       "i", (int64_t)MAX_RECEIPTS);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "DELETE FROM note WHERE example > 0 AND example NOT IN "
                       "(SELECT id FROM example)",
                       "");
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_open(struct edge_store **ret, const char *data, uint64_t max_bytes,
                            bool keep_images, struct cn_error *err)
{
    struct edge_store *CN_CLEANUP(edge_store_close) s = cn_calloc(1, sizeof *s);
    char path[4096];

    snprintf(path, sizeof path, "%s/edge.db", data);
    const struct cn_db_conf conf = {path, APPLICATION_ID, migrations, CN_COUNT(migrations), 0};
    s->max_bytes = max_bytes;
    s->keep_images = keep_images;
    enum cn_err e = cn_db_open(&s->db, &conf, err);
    if (!e)
        e = tidy(s, err);
    if (e)
        return e;
    *ret = cn_steal(s);
    return CN_OK;
}

void edge_store_close(struct edge_store **p)
{
    struct edge_store *s = cn_steal(*p);

    if (!s)
        return;
    cn_db_close(&s->db);
    free(s);
}

enum cn_err edge_store_note(struct edge_store *s, int64_t example, uint64_t seq, uint64_t now_ms,
                            const char *what, struct cn_error *err)
{
    return cn_db_exec(s->db, err, "INSERT INTO note VALUES (?, ?, ?, ?)", "iiit", example, seq,
                      now_ms, what);
}

enum cn_err edge_store_installed(struct edge_store *s, struct edge_installed *ret,
                                 struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    struct edge_installed i = {0};
    bool has_row = false;

    enum cn_err e = cn_db_query(
        s->db, &q, err,
        "SELECT release, manifest, model, registry_version, registry FROM installed", "");
    if (!e)
        e = cn_stmt_step(q, &has_row, err);
    if (e)
        return e;
    i.release = (uint32_t)cn_stmt_int(q, 0);
    i.registry_version = (uint32_t)cn_stmt_int(q, 3);
    if (!has_row || !cn_stmt_fixed(q, 1, i.manifest.b, CN_DIGEST_BYTES) ||
        !cn_stmt_fixed(q, 2, i.model.b, CN_DIGEST_BYTES) ||
        !cn_stmt_fixed(q, 4, i.registry.b, CN_DIGEST_BYTES))
        return cn_fail(err, CN_E_PARSE, "edge.db does not say which release is installed");
    *ret = i;
    return CN_OK;
}

enum cn_err edge_store_install(struct edge_store *s, const struct edge_installed *i,
                               struct cn_error *err)
{
    return cn_db_exec(s->db, err,
                      "UPDATE installed SET release = ?, manifest = ?, model = ?, "
                      "registry_version = ?, registry = ?",
                      "ubbub", i->release, i->manifest.b, (size_t)CN_DIGEST_BYTES, i->model.b,
                      (size_t)CN_DIGEST_BYTES, i->registry_version, i->registry.b,
                      (size_t)CN_DIGEST_BYTES);
}

/* ---- own labels ---- */

enum cn_err edge_store_load_labels(struct edge_store *s, struct edge_labels *labels,
                                   struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e = cn_db_query(
        s->db, &q, err,
        "SELECT local, canonical, state, name, key, reason FROM label ORDER BY local", "");
    while (!e && !(e = cn_stmt_step(q, &has_row, err)) && has_row) {
        struct edge_own_label own = {(uint32_t)cn_stmt_int(q, 0),
                                     (uint32_t)cn_stmt_int(q, 1),
                                     (enum edge_own_state)cn_stmt_int(q, 2),
                                     "",
                                     "",
                                     ""};
        snprintf(own.name, sizeof own.name, "%s", cn_stmt_text(q, 3));
        snprintf(own.key, sizeof own.key, "%s", cn_stmt_text(q, 4));
        snprintf(own.reason, sizeof own.reason, "%s", cn_stmt_text(q, 5));
        edge_labels_put_own(labels, &own);
    }
    return e;
}

/* Examples and tallies of one label become another's. */
static enum cn_err move_label(struct edge_store *s, uint32_t from, uint32_t to, bool all,
                              struct cn_error *err)
{
    enum cn_err e = cn_db_exec(
        s->db, err, "UPDATE example SET label = ? WHERE label = ? AND (? OR state IN (1, 2, 3))",
        "uuu", to, from, (uint32_t)all);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "INSERT INTO tally SELECT release, ?, confirmed, corrected FROM tally "
                       "WHERE label = ? ON CONFLICT DO UPDATE SET "
                       "confirmed = confirmed + excluded.confirmed, "
                       "corrected = corrected + excluded.corrected",
                       "uu", to, from);
    return e ? e : cn_db_exec(s->db, err, "DELETE FROM tally WHERE label = ?", "u", from);
}

enum cn_err edge_store_put_own(struct edge_store *s, const struct edge_own_label *own, bool rename,
                               struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = cn_db_exec(s->db, err,
                       "INSERT INTO label VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (local) DO UPDATE "
                       "SET canonical = excluded.canonical, state = excluded.state, "
                       "reason = excluded.reason",
                       "uuuttt", own->local, own->canonical, (uint32_t)own->state, own->name,
                       own->key, own->reason);
    if (!e && rename)
        e = move_label(s, own->local, own->canonical, true, err);
    return e ? e : cn_db_commit(&tx, err);
}

enum cn_err edge_store_merge_label(struct edge_store *s, uint32_t from, uint32_t to,
                                   struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;

    enum cn_err e = cn_db_begin(s->db, &tx, err);
    if (!e)
        e = move_label(s, from, to, false, err);
    return e ? e : cn_db_commit(&tx, err);
}
