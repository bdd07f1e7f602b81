/* Links over real sockets: who gets in, what comes through, what is dropped. Server and clients
   live in one process and take turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/doors/loop.h"

enum { BULK = 1024 * 1024, DEADLINE_MS = 20000, USER = 42, MAX_ENROLLED = 4 };

static struct cn_secret *server_key;
static struct cn_public_key enrolled[MAX_ENROLLED];
static unsigned n_enrolled;

static bool is_enrolled(void *user, const struct cn_public_key *key, uint32_t *ret_user)
{
    (void)user;
    for (unsigned i = 0; i < n_enrolled; i++) {
        if (memcmp(enrolled[i].b, key->b, sizeof key->b) == 0) {
            *ret_user = USER + i;
            return true;
        }
    }
    return false;
}

static void enrol(const struct cn_secret *secret)
{
    enrolled[n_enrolled++] = *cn_secret_public(secret);
}

static struct cn_link *listen_at(const char *endpoint)
{
    struct cn_link *link = NULL;
    struct cn_error err = {0};

    enum cn_err code = cn_link_listen(&link,
                                      &(struct cn_link_listen_conf){.endpoint = endpoint,
                                                                    .secret = server_key,
                                                                    .domain = "fleet",
                                                                    .allow = is_enrolled,
                                                                    .max_bulk_bytes = BULK},
                                      &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, CN_OK);
    return link;
}

static struct cn_link *dial(const char *endpoint, const struct cn_secret *secret,
                            const struct cn_secret *server)
{
    struct cn_link *link = NULL;
    struct cn_link_dial_conf conf = {.endpoint = endpoint,
                                     .server = *cn_secret_public(server),
                                     .secret = secret,
                                     .max_bulk_bytes = BULK};

    assert_int_equal(cn_link_dial(&link, &conf, NULL), CN_OK);
    return link;
}

/* Gives both ends turns until `at` has an event. */
static bool next_within(struct cn_link *at, struct cn_link *other, struct cn_link_event *ev,
                        uint64_t ms)
{
    struct cn_link_event ignored;

    for (uint64_t end = cn_clock_mono_ms() + ms; cn_clock_mono_ms() < end;) {
        if (cn_link_next(at, ev))
            return true;
        if (other)
            cn_link_next(other, &ignored);
        usleep(200);
    }
    return false;
}

static void expect(struct cn_link *at, struct cn_link *other, enum cn_link_what what,
                   struct cn_link_event *ev)
{
    assert_true(next_within(at, other, ev, DEADLINE_MS));
    assert_int_equal(ev->what, what);
}

static struct cn_bytes text(const char *s)
{
    return (struct cn_bytes){(const uint8_t *)s, strlen(s)};
}

static void assert_bytes(struct cn_bytes b, const char *s)
{
    assert_int_equal(b.n, strlen(s));
    assert_memory_equal(b.at, s, b.n);
}

static int begin(void **state)
{
    (void)state;
    n_enrolled = 0;
    return cn_crypto_init(NULL) == CN_OK && (server_key = cn_secret_new(CN_SECRET_LINK)) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cn_secret_destroy(&server_key);
    return 0;
}

static void an_enrolled_key_gets_in_and_is_named_by_its_user(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), key, server_key);
    struct cn_link_event ev;

    assert_int_equal(cn_link_send(client, 0, text("early"), NULL, NULL), CN_E_NOTFOUND);
    expect(client, server, CN_LINK_UP, &ev);
    assert_int_equal(cn_link_send(client, 0, text("hello"), NULL, NULL), CN_OK);
    expect(server, client, CN_LINK_MESSAGE, &ev);
    assert_bytes(ev.header, "hello");
    assert_false(ev.has_bulk);
    assert_int_equal(ev.user, USER);
    assert_memory_equal(ev.key.b, cn_secret_public(key)->b, CN_KEY_BYTES);
    assert_true(ev.conn != 0);
    assert_int_equal(cn_link_send(server, ev.conn, text("welcome"), NULL, NULL), CN_OK);
    expect(client, server, CN_LINK_MESSAGE, &ev);
    assert_bytes(ev.header, "welcome");
    assert_int_equal(cn_link_stats(server).n_received, 1);
    assert_int_equal(cn_link_stats(server).bytes_sent, strlen("welcome"));
}

