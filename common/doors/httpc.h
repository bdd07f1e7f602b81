/* An HTTP client that blocks, for our own command lines; libcurl stands behind this door.
   Threads: a client belongs to one thread. */
#ifndef CN_HTTPC_H
#define CN_HTTPC_H

#include "common/base/buf.h"
#include "common/base/err.h"

struct cn_httpc;

struct cn_httpc_request {
    const char *method;       /* NULL: GET */
    const char *path;         /* "/v1/status?x=y", escaped */
    const char *content_type; /* NULL: none */
    struct cn_bytes body;
};

/* address as cn_http_address gives it. Nothing is sent yet; the connection is kept between calls.
 */
enum cn_err cn_httpc_new(struct cn_httpc **ret, const char *address, unsigned timeout_s,
                         struct cn_error *err) CN_NODISCARD;
void cn_httpc_destroy(struct cn_httpc **c);
/* CN_OK whenever an answer came, whatever its status; its body replaces what *ret_reply held (at
   most CN_MAX_JSON_BYTES). Nobody listening: CN_E_NOTFOUND; no answer in time: CN_E_TIMEOUT. */
enum cn_err cn_httpc_call(struct cn_httpc *c, const struct cn_httpc_request *req,
                          unsigned *ret_status, struct cn_buf *ret_reply,
                          struct cn_error *err) CN_NODISCARD;
/* Appends text, percent-encoded for a path or query. */
void cn_httpc_escape(struct cn_buf *out, const char *text);

#endif
