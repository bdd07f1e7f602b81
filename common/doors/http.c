/* A small HTTP server inside the loop. The only file that includes microhttpd.h.

   The daemon runs in external epoll mode: the loop polls its epoll descriptor, and a timer covers
   what it wants to do without being woken. A request belongs to two: the connection (until
   on_completed) and the handler (until it replies). While the handler is not done the connection is
   suspended; either may go first. */
#include "common/doors/http.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/doors/json.h"
#include "common/doors/listen.h"

enum { MAX_CONNECTIONS = 64, IDLE_S = 30, MAX_UPLOAD_IDLES = 10, SLACK_BYTES = 1 << 20 };

struct cn_http {
    struct MHD_Daemon *daemon;
    struct cn_loop *loop;
    int epoll_fd;
    cn_http_fn fn;
    void *user;
    char address[CN_ADDRESS_BYTES];
    char *hosts;
    size_t max_body_bytes;
    uint64_t max_upload_ms;
    bool has_resumed;             /* since the last run began */
    struct cn_http_request *open; /* those whose connection lives */
};

struct cn_http_request {
    struct cn_http *http;              /* NULL: the connection is gone */
    struct MHD_Connection *connection; /* the same */
    char *method, *path;
    struct cn_buf body;
    bool too_large, in_handler, is_suspended;
    bool is_handlers;              /* the handler has it and has not replied */
    struct MHD_Response *response; /* from the reply until it is queued */
    unsigned status;
    uint64_t started_ms, n_uploaded;
    struct cn_http_request *next;
};

/* The daemon in the loop. */

static void on_timer(void *user);

static void run(struct cn_http *http)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    uint64_t at = 0;

    http->has_resumed = false;
    MHD_run(http->daemon);
    if (http->has_resumed)
        at = cn_clock_mono_ms();
    else if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES)
        at = cn_clock_mono_ms() + wait_ms + (wait_ms > 0);
    cn_loop_set_timer(http->loop, at, on_timer, http);
}

static void on_timer(void *user)
{
    run(user);
}

static void on_readable(void *user, int fd, unsigned events)
{
    (void)fd, (void)events;
    run(user);
}

/* Requests. */

static void free_request(struct cn_http_request *req)
{
    if (req->response)
        MHD_destroy_response(req->response);
    cn_buf_fini(&req->body);
    free(req->method);
    free(req->path);
    free(req);
}

const char *cn_http_method(const struct cn_http_request *req)
{
    return req->method;
}

const char *cn_http_path(const struct cn_http_request *req)
{
    return req->path;
}

static const char *look_up(const struct cn_http_request *req, enum MHD_ValueKind kind,
                           const char *name, const char *or_else)
{
    const char *value =
        req->connection ? MHD_lookup_connection_value(req->connection, kind, name) : NULL;

    return value ? value : or_else;
}

const char *cn_http_query(const struct cn_http_request *req, const char *name, const char *or_else)
{
    return look_up(req, MHD_GET_ARGUMENT_KIND, name, or_else);
}

const char *cn_http_header(const struct cn_http_request *req, const char *name, const char *or_else)
{
    return look_up(req, MHD_HEADER_KIND, name, or_else);
}

struct cn_bytes cn_http_body(const struct cn_http_request *req)
{
    return (struct cn_bytes){req->body.at, req->body.n};
}

struct cn_buf cn_http_take_body(struct cn_http_request *req)
{
    struct cn_buf body = req->body;

    req->body = (struct cn_buf){0};
    return body;
}

/* Replies. */

void cn_http_reply(struct cn_http_request **p, unsigned status, const char *content_type,
                   struct cn_buf *body)
{
    struct cn_http_request *req = cn_steal(*p);

    assert(req->is_handlers);
    req->is_handlers = false;
    if (!req->http) { /* the connection went first */
        cn_buf_fini(body);
        free_request(req);
        return;
    }
    req->response = MHD_create_response_from_buffer(body->n, body->at, MHD_RESPMEM_MUST_FREE);
    assert(req->response);
    *body = (struct cn_buf){0};
    MHD_add_response_header(req->response, "Content-Type", content_type);
    MHD_add_response_header(req->response, "Cache-Control", "no-store");
    MHD_add_response_header(req->response, "X-Content-Type-Options", "nosniff");
    req->status = status;
    if (req->in_handler)
        return; /* on_request queues it when the handler returns */
    req->is_suspended = false;
    MHD_resume_connection(req->connection); /* at the next run on_request comes again... */
    req->http->has_resumed = true;          /* ...which nothing but us asks for */
    cn_loop_set_timer(req->http->loop, cn_clock_mono_ms(), on_timer, req->http);
}

