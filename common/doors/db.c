/* A durable store in one file. The only file that includes sqlite3.h.

   Why these settings: WAL + synchronous=FULL syncs the log at every commit, so that a commit that
   was reported survives a power cut; foreign keys are off in SQLite unless asked for; mmap stays
   off, because an I/O error there is a signal instead of an error code. */
#include "common/doors/db.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fs.h"

enum { N_CACHED = 64, BUSY_MS = 2000 };

struct cn_stmt {
    struct cn_db *db;
    sqlite3_stmt *handle;
    bool is_lent;
    uint64_t last_use;
};

struct cn_db {
    sqlite3 *handle;
    char *path;
    struct cn_stmt cache[N_CACHED];
    uint64_t n_uses;
    int64_t n_changes;
    bool in_transaction;
};

static enum cn_err fail_db(const struct cn_db *db, int rc, const char *what, struct cn_error *err)
{
    const char *path = db->path, *why = sqlite3_errmsg(db->handle);

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return cn_fail(err, CN_E_FULL, "%s %s: the disk is full; make room and start again", what,
                       path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return cn_fail(err, CN_E_READONLY,
                       "%s %s: it cannot be written (%s); check the owner and mode of the file and "
                       "its directory",
                       what, path, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return cn_fail(err, CN_E_BUSY, "%s %s: another process holds it; stop that first", what,
                       path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return cn_fail(err, CN_E_PARSE,
                       "%s %s: the file is damaged (%s); put a backup in its place", what, path,
                       why);
    case SQLITE_CONSTRAINT: {
        int kind = sqlite3_extended_errcode(db->handle);
        bool taken = kind == SQLITE_CONSTRAINT_UNIQUE || kind == SQLITE_CONSTRAINT_PRIMARYKEY;
        return cn_fail(err, taken ? CN_E_EXISTS : CN_E_STATE, "%s %s: %s", what, path, why);
    }
    case SQLITE_TOOBIG: return cn_fail(err, CN_E_LIMIT, "%s %s: %s", what, path, why);
    default: return cn_fail(err, CN_E_IO, "%s %s: %s", what, path, why);
    }
}

/* Statements. */

static sqlite3_stmt *compile(struct cn_db *db, const char *sql, int *ret_rc)
{
    sqlite3_stmt *handle = NULL;

    *ret_rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (*ret_rc == SQLITE_ERROR) { /* a bug in us, and one that a person must be able to see */
        fprintf(stderr, "%s: %s: %s\n", db->path, sqlite3_errmsg(db->handle), sql);
        assert(!"the SQL does not compile");
    }
    return handle;
}

/* The least recently used statement makes room. */
static struct cn_stmt *lend(struct cn_db *db, const char *sql, int *ret_rc)
{
    struct cn_stmt *oldest = NULL;

    for (size_t i = 0; i < N_CACHED; i++) {
        struct cn_stmt *s = &db->cache[i];
        if (s->is_lent)
            continue;
        if (s->handle && strcmp(sqlite3_sql(s->handle), sql) == 0) {
            s->is_lent = true;
            s->last_use = ++db->n_uses;
            return s;
        }
        if (!oldest || s->last_use < oldest->last_use)
            oldest = s;
    }
    assert(oldest); /* 64 queries open at once: somebody does not give them back */
    sqlite3_stmt *handle = compile(db, sql, ret_rc);
    if (!handle)
        return NULL;
    sqlite3_finalize(oldest->handle);
    *oldest = (struct cn_stmt){db, handle, true, ++db->n_uses};
    return oldest;
}

void cn_stmt_done(struct cn_stmt **p)
{
    struct cn_stmt *s = cn_steal(*p);

    if (!s)
        return;
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    s->is_lent = false;
}

static int bind_blob(sqlite3_stmt *h, int i, const void *p, size_t n)
{
    /* A NULL pointer would bind NULL; no bytes are still a blob. */
    return n ? sqlite3_bind_blob64(h, i, p, n, SQLITE_TRANSIENT) : sqlite3_bind_zeroblob(h, i, 0);
}

static int bind_all(sqlite3_stmt *h, const char *fmt, va_list ap)
{
    int rc = SQLITE_OK;

    assert((int)strlen(fmt) == sqlite3_bind_parameter_count(h));
    for (int i = 1; *fmt && rc == SQLITE_OK; fmt++, i++) {
        switch (*fmt) {
        case 'i': rc = sqlite3_bind_int64(h, i, va_arg(ap, int64_t)); break;
        case 'u': rc = sqlite3_bind_int64(h, i, va_arg(ap, uint32_t)); break;
        case 'd': rc = sqlite3_bind_double(h, i, va_arg(ap, double)); break;
        case 't':
            rc = sqlite3_bind_text(h, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
            break;
        case '-': rc = sqlite3_bind_null(h, i); break;
        case 'b': {
            const void *p = va_arg(ap, const void *);
            rc = bind_blob(h, i, p, va_arg(ap, size_t));
            break;
        }
        case 'B': {
            struct cn_bytes bytes = va_arg(ap, struct cn_bytes);
            rc = bind_blob(h, i, bytes.at, bytes.n);
            break;
        }
        default: assert(!"an unknown letter in the format");
        }
    }
    return rc;
}

static enum cn_err start(struct cn_db *db, struct cn_stmt **ret, struct cn_error *err,
                         const char *sql, const char *fmt, va_list ap)
{
    int rc = SQLITE_OK;
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) s = lend(db, sql, &rc);

    if (!s)
        return fail_db(db, rc, "cannot use", err);
    rc = bind_all(s->handle, fmt, ap);
    if (rc != SQLITE_OK)
        return fail_db(db, rc, "cannot use", err);
    *ret = cn_steal(s);
    return CN_OK;
}

enum cn_err cn_stmt_step(struct cn_stmt *s, bool *ret_has_row, struct cn_error *err)
{
    int rc = sqlite3_step(s->handle);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail_db(s->db, rc, sqlite3_stmt_readonly(s->handle) ? "cannot read" : "cannot write",
                       err);
    *ret_has_row = rc == SQLITE_ROW;
    return CN_OK;
}

enum cn_err cn_db_query(struct cn_db *db, struct cn_stmt **ret, struct cn_error *err,
                        const char *sql, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enum cn_err code = start(db, ret, err, sql, fmt, ap);
    va_end(ap);
    return code;
}

enum cn_err cn_db_exec(struct cn_db *db, struct cn_error *err, const char *sql, const char *fmt,
                       ...)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) s = NULL;
    bool has_row = true;
    va_list ap;

