/* Start-up, in the order in which things stand on each other, and the way back. */
#include "server/run.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/log.h"
#include "server/admin.h"
#include "server/endpoint.h"
#include "server/enrol.h"
#include "server/gateway.h"
#include "server/init.h"
#include "server/merge.h"
#include "server/trial.h"

enum { SAVE_EVERY_MS = 60 * 1000 };

/* ---- what is durable ---- */

static enum cn_err read_conf(struct srv_conf *conf, const char *path, char *const *sets, size_t n,
                             struct cn_error *err)
{
    struct cn_recipe recipe;
    enum cn_err e;

    srv_conf_init(conf);
    if ((e = srv_conf_recipe_defaults(conf, err)) != CN_OK ||
        (e = srv_conf_read(conf, path, err)) != CN_OK)
        return e;
    for (size_t i = 0; i < n; i++)
        if ((e = srv_conf_assign(conf, sets[i], err)) != CN_OK)
            return e;
    return srv_conf_recipe(conf, &recipe, err);
}

enum cn_err srv_run_check_conf(const char *dir, char *const *sets, size_t n, struct cn_error *err)
{
    char path[SRV_PATH_BYTES];
    struct srv_conf conf;
    int len = snprintf(path, sizeof path, "%s/coordinator.conf", dir);

    if (len < 0 || (size_t)len >= sizeof path)
        return cn_fail(err, CN_E_LIMIT, "the path %s is too long", dir);
    return read_conf(&conf, path, sets, n, err);
}

static enum cn_err check_recipe(const struct srv_server *s, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) made = {0};
    char line[512];
    enum cn_err e = srv_store_fact(s->db, "recipe", &made, err);

    srv_init_recipe_line(&s->conf, line, sizeof line);
    if (e == CN_OK && strcmp(cn_buf_cstr(&made), line) != 0)
        return cn_fail(
            err, CN_E_STATE,
            "[recipe] of coordinator.conf was changed, but a fleet keeps the recipe that "
            "it was made with; put it back (%s), or make another fleet with init",
            cn_buf_cstr(&made));
    return e;
}

/* The newest release, whose manifest must be signed by this fleet's key. */
static enum cn_err load_release(struct srv_server *s, struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) sealed = NULL;
    struct cn_manifest m;
    enum cn_err e;

    if ((e = srv_store_release(s->db, 0, &s->release, err)) != CN_OK ||
        (e = srv_blobs_get(&s->blobs, &s->release.manifest.digest, &sealed, err)) != CN_OK ||
        (e = cn_release_open(cn_blob_bytes(sealed), &s->data.fleet_id, &m, err)) != CN_OK ||
        (e = srv_blobs_get(&s->blobs, &s->release.model.digest, &s->model, err)) != CN_OK ||
        (s->release.stats.size &&
         (e = srv_blobs_get(&s->blobs, &s->release.stats.digest, &s->stats, err)) != CN_OK)) {
        cn_fail_prefix(err, "cannot load the newest release");
        return e;
    }
    cn_release_fini(&m);
    return CN_OK;
}

/* ---- what start-up throws away: blobs that no release names ---- */

struct digests {
    struct cn_digest *at;
    size_t n, cap;
};

static void keep(struct digests *d, const struct cn_digest *digest)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 64;
        d->at = cn_realloc(d->at, d->cap * sizeof *d->at);
    }
    d->at[d->n++] = *digest;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cn_digest));
}

static enum cn_err keep_release(void *user, const struct srv_release *r, struct cn_error *err)
{
    (void)err;
    keep(user, &r->manifest.digest);
    keep(user, &r->model.digest);
    keep(user, &r->stats.digest);
    keep(user, &r->registry.digest);
    return CN_OK;
}

static bool is_kept(void *user, const struct cn_digest *digest)
{
    const struct digests *d = user;

    return bsearch(digest, d->at, d->n, sizeof *d->at, compare) != NULL;
}

static enum cn_err sweep(struct srv_server *s, struct cn_error *err)
{
    struct digests d = {0};
    enum cn_err e = srv_store_each_release(s->db, keep_release, &d, err);

    keep(&d, &s->labels.snapshot.digest);
    qsort(d.at, d.n, sizeof *d.at, compare);
    if (e == CN_OK)
        e = srv_blobs_sweep(&s->blobs, is_kept, &d, err);
    free(d.at);
    return e;
}

static enum cn_err open_durable(struct srv_server *s, const char *dir, char *const *sets, size_t n,
                                struct cn_error *err)
{
    char path[SRV_PATH_BYTES];
    enum cn_err e;

    if ((e = srv_data_open(&s->data, dir, err)) != CN_OK ||
        (e = read_conf(&s->conf, srv_data_path(&s->data, "coordinator.conf", path), sets, n,
                       err)) != CN_OK ||
        (e = srv_store_open(&s->db, srv_data_path(&s->data, "coordinator.db", path), err)) !=
            CN_OK ||
        (e = check_recipe(s, err)) != CN_OK)
        return e;
    cn_log_set_level((enum cn_log_level)s->conf.log_level);
    srv_blobs_init(&s->blobs, srv_data_path(&s->data, "blobs", path));
    if ((e = srv_store_load_members(s->db, &s->members, err)) != CN_OK ||
        (e = srv_labels_open(&s->labels, s->db, &s->blobs, s->data.fleet, err)) != CN_OK ||
        (e = load_release(s, err)) != CN_OK)
        return e;
    return sweep(s, err);
}

/* ---- what is alive ---- */