void cn_http_reply_json(struct cn_http_request **req, unsigned status, struct cn_json **json)
{
    struct cn_buf body = {0};

    cn_json_dump(*json, true, &body);
    cn_json_destroy(json);
    cn_http_reply(req, status, "application/json", &body);
}

struct meaning {
    unsigned status;
    const char *title;
};

static struct meaning meaning_of(enum cn_err code)
{
    switch (code) {
    case CN_E_PARSE:
    case CN_E_SHAPE: return (struct meaning){400, "Bad request"};
    case CN_E_DENIED: return (struct meaning){403, "Forbidden"};
    case CN_E_NOTFOUND: return (struct meaning){404, "Not found"};
    case CN_E_EXISTS:
    case CN_E_STATE: return (struct meaning){409, "Conflict"};
    case CN_E_LIMIT: return (struct meaning){413, "Too large"};
    case CN_E_BUSY: return (struct meaning){503, "Busy"};
    case CN_E_TIMEOUT: return (struct meaning){504, "Timeout"};
    case CN_E_FULL: return (struct meaning){507, "Full"};
    case CN_E_UNSUPPORTED: return (struct meaning){501, "Not supported"};
    case CN_OK:
    case CN_E_IO:
    case CN_E_READONLY:
    case CN_E_CRYPTO:
    case CN_E_VERSION:
    case CN_E_NUMERIC: break;
    }
    return (struct meaning){500, "Internal error"};
}

static void fail_as(struct cn_http_request **req, unsigned status, const char *title,
                    enum cn_err code, const char *detail)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_buf body = {0};

    cn_json_set_string(j, "title", title);
    cn_json_set_int(j, "status", status);
    cn_json_set_string(j, "code", cn_err_name(code));
    cn_json_set_string(j, "detail", detail);
    cn_json_dump(j, true, &body);
    cn_http_reply(req, status, "application/problem+json", &body);
}

void cn_http_fail(struct cn_http_request **req, const struct cn_error *err)
{
    struct meaning m = meaning_of(err->code);

    fail_as(req, m.status, m.title, err->code, err->text);
}

void cn_http_fail_with(struct cn_http_request **req, unsigned status, const struct cn_error *err)
{
    fail_as(req, status, meaning_of(err->code).title, err->code, err->text);
}

/* What is refused before the handler sees it. */

static bool is_word_of(const char *words, const char *word, size_t n)
{
    for (const char *p = words; *p; p += strspn(p, " ")) {
        size_t n_word = strcspn(p, " ");
        if (n_word == n && strncasecmp(p, word, n) == 0)
            return true;
        p += n_word;
    }
    return false;
}

/* Pages of other sites reach us in two ways: by giving their own name our address, which Host
   shows, and by posting to ours, which Origin shows. */
static bool is_from_here(const struct cn_http_request *req)
{
    const char *host = cn_http_header(req, "Host", ""), *origin = cn_http_header(req, "Origin", "");
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    if (strncmp(req->http->address, "unix:", 5) == 0)
        return true;
    if (!is_word_of("localhost 127.0.0.1 [::1]", host, n) && !is_word_of(req->http->hosts, host, n))
        return false;
    const char *slashes = strstr(origin, "://");
    return *origin == 0 || (slashes && strcasecmp(slashes + 3, host) == 0);
}

static void refuse(struct cn_http_request *req, enum cn_err code, const char *detail)
{
    struct meaning m = meaning_of(code);

    req->in_handler = req->is_handlers = true;
    fail_as(&(struct cn_http_request *){req}, m.status, m.title, code, detail);
    req->in_handler = false;
}

static struct cn_http_request *new_request(struct cn_http *http, struct MHD_Connection *connection,
                                           const char *path, const char *method)
{
    struct cn_http_request *req = cn_calloc(1, sizeof *req);

    req->http = http;
    req->connection = connection;
    req->method = cn_strdup(method);
    req->path = cn_strdup(path);
    req->started_ms = cn_clock_mono_ms();
    req->next = http->open;
    http->open = req;
    const char *length = cn_http_header(req, "Content-Length", "0");
    if (!is_from_here(req))
        refuse(req, CN_E_DENIED, "only this machine's own pages and programs are answered");
    else if (strtoull(length, NULL, 10) > http->max_body_bytes)
        refuse(req, CN_E_LIMIT, "the body is larger than this server takes");
    return req;
}

static enum MHD_Result queue(struct cn_http_request *req)
{
    enum MHD_Result rc = MHD_queue_response(req->connection, req->status, req->response);

