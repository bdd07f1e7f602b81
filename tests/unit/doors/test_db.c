/* The database: what is committed stays, what is not goes, and every trouble has its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "common/doors/db.h"

enum { APP = 0x43524e31 };

static const char *const migrations[] = {
    "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT UNIQUE, x REAL, bytes BLOB);",
    "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a (id)); INSERT INTO a (name) VALUES ('two');",
    "ALTER TABLE a ADD COLUMN more INTEGER;",
};

static char dir[64], path[96];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cairn-db-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/t.db", dir);
    return 0;
}

static int end(void **state)
{
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};

    (void)state;
    if (cn_fs_list(dir, 100, &names, NULL) != CN_OK)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        char p[400];
        snprintf(p, sizeof p, "%s/%s", dir, names.at[i]);
        unlink(p);
    }
    return rmdir(dir);
}

static enum cn_err open_at(struct cn_db **ret, uint32_t n_migrations, struct cn_error *err)
{
    struct cn_db_conf conf = {.path = path,
                              .application_id = APP,
                              .migrations = migrations,
                              .n_migrations = n_migrations};

    return cn_db_open(ret, &conf, err);
}

static struct cn_db *must_open(void)
{
    struct cn_db *db = NULL;
    struct cn_error err = {0};

    enum cn_err code = open_at(&db, CN_COUNT(migrations), &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, CN_OK);
    return db;
}

static int64_t n_rows(struct cn_db *db)
{
    int64_t n = -1;

    assert_int_equal(cn_db_int(db, &n, -1, NULL, "SELECT count(*) FROM a", ""), CN_OK);
    return n;
}

static enum cn_err add(struct cn_db *db, const char *name, struct cn_error *err)
{
    return cn_db_exec(db, err, "INSERT INTO a (name) VALUES (?)", "t", name);
}

static void every_kind_of_value_comes_back_as_it_was(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    uint8_t bytes[5] = {0, 1, 2, 0, 255}, back[5];
    bool has_row;

    assert_int_equal(
        cn_db_exec(db, NULL, "INSERT INTO a (id, name, x, bytes, more) VALUES (?, ?, ?, ?, ?)",
                   "itdbu", INT64_MAX, "na\xc3\xafve", 0.1, bytes, sizeof bytes, UINT32_MAX),
        CN_OK);
    assert_int_equal(cn_db_last_id(db), INT64_MAX);
    assert_int_equal(cn_db_n_changes(db), 1);
    assert_int_equal(cn_db_exec(db, NULL, "INSERT INTO a (id, name, x, bytes) VALUES (?, ?, ?, ?)",
                                "it-B", (int64_t)-1, NULL, (struct cn_bytes){0}),
                     CN_OK);
    assert_int_equal(cn_db_query(db, &q, NULL,
                                 "SELECT id, name, x, bytes, more FROM a WHERE id <> 1 ORDER BY id",
                                 ""),
                     CN_OK);
    assert_int_equal(cn_stmt_step(q, &has_row, NULL), CN_OK);
    assert_true(has_row);
    assert_int_equal(cn_stmt_int(q, 0), -1);
    assert_true(cn_stmt_is_null(q, 1));
    assert_string_equal(cn_stmt_text(q, 1), "");
    assert_true(cn_stmt_is_null(q, 2));
    assert_false(cn_stmt_is_null(q, 3)); /* no bytes are not NULL */
    assert_int_equal(cn_stmt_blob(q, 3).n, 0);
    assert_int_equal(cn_stmt_step(q, &has_row, NULL), CN_OK);
    assert_true(has_row);
    assert_int_equal(cn_stmt_int(q, 0), INT64_MAX);
    assert_string_equal(cn_stmt_text(q, 1), "na\xc3\xafve");
    assert_true(cn_stmt_double(q, 2) == 0.1);
    assert_true(cn_stmt_fixed(q, 3, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_false(cn_stmt_fixed(q, 3, back, 4));
    assert_int_equal(cn_stmt_int(q, 4), UINT32_MAX);
    assert_int_equal(cn_stmt_step(q, &has_row, NULL), CN_OK);
    assert_false(has_row);
}

static void a_query_may_run_inside_itself(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) outer = NULL;
    static const char sql[] = "SELECT name FROM a WHERE name <> ? ORDER BY name";
    bool has_row;
    unsigned n = 0;

    assert_int_equal(add(db, "x", NULL), CN_OK);
    assert_int_equal(add(db, "y", NULL), CN_OK);
    assert_int_equal(cn_db_query(db, &outer, NULL, sql, "t", ""), CN_OK);
    while (cn_stmt_step(outer, &has_row, NULL) == CN_OK && has_row) {
        struct cn_stmt *CN_CLEANUP(cn_stmt_done) inner = NULL;
        assert_int_equal(cn_db_query(db, &inner, NULL, sql, "t", cn_stmt_text(outer, 0)), CN_OK);
        while (cn_stmt_step(inner, &has_row, NULL) == CN_OK && has_row)
            n++;
    }
    assert_int_equal(n, 3 * 2);
}

