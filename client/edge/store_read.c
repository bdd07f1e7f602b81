/* Reading the store: lists of examples, receipts with their history, counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/store_impl.h"

#define EXAMPLE                                                                                    \
    "SELECT e.id, e.image, e.label, e.answer, e.state, e.verdict, e.seq, "                         \
    "(SELECT u.state = 2 FROM upload u WHERE u.seq = e.seq), e.release, e.predicted, "             \
    "e.predicted_by, e.time_ms FROM example e "

static enum cn_err read_example(struct cn_stmt *q, struct edge_example *x, struct cn_error *err)
{
    *x = (struct edge_example){
        .id = cn_stmt_int(q, 0),
        .label = (uint32_t)cn_stmt_int(q, 2),
        .answer = (enum edge_answer)cn_stmt_int(q, 3),
        .state = (enum edge_example_state)cn_stmt_int(q, 4),
        .verdict = (enum edge_verdict)cn_stmt_int(q, 5),
        .seq = (uint64_t)cn_stmt_int(q, 6),
        .is_received = cn_stmt_int(q, 7) != 0,
        .release = (uint32_t)cn_stmt_int(q, 8),
        .predicted = (uint32_t)cn_stmt_int(q, 9),
        .predicted_by = (uint32_t)cn_stmt_int(q, 10),
        .time_ms = (uint64_t)cn_stmt_int(q, 11),
    };
    if (!cn_stmt_fixed(q, 1, x->image.b, CN_DIGEST_BYTES))
        return cn_fail(err, CN_E_PARSE, "edge.db: example %lld has no digest", (long long)x->id);
    return CN_OK;
}

static enum cn_err read_examples(struct cn_stmt *q, struct edge_example **ret, uint32_t *ret_n,
                                 struct cn_error *err)
{
    CN_CLEANUP(cn_freep) struct edge_example *all = NULL;
    uint32_t n = 0, cap = 0;
    bool has_row;
    enum cn_err e;

    while (!(e = cn_stmt_step(q, &has_row, err)) && has_row) {
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            all = cn_realloc(all, cap * sizeof *all);
        }
        e = read_example(q, &all[n++], err);
        if (e)
            return e;
    }
    if (e)
        return e;
    *ret = cn_steal(all);
    *ret_n = n;
    return CN_OK;
}

enum cn_err edge_store_list(struct edge_store *s, enum edge_list which, uint32_t limit,
                            struct edge_example **ret, uint32_t *ret_n, struct cn_error *err)
{
    static const char *const sql[] = {
        [EDGE_LIST_QUEUED] = EXAMPLE "WHERE e.state = 1 ORDER BY e.id LIMIT ?",
        [EDGE_LIST_HELD_OUT] = EXAMPLE "WHERE e.state = 2 ORDER BY e.id LIMIT ?",
        /* The newest of each state by the index, not a sort of a long queue. */
        [EDGE_LIST_PENDING] = EXAMPLE
        "WHERE e.id IN ("
        "SELECT id FROM (SELECT id FROM example WHERE state = 1 ORDER BY id DESC LIMIT ?1) "
        "UNION ALL "
        "SELECT id FROM (SELECT id FROM example WHERE state = 2 ORDER BY id DESC LIMIT ?1) "
        "UNION ALL "
        "SELECT id FROM (SELECT id FROM example WHERE state = 3 ORDER BY id DESC LIMIT ?1)) "
        "ORDER BY e.id DESC LIMIT ?1",
        [EDGE_LIST_UNVERIFIED] =
            EXAMPLE "WHERE e.state = 4 AND e.verdict = 0 AND e.release <= (SELECT release FROM "
                    "installed) AND e.image IN (SELECT digest FROM image) ORDER BY e.id LIMIT ?",
    };
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;

    enum cn_err e = cn_db_query(s->db, &q, err, sql[which], "u", limit);
    return e ? e : read_examples(q, ret, ret_n, err);
}

