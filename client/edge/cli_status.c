/* cairn-edge status, receipts, undo, labels, flush and stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/cli.h"
#include "client/edge/commands.h"

/* Text of a member, safe to print. */
static const char *text_of(const struct cn_json *j, const char *key, char out[256])
{
    return edge_cli_safe(out, 256, cn_json_string(j, key, "-"));
}

static long long number_of(const struct cn_json *j, const char *object, const char *key)
{
    return (long long)cn_json_int(object ? cn_json_get(j, object) : j, key, 0);
}

static void print_status(const struct cn_json *j)
{
    const struct cn_json *waiting = cn_json_get(j, "waiting");
    char a[256], b[256], used[32], most[32], sent[32], received[32];

    printf("device %lld \"%s\", %s at %s\n", number_of(j, NULL, "device"), text_of(j, "name", a),
           cn_json_bool(j, "online", false) ? "online" : "offline", text_of(j, "coordinator", b));
    if (!number_of(j, NULL, "release"))
        printf("no release yet\n");
    else
        printf("release %lld, recipe %s, %lld labels (registry version %lld)\n",
               number_of(j, NULL, "release"), text_of(j, "recipe", a), number_of(j, NULL, "labels"),
               number_of(j, NULL, "registry_version"));
    if (cn_json_type(waiting) == CN_JSON_OBJECT)
        printf("waiting: %s\n", text_of(waiting, "text", a));
    printf("examples: %lld queued (%lld wait for their label), %lld in an update, %lld committed, "
           "%lld held out\n",
           number_of(j, "examples", "queued"), number_of(j, "examples", "waiting_label"),
           number_of(j, "examples", "in_update"), number_of(j, "examples", "committed"),
           number_of(j, "examples", "held_out"));
    printf("answers: %lld confirmed, %lld corrected\n", number_of(j, "field", "confirmed"),
           number_of(j, "field", "corrected"));
    printf("updates: %lld built, %lld committed, %lld refused; spool %s of %s; sent %s, received "
           "%s\n",
           number_of(j, "updates", "built"), number_of(j, "updates", "committed"),
           number_of(j, "updates", "rejected"),
           edge_cli_bytes(used, number_of(j, "spool", "bytes")),
           edge_cli_bytes(most, number_of(j, "spool", "max_bytes")),
           edge_cli_bytes(sent, number_of(j, "bytes", "sent")),
           edge_cli_bytes(received, number_of(j, "bytes", "received")));
}

static void print_labels(const struct cn_json *j)
{
    const struct cn_json *labels = cn_json_get(j, "labels");
    char name[256], state[256];

    for (size_t i = 0; i < cn_json_n(labels); i++) {
        const struct cn_json *l = cn_json_at(labels, i);
        printf("%-24s %-9s %6lld taught here\n", text_of(l, "name", name),
               text_of(l, "state", state), number_of(l, NULL, "taught_here"));
    }
    if (!cn_json_n(labels))
        printf("no label yet: correct an image with a new name to make one\n");
}

static void print_receipt_line(const struct cn_json *r)
{
    char ago[32], label[256], answer[256], state[256], verified[256], waiting[256];

    printf("%6lld  %-12s %-20s %-10s %-10s", number_of(r, NULL, "id"),
           edge_cli_ago(ago, number_of(r, NULL, "time_ms")), text_of(r, "label", label),
           text_of(r, "answer", answer), text_of(r, "state", state));
    if (number_of(r, NULL, "release"))
        printf(" release %lld, %s", number_of(r, NULL, "release"),
               strcmp(text_of(r, "verified", verified), "-") == 0 ? "not verified" : verified);
    if (cn_json_string(r, "waiting", NULL))
        printf(" %s", text_of(r, "waiting", waiting));
    printf("\n");
}

static void print_receipts(const struct cn_json *j)
{
    const struct cn_json *receipts = cn_json_get(j, "receipts");

    for (size_t i = 0; i < cn_json_n(receipts); i++)
        print_receipt_line(cn_json_at(receipts, i));
}

static void print_receipt(const struct cn_json *r)
{
    const struct cn_json *history = cn_json_get(r, "history");
    char ago[32], what[256];

    print_receipt_line(r);
    for (size_t i = 0; i < cn_json_n(history); i++) {
        const struct cn_json *line = cn_json_at(history, i);
        printf("        %-12s %s\n", edge_cli_ago(ago, number_of(line, NULL, "time_ms")),
               text_of(line, "what", what));
    }
}