static void an_unknown_key_is_refused_and_told_so(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) stranger = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), stranger, server_key);
    struct cn_link_event ev;

    expect(client, server, CN_LINK_DOWN, &ev);
    assert_int_equal(ev.why, CN_LINK_WHY_REFUSED);
    assert_true(cn_link_stats(server).n_refused > 0);

    enrol(stranger); /* takes effect at the next attempt, without a restart of anything */
    do
        assert_true(next_within(client, server, &ev, DEADLINE_MS));
    while (ev.what != CN_LINK_UP);
}

static void a_revoked_key_is_out_at_once_even_on_an_open_connection(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), key, server_key);
    struct cn_link_event ev;

    expect(client, server, CN_LINK_UP, &ev);
    n_enrolled = 0;
    assert_int_equal(cn_link_send(client, 0, text("still here"), NULL, NULL), CN_OK);
    for (int i = 0; i < 10000 && cn_link_stats(server).n_dropped == 0; i++) {
        assert_false(cn_link_next(server, &ev));
        usleep(200);
    }
    assert_int_equal(cn_link_stats(server).n_dropped, 1);
}

static void a_server_with_another_key_is_noticed(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) other = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client = dial(cn_link_endpoint(server), key, other);
    struct cn_link_event ev;
    struct cn_error err;

    expect(client, server, CN_LINK_DOWN, &ev);
    assert_int_equal(ev.why, CN_LINK_WHY_KEY);
    assert_int_equal(cn_link_wait(client, DEADLINE_MS, &ev, &err), CN_E_CRYPTO);
    assert_non_null(strstr(err.text, "key"));
}

static void nobody_listening_is_unreachable_until_somebody_does(void **state)
{
    (void)state;
    char endpoint[64];
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link_event ev;
    struct cn_error err;

    snprintf(endpoint, sizeof endpoint, "%s", cn_link_endpoint(server));
    cn_link_close(&server);
    struct cn_link *CN_CLEANUP(cn_link_close) client = dial(endpoint, key, server_key);
    assert_int_equal(cn_link_wait(client, DEADLINE_MS, &ev, &err), CN_E_NOTFOUND);
    assert_non_null(strstr(err.text, endpoint));

    server = listen_at(endpoint);
    do
        assert_true(next_within(client, server, &ev, DEADLINE_MS));
    while (ev.what != CN_LINK_UP);

    cn_link_close(&server);
    expect(client, NULL, CN_LINK_DOWN, &ev);
    assert_int_equal(ev.why, CN_LINK_WHY_CLOSED);
    server = listen_at(endpoint);
    do
        assert_true(next_within(client, server, &ev, DEADLINE_MS));
    while (ev.what != CN_LINK_UP);
}

static void a_name_that_does_not_resolve_is_unreachable(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial("tcp://no-such-host.invalid:7000", key, server_key);
    struct cn_link_event ev;

    assert_int_equal(cn_link_wait(client, DEADLINE_MS, &ev, NULL), CN_E_NOTFOUND);
}

static void silence_is_a_timeout(void **state)
{
    (void)state;
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link_event ev;

    assert_int_equal(cn_link_wait(server, 20, &ev, NULL), CN_E_TIMEOUT);
}

static void pieces_of_a_blob_come_through_without_a_copy_and_in_order(void **state)
{
    (void)state;
    enum { N = 8, SENT_AT_ONCE = 3 };
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), key, server_key);
    struct cn_buf bytes = {0};
    struct cn_link_event ev;
    char name[16];

    cn_random(cn_buf_extend(&bytes, (size_t)N * BULK), (size_t)N * BULK);
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = cn_blob_take(&bytes);
    expect(client, server, CN_LINK_UP, &ev);
    for (size_t sent = 0, got = 0; got < N;) {
        for (; sent < N && sent < got + SENT_AT_ONCE; sent++) {
            struct cn_link_bulk bulk = {blob, sent * BULK, BULK};
            snprintf(name, sizeof name, "chunk %zu", sent);
            assert_int_equal(cn_link_send(client, 0, text(name), &bulk, NULL), CN_OK);
        }
        expect(server, client, CN_LINK_MESSAGE, &ev);
        snprintf(name, sizeof name, "chunk %zu", got);
        assert_bytes(ev.header, name);
        assert_true(ev.has_bulk);
        assert_int_equal(ev.bulk.n, BULK);
        assert_memory_equal(ev.bulk.at, cn_blob_bytes(blob).at + got * BULK, BULK);
        got++;
    }
    struct cn_link_bulk none = {blob, 7, 0};
    assert_int_equal(cn_link_send(client, 0, text("empty"), &none, NULL), CN_OK);
    expect(server, client, CN_LINK_MESSAGE, &ev);
    assert_true(ev.has_bulk);
    assert_int_equal(ev.bulk.n, 0);
}

