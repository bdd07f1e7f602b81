/* A real cairn-edge, and somebody who has taken the coordinator's address and its transport key but
   offers releases that a device must not run: tampered with, of another signer, older. The device
   keeps the release that it has, says why, and takes the next good one. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/doors/wire.h"
#include "tests/integration/server/coordinator.h"
#include "tests/integration/server/device.h"

enum { DEADLINE_MS = 60000, N_BLOBS = 3 };

/* ---- fixture: what a real coordinator left, and an edge that joined it ---- */

struct stage {
    struct coordinator c;
    char edge_data[128], edge_log[128];
    pid_t edge;
    struct cn_secret *server_key, *fleet_key;
    struct cn_digest fleet;
    struct cn_link *link; /* where the coordinator was */
    struct cn_heads heads;
    struct cn_manifest genesis;
    struct cn_blob *blobs[N_BLOBS]; /* manifest on offer, model, registry */
};

static struct stage stage;

static void check(enum cn_err e, const struct cn_error *err)
{
    if (e)
        fail_msg("%s", err->text);
}

static void load(struct cn_secret **ret, enum cn_secret_kind kind, const char *name)
{
    struct cn_error err;
    char path[200];

    snprintf(path, sizeof path, "%s/keys/%s", stage.c.dir, name);
    check(cn_secret_load(ret, kind, path, &err), &err);
}

static pid_t run(char *const *argv, const char *log)
{
    pid_t pid = fork();

    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void start_edge(void)
{
    char listen[200];

    snprintf(listen, sizeof listen, "edge.listen=unix:%s.sock", stage.edge_data);
    unlink(listen + strlen("edge.listen=unix:"));
    char *const argv[] = {EDGE, "run", "--data", stage.edge_data, "--set", listen, NULL};
    stage.edge = run(argv, stage.edge_log);
}

static void end_edge(void)
{
    int status;

    if (stage.edge <= 0)
        return;
    kill(stage.edge, SIGKILL);
    waitpid(stage.edge, &status, 0);
    stage.edge = 0;
}

static void join_edge(void)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) r =
        coordinator_do(&stage.c, "device.token", "{\"name\":\"edge\"}");
    char *const argv[] = {EDGE,     "join",          (char *)cn_json_string(r, "token", ""),
                          "--data", stage.edge_data, NULL};
    int status;

    assert_int_equal(waitpid(run(argv, stage.edge_log), &status, 0) > 0, 1);
    assert_int_equal(status, 0);
}

static bool allow(void *user, const struct cn_public_key *key, uint32_t *ret_user)
{
    (void)user, (void)key;
    *ret_user = 1;
    return true;
}

static int set_up(void **state)
{
    static const char *const sets[] = {"fleet.listen=tcp://127.0.0.1:0",
                                       "fleet.enrol_listen=tcp://127.0.0.1:0",
                                       "recipe.image=12x12x1", "recipe.filters=4", NULL};
    struct device d = {0};
    struct cn_error err;
    char endpoint[256];

    (void)state;
    coordinator_init(&stage.c, sets);
    coordinator_start(&stage.c);
    snprintf(stage.edge_data, sizeof stage.edge_data, "%s/edge", stage.c.root);
    snprintf(stage.edge_log, sizeof stage.edge_log, "%s/edge.log", stage.c.root);
    join_edge();
    struct cn_json *CN_CLEANUP(cn_json_destroy) r =
        coordinator_do(&stage.c, "device.token", "{\"name\":\"spy\"}");
    assert_int_equal(device_join(&d, cn_json_string(r, "token", ""), "").kind, CN_MSG_ADMITTED);
    assert_int_equal(device_hello(&d).kind, CN_MSG_WELCOME);
    stage.heads = d.heads;
    stage.fleet = d.token.fleet;
    device_fetch_release(&d, &stage.genesis, &stage.blobs[1]);
    stage.blobs[0] = device_fetch(&d, &d.heads.manifest);
    stage.blobs[2] = device_fetch(&d, &d.heads.registry);
    device_fini(&d);
    load(&stage.server_key, CN_SECRET_LINK, "server.key");
    load(&stage.fleet_key, CN_SECRET_SIGN, "fleet.key");
    coordinator_endpoint(&stage.c, "fleet", endpoint, sizeof endpoint);
    coordinator_end(&stage.c, SIGKILL);
    const struct cn_link_listen_conf conf = {.endpoint = endpoint,
                                             .secret = stage.server_key,
                                             .domain = "fleet",
                                             .allow = allow,
                                             .max_bulk_bytes = CN_CHUNK_BYTES};
    check(cn_link_listen(&stage.link, &conf, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_edge();
    cn_link_close(&stage.link);
    cn_secret_destroy(&stage.server_key);
    cn_secret_destroy(&stage.fleet_key);
    cn_release_fini(&stage.genesis);
    for (int i = 0; i < N_BLOBS; i++)
        cn_blob_unref(&stage.blobs[i]);
    coordinator_fini(&stage.c);
    return 0;
}

/* ---- the server ---- */

static void answer(uint64_t conn, struct cn_msg msg, const struct cn_link_bulk *bulk)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) header = {0};

    msg.session = 1;
    cn_wire_encode(&msg, &header);
    /* A message that does not get through is asked for again. */
    (void)!cn_link_send(stage.link, conn, (struct cn_bytes){header.at, header.n}, bulk, NULL);
}