    va_start(ap, fmt);
    enum cn_err code = start(db, &s, err, sql, fmt, ap);
    va_end(ap);
    while (code == CN_OK && has_row)
        code = cn_stmt_step(s, &has_row, err);
    if (code == CN_OK)
        db->n_changes = sqlite3_changes64(db->handle);
    return code;
}

enum cn_err cn_db_int(struct cn_db *db, int64_t *ret, int64_t absent, struct cn_error *err,
                      const char *sql, const char *fmt, ...)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) s = NULL;
    bool has_row = false;
    va_list ap;

    va_start(ap, fmt);
    enum cn_err code = start(db, &s, err, sql, fmt, ap);
    va_end(ap);
    if (code == CN_OK)
        code = cn_stmt_step(s, &has_row, err);
    if (code == CN_OK)
        *ret = has_row && !cn_stmt_is_null(s, 0) ? cn_stmt_int(s, 0) : absent;
    return code;
}

int64_t cn_db_last_id(const struct cn_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t cn_db_n_changes(const struct cn_db *db)
{
    return db->n_changes;
}

int64_t cn_stmt_int(struct cn_stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

double cn_stmt_double(struct cn_stmt *s, int column)
{
    return sqlite3_column_double(s->handle, column);
}

const char *cn_stmt_text(struct cn_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s->handle, column);

    return text ? text : "";
}

struct cn_bytes cn_stmt_blob(struct cn_stmt *s, int column)
{
    const void *at = sqlite3_column_blob(s->handle, column);

    return (struct cn_bytes){at, (size_t)sqlite3_column_bytes(s->handle, column)};
}

bool cn_stmt_is_null(struct cn_stmt *s, int column)
{
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

bool cn_stmt_fixed(struct cn_stmt *s, int column, void *out, size_t n)
{
    struct cn_bytes bytes = cn_stmt_blob(s, column);

    if (bytes.n != n)
        return false;
    if (n > 0)
        memcpy(out, bytes.at, n);
    return true;
}

/* Transactions. */

enum cn_err cn_db_begin(struct cn_db *db, struct cn_db **ret_tx, struct cn_error *err)
{
    assert(!db->in_transaction);
    enum cn_err code = cn_db_exec(db, err, "BEGIN IMMEDIATE", "");
    if (code != CN_OK)
        return code;
    db->in_transaction = true;
    *ret_tx = db;
    return CN_OK;
}

enum cn_err cn_db_commit(struct cn_db **tx, struct cn_error *err)
{
    enum cn_err code = cn_db_exec(*tx, err, "COMMIT", "");

    if (code != CN_OK) {
        cn_db_rollback(tx);
        return code;
    }
    cn_steal(*tx)->in_transaction = false;
    return CN_OK;
}

void cn_db_rollback(struct cn_db **tx)
{
    struct cn_db *db = cn_steal(*tx);

    if (!db)
        return;
    db->in_transaction = false;
    /* A full disk makes SQLite roll back by itself. */
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* Opening. */

static enum cn_err run(struct cn_db *db, const char *what, struct cn_error *err, const char *sql)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? CN_OK : fail_db(db, rc, what, err);
}

static enum cn_err read_pragma(struct cn_db *db, const char *sql, int64_t *ret,
                               struct cn_error *err)
{
    enum cn_err code = cn_db_int(db, ret, 0, err, sql, "");

    return code == CN_OK ? CN_OK : cn_fail_prefix(err, "cannot open the database");
}

/* A new file has neither tables nor our mark; any other file must bear the mark. */
static enum cn_err check_owner(struct cn_db *db, const struct cn_db_conf *conf,
                               int64_t *ret_version, struct cn_error *err)
{
    int64_t id, version, n_tables;
    enum cn_err code;

    if ((code = read_pragma(db, "PRAGMA application_id", &id, err)) != CN_OK ||
        (code = read_pragma(db, "PRAGMA user_version", &version, err)) != CN_OK ||
        (code = read_pragma(db, "SELECT count(*) FROM sqlite_schema", &n_tables, err)) != CN_OK)
        return code;
    bool is_new = id == 0 && version == 0 && n_tables == 0;
    if (!is_new && (uint32_t)id != conf->application_id)
        return cn_fail(err, CN_E_VERSION, "%s is a database of another program; it is left alone",
                       conf->path);
    if (version > conf->n_migrations)
        return cn_fail(err, CN_E_VERSION,
                       "%s was written by a newer version (its format is %lld, this program knows "
                       "%u); upgrade this program",
                       conf->path, (long long)version, conf->n_migrations);
    *ret_version = version;
    return CN_OK;
}

static enum cn_err migrate(struct cn_db *db, const struct cn_db_conf *conf, struct cn_error *err)
{
    char mark[80];
    int64_t version;
    enum cn_err code = check_owner(db, conf, &version, err);

    if (code != CN_OK || version == conf->n_migrations)
        return code;
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    code = cn_db_begin(db, &tx, err);
    for (int64_t v = version; code == CN_OK && v < conf->n_migrations; v++)
        code = run(db, "cannot bring up to date", err, conf->migrations[v]);
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%u;",
             (int32_t)conf->application_id, conf->n_migrations);
    if (code == CN_OK)
        code = run(db, "cannot bring up to date", err, mark);
    return code == CN_OK ? cn_db_commit(&tx, err) : code;
}

static enum cn_err set_up(struct cn_db *db, const struct cn_db_conf *conf, struct cn_error *err)
{
    int64_t page_bytes;
    char limit[80];
    enum cn_err code;

    if ((code = run(db, "cannot open", err,
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                    "PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;")) !=
            CN_OK ||
        (code = migrate(db, conf, err)) != CN_OK || conf->max_bytes == 0)
        return code;
    if ((code = read_pragma(db, "PRAGMA page_size", &page_bytes, err)) != CN_OK)
        return code;
    snprintf(limit, sizeof limit, "PRAGMA max_page_count=%llu",
             (unsigned long long)(conf->max_bytes / (uint64_t)page_bytes));
    return run(db, "cannot limit", err, limit);
}

enum cn_err cn_db_open(struct cn_db **ret, const struct cn_db_conf *conf, struct cn_error *err)
{
    struct cn_db *CN_CLEANUP(cn_db_close) db = cn_calloc(1, sizeof *db);

    assert(conf->application_id != 0 && conf->n_migrations > 0);
    db->path = cn_strdup(conf->path);
    /* Nobody else reads it; SQLite gives its log files the same mode. */
    int fd = open(conf->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cn_fs_closep(&fd);
    int rc = sqlite3_open_v2(conf->path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc != SQLITE_OK)
        return fail_db(db, rc, "cannot open", err);
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    enum cn_err code = set_up(db, conf, err);
    if (code == CN_OK)
        *ret = cn_steal(db);
    return code;
}

void cn_db_close(struct cn_db **p)
{
    struct cn_db *db = cn_steal(*p);

    if (!db)
        return;
    for (size_t i = 0; i < N_CACHED; i++) {
        assert(!db->cache[i].is_lent);
        sqlite3_finalize(db->cache[i].handle);
    }
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

static void close_handle(sqlite3 **h)
{
    sqlite3_close(*h);
}

enum cn_err cn_db_backup(struct cn_db *db, const char *path, struct cn_error *err)
{
    sqlite3 *CN_CLEANUP(close_handle) to = NULL;
    enum cn_err code = cn_fs_remove(path, err);

    if (code != CN_OK)
        return code;
    int rc = sqlite3_open(path, &to);
    sqlite3_backup *b =
        rc == SQLITE_OK ? sqlite3_backup_init(to, "main", db->handle, "main") : NULL;
    if (b) {
        sqlite3_backup_step(b, -1);
        rc = sqlite3_backup_finish(b);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_errcode(to);
    }
    struct cn_db copy = {.handle = to, .path = (char *)path};
    return rc == SQLITE_OK ? CN_OK : fail_db(&copy, rc, "cannot write the backup", err);
}

enum cn_err cn_db_scrub(struct cn_db *db, struct cn_error *err)
{
    return run(db, "cannot empty the log", err, "PRAGMA wal_checkpoint(TRUNCATE)");
}

uint64_t cn_db_size_bytes(struct cn_db *db, uint64_t *ret_free_bytes)
{
    int64_t n_pages = 0, n_free = 0, page_bytes = 0;

    if (cn_db_int(db, &n_pages, 0, NULL, "PRAGMA page_count", "") != CN_OK ||
        cn_db_int(db, &n_free, 0, NULL, "PRAGMA freelist_count", "") != CN_OK ||
        cn_db_int(db, &page_bytes, 0, NULL, "PRAGMA page_size", "") != CN_OK)
        return 0;
    if (ret_free_bytes)
        *ret_free_bytes = (uint64_t)(n_free * page_bytes);
    return (uint64_t)(n_pages * page_bytes);
}