static void a_full_queue_is_busy_and_a_peer_that_left_is_not_found(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), key, server_key);
    struct cn_link_event ev;
    struct cn_buf bytes = {0};
    enum cn_err code = CN_OK;

    cn_buf_extend(&bytes, BULK);
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = cn_blob_take(&bytes);
    struct cn_link_bulk bulk = {blob, 0, BULK};
    expect(client, server, CN_LINK_UP, &ev);
    assert_int_equal(cn_link_send(client, 0, text("hello"), NULL, NULL), CN_OK);
    expect(server, client, CN_LINK_MESSAGE, &ev);
    uint64_t conn = ev.conn;
    for (int i = 0; i < 1000 && code == CN_OK; i++) /* the client reads nothing */
        code = cn_link_send(server, conn, text("x"), &bulk, NULL);
    assert_int_equal(code, CN_E_BUSY);

    cn_link_close(&client);
    for (int i = 0; i < 10000 && code != CN_E_NOTFOUND; i++) {
        cn_link_next(server, &ev);
        code = cn_link_send(server, conn, text("x"), NULL, NULL);
        usleep(200);
    }
    assert_int_equal(code, CN_E_NOTFOUND);
    assert_int_equal(cn_link_send(server, 12345, text("x"), NULL, NULL), CN_E_NOTFOUND);
}

static void last_words_arrive_before_the_connection_is_down(void **state)
{
    (void)state;
    enum { N = 20 };
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    enrol(key);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), key, server_key);
    struct cn_link_event ev;
    char word[32];

    expect(client, server, CN_LINK_UP, &ev);
    assert_int_equal(cn_link_send(client, 0, text("stop"), NULL, NULL), CN_OK);
    expect(server, NULL, CN_LINK_MESSAGE, &ev);
    for (int i = 0; i < N; i++) {
        snprintf(word, sizeof word, "word %d", i);
        assert_int_equal(cn_link_send(server, ev.conn, text(word), NULL, NULL), CN_OK);
    }
    cn_link_close(&server);
    usleep(300 * 1000); /* the end is known long before the words are read */
    for (int i = 0; i < N; i++) {
        expect(client, NULL, CN_LINK_MESSAGE, &ev);
        snprintf(word, sizeof word, "word %d", i);
        assert_bytes(ev.header, word);
    }
    expect(client, NULL, CN_LINK_DOWN, &ev);
    assert_int_equal(ev.why, CN_LINK_WHY_CLOSED);
}

/* A peer that does not use our door. */
static void *raw_client(void *ctx, const char *endpoint, const struct cn_secret *key)
{
    void *s = zmq_socket(ctx, ZMQ_DEALER);
    int linger = 0;

    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, cn_secret_link_bytes(key), 32);
    zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, cn_secret_public(key)->b, 32);
    zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, cn_secret_public(server_key)->b, 32);
    assert_int_equal(zmq_connect(s, endpoint), 0);
    return s;
}

