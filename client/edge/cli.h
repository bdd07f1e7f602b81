/* Talking to the daemon of a data directory, for all commands but join and run. One thread. */
#ifndef EDGE_CLI_H
#define EDGE_CLI_H

#include "client/edge/args.h"
#include "common/base/buf.h"
#include "common/doors/httpc.h"
#include "common/doors/json.h"

struct edge_cli {
    const struct edge_command *command;
    struct edge_common common;
    struct cn_httpc *http;
    bool is_unreachable; /* the last error was that nobody answers */
};

/* Reads the command line, then finds the daemon; false: *ret_exit is the exit code, and what was
   wrong has been said. Operands are argv[1..*ret_n]. */
bool edge_cli_open(struct edge_cli *c, const struct edge_command *self, const struct edge_arg *args,
                   uint32_t n_args, int argc, char **argv, int *ret_n, int *ret_exit);
void edge_cli_close(struct edge_cli *c);

/* One call; json or image is the body, or neither. On success *ret is the answer (the caller's). An
   answer that is a problem becomes its code and detail. */
enum cn_err edge_cli_call(struct edge_cli *c, const char *method, const char *path,
                          const struct cn_json *json, const struct cn_buf *image,
                          struct cn_json **ret, struct cn_error *err) CN_NODISCARD;
enum cn_err edge_cli_read_image(const char *path, struct cn_buf *ret,
                                struct cn_error *err) CN_NODISCARD;

/* Says it, and returns the exit code that fits. */
int edge_cli_failed(const struct edge_cli *c, const struct cn_error *err);
/* The answer as one line of JSON. */
void edge_cli_print_json(const struct cn_json *j);

/* What came from outside, safe for a terminal: control characters become '?'. Returns out. */
const char *edge_cli_safe(char *out, size_t size, const char *text);
/* "3 min ago", "12.3 MB"; return out. */
const char *edge_cli_ago(char out[32], int64_t time_ms);
const char *edge_cli_bytes(char out[32], int64_t n);

#endif
