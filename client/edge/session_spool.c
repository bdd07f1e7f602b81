/* From queued examples to an update in flight, and to its end. */
#include <stdlib.h>

#include "client/edge/blobs.h"
#include "client/edge/session_impl.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    MAX_PLANNED = 20000, /* queued examples looked at, the oldest first */
    MAX_EXAMPLES = 4096, /* in one update */
};

/* The queued examples with the plan's choice among them; *ret_n of both arrays. */
static struct edge_plan_example *plan(struct edge_session *s, struct edge_example **ret_examples,
                                      uint32_t *ret_n)
{
    const struct edge_live *live = &s->d->live;
    struct edge_plan_conf conf = {.min_count = 1, .max_examples = MAX_EXAMPLES};
    struct cn_error err;

    if (edge_store_list(s->d->store, EDGE_LIST_QUEUED, MAX_PLANNED, ret_examples, ret_n, &err))
        edge_daemon_die("queue", &err);
    struct edge_plan_example *p = cn_calloc(*ret_n, sizeof *p);
    for (uint32_t i = 0; i < *ret_n; i++) {
        const struct edge_example *x = &(*ret_examples)[i];
        uint32_t label = edge_labels_resolve(s->d->labels, x->label);
        p[i] = (struct edge_plan_example){
            .id = (uint64_t)x->id,
            .queued_ms = x->time_ms,
            .label = label,
            /* Before the release is open, nothing is eligible. */
            .accepted = live->is_open && !edge_labels_waiting(s->d->labels, x->label),
            .known = edge_live_knows(live, label),
        };
    }
    if (live->is_open) {
        size_t each = live->n_phi * sizeof(float);
        conf.min_count = live->recipe.kind == CN_RECIPE_FEATURES ? live->recipe.min_count : 1;
        if (each && EDGE_MAX_LESSON_BYTES / each < conf.max_examples)
            conf.max_examples = (uint32_t)(EDGE_MAX_LESSON_BYTES / each);
    }
    edge_plan_choose(&conf, p, *ret_n, &s->plan);
    return p;
}

static uint32_t count_scorable(struct edge_session *s)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0, n_scorable = 0;
    struct cn_error err;

    if (edge_store_list(s->d->store, EDGE_LIST_HELD_OUT, MAX_PLANNED, &x, &n, &err))
        edge_daemon_die("held-out", &err);
    for (uint32_t i = 0; i < n; i++)
        n_scorable += !edge_labels_waiting(s->d->labels, x[i].label);
    return n_scorable;
}

struct edge_queue edge_session_look(struct edge_session *s)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint64_t now_ms = cn_clock_wall_ms();
    uint32_t n = 0;

    free(plan(s, &x, &n));
    return (struct edge_queue){
        .n_eligible = s->plan.n_eligible,
        .oldest_age_ms =
            s->plan.oldest_ms && s->plan.oldest_ms < now_ms ? now_ms - s->plan.oldest_ms : 0,
        .has_new_label = s->plan.has_new_label,
        .n_held_out = count_scorable(s),
    };
}

static int by_label(const void *a, const void *b)
{
    const struct cn_label_count *x = a, *y = b;

    return x->label < y->label ? -1 : x->label > y->label;
}

/* counts[0..n) of single examples become one entry per label. */
static uint32_t sum_up(struct cn_label_count *counts, uint32_t n)
{
    uint32_t n_labels = 0;

    qsort(counts, n, sizeof *counts, by_label);
    for (uint32_t i = 0; i < n; i++) {
        if (n_labels && counts[n_labels - 1].label == counts[i].label)
            counts[n_labels - 1].n += counts[i].n;
        else
            counts[n_labels++] = counts[i];
    }
    return n_labels;
}

void edge_session_fill_ready(struct edge_session *s, struct cn_msg *m, struct cn_buf *counts)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0, n_chosen = 0;
    CN_CLEANUP(cn_freep) struct edge_plan_example *p = plan(s, &x, &n);

    /* A buffer's bytes come from malloc, so they are aligned for what we put there. */
    struct cn_label_count *c = (void *)cn_buf_extend(counts, (n + 1) * sizeof *c);
    for (uint32_t i = 0; i < n; i++)
        if (p[i].chosen)
            c[n_chosen++] = (struct cn_label_count){p[i].label, 1};
    m->ready.counts = c;
    m->ready.n_counts = sum_up(c, n_chosen);
}

/* ---- building ---- */

static void tell_built(struct edge_session *s, const struct edge_update *u, bool ok)
{
    const struct edge_event ev = {.kind = EDGE_EV_BUILT, .built = {*u, ok}};

    edge_session_step(s, &ev);
    edge_session_queue_changed(s);
}

/* Claimed examples that are not in the update could not be read: they will never travel. */
static void drop_unreadable(struct edge_session *s, const struct edge_built *b)
{
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0, at = 0;
    struct cn_error err;

    if (edge_store_list(s->d->store, EDGE_LIST_PENDING, UINT32_MAX, &x, &n, &err))
        edge_daemon_die("update.build", &err);
    for (uint32_t i = n; i-- > 0;) { /* oldest first, as the lessons are */
        if (x[i].state != EDGE_IN_UPDATE || x[i].seq != b->update.seq)
            continue;
        if (at < b->lessons.n && b->lessons.at[at].example == x[i].id) {
            at++;
            continue;
        }
        if (edge_store_set_state(s->d->store, x[i].id, EDGE_UNDONE,
                                 "its image cannot be read any more", cn_clock_wall_ms(), &err))
            edge_daemon_die("update.build", &err);
    }
}