static void malformed_messages_are_dropped_and_hurt_nobody_else(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) good = cn_secret_new(CN_SECRET_LINK);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) bad = cn_secret_new(CN_SECRET_LINK);
    enrol(good);
    enrol(bad);
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) client =
        dial(cn_link_endpoint(server), good, server_key);
    struct cn_link_event ev;
    void *ctx = zmq_ctx_new(), *raw = raw_client(ctx, cn_link_endpoint(server), bad);
    void *named = raw_client(ctx, cn_link_endpoint(server), bad);
    char *huge = calloc(1, 2 * BULK);

    expect(client, server, CN_LINK_UP, &ev);
    zmq_disconnect(named, cn_link_endpoint(server));
    zmq_setsockopt(named, ZMQ_ROUTING_ID, "chosen", 6); /* ids are ours to choose */
    assert_int_equal(zmq_connect(named, cn_link_endpoint(server)), 0);
    zmq_send(named, "x", 1, 0);
    zmq_send(raw, "1", 1, ZMQ_SNDMORE); /* three frames */
    zmq_send(raw, "2", 1, ZMQ_SNDMORE);
    zmq_send(raw, "3", 1, 0);
    zmq_send(raw, huge, CN_MAX_HEADER_BYTES + 1, 0); /* a header over its cap, under the frame's */
    zmq_send(raw, "fine", 4, 0);
    zmq_send(raw, huge, 2 * BULK, 0); /* a frame over the cap: the connection ends */
    expect(server, client, CN_LINK_MESSAGE, &ev);
    assert_bytes(ev.header, "fine");
    assert_int_equal(ev.user, USER + 1);
    for (int i = 0; i < 10000 && cn_link_stats(server).n_dropped < 3; i++) {
        assert_false(cn_link_next(server, &ev));
        usleep(200);
    }
    assert_int_equal(cn_link_stats(server).n_dropped, 3);
    assert_int_equal(cn_link_send(client, 0, text("and I"), NULL, NULL), CN_OK);
    expect(server, client, CN_LINK_MESSAGE, &ev);
    assert_bytes(ev.header, "and I");
    free(huge);
    zmq_close(named);
    zmq_close(raw);
    zmq_ctx_term(ctx);
}

static void plain_connections_without_curve_get_nothing_through(void **state)
{
    (void)state;
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    void *ctx = zmq_ctx_new(), *raw = zmq_socket(ctx, ZMQ_DEALER);
    int linger = 0;
    struct cn_link_event ev;

    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(raw, cn_link_endpoint(server)), 0);
    zmq_send(raw, "hello", 5, 0);
    assert_false(next_within(server, NULL, &ev, 300));
    assert_int_equal(cn_link_stats(server).n_dropped, 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
}

static void a_port_in_use_is_an_error_that_says_what_to_do(void **state)
{
    (void)state;
    struct cn_link *CN_CLEANUP(cn_link_close) server = listen_at("tcp://127.0.0.1:0");
    struct cn_link *second = NULL;
    struct cn_error err;
    struct cn_link_listen_conf conf = {
        .endpoint = cn_link_endpoint(server), .secret = server_key, .domain = "second"};

    assert_int_equal(cn_link_listen(&second, &conf, &err), CN_E_EXISTS);
    assert_null(second);
    assert_non_null(strstr(err.text, "choose another port"));
    conf.endpoint = "tcp://127.0.0.1:0";
    conf.domain = "fleet"; /* one listener per domain */
    assert_int_equal(cn_link_listen(&second, &conf, &err), CN_E_EXISTS);
    conf.domain = "third";
    conf.endpoint = "tcp://127.0.0.1:port";
    assert_int_equal(cn_link_listen(&second, &conf, &err), CN_E_PARSE);
    conf.endpoint = "127.0.0.1:80";
    assert_int_equal(cn_link_listen(&second, &conf, &err), CN_E_PARSE);
    conf.endpoint = "tcp://192.0.2.1:9000"; /* an address for documentation, never ours */
    assert_int_equal(cn_link_listen(&second, &conf, &err), CN_E_NOTFOUND);
}