enum cn_err edge_store_list_label(struct edge_store *s, uint32_t label, bool confirmed,
                                  uint32_t limit, struct edge_example **ret, uint32_t *ret_n,
                                  struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;

    enum cn_err e = cn_db_query(s->db, &q, err,
                                EXAMPLE "WHERE e.label = ? AND e.state IN (1, 2, 3) AND "
                                        "(e.answer = 1) = ? ORDER BY e.id DESC LIMIT ?",
                                "uuu", label, (uint32_t)confirmed, limit);
    return e ? e : read_examples(q, ret, ret_n, err);
}

enum cn_err edge_store_receipts(struct edge_store *s, const struct edge_receipts_query *q,
                                struct edge_example **ret, uint32_t *ret_n, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) rows = NULL;
    int64_t before = q->before ? q->before : INT64_MAX;

    enum cn_err e =
        q->state
            ? cn_db_query(s->db, &rows, err,
                          EXAMPLE "WHERE e.state = ? AND e.id < ? ORDER BY e.id DESC LIMIT ?",
                          "uiu", (uint32_t)q->state, before, q->limit)
            : cn_db_query(s->db, &rows, err, EXAMPLE "WHERE e.id < ? ORDER BY e.id DESC LIMIT ?",
                          "iu", before, q->limit);
    return e ? e : read_examples(rows, ret, ret_n, err);
}

enum cn_err edge_store_get(struct edge_store *s, int64_t example, struct edge_example *ret,
                           struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e = cn_db_query(s->db, &q, err, EXAMPLE "WHERE e.id = ?", "i", example);
    if (!e)
        e = cn_stmt_step(q, &has_row, err);
    if (e)
        return e;
    if (!has_row)
        return cn_fail(err, CN_E_NOTFOUND, "there is no receipt %lld on this device",
                       (long long)example);
    return read_example(q, ret, err);
}

enum cn_err edge_store_history(struct edge_store *s, int64_t example, edge_history_fn fn,
                               void *user, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e = cn_db_query(
        s->db, &q, err,
        "SELECT time_ms, what FROM (SELECT rowid AS r, time_ms, what FROM note WHERE example = ?1 "
        "AND example > 0 UNION ALL SELECT note.rowid, note.time_ms, note.what FROM note "
        "JOIN member ON member.seq = note.seq WHERE member.example = ?1 AND note.seq > 0) "
        "ORDER BY r",
        "i", example);
    while (!e && !(e = cn_stmt_step(q, &has_row, err)) && has_row)
        fn(user, (uint64_t)cn_stmt_int(q, 0), cn_stmt_text(q, 1));
    return e;
}

enum cn_err edge_store_image(struct edge_store *s, const struct cn_digest *digest,
                             struct cn_blob **ret, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e = cn_db_query(s->db, &q, err, "SELECT bytes FROM image WHERE digest = ?", "b",
                                digest->b, (size_t)CN_DIGEST_BYTES);
    if (!e)
        e = cn_stmt_step(q, &has_row, err);
    if (e)
        return e;
    if (!has_row)
        return cn_fail(err, CN_E_NOTFOUND, "the image is not in the spool any more");
    struct cn_bytes bytes = cn_stmt_blob(q, 0);
    *ret = cn_blob_copy(bytes.at, bytes.n);
    return CN_OK;
}

enum cn_err edge_store_labels_taught(struct edge_store *s, struct cn_label_count **ret,
                                     uint32_t *ret_n, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    CN_CLEANUP(cn_freep) struct cn_label_count *all = NULL;
    uint32_t n = 0;
    bool has_row;

    enum cn_err e = cn_db_query(s->db, &q, err,
                                "SELECT label, count(*) FROM example WHERE state <> 5 "
                                "GROUP BY label ORDER BY label",
                                "");
    while (!e && !(e = cn_stmt_step(q, &has_row, err)) && has_row) {
        all = cn_realloc(all, (n + 1) * sizeof *all);
        all[n++] =
            (struct cn_label_count){(uint32_t)cn_stmt_int(q, 0), (uint32_t)cn_stmt_int(q, 1)};
    }
    if (e)
        return e;
    *ret = cn_steal(all);
    *ret_n = n;
    return CN_OK;
}