static void more_statements_than_the_cache_holds_are_no_trouble(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            char sql[40];
            int64_t v;
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(cn_db_int(db, &v, -1, NULL, sql, ""), CN_OK);
            assert_int_equal(v, i);
        }
    }
}

static void a_transaction_is_all_or_nothing(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();

    {
        struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
        assert_int_equal(cn_db_begin(db, &tx, NULL), CN_OK);
        assert_int_equal(add(tx, "gone", NULL), CN_OK);
    } /* left without a commit, as by an early return */
    assert_int_equal(n_rows(db), 1);
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
    assert_int_equal(cn_db_begin(db, &tx, NULL), CN_OK);
    assert_int_equal(add(tx, "kept", NULL), CN_OK);
    assert_int_equal(cn_db_commit(&tx, NULL), CN_OK);
    assert_null(tx);
    assert_int_equal(n_rows(db), 2);
}

static void constraints_have_two_names(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_error err;

    assert_int_equal(add(db, "two", &err), CN_E_EXISTS);
    assert_non_null(strstr(err.text, path));
    /* Foreign keys are on. */
    assert_int_equal(cn_db_exec(db, &err, "INSERT INTO b VALUES (?)", "i", (int64_t)99),
                     CN_E_STATE);
    assert_int_equal(cn_db_exec(db, &err, "INSERT INTO b VALUES (?)", "-"), CN_E_STATE);
    assert_int_equal(n_rows(db), 1);
}

static void settings_are_those_that_survive_a_power_cut(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    struct stat st;
    int64_t v;
    bool has_row;

    assert_int_equal(cn_db_int(db, &v, -1, NULL, "PRAGMA synchronous", ""), CN_OK);
    assert_int_equal(v, 2);
    assert_int_equal(cn_db_query(db, &q, NULL, "PRAGMA journal_mode", ""), CN_OK);
    assert_int_equal(cn_stmt_step(q, &has_row, NULL), CN_OK);
    assert_string_equal(cn_stmt_text(q, 0), "wal");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void an_older_database_is_brought_up_to_date_once(void **state)
{
    (void)state;
    struct cn_db *db = NULL;

    assert_int_equal(open_at(&db, 1, NULL), CN_OK);
    assert_int_equal(add(db, "one", NULL), CN_OK);
    cn_db_close(&db);
    for (int i = 0; i < 2; i++) {
        db = must_open();
        assert_int_equal(n_rows(db), 2); /* "one", and "two" from the second migration, once */
        cn_db_close(&db);
    }
}

static void a_migration_that_fails_leaves_the_old_database(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);",
        "CREATE TABLE c (id INTEGER); INSERT INTO no_such_table VALUES (1);"};
    struct cn_db_conf conf = {
        .path = path, .application_id = APP, .migrations = broken, .n_migrations = 1};
    struct cn_db *db = NULL;
    int64_t n;

    assert_int_equal(cn_db_open(&db, &conf, NULL), CN_OK);
    cn_db_close(&db);
    conf.n_migrations = 2;
    assert_int_equal(cn_db_open(&db, &conf, NULL), CN_E_IO);
    assert_null(db);
    conf.n_migrations = 1;
    assert_int_equal(cn_db_open(&db, &conf, NULL), CN_OK);
    assert_int_equal(
        cn_db_int(db, &n, -1, NULL, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'", ""),
        CN_OK);
    assert_int_equal(n, 0);
    cn_db_close(&db);
}

static void a_newer_database_is_left_alone(void **state)
{
    (void)state;
    struct cn_db *db = must_open();
    struct cn_error err;

    cn_db_close(&db);
    assert_int_equal(open_at(&db, 2, &err), CN_E_VERSION);
    assert_null(db);
    assert_non_null(strstr(err.text, "newer version"));
}