static void print_undone(const struct cn_json *j)
{
    printf("receipt %lld is taken back\n", number_of(j, NULL, "id"));
}

static void print_flush(const struct cn_json *j)
{
    printf("%lld examples are on their way\n", number_of(j, NULL, "queued"));
}

static void print_stop(const struct cn_json *j)
{
    (void)j;
    printf("the daemon is stopping\n");
}

/* ---- the commands: one call each ---- */

static int call_and_print(struct edge_cli *c, const char *method, const char *path,
                          void (*print)(const struct cn_json *))
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    struct cn_error err;

    if (edge_cli_call(c, method, path, NULL, NULL, &j, &err))
        return edge_cli_failed(c, &err);
    if (c->common.json)
        edge_cli_print_json(j);
    else
        print(j);
    return EDGE_EXIT_OK;
}

/* A command without operands. */
static int plain(const struct edge_command *self, int argc, char **argv, const char *method,
                 const char *path, void (*print)(const struct cn_json *))
{
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    int n, exit_code;

    if (!edge_cli_open(&c, self, NULL, 0, argc, argv, &n, &exit_code))
        return exit_code;
    return call_and_print(&c, method, path, print);
}

int edge_cmd_status(const struct edge_command *self, int argc, char **argv)
{
    return plain(self, argc, argv, "GET", "/v1/status", print_status);
}

int edge_cmd_labels(const struct edge_command *self, int argc, char **argv)
{
    return plain(self, argc, argv, "GET", "/v1/labels", print_labels);
}

int edge_cmd_flush(const struct edge_command *self, int argc, char **argv)
{
    return plain(self, argc, argv, "POST", "/v1/flush", print_flush);
}

int edge_cmd_stop(const struct edge_command *self, int argc, char **argv)
{
    return plain(self, argc, argv, "POST", "/v1/stop", print_stop);
}

/* /v1/receipts/ID; false when it is no number. */
static bool receipt_path(const char *id, char path[64])
{
    if (!*id || strspn(id, "0123456789") != strlen(id) || strlen(id) > 18)
        return false;
    snprintf(path, 64, "/v1/receipts/%s", id);
    return true;
}

int edge_cmd_receipts(const struct edge_command *self, int argc, char **argv)
{
    const char *state = NULL;
    uint64_t limit = 20, before = 0;
    const struct edge_arg args[] = {
        {"--limit", "N", "how many (default 20, at most 1000)", EDGE_ARG_UINT, &limit},
        {"--before", "ID", "older than this one", EDGE_ARG_UINT, &before},
        {"--state", "STATE", "queued, held out, in update, received, committed, undone or counted",
         EDGE_ARG_TEXT, &state},
    };
    CN_CLEANUP(cn_buf_fini) struct cn_buf path = {0};
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    char one[64];
    int n, exit_code;

    if (!edge_cli_open(&c, self, args, CN_COUNT(args), argc, argv, &n, &exit_code))
        return exit_code;
    if (n == 1 && !receipt_path(argv[1], one))
        return edge_args_usage(self, "\"%s\" is no receipt's number", argv[1]);
    if (n == 1)
        return call_and_print(&c, "GET", one, print_receipt);
    cn_buf_printf(&path, "/v1/receipts?limit=%llu", (unsigned long long)limit);
    if (before)
        cn_buf_printf(&path, "&before=%llu", (unsigned long long)before);
    if (state) {
        cn_buf_printf(&path, "&state=");
        cn_httpc_escape(&path, state);
    }
    return call_and_print(&c, "GET", cn_buf_cstr(&path), print_receipts);
}

int edge_cmd_undo(const struct edge_command *self, int argc, char **argv)
{
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    char path[64];
    int n, exit_code;

    if (!edge_cli_open(&c, self, NULL, 0, argc, argv, &n, &exit_code))
        return exit_code;
    if (!receipt_path(argv[1], path))
        return edge_args_usage(self, "\"%s\" is no receipt's number", argv[1]);
    return call_and_print(&c, "DELETE", path, print_undone);
}
