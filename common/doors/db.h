/* A durable store in one file: WAL, synchronous=FULL, numbered migrations; SQLite stands behind
   this door. Threads: a database belongs to one thread. */
#ifndef CN_DB_H
#define CN_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct cn_db;
struct cn_stmt; /* a prepared statement, lent by the database's cache */

struct cn_db_conf {
    const char *path;
    uint32_t application_id;       /* marks the file as this program's */
    const char *const *migrations; /* i-th SQL script brings version i to i + 1; never edited */
    uint32_t n_migrations;
    uint64_t max_bytes; /* 0: as much as the disk has; else CN_E_FULL beyond */
};

/* Creates or opens and migrates, all or nothing. A file of another program or of a newer version:
   CN_E_VERSION; a torn file: CN_E_PARSE; in use by another process: CN_E_BUSY. */
enum cn_err cn_db_open(struct cn_db **ret, const struct cn_db_conf *conf,
                       struct cn_error *err) CN_NODISCARD;
void cn_db_close(struct cn_db **db);

/* Parameters follow sql as fmt says, one letter per '?' (mind the types, they are not converted):
     i  int64_t (or uint64_t)      u  uint32_t              d  double
     t  const char * or NULL       b  const void *, size_t  B  struct cn_bytes
     -  NULL, takes no argument
   Text and blobs are copied. Errors carry the path and what to do: CN_E_FULL (disk full),
   CN_E_READONLY, CN_E_BUSY, CN_E_PARSE (damaged), CN_E_EXISTS (a UNIQUE or KEY constraint),
   CN_E_STATE (another constraint), CN_E_IO. An SQL text that does not compile is our bug: assert.
   Statements are cached by their text. */
enum cn_err cn_db_exec(struct cn_db *db, struct cn_error *err, const char *sql, const char *fmt,
                       ...) CN_NODISCARD;
int64_t cn_db_last_id(const struct cn_db *db);   /* of the last INSERT */
int64_t cn_db_n_changes(const struct cn_db *db); /* of the last cn_db_exec */

/* struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
   try(cn_db_query(db, &q, err, "SELECT a, b FROM t WHERE c = ?", "i", c));
   while ((code = cn_stmt_step(q, &has_row, err)) == CN_OK && has_row) ... */
enum cn_err cn_db_query(struct cn_db *db, struct cn_stmt **ret, struct cn_error *err,
                        const char *sql, const char *fmt, ...) CN_NODISCARD;
enum cn_err cn_stmt_step(struct cn_stmt *stmt, bool *ret_has_row,
                         struct cn_error *err) CN_NODISCARD;
/* Columns of the row, from 0. Text ("" for NULL) and blobs are lent until the next step. */
int64_t cn_stmt_int(struct cn_stmt *stmt, int column);
double cn_stmt_double(struct cn_stmt *stmt, int column);
const char *cn_stmt_text(struct cn_stmt *stmt, int column);
struct cn_bytes cn_stmt_blob(struct cn_stmt *stmt, int column);
bool cn_stmt_is_null(struct cn_stmt *stmt, int column);
/* Copies a blob of exactly n bytes (a digest, a key); false when it has another size. */
bool cn_stmt_fixed(struct cn_stmt *stmt, int column, void *out, size_t n) CN_NODISCARD;
/* Gives the statement back; takes NULL. */
void cn_stmt_done(struct cn_stmt **stmt);

/* The first column of the first row as a number; no row or NULL: `absent`. */
enum cn_err cn_db_int(struct cn_db *db, int64_t *ret, int64_t absent, struct cn_error *err,
                      const char *sql, const char *fmt, ...) CN_NODISCARD;

/* A transaction is rolled back by its cleanup unless it was committed:
   struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
   cn_db_begin(db, &tx, err); ...; return cn_db_commit(&tx, err);
   *ret_tx is the database itself, under another name. They do not nest. */
enum cn_err cn_db_begin(struct cn_db *db, struct cn_db **ret_tx, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_db_commit(struct cn_db **tx, struct cn_error *err) CN_NODISCARD;
void cn_db_rollback(struct cn_db **tx);

/* A consistent copy of the live database at path (replaced if there). */
enum cn_err cn_db_backup(struct cn_db *db, const char *path, struct cn_error *err) CN_NODISCARD;
/* What was deleted is gone from the disk: rows are overwritten with zeros when they are deleted,
   and this empties the log that may still hold them. Not inside a transaction. */
enum cn_err cn_db_scrub(struct cn_db *db, struct cn_error *err) CN_NODISCARD;
/* Size of the database file in bytes, and how much of it is free inside. */
uint64_t cn_db_size_bytes(struct cn_db *db, uint64_t *ret_free_bytes);

#endif
