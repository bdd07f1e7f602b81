/* The command line's end of the API. */
#include "client/edge/cli.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/limits.h"

enum { TIMEOUT_S = 600 }; /* an article correction on a slow machine takes its time */

static enum cn_err connect_to(struct edge_cli *c, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf address = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/api.address", c->common.data);
    if (!cn_fs_exists(path))
        return cn_fail(err, CN_E_NOTFOUND,
                       "no daemon runs on %s; start it: cairn-edge run --data %s", c->common.data,
                       c->common.data);
    enum cn_err e = cn_fs_read(path, 256, &address, err);
    if (e)
        return e;
    while (address.n && address.at[address.n - 1] == '\n')
        address.n--;
    return cn_httpc_new(&c->http, cn_buf_cstr(&address), TIMEOUT_S, err);
}

int edge_cli_failed(const struct edge_cli *c, const struct cn_error *err)
{
    edge_args_failed(c->command, err);
    return c->is_unreachable ? EDGE_EXIT_UNREACHABLE : EDGE_EXIT_FAILED;
}

bool edge_cli_open(struct edge_cli *c, const struct edge_command *self, const struct edge_arg *args,
                   uint32_t n_args, int argc, char **argv, int *ret_n, int *ret_exit)
{
    struct cn_error err;

    *c = (struct edge_cli){.command = self};
    if (!edge_args_parse(self, args, n_args, &c->common, argc, argv, ret_n, ret_exit))
        return false;
    if (connect_to(c, &err) == CN_OK)
        return true;
    c->is_unreachable = true;
    *ret_exit = edge_cli_failed(c, &err);
    return false;
}

void edge_cli_close(struct edge_cli *c)
{
    cn_httpc_destroy(&c->http);
}

/* ---- calls ---- */

/* The codes of problems are the names of errors. */
static enum cn_err code_named(const char *name)
{
    for (int i = CN_OK + 1; i <= CN_E_UNSUPPORTED; i++)
        if (strcmp(name, cn_err_name((enum cn_err)i)) == 0)
            return (enum cn_err)i;
    return CN_E_IO;
}

static enum cn_err problem(const struct cn_json *j, unsigned status, struct cn_error *err)
{
    char safe[CN_ERROR_TEXT_BYTES];
    const char *detail = cn_json_string(j, "detail", cn_json_string(j, "title", NULL));

    if (!detail)
        return cn_fail(err, CN_E_IO, "the daemon answered with status %u", status);
    return cn_fail(err, code_named(cn_json_string(j, "code", "io")), "%s",
                   edge_cli_safe(safe, sizeof safe, detail));
}

enum cn_err edge_cli_call(struct edge_cli *c, const char *method, const char *path,
                          const struct cn_json *json, const struct cn_buf *image,
                          struct cn_json **ret, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf body = {0}, reply = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) answer = NULL;
    struct cn_httpc_request req = {.method = method, .path = path};
    unsigned status;

    if (json) {
        cn_json_dump(json, false, &body);
        req.content_type = "application/json";
        req.body = (struct cn_bytes){body.at, body.n};
    } else if (image) {
        req.content_type = "application/octet-stream";
        req.body = (struct cn_bytes){image->at, image->n};
    }
    enum cn_err e = cn_httpc_call(c->http, &req, &status, &reply, err);
    if (e) {
        c->is_unreachable = true;
        if (e == CN_E_NOTFOUND)
            cn_fail(err, e,
                    "no daemon answers on %s (it ended without a farewell?); start it: cairn-edge "
                    "run --data %s",
                    c->common.data, c->common.data);
        return e;
    }
    e = cn_json_parse((struct cn_bytes){reply.at, reply.n}, CN_MAX_JSON_BYTES, &answer, err);
    if (status >= 300)
        return problem(answer, status, err);
    if (!e)
        *ret = cn_steal(answer);
    return e;
}

enum cn_err edge_cli_read_image(const char *path, struct cn_buf *ret, struct cn_error *err)
{
    ret->n = 0;
    return cn_fs_read(path, CN_MAX_IMAGE_BYTES, ret, err);
}

/* ---- printing ---- */

void edge_cli_print_json(const struct cn_json *j)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};

    cn_json_dump(j, false, &out);
    printf("%s\n", cn_buf_cstr(&out));
}

const char *edge_cli_safe(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; *text && n + 1 < size; text++) {
        unsigned char c = (unsigned char)*text;
        /* 0xc2 0x80..0x9f are the C1 controls; a lone continuation byte is harmless. */
        bool is_c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        out[n++] = c < 0x20 || c == 0x7f || is_c1 ? '?' : (char)c;
    }
    out[n] = 0;
    return out;
}

const char *edge_cli_ago(char out[32], int64_t time_ms)
{
    long long s = ((long long)cn_clock_wall_ms() - time_ms) / 1000;

    if (s < 0)
        s = 0;
    if (s < 120)
        snprintf(out, 32, "%lld s ago", s);
    else if (s < 120 * 60)
        snprintf(out, 32, "%lld min ago", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, 32, "%lld h ago", s / 3600);
    else
        snprintf(out, 32, "%lld days ago", s / 86400);
    return out;
}

const char *edge_cli_bytes(char out[32], int64_t n)
{
    if (n < 1000)
        snprintf(out, 32, "%lld B", (long long)n);
    else if (n < 1000 * 1000)
        snprintf(out, 32, "%.1f kB", (double)n / 1e3);
    else
        snprintf(out, 32, "%.1f MB", (double)n / 1e6);
    return out;
}