static void a_database_of_another_program_is_left_alone(void **state)
{
    (void)state;
    struct cn_db_conf conf = {
        .path = path, .application_id = 7, .migrations = migrations, .n_migrations = 1};
    struct cn_db *db = must_open();
    struct cn_error err;

    cn_db_close(&db);
    assert_int_equal(cn_db_open(&db, &conf, &err), CN_E_VERSION);
    assert_non_null(strstr(err.text, "another program"));
}

static void a_file_that_is_no_database_is_damaged(void **state)
{
    (void)state;
    char junk[5000];
    struct cn_db *db = NULL;
    struct cn_error err;

    memset(junk, 'j', sizeof junk);
    assert_int_equal(
        cn_fs_write_atomic(path, (struct cn_bytes){(const uint8_t *)junk, sizeof junk}, 0600, NULL),
        CN_OK);
    assert_int_equal(open_at(&db, 1, &err), CN_E_PARSE);
    assert_non_null(strstr(err.text, "backup"));
}

static void a_torn_file_is_damaged_not_misread(void **state)
{
    (void)state;
    struct cn_db *db = must_open();
    struct cn_buf CN_CLEANUP(cn_buf_fini) junk = {0};
    struct cn_error err;
    struct stat st;

    cn_buf_extend(&junk, 100000);
    assert_int_equal(cn_db_exec(db, NULL, "INSERT INTO a (bytes) VALUES (?)", "b", junk.at, junk.n),
                     CN_OK);
    cn_db_close(&db);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    assert_int_equal(open_at(&db, CN_COUNT(migrations), &err), CN_E_PARSE);
}