static void start_core(struct srv_server *s)
{
    struct srv_core_conf c;

    srv_core_conf_init(&c);
    c.fleet = s->data.fleet_id;
    c.heads = srv_server_heads(s);
    c.round = s->release.number;
    c.updates = (uint32_t)s->conf.updates;
    c.max_wait_ms = s->conf.max_wait_s * 1000;
    c.score_wait_ms = s->conf.score_wait_s * 1000;
    c.max_staleness = (uint32_t)s->conf.max_staleness;
    c.n_slots = (uint32_t)s->conf.uploads;
    c.slot_idle_ms = s->conf.upload_idle_s * 1000;
    cn_random(&c.boot, sizeof c.boot);
    s->devices = cn_calloc(CN_MAX_DEVICES, sizeof *s->devices);
    s->updates = cn_calloc(CN_MAX_ROUND_UPDATES, sizeof *s->updates);
    srv_core_init(&s->core, &c, s->devices, CN_MAX_DEVICES, s->updates);
    for (uint32_t i = 0; i < s->members.n; i++) {
        const struct srv_member *m = &s->members.at[i];
        struct srv_event ev = {.kind = SRV_EV_DEVICE, .device = m->id};
        ev.record.state = m->state;
        ev.record.last_seq = m->last_seq;
        ev.record.last_release = m->last_release;
        srv_gateway_feed(s, &ev);
    }
}

static void save_members(void *user)
{
    struct srv_server *s = user;
    struct cn_error err;

    if (srv_store_save_members(s->db, &s->members, &err) != CN_OK)
        srv_server_fail(s, "store.members", &err);
    cn_loop_set_timer(s->loop, cn_clock_mono_ms() + SAVE_EVERY_MS, save_members, s);
}

static void on_signal(void *user, int signal)
{
    struct srv_server *s = user;

    cn_log(CN_LOG_INFO, "coordinator.signal", "number=%d", signal);
    cn_loop_stop(s->loop);
}

static enum cn_err start_shell(struct srv_server *s, struct cn_error *err)
{
    enum cn_err e;

    s->started_ms = cn_clock_mono_ms();
    s->trial = cn_calloc(1, sizeof *s->trial);
    s->sums = srv_sums_new();
    if ((e = cn_loop_new(&s->loop, err)) != CN_OK ||
        (e = cn_loop_on_signal(s->loop, on_signal, s, err)) != CN_OK ||
        (e = cn_worker_new(&s->worker, "cairn-jobs", s->loop, err)) != CN_OK ||
        (e = srv_endpoint_listen(s, err)) != CN_OK)
        return e;
    start_core(s);
    if ((e = cn_loop_add_link(s->loop, s->fleet, srv_gateway_on_link, s, err)) != CN_OK ||
        (e = cn_loop_add_link(s->loop, s->enrol, srv_enrol_on_link, s, err)) != CN_OK ||
        (e = cn_loop_add_link(s->loop, s->admin, srv_admin_on_link, s, err)) != CN_OK)
        return e;
    cn_loop_set_timer(s->loop, cn_clock_mono_ms() + SAVE_EVERY_MS, save_members, s);
    return srv_endpoint_publish(s, err);
}

static void close_link(struct srv_server *s, struct cn_link **link)
{
    if (*link && s->loop)
        cn_loop_remove_link(s->loop, *link);
    cn_link_close(link);
}

static void destroy(struct srv_server **p)
{
    struct srv_server *s = cn_steal(*p);

    if (!s)
        return;
    s->ending = true;
    cn_worker_destroy(&s->worker); /* the job that runs is done, the rest is offered again */
    srv_sums_destroy(&s->sums);
    srv_trial_destroy(&s->trial);
    close_link(s, &s->fleet);
    close_link(s, &s->enrol);
    close_link(s, &s->admin);
    srv_gateway_fini(&s->gateway);
    cn_loop_destroy(&s->loop);
    cn_blob_unref(&s->model);
    cn_blob_unref(&s->stats);
    srv_labels_close(&s->labels);
    srv_blobs_fini(&s->blobs);
    srv_members_fini(&s->members);
    cn_db_close(&s->db);
    srv_data_close(&s->data);
    free(s->devices);
    free(s->updates);
    free(s);
}

static void say_ready(const struct srv_server *s)
{
    printf("fleet  %s\nenrol  %s\nadmin  %s\n", cn_link_endpoint(s->fleet),
           cn_link_endpoint(s->enrol), cn_link_endpoint(s->admin));
    fflush(stdout);
    cn_log(CN_LOG_INFO, "coordinator.ready", "release=%u devices=%u labels=%u endpoint=%s",
           s->release.number, s->members.n, cn_registry_n_accepted(s->labels.registry),
           cn_link_endpoint(s->fleet));
}

/* Updates, chunks and matrices come and go by the megabyte. Left alone, glibc learns to keep such
   blocks on its heaps, which then grow with the number of devices; mapped, each goes back to the
   system when it is freed (promise 5). */
static void keep_memory_flat(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_ARENA_MAX, 2);
}

enum cn_err srv_run(const char *dir, char *const *sets, size_t n, struct cn_error *err)
{
    struct srv_server *CN_CLEANUP(destroy) s = cn_calloc(1, sizeof *s);
    enum cn_err e;

    keep_memory_flat();
    s->data.lock_fd = -1;
    if ((e = open_durable(s, dir, sets, n, err)) != CN_OK || (e = start_shell(s, err)) != CN_OK)
        return e;
    say_ready(s);
    if ((e = cn_loop_run(s->loop, err)) != CN_OK)
        return e;
    if (s->exit_code)
        return cn_fail(err, CN_E_IO, "the coordinator had to end; its log says why");
    e = srv_store_save_members(s->db, &s->members, err);
    cn_log(CN_LOG_INFO, "coordinator.ended", "release=%u", s->release.number);
    return e;
}
