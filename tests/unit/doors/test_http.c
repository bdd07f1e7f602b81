/* The HTTP server and client, against each other and against raw sockets. The server has its own
   thread; the tests are its clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/doors/http.h"
#include "common/doors/httpc.h"
#include "common/doors/json.h"

enum { MAX_BODY = 100 * 1000, IDLE_S = 1 };

static struct cn_loop *loop;
static struct cn_http *http;
static pthread_t thread;
static int stop_pipe[2];
static char address[128];
static struct cn_http_request *kept; /* by /keep, answered by /release */

static void reply_text(struct cn_http_request *req, unsigned status, const char *text)
{
    struct cn_buf body = {0};

    cn_buf_append(&body, text, strlen(text));
    cn_http_reply(&req, status, "text/plain", &body);
}

static void answer_later(void *user)
{
    reply_text(user, 200, "later");
}

static void on_request(void *user, struct cn_http_request *req)
{
    const char *path = cn_http_path(req);
    struct cn_bytes body = cn_http_body(req);

    (void)user;
    if (strcmp(path, "/echo") == 0 && strcmp(cn_http_method(req), "POST") == 0) {
        struct cn_buf out = cn_http_take_body(req);
        cn_http_reply(&req, 200, cn_http_header(req, "Content-Type", "none"), &out);
    } else if (strcmp(path, "/size") == 0) {
        char size[32];
        snprintf(size, sizeof size, "%zu", body.n);
        reply_text(req, 200, size);
    } else if (strcmp(path, "/query") == 0) {
        reply_text(req, 200, cn_http_query(req, "label", "absent"));
    } else if (strcmp(path, "/later") == 0) {
        cn_loop_set_timer(loop, cn_clock_mono_ms() + 20, answer_later, req);
    } else if (strcmp(path, "/keep") == 0) {
        kept = req;
    } else if (strcmp(path, "/release") == 0) {
        bool had = kept != NULL;
        if (kept)
            reply_text(cn_steal(kept), 200, "released");
        reply_text(req, 200, had ? "had one" : "had none");
    } else {
        struct cn_error err;
        cn_fail(&err, CN_E_NOTFOUND, "there is no \"%.40s\" here", path);
        cn_http_fail(&req, &err);
    }
}

static void on_stop(void *user, int fd, unsigned events)
{
    (void)user, (void)fd, (void)events;
    cn_loop_stop(loop);
}

static void *serve(void *arg)
{
    return cn_loop_run(arg, NULL) == CN_OK ? NULL : arg;
}

static int begin_at(const char *where)
{
    struct cn_http_conf conf = {
        .listen = where, .hosts = "kiosk edge.lan", .max_body_bytes = MAX_BODY, .idle_s = IDLE_S};

    if (cn_loop_new(&loop, NULL) != CN_OK || pipe(stop_pipe) < 0 ||
        cn_loop_add_fd(loop, stop_pipe[0], CN_LOOP_READ, on_stop, NULL, NULL) != CN_OK ||
        cn_http_open(&http, loop, &conf, on_request, NULL, NULL) != CN_OK)
        return -1;
    snprintf(address, sizeof address, "%s", cn_http_address(http));
    return pthread_create(&thread, NULL, serve, loop);
}

static int begin(void **state)
{
    (void)state;
    return begin_at("127.0.0.1:0");
}

static int end(void **state)
{
    void *failed;

    (void)state;
    if (write(stop_pipe[1], "x", 1) != 1 || pthread_join(thread, &failed) || failed)
        return -1;
    cn_http_close(&http);
    if (kept) /* its connection is gone: this only frees it */
        reply_text(cn_steal(kept), 200, "too late");
    cn_loop_destroy(&loop);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
    return 0;
}

static struct cn_httpc *new_client(void)
{
    struct cn_httpc *c = NULL;

    assert_int_equal(cn_httpc_new(&c, address, 10, NULL), CN_OK);
    return c;
}

/* Status of a call; its body in *reply. */
static unsigned call(struct cn_httpc *c, const char *method, const char *path, struct cn_bytes body,
                     struct cn_buf *reply)
{
    struct cn_httpc_request req = {
        .method = method, .path = path, .content_type = "text/x-test", .body = body};
    struct cn_error err = {0};
    unsigned status = 0;

    enum cn_err code = cn_httpc_call(c, &req, &status, reply, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, CN_OK);
    return status;
}

static const struct cn_bytes nothing;

static void calls_are_answered_over_one_kept_connection(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};

    for (int i = 0; i < 50; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "call %d", i);
        struct cn_bytes body = {(const uint8_t *)text, (size_t)n};
        assert_int_equal(call(c, "POST", "/echo", body, &reply), 200);
        assert_string_equal(cn_buf_cstr(&reply), text);
    }
    assert_int_equal(call(c, "GET", "/query?label=tabby%20cat&x=1", nothing, &reply), 200);
    assert_string_equal(cn_buf_cstr(&reply), "tabby cat");
    assert_int_equal(call(c, "GET", "/query", nothing, &reply), 200);
    assert_string_equal(cn_buf_cstr(&reply), "absent");
    assert_int_equal(call(c, "DELETE", "/size", nothing, &reply), 200);
    assert_string_equal(cn_buf_cstr(&reply), "0");
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};

    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(c, "GET", "/later", nothing, &reply), 200);
        assert_string_equal(cn_buf_cstr(&reply), "later");
    }
}