enum cn_err edge_store_tallies(struct edge_store *s, uint32_t release, struct cn_label_tally **ret,
                               uint32_t *ret_n, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    CN_CLEANUP(cn_freep) struct cn_label_tally *all = NULL;
    uint32_t n = 0;
    bool has_row;

    enum cn_err e = cn_db_query(s->db, &q, err,
                                "SELECT label, confirmed, corrected FROM tally WHERE release = ? "
                                "AND label < ? ORDER BY label LIMIT ?",
                                "uuu", release, (uint32_t)CN_LABEL_LOCAL, (uint32_t)CN_MAX_LABELS);
    while (!e && !(e = cn_stmt_step(q, &has_row, err)) && has_row) {
        all = cn_realloc(all, (n + 1) * sizeof *all);
        all[n++] = (struct cn_label_tally){.label = (uint32_t)cn_stmt_int(q, 0),
                                           .confirmed = (uint32_t)cn_stmt_int(q, 1),
                                           .corrected = (uint32_t)cn_stmt_int(q, 2)};
    }
    if (e)
        return e;
    *ret = cn_steal(all);
    *ret_n = n;
    return CN_OK;
}

static enum cn_err count_states(struct edge_store *s, struct edge_totals *t, struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e =
        cn_db_query(s->db, &q, err, "SELECT state, count(*) FROM example GROUP BY state", "");
    while (!e && !(e = cn_stmt_step(q, &has_row, err)) && has_row) {
        int64_t state = cn_stmt_int(q, 0);
        if (state > 0 && state < EDGE_NSTATES)
            t->n[state] = (uint64_t)cn_stmt_int(q, 1);
    }
    return e;
}

/* One row of numbers. */
static enum cn_err read_row(struct edge_store *s, const char *sql, uint64_t *out, int n,
                            struct cn_error *err)
{
    struct cn_stmt *CN_CLEANUP(cn_stmt_done) q = NULL;
    bool has_row;

    enum cn_err e = cn_db_query(s->db, &q, err, sql, "");
    if (!e)
        e = cn_stmt_step(q, &has_row, err);
    for (int i = 0; i < n && !e; i++)
        out[i] = has_row ? (uint64_t)cn_stmt_int(q, i) : 0;
    return e;
}

enum cn_err edge_store_totals(struct edge_store *s, struct edge_totals *ret, struct cn_error *err)
{
    struct edge_totals t = {.max_bytes = s->max_bytes};
    uint64_t field[2], spool[1], uploads[3], last[2];

    enum cn_err e = count_states(s, &t, err);
    if (!e)
        e = read_row(s, "SELECT sum(confirmed), sum(corrected) FROM tally", field, 2, err);
    if (!e)
        e = read_row(s, "SELECT bytes FROM spool", spool, 1, err);
    if (!e)
        e = read_row(s, "SELECT count(*), sum(state = 3), sum(state = 4) FROM upload", uploads, 3,
                     err);
    if (!e)
        e = read_row(s, "SELECT raw_bytes, bytes FROM upload ORDER BY seq DESC LIMIT 1", last, 2,
                     err);
    if (e)
        return e;
    t.n_confirmed = field[0];
    t.n_corrected = field[1];
    t.image_bytes = spool[0];
    t.n_updates = uploads[0];
    t.n_updates_committed = uploads[1];
    t.n_updates_rejected = uploads[2];
    t.last_raw_bytes = last[0];
    t.last_wire_bytes = last[1];
    *ret = t;
    return CN_OK;
}