static void domains_have_their_own_rules_and_an_open_one_takes_any_key(void **state)
{
    (void)state;
    char path[] = "/tmp/cairn-link-XXXXXX", endpoint[64];
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) stranger = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) fleet = listen_at("tcp://127.0.0.1:0");
    struct cn_link *CN_CLEANUP(cn_link_close) open = NULL;
    struct cn_link_event ev;
    struct stat st;

    assert_non_null(mkdtemp(path));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/enrol.ipc", path);
    struct cn_link_listen_conf conf = {
        .endpoint = endpoint, .secret = server_key, .domain = "enrol"};
    assert_int_equal(cn_link_listen(&open, &conf, NULL), CN_OK);
    assert_int_equal(stat(endpoint + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct cn_link *CN_CLEANUP(cn_link_close) client = dial(endpoint, stranger, server_key);
    expect(client, open, CN_LINK_UP, &ev);
    assert_int_equal(cn_link_send(client, 0, text("join"), NULL, NULL), CN_OK);
    expect(open, client, CN_LINK_MESSAGE, &ev);
    assert_memory_equal(ev.key.b, cn_secret_public(stranger)->b, CN_KEY_BYTES);
    cn_link_close(&open);
    rmdir(path);
}

/* TCP that accepts and says nothing, like a wrong service behind a firewall. */
static void a_mute_server_is_reported_within_its_deadline(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char endpoint[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_link_event ev;
    struct cn_error err;

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&at, &size);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", ntohs(at.sin_port));
    struct cn_link *CN_CLEANUP(cn_link_close) client = dial(endpoint, key, server_key);
    enum cn_err code = cn_link_wait(client, DEADLINE_MS, &ev, &err);
    assert_int_equal(code, CN_E_NOTFOUND);
    close(fd);
}

/* Links in the loop: a flood of messages is answered one by one, whatever libzmq's descriptors say.
 */
enum { N_ECHOES = 2000 };
static struct cn_loop *loop;
static unsigned n_echoes, n_sent;
static struct cn_link *echo_client;

static void send_some(void)
{
    struct cn_bytes hi = {(const uint8_t *)"hi", 2};

    while (n_sent < N_ECHOES && n_sent < n_echoes + 20 &&
           cn_link_send(echo_client, 0, hi, NULL, NULL) == CN_OK)
        n_sent++;
}

static void on_server(void *user, struct cn_link *link, const struct cn_link_event *ev)
{
    (void)user;
    assert_int_equal(cn_link_send(link, ev->conn, ev->header, NULL, NULL), CN_OK);
}

static void on_client(void *user, struct cn_link *link, const struct cn_link_event *ev)
{
    (void)user, (void)link;
    n_echoes += ev->what == CN_LINK_MESSAGE;
    send_some();
    if (n_echoes == N_ECHOES)
        cn_loop_stop(loop);
}

static void links_are_served_until_nothing_is_left(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) server = NULL;
    struct cn_link_listen_conf conf = {
        .endpoint = "tcp://127.0.0.1:0", .secret = key, .domain = "echo"};

    assert_int_equal(cn_loop_new(&loop, NULL), CN_OK);
    assert_int_equal(cn_link_listen(&server, &conf, NULL), CN_OK);
    assert_int_equal(cn_link_dial(&echo_client,
                                  &(struct cn_link_dial_conf){.endpoint = cn_link_endpoint(server),
                                                              .server = *cn_secret_public(key),
                                                              .secret = key},
                                  NULL),
                     CN_OK);
    assert_int_equal(cn_loop_add_link(loop, server, on_server, NULL, NULL), CN_OK);
    assert_int_equal(cn_loop_add_link(loop, echo_client, on_client, NULL, NULL), CN_OK);
    assert_int_equal(cn_loop_run(loop, NULL), CN_OK);
    assert_int_equal(n_echoes, N_ECHOES);
    cn_loop_remove_link(loop, echo_client);
    cn_loop_remove_link(loop, server);
    cn_link_close(&echo_client);
    cn_loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_enrolled_key_gets_in_and_is_named_by_its_user, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_unknown_key_is_refused_and_told_so, begin, end),
        cmocka_unit_test_setup_teardown(a_revoked_key_is_out_at_once_even_on_an_open_connection,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_server_with_another_key_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(nobody_listening_is_unreachable_until_somebody_does, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_name_that_does_not_resolve_is_unreachable, begin, end),
        cmocka_unit_test_setup_teardown(silence_is_a_timeout, begin, end),
        cmocka_unit_test_setup_teardown(pieces_of_a_blob_come_through_without_a_copy_and_in_order,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_full_queue_is_busy_and_a_peer_that_left_is_not_found,
                                        begin, end),
        cmocka_unit_test_setup_teardown(last_words_arrive_before_the_connection_is_down, begin,
                                        end),
        cmocka_unit_test_setup_teardown(malformed_messages_are_dropped_and_hurt_nobody_else, begin,
                                        end),
        cmocka_unit_test_setup_teardown(plain_connections_without_curve_get_nothing_through, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_an_error_that_says_what_to_do, begin, end),
        cmocka_unit_test_setup_teardown(domains_have_their_own_rules_and_an_open_one_takes_any_key,
                                        begin, end),
        cmocka_unit_test_setup_teardown(links_are_served_until_nothing_is_left, begin, end),
        cmocka_unit_test_setup_teardown(a_mute_server_is_reported_within_its_deadline, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