static void an_error_is_a_problem_with_a_code(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;

    assert_int_equal(call(c, "GET", "/nowhere", nothing, &reply), 404);
    assert_int_equal(
        cn_json_parse((struct cn_bytes){reply.at, reply.n}, CN_MAX_JSON_BYTES, &j, NULL), CN_OK);
    assert_string_equal(cn_json_string(j, "code", ""), "not-found");
    assert_string_equal(cn_json_string(j, "detail", ""), "there is no \"/nowhere\" here");
    assert_int_equal(cn_json_int(j, "status", 0), 404);
    assert_string_equal(cn_json_string(j, "title", ""), "Not found");
}

static void a_body_over_the_cap_is_refused_and_the_server_goes_on(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0}, CN_CLEANUP(cn_buf_fini) body = {0};

    cn_buf_extend(&body, MAX_BODY);
    assert_int_equal(call(c, "POST", "/size", (struct cn_bytes){body.at, body.n}, &reply), 200);
    assert_string_equal(cn_buf_cstr(&reply), "100000");
    cn_buf_extend(&body, 4 << 20);
    assert_int_equal(call(c, "POST", "/size", (struct cn_bytes){body.at, body.n}, &reply), 413);
    assert_non_null(strstr(cn_buf_cstr(&reply), "\"limit\""));
    assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
}

/* Raw sockets, for what no decent client does. */

static int raw_connect(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void raw_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What comes until the server closes, or until `until` is in it. */
static void raw_read(int fd, const char *until, struct cn_buf *ret)
{
    ret->n = 0;
    for (;;) {
        char part[4096];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0)
            return;
        cn_buf_append(ret, part, (size_t)n);
        if (until && strstr(cn_buf_cstr(ret), until))
            return;
    }
}