    MHD_destroy_response(req->response); /* MHD holds its own reference */
    req->response = NULL;
    return rc;
}

/* False: this upload never ends well, hang up. */
static bool take_upload(struct cn_http_request *req, const char *data, size_t n)
{
    struct cn_http *http = req->http;

    if (cn_clock_mono_ms() - req->started_ms > http->max_upload_ms)
        return false;
    req->n_uploaded += n;
    req->too_large |= req->n_uploaded > http->max_body_bytes;
    if (req->too_large) /* a while of reading what is thrown away, so that the client hears of it */
        return req->n_uploaded <= 2 * http->max_body_bytes + SLACK_BYTES;
    cn_buf_append(&req->body, data, n);
    return true;
}

/* MHD calls this at least twice per request: after the headers, for pieces of the body, and at the
   end; and once more after a suspended connection was resumed. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n_upload, void **context)
{
    struct cn_http *http = user;
    struct cn_http_request *req = *context;

    (void)version;
    if (!req) {
        *context = req = new_request(http, connection, url, method);
        return req->response ? queue(req) : MHD_YES;
    }
    if (*n_upload > 0) {
        bool taken = take_upload(req, upload, *n_upload);
        *n_upload = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    if (req->response)
        return queue(req);
    if (req->is_handlers)
        return MHD_NO; /* resumed by cn_http_close */
    if (req->too_large) {
        refuse(req, CN_E_LIMIT, "the body is larger than this server takes");
        return queue(req);
    }
    req->in_handler = req->is_handlers = true;
    http->fn(http->user, req); /* may free nothing: the connection holds req too */
    req->in_handler = false;
    if (req->response)
        return queue(req);
    req->is_suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct cn_http *http = user;
    struct cn_http_request *req = *context;

    (void)connection, (void)why;
    *context = NULL;
    if (!req)
        return;
    for (struct cn_http_request **p = &http->open; *p; p = &(*p)->next) {
        if (*p == req) {
            *p = req->next;
            break;
        }
    }
    req->http = NULL;
    req->connection = NULL;
    if (!req->is_handlers)
        free_request(req);
}

/* Opening and closing. */

enum cn_err cn_http_open(struct cn_http **ret, struct cn_loop *loop,
                         const struct cn_http_conf *conf, cn_http_fn fn, void *user,
                         struct cn_error *err)
{
    struct cn_http *CN_CLEANUP(cn_http_close) http = cn_calloc(1, sizeof *http);
    unsigned max_connections = conf->max_connections ? conf->max_connections : MAX_CONNECTIONS;
    unsigned idle_s = conf->idle_s ? conf->idle_s : IDLE_S;
    int fd;

    http->epoll_fd = -1;
    http->loop = loop;
    http->fn = fn;
    http->user = user;
    http->hosts = cn_strdup(conf->hosts ? conf->hosts : "");
    http->max_body_bytes = conf->max_body_bytes ? conf->max_body_bytes : CN_MAX_HTTP_BODY_BYTES;
    http->max_upload_ms = (uint64_t)idle_s * 1000 * MAX_UPLOAD_IDLES;
    enum cn_err code = cn_listen(conf->listen, &fd, http->address, err);
    if (code != CN_OK)
        return code;
    http->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, max_connections,
                         MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_NOTIFY_COMPLETED,
                         on_completed, http, MHD_OPTION_END);
    if (!http->daemon) {
        close(fd);
        return cn_fail(err, CN_E_IO, "cannot start the HTTP server on %s", http->address);
    }
    int epoll_fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    code = cn_loop_add_fd(loop, epoll_fd, CN_LOOP_READ, on_readable, http, err);
    if (code != CN_OK)
        return code;
    http->epoll_fd = epoll_fd;
    *ret = cn_steal(http);
    return CN_OK;
}

void cn_http_close(struct cn_http **p)
{
    struct cn_http *http = cn_steal(*p);

    if (!http)
        return;
    if (http->epoll_fd >= 0)
        cn_loop_remove_fd(http->loop, http->epoll_fd);
    cn_loop_set_timer(http->loop, 0, on_timer, http);
    for (struct cn_http_request *req = http->open; req; req = req->next) {
        if (req->is_suspended)
            MHD_resume_connection(req->connection); /* MHD will not stop with suspended ones */
        req->is_suspended = false;
    }
    if (http->daemon) {
        MHD_run(http->daemon);
        MHD_stop_daemon(http->daemon);
        if (strncmp(http->address, "unix:", 5) == 0)
            unlink(http->address + 5);
    }
    free(http->hosts);
    free(http);
}

const char *cn_http_address(const struct cn_http *http)
{
    return http->address;
}
