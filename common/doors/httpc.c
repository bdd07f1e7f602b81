/* An HTTP client that blocks. The only file that includes curl.h. */
#include "common/doors/httpc.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

enum { CONNECT_MS = 5000 };

struct cn_httpc {
    CURL *curl;
    char *address, *base; /* base: "http://HOST:PORT" */
    unsigned timeout_s;
    char error[CURL_ERROR_SIZE];
};

enum cn_err cn_httpc_new(struct cn_httpc **ret, const char *address, unsigned timeout_s,
                         struct cn_error *err)
{
    struct cn_httpc *CN_CLEANUP(cn_httpc_destroy) c = cn_calloc(1, sizeof *c);
    struct cn_buf CN_CLEANUP(cn_buf_fini) base = {0};
    bool is_unix = strncmp(address, "unix:", 5) == 0;

    c->address = cn_strdup(address);
    c->timeout_s = timeout_s;
    cn_buf_printf(&base, "http://%s", is_unix ? "localhost" : address);
    c->base = cn_strdup(cn_buf_cstr(&base));
    c->curl = curl_easy_init();
    if (!c->curl || curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error) != CURLE_OK ||
        (is_unix && curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, address + 5) != CURLE_OK))
        return cn_fail(err, CN_E_IO, "cannot set up a connection to %s", address);
    *ret = cn_steal(c);
    return CN_OK;
}

void cn_httpc_destroy(struct cn_httpc **p)
{
    struct cn_httpc *c = cn_steal(*p);

    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free(c->address);
    free(c->base);
    free(c);
}

static size_t take(char *data, size_t size, size_t n, void *user)
{
    struct cn_buf *reply = user;

    if (size * n > CN_MAX_JSON_BYTES - reply->n)
        return 0; /* ends the transfer with CURLE_WRITE_ERROR */
    cn_buf_append(reply, data, size * n);
    return size * n;
}

static enum cn_err fail_call(const struct cn_httpc *c, CURLcode rc, struct cn_error *err)
{
    switch ((int)rc) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return cn_fail(err, CN_E_NOTFOUND,
                       "no daemon is listening at %s; start it, or name another with the address "
                       "option",
                       c->address);
    case CURLE_OPERATION_TIMEDOUT:
        return cn_fail(err, CN_E_TIMEOUT, "%s: no answer in %u s", c->address, c->timeout_s);
    case CURLE_WRITE_ERROR:
        return cn_fail(err, CN_E_LIMIT, "%s: the answer is larger than %d bytes", c->address,
                       CN_MAX_JSON_BYTES);
    case CURLE_URL_MALFORMAT:
        return cn_fail(err, CN_E_PARSE, "\"%s\" is not an address; write HOST:PORT or unix:PATH",
                       c->address);
    default: break;
    }
    return cn_fail(err, CN_E_IO, "%s: %s", c->address,
                   c->error[0] ? c->error : curl_easy_strerror(rc));
}

static void free_headers(struct curl_slist **h)
{
    curl_slist_free_all(*h);
}

enum cn_err cn_httpc_call(struct cn_httpc *c, const struct cn_httpc_request *req,
                          unsigned *ret_status, struct cn_buf *ret_reply, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) url = {0}, CN_CLEANUP(cn_buf_fini) reply = {0};
    struct curl_slist *CN_CLEANUP(free_headers) headers = NULL;
    char type[128];
    long status = 0;
    const char *method = req->method ? req->method : "GET";

    cn_buf_printf(&url, "%s%s", c->base, req->path);
    snprintf(type, sizeof type, "Content-Type:%s%s", req->content_type ? " " : "",
             req->content_type ? req->content_type : "");
    headers = curl_slist_append(headers, type);
    headers = curl_slist_append(headers, "Expect:"); /* local: asking first only costs a turn */
    curl_easy_setopt(c->curl, CURLOPT_URL, cn_buf_cstr(&url));
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(c->curl, CURLOPT_PROXY, ""); /* whatever http_proxy says */
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)c->timeout_s);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &reply);
    if (req->body.n > 0 || strcmp(method, "POST") == 0) {
        curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, req->body.n ? (char *)req->body.at : "");
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
    } else {
        curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    c->error[0] = 0;
    CURLcode rc = curl_easy_perform(c->curl);
    if (rc != CURLE_OK)
        return fail_call(c, rc, err);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (unsigned)status;
    cn_buf_fini(ret_reply);
    *ret_reply = reply;
    reply = (struct cn_buf){0};
    return CN_OK;
}

void cn_httpc_escape(struct cn_buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        cn_buf_printf(out, plain ? "%c" : "%%%02X", c);
    }
}