static void on_built(void *user, struct edge_built *b, const struct cn_error *why)
{
    struct edge_session *s = user;
    struct edge_daemon *d = s->d;
    char quoted[CN_ERROR_TEXT_BYTES];
    struct cn_error err;

    if (d->is_stopping)
        return; /* the claim is undone at the next start */
    if (why) {
        cn_log(CN_LOG_WARN, "update.failed", "seq=%llu why=%s", (unsigned long long)b->update.seq,
               cn_log_quote(quoted, sizeof quoted, why->text));
        if (edge_store_unclaim(d->store, b->update.seq, &err))
            edge_daemon_die("update.unclaim", &err);
        tell_built(s, &b->update, false);
        return;
    }
    if (b->lessons.n < s->n_claimed)
        drop_unreadable(s, b);
    if (edge_store_put_update(d->store, &b->update, b->report.raw_bytes, cn_clock_wall_ms(), &err))
        edge_daemon_die("update.keep", &err);
    edge_replay_cache(d, &b->lessons);
    cn_log(CN_LOG_INFO, "update.built", "seq=%llu base=%u examples=%u labels=%u bytes=%llu",
           (unsigned long long)b->update.seq, b->update.base, b->report.n_examples,
           b->report.n_labels, (unsigned long long)b->update.size_bytes);
    tell_built(s, &b->update, true);
}

void edge_session_build(struct edge_session *s, uint64_t seq, uint32_t base)
{
    struct edge_daemon *d = s->d;
    CN_CLEANUP(cn_freep) struct edge_example *x = NULL;
    uint32_t n = 0, n_ids = 0;
    CN_CLEANUP(cn_freep) struct edge_plan_example *p = plan(s, &x, &n);
    CN_CLEANUP(cn_freep) int64_t *ids = cn_calloc(n, sizeof *ids);
    struct edge_lessons lessons = {0};
    struct cn_error err;

    for (uint32_t i = 0; i < n && d->live.is_open && d->live.at.release == base; i++) {
        if (p[i].chosen && lessons.n_bytes < EDGE_MAX_LESSON_BYTES &&
            edge_replay_lesson(d, &x[i], &lessons))
            ids[n_ids++] = x[i].id;
    }
    if (!n_ids) {
        const struct edge_update none = {.seq = seq, .base = base};
        tell_built(s, &none, false);
        return;
    }
    if (edge_store_claim(d->store, seq, ids, n_ids, &err))
        edge_daemon_die("update.claim", &err);
    s->n_claimed = n_ids;
    struct cn_blob *model = cn_blob_ref(d->live.model);
    edge_builder_build(s->builder, seq, base, &model, &lessons, on_built, s);
}

/* ---- the update in flight ---- */

static void load_upload(struct edge_session *s)
{
    const struct edge_update *u = &s->core.send.update;
    struct cn_error err;

    if (s->upload && cn_digest_equal(&s->upload_digest, &u->digest))
        return;
    cn_blob_unref(&s->upload);
    if (edge_blobs_get(s->d->data, &u->digest, &s->upload, &err))
        edge_daemon_die("update.read", &err);
    s->upload_digest = u->digest;
}

void edge_session_upload(struct edge_session *s, const struct edge_action *a)
{
    load_upload(s);
    const struct cn_link_bulk bulk = {s->upload, a->offset, a->n_bytes};
    edge_session_send(s, &a->msg, &bulk);
}

/* The update is settled: its bytes will not be needed any more. */
static void forget_upload(struct edge_session *s, const struct edge_update *u)
{
    cn_blob_unref(&s->upload);
    if (u->seq)
        edge_blobs_remove(s->d->data, &u->digest);
}

void edge_session_commit(struct edge_session *s, uint64_t seq, uint32_t release)
{
    struct cn_error err;

    struct edge_update u;

    if (edge_store_open_update(s->d->store, &u, &err) ||
        edge_store_committed(s->d->store, seq, release, cn_clock_wall_ms(), &err))
        edge_daemon_die("update.commit", &err);
    cn_log(CN_LOG_INFO, "update.committed", "seq=%llu release=%u", (unsigned long long)seq,
           release);
    forget_upload(s, &u);
    edge_install_verify(s->d);
    edge_session_queue_changed(s);
}

void edge_session_return(struct edge_session *s, const struct edge_action *a)
{
    const char *text =
        a->update.text && *a->update.text ? a->update.text : cn_reject_text(a->update.reason);
    char quoted[CN_ERROR_TEXT_BYTES];
    struct edge_update u;
    struct cn_error err;

    if (edge_store_open_update(s->d->store, &u, &err) ||
        edge_store_rejected(s->d->store, a->update.seq, text, cn_clock_wall_ms(), &err))
        edge_daemon_die("update.return", &err);
    cn_log(CN_LOG_WARN, "update.returned", "seq=%llu reason=%s text=%s",
           (unsigned long long)a->update.seq, cn_reject_name(a->update.reason),
           cn_log_quote(quoted, sizeof quoted, text));
    forget_upload(s, &u);
    edge_session_queue_changed(s);
}
