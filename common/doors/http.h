/* A small HTTP/1.1 server inside the loop, for this machine's own clients; libmicrohttpd stands
   behind this door. Threads: the loop's. */
#ifndef CN_HTTP_H
#define CN_HTTP_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doors/loop.h"

struct cn_http;
struct cn_http_request;

/* The whole request is here, body included. The handler owns it and answers it, now or later, by
   cn_http_reply or cn_http_fail, exactly once. */
typedef void (*cn_http_fn)(void *user, struct cn_http_request *req);

struct cn_http_conf {
    const char *listen;    /* "127.0.0.1:PORT" (0: any), "[::1]:PORT" or "unix:PATH" (mode 0600) */
    const char *hosts;     /* more Host names than the loopback ones: "edge.lan kiosk", or NULL */
    size_t max_body_bytes; /* beyond: 413; 0: CN_MAX_HTTP_BODY_BYTES */
    unsigned max_connections; /* 0: 64 */
    unsigned idle_s;          /* a client silent for so long is dropped; 0: 30 */
};

/* A request whose Host is not a loopback name (or one of conf->hosts), or whose Origin is another
   page's, is answered 403 here: no page of another site can talk to us. Port taken: CN_E_EXISTS. */
enum cn_err cn_http_open(struct cn_http **ret, struct cn_loop *loop,
                         const struct cn_http_conf *conf, cn_http_fn fn, void *user,
                         struct cn_error *err) CN_NODISCARD;
/* Requests that are still unanswered stay their owner's; replying to them then only frees them. */
void cn_http_close(struct cn_http **http);
/* "127.0.0.1:8471" or "unix:PATH", as cn_httpc_new takes it. Lent. */
const char *cn_http_address(const struct cn_http *http);

/* Lent until the reply or cn_http_close. */
const char *cn_http_method(const struct cn_http_request *req);
const char *cn_http_path(const struct cn_http_request *req); /* decoded, without the query */
/* The value of ?name=..., decoded; or_else when it is absent. */
const char *cn_http_query(const struct cn_http_request *req, const char *name, const char *or_else);
const char *cn_http_header(const struct cn_http_request *req, const char *name,
                           const char *or_else);
struct cn_bytes cn_http_body(const struct cn_http_request *req);
/* Takes the body's bytes instead of lending them. */
struct cn_buf cn_http_take_body(struct cn_http_request *req);

/* Take the request (and the body's bytes). A client that went away is no error. */
void cn_http_reply(struct cn_http_request **req, unsigned status, const char *content_type,
                   struct cn_buf *body);
/* application/problem+json with title, status, code and detail (RFC 9457); the status follows the
   code: parse 400, not-found 404, limit 413, busy 503, full 507, ... */
void cn_http_fail(struct cn_http_request **req, const struct cn_error *err);
/* The same with another status, such as 415. */
void cn_http_fail_with(struct cn_http_request **req, unsigned status, const struct cn_error *err);

struct cn_json;
void cn_http_reply_json(struct cn_http_request **req, unsigned status, struct cn_json **json);

#endif