static void a_chunked_body_is_capped_too(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    char chunk[10008] = "2710\r\n";
    int fd = raw_connect();

    memset(chunk + 6, 'a', 10000);
    raw_send(fd, "POST /size HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++) {
        assert_int_equal(send(fd, chunk, 6 + 10000, MSG_NOSIGNAL), 6 + 10000);
        raw_send(fd, "\r\n");
    }
    raw_send(fd, "0\r\n\r\n");
    raw_read(fd, "\r\n\r\n", &reply);
    assert_non_null(strstr(cn_buf_cstr(&reply), " 413 "));
    close(fd);

    fd = raw_connect(); /* and one that never ends is hung up on */
    raw_send(fd, "POST /size HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10000; i++)
        if (send(fd, chunk, 6 + 10000, MSG_NOSIGNAL) < 0 || send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
            break;
    assert_true(errno == EPIPE || errno == ECONNRESET);
    close(fd);
}

static void asking_before_sending_is_answered(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    int fd = raw_connect();

    raw_send(fd, "POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                 "Expect: 100-continue\r\n\r\n");
    raw_read(fd, "\r\n\r\n", &reply);
    assert_non_null(strstr(cn_buf_cstr(&reply), "100 Continue"));
    raw_send(fd, "abc");
    raw_read(fd, "\r\n\r\n3", &reply);
    assert_non_null(strstr(cn_buf_cstr(&reply), "200 OK"));
    close(fd);
}

static void a_slow_client_is_dropped_and_holds_nobody_up(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    int fd = raw_connect();
    uint64_t since = cn_clock_mono_ms();

    raw_send(fd, "POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
    assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
    raw_read(fd, NULL, &reply); /* returns when the server hangs up */
    assert_true(cn_clock_mono_ms() - since >= IDLE_S * 1000 / 2);
    close(fd);
}

static void a_client_that_leaves_before_the_answer_is_no_trouble(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    int fd = raw_connect();

    raw_send(fd, "GET /keep HTTP/1.1\r\nHost: localhost\r\n\r\n");
    do
        assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
    while (!__atomic_load_n(&kept, __ATOMIC_SEQ_CST));
    close(fd);
    assert_int_equal(call(c, "GET", "/release", nothing, &reply), 200);
    assert_string_equal(cn_buf_cstr(&reply), "had one");
    assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
}

static void a_request_may_outlive_the_server(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    int fd = raw_connect();

    raw_send(fd, "GET /keep HTTP/1.1\r\nHost: localhost\r\n\r\n");
    do
        assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
    while (!__atomic_load_n(&kept, __ATOMIC_SEQ_CST));
    assert_int_equal(end(NULL), 0); /* closes the server, then replies */
    assert_int_equal(begin(NULL), 0);
    close(fd);
}

static bool is_answered(const char *headers)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    char text[512];
    int fd = raw_connect();

    snprintf(text, sizeof text, "GET /size HTTP/1.1\r\n%s\r\n", headers);
    raw_send(fd, text);
    raw_read(fd, "\r\n\r\n", &reply);
    close(fd);
    bool yes = strstr(cn_buf_cstr(&reply), "HTTP/1.1 200 ") != NULL;
    assert_true(yes || strstr(cn_buf_cstr(&reply), "HTTP/1.1 403 ") != NULL);
    return yes;
}

static void pages_of_other_sites_are_turned_away(void **state)
{
    (void)state;
    assert_true(is_answered("Host: localhost:8471\r\n"));
    assert_true(is_answered("Host: 127.0.0.1\r\n"));
    assert_true(is_answered("Host: [::1]:8471\r\n"));
    assert_true(is_answered("Host: Edge.LAN:80\r\n"));
    assert_true(is_answered("Host: localhost:8471\r\nOrigin: http://localhost:8471\r\n"));
    assert_false(is_answered("Host: evil.example\r\n"));
    assert_false(is_answered("Host: localhost.evil.example\r\n"));
    assert_false(is_answered("Host: edge.lan.evil.example\r\n"));
    assert_false(is_answered("Host: localhost:8471\r\nOrigin: http://evil.example\r\n"));
    assert_false(is_answered("Host: localhost:8471\r\nOrigin: null\r\n"));
}

static void a_port_in_use_is_an_error_that_says_what_to_do(void **state)
{
    (void)state;
    struct cn_http *second = NULL;
    struct cn_loop *own = NULL;
    struct cn_error err;
    struct cn_http_conf conf = {.listen = address};

    assert_int_equal(cn_loop_new(&own, NULL), CN_OK);
    assert_int_equal(cn_http_open(&second, own, &conf, on_request, NULL, &err), CN_E_EXISTS);
    assert_non_null(strstr(err.text, "choose another"));
    static const char *const bad[] = {"8471", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
                                      "host:80"};
    for (size_t i = 0; i < CN_COUNT(bad); i++) {
        conf.listen = bad[i];
        assert_int_equal(cn_http_open(&second, own, &conf, on_request, NULL, &err), CN_E_PARSE);
    }
    cn_loop_destroy(&own);
}

static void nobody_listening_is_said_in_so_many_words(void **state)
{
    (void)state;
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
    struct cn_httpc_request req = {.path = "/"};
    struct cn_error err;
    unsigned status;

    assert_int_equal(cn_httpc_new(&c, "unix:/tmp/no-such-socket", 5, NULL), CN_OK);
    assert_int_equal(cn_httpc_call(c, &req, &status, &reply, &err), CN_E_NOTFOUND);
    assert_non_null(strstr(err.text, "no daemon is listening at unix:/tmp/no-such-socket"));
}

static void a_unix_socket_serves_as_well_and_replaces_a_dead_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/cairn-http-XXXXXX", where[64];
    struct stat st;

    assert_non_null(mkdtemp(dir));
    snprintf(where, sizeof where, "unix:%s/api", dir);
    for (int i = 0; i < 2; i++) {
        struct cn_buf CN_CLEANUP(cn_buf_fini) reply = {0};
        assert_int_equal(begin_at(where), 0);
        assert_int_equal(stat(where + 5, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = new_client();
        assert_int_equal(call(c, "GET", "/size", nothing, &reply), 200);
        assert_int_equal(end(NULL), 0);
        assert_int_equal(access(where + 5, F_OK), -1);
        /* Left behind by a crash: */
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof at.sun_path, "%s", where + 5);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        close(fd);
    }
    unlink(where + 5);
    rmdir(dir);
}

static void text_is_escaped_for_a_path(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) out = {0};

    cn_httpc_escape(&out, "a b/\xc3\xa9?&=%~");
    assert_string_equal(cn_buf_cstr(&out), "a%20b%2F%C3%A9%3F%26%3D%25~");
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(calls_are_answered_over_one_kept_connection),
        WITH_SERVER(an_answer_may_come_later),
        WITH_SERVER(an_error_is_a_problem_with_a_code),
        WITH_SERVER(a_body_over_the_cap_is_refused_and_the_server_goes_on),
        WITH_SERVER(a_chunked_body_is_capped_too),
        WITH_SERVER(asking_before_sending_is_answered),
        WITH_SERVER(a_slow_client_is_dropped_and_holds_nobody_up),
        WITH_SERVER(a_client_that_leaves_before_the_answer_is_no_trouble),
        WITH_SERVER(a_request_may_outlive_the_server),
        WITH_SERVER(pages_of_other_sites_are_turned_away),
        WITH_SERVER(a_port_in_use_is_an_error_that_says_what_to_do),
        cmocka_unit_test(nobody_listening_is_said_in_so_many_words),
        cmocka_unit_test(a_unix_socket_serves_as_well_and_replaces_a_dead_one),
        cmocka_unit_test(text_is_escaped_for_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