static void welcome(uint64_t conn, uint64_t nonce)
{
    struct cn_msg msg = {.kind = CN_MSG_WELCOME};

    msg.welcome.major = CN_PROTO_MAJOR;
    msg.welcome.minor = CN_PROTO_MINOR;
    msg.welcome.nonce = nonce;
    msg.welcome.heads = stage.heads;
    msg.welcome.ping_ms = 1000;
    answer(conn, msg, NULL);
}

static void give(uint64_t conn, const struct cn_digest *digest, uint64_t offset)
{
    struct cn_msg msg = {.kind = CN_MSG_GONE, .gone = *digest};
    struct cn_link_bulk bulk = {.offset = (size_t)offset};

    for (int i = 0; i < N_BLOBS; i++) {
        struct cn_bytes b = cn_blob_bytes(stage.blobs[i]);
        struct cn_digest is = cn_digest_of(b.at, b.n);
        if (!cn_digest_equal(&is, digest) || offset >= b.n)
            continue;
        bulk.blob = stage.blobs[i];
        bulk.n = b.n - bulk.offset < CN_CHUNK_BYTES ? b.n - bulk.offset : CN_CHUNK_BYTES;
        msg = (struct cn_msg){.kind = CN_MSG_CHUNK, .chunk = {*digest, offset, b.n}};
    }
    answer(conn, msg, bulk.blob ? &bulk : NULL);
}

static void serve_one(struct cn_link_event *ev)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) scratch = {0};
    struct cn_msg msg;

    if (ev->what != CN_LINK_MESSAGE || cn_wire_decode(ev->header, ev->bulk.n, &scratch, &msg, NULL))
        return;
    if (msg.kind == CN_MSG_HELLO)
        welcome(ev->conn, msg.hello.nonce);
    else if (msg.kind == CN_MSG_PING)
        answer(ev->conn, (struct cn_msg){.kind = CN_MSG_PONG, .pong = stage.heads}, NULL);
    else if (msg.kind == CN_MSG_WANT)
        give(ev->conn, &msg.want.digest, msg.want.offset);
}

/* Serves until the edge's log holds the text, beyond what it held before. */
static void serve_until(const char *text)
{
    uint64_t deadline = cn_clock_mono_ms() + DEADLINE_MS;
    static size_t seen;
    struct cn_link_event ev;

    while (cn_clock_mono_ms() < deadline) {
        struct cn_buf CN_CLEANUP(cn_buf_fini) log = {0};
        if (cn_link_wait(stage.link, 50, &ev, NULL) == CN_OK)
            serve_one(&ev);
        if (cn_fs_read(stage.edge_log, 1 << 20, &log, NULL))
            continue;
        const char *at = strstr(cn_buf_cstr(&log) + seen, text);
        if (at) {
            seen = (size_t)(at - cn_buf_cstr(&log)) + strlen(text);
            return;
        }
    }
    fail_msg("the edge never said \"%s\"", text);
}

/* ---- what is offered ---- */

/* A manifest of that number, with the genesis release's model; signed by key. */
static void seal(uint32_t number, const struct cn_secret *key, struct cn_buf *out)
{
    struct cn_manifest m = stage.genesis;
    struct cn_error err;

    m.kind = CN_RELEASE_ROUND;
    m.number = number;
    m.parent = number - 1;
    memcpy(m.fleet.b, cn_secret_public(key)->b, sizeof m.fleet.b);
    check(cn_release_seal(&m, key, out, &err), &err);
}

/* The edge starts anew and finds these bytes announced as release `number`. */
static void offer(uint32_t number, struct cn_bytes sealed)
{
    cn_blob_unref(&stage.blobs[0]);
    stage.blobs[0] = cn_blob_copy(sealed.at, sealed.n);
    stage.heads.release = number;
    stage.heads.manifest = cn_digest_of(sealed.at, sealed.n);
    stage.heads.manifest_bytes = sealed.n;
    end_edge();
    start_edge();
}

static void a_device_runs_only_releases_that_its_fleet_signed_and_only_forward(void **state)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) good = {0}, older = {0}, foreign = {0}, next = {0};
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) stranger = cn_secret_new(CN_SECRET_SIGN);

    (void)state;
    seal(5, stage.fleet_key, &good);
    seal(4, stage.fleet_key, &older);
    seal(6, stranger, &foreign);
    seal(6, stage.fleet_key, &next);
    offer(5, (struct cn_bytes){good.at, good.n});
    serve_until("release.installed number=5");

    offer(6, (struct cn_bytes){older.at, older.n}); /* signed, but going back */
    serve_until("fetch.bad why=\"release 4");
    offer(6, (struct cn_bytes){foreign.at, foreign.n});
    serve_until("fetch.bad why=\"the signature of the release is not this fleet's");
    next.at[next.n - 1] ^= 1;
    offer(6, (struct cn_bytes){next.at, next.n}); /* tampered with */
    serve_until("fetch.bad why=\"the signature of the release is not this fleet's");
    next.at[next.n - 1] ^= 1;
    offer(6, (struct cn_bytes){next.at, 40}); /* no signature at all */
    serve_until("fetch.bad why=\"the release carries no signature");

    offer(6, (struct cn_bytes){next.at, next.n});
    serve_until("release.installed number=6");
    struct cn_buf CN_CLEANUP(cn_buf_fini) log = {0};
    assert_int_equal(cn_fs_read(stage.edge_log, 1 << 20, &log, NULL), CN_OK);
    assert_null(strstr(cn_buf_cstr(&log), "release.installed number=4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_runs_only_releases_that_its_fleet_signed_and_only_forward),
    };

    if (cn_crypto_init(NULL))
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