/* Killed at any moment, what commit reported is there. */
static void what_was_committed_outlives_a_kill(void **state)
{
    (void)state;
    int to_parent[2];
    int64_t last = 0, n;

    assert_int_equal(pipe(to_parent), 0);
    pid_t child = fork();
    if (child == 0) {
        struct cn_db *db = NULL;
        if (open_at(&db, CN_COUNT(migrations), NULL) != CN_OK)
            _exit(1);
        for (int64_t i = 1;; i++) {
            struct cn_db *tx = NULL;
            if (cn_db_begin(db, &tx, NULL) != CN_OK ||
                cn_db_exec(db, NULL, "INSERT INTO a (id) VALUES (?)", "i", 2 * i) != CN_OK ||
                cn_db_exec(db, NULL, "INSERT INTO a (id) VALUES (?)", "i", 2 * i + 1) != CN_OK ||
                cn_db_commit(&tx, NULL) != CN_OK || write(to_parent[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    close(to_parent[1]);
    while (last < 20)
        assert_int_equal(read(to_parent[0], &last, sizeof last), sizeof last);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(to_parent[0], &n, sizeof n) == sizeof n)
        last = n;
    close(to_parent[0]);
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    n = n_rows(db) - 1;
    assert_true(n >= 2 * last);
    assert_int_equal(n % 2, 0);
}

static void a_limit_is_a_full_store_and_deleting_makes_room(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = NULL;
    struct cn_db_conf conf = {.path = path,
                              .application_id = APP,
                              .migrations = migrations,
                              .n_migrations = CN_COUNT(migrations),
                              .max_bytes = 256 * 1024};
    uint8_t bytes[10000] = {0};
    struct cn_error err;
    enum cn_err code = CN_OK;
    uint64_t n_free;
    int n = 0;

    assert_int_equal(cn_db_open(&db, &conf, NULL), CN_OK);
    while (code == CN_OK && n++ < 100)
        code = cn_db_exec(db, &err, "INSERT INTO a (bytes) VALUES (?)", "b", bytes, sizeof bytes);
    assert_int_equal(code, CN_E_FULL);
    assert_true(cn_db_size_bytes(db, &n_free) <= conf.max_bytes);
    assert_int_equal(cn_db_exec(db, NULL, "DELETE FROM a WHERE id > 10", ""), CN_OK);
    cn_db_size_bytes(db, &n_free);
    assert_true(n_free >= sizeof bytes);
    assert_int_equal(
        cn_db_exec(db, NULL, "INSERT INTO a (bytes) VALUES (?)", "b", bytes, sizeof bytes), CN_OK);
}

static void a_full_disk_is_said_and_harms_nothing(void **state)
{
    (void)state;
    char disk[80];
    uint8_t bytes[10000] = {0};
    struct cn_error err;
    enum cn_err code = CN_OK;
    int64_t n = 0;

    snprintf(disk, sizeof disk, "%s/disk", dir);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("none", disk, "tmpfs", 0, "size=512k") < 0) {
        rmdir(disk);
        skip(); /* needs root; a_limit_is_a_full_store covers the code */
    }
    snprintf(path, sizeof path, "%s/t.db", disk);
    struct cn_db *db = must_open();
    for (; code == CN_OK && n < 1000; n++) {
        struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL;
        code = cn_db_begin(db, &tx, &err);
        if (code == CN_OK)
            code =
                cn_db_exec(db, &err, "INSERT INTO a (bytes) VALUES (?)", "b", bytes, sizeof bytes);
        if (code == CN_OK)
            code = cn_db_commit(&tx, &err);
    }
    assert_int_equal(code, CN_E_FULL);
    assert_non_null(strstr(err.text, "disk is full"));
    assert_int_equal(n_rows(db), n); /* all but the last, and the migration's one */
    cn_db_close(&db);
    db = must_open();
    assert_int_equal(n_rows(db), n);
    cn_db_close(&db);
    assert_int_equal(umount(disk), 0);
    assert_int_equal(rmdir(disk), 0);
}

/* As somebody who is not root: root may write anywhere. */
static void a_place_that_cannot_be_written_is_read_only(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct cn_db *db = NULL;
        struct cn_error err;
        chmod(dir, 0555);
        if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        _exit(open_at(&db, 1, &err) == CN_E_READONLY && strstr(err.text, dir) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    chmod(dir, 0700);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_database_that_another_process_writes_is_busy(void **state)
{
    (void)state;
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_db *CN_CLEANUP(cn_db_close) other = must_open();
    struct cn_db *CN_CLEANUP(cn_db_rollback) tx = NULL, *second = NULL;
    struct cn_error err;

    assert_int_equal(cn_db_begin(db, &tx, NULL), CN_OK);
    assert_int_equal(cn_db_begin(other, &second, &err), CN_E_BUSY);
    assert_null(second);
}

static void a_backup_is_a_database_of_its_own(void **state)
{
    (void)state;
    char copy[128];
    struct cn_db *CN_CLEANUP(cn_db_close) db = must_open();
    struct cn_db *CN_CLEANUP(cn_db_close) back = NULL;
    struct cn_error err;

    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    for (int i = 0; i < 2; i++) { /* the second replaces the first */
        assert_int_equal(add(db, i ? "b" : "a", NULL), CN_OK);
        assert_int_equal(cn_db_backup(db, copy, NULL), CN_OK);
    }
    assert_int_equal(add(db, "later", NULL), CN_OK);
    struct cn_db_conf conf = {.path = copy,
                              .application_id = APP,
                              .migrations = migrations,
                              .n_migrations = CN_COUNT(migrations)};
    assert_int_equal(cn_db_open(&back, &conf, NULL), CN_OK);
    assert_int_equal(n_rows(back), 3);
    assert_int_equal(n_rows(db), 4);
    assert_int_equal(cn_db_backup(db, "/no/such/place.db", &err), CN_E_READONLY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_value_comes_back_as_it_was),
        TEST(a_query_may_run_inside_itself),
        TEST(more_statements_than_the_cache_holds_are_no_trouble),
        TEST(a_transaction_is_all_or_nothing),
        TEST(constraints_have_two_names),
        TEST(settings_are_those_that_survive_a_power_cut),
        TEST(an_older_database_is_brought_up_to_date_once),
        TEST(a_migration_that_fails_leaves_the_old_database),
        TEST(a_newer_database_is_left_alone),
        TEST(a_database_of_another_program_is_left_alone),
        TEST(a_file_that_is_no_database_is_damaged),
        TEST(a_torn_file_is_damaged_not_misread),
        TEST(what_was_committed_outlives_a_kill),
        TEST(a_limit_is_a_full_store_and_deleting_makes_room),
        TEST(a_full_disk_is_said_and_harms_nothing),
        TEST(a_place_that_cannot_be_written_is_read_only),
        TEST(a_database_that_another_process_writes_is_busy),
        TEST(a_backup_is_a_database_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
