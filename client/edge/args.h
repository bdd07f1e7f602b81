/* Command lines: a command describes itself once, and parsing, --help and errors follow from that.
   One thread. */
#ifndef EDGE_ARGS_H
#define EDGE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* What every command ends with. */
enum edge_exit {
    EDGE_EXIT_OK = 0,
    EDGE_EXIT_FAILED = 1,
    EDGE_EXIT_USAGE = 2,
    EDGE_EXIT_UNREACHABLE = 3
};

struct edge_command {
    const char *name;
    const char *operands; /* "IMAGE..." */
    int min_operands, max_operands;
    const char *summary; /* one line for the list */
    const char *lesson;  /* paragraphs and examples for --help */
    int (*run)(const struct edge_command *self, int argc, char **argv);
};

enum edge_arg_type {
    EDGE_ARG_FLAG, /* bool */
    EDGE_ARG_TEXT, /* const char * */
    EDGE_ARG_UINT, /* uint64_t */
    EDGE_ARG_EACH  /* struct edge_texts: may be given many times */
};

enum { EDGE_MAX_TEXTS = 32 };

struct edge_texts {
    const char *at[EDGE_MAX_TEXTS];
    uint32_t n;
};

struct edge_arg {
    const char *name;  /* "--label" */
    const char *value; /* what --help calls its value; NULL for flags */
    const char *help;
    enum edge_arg_type type;
    void *to;
    bool is_required; /* EDGE_ARG_TEXT only */
};

/* Options that every command has. */
struct edge_common {
    const char
        *data; /* the data directory: --data, else $CAIRN_EDGE_DATA, else /var/lib/cairn/edge */
    bool json;
};

/* Reads argv[1..]; options may stand anywhere, "--" ends them. What is left, as many operands as
   the command takes, is moved to argv[1..*ret_n]. On a mistake or --help it prints and returns
   false with the exit code in *ret_exit. */
bool edge_args_parse(const struct edge_command *c, const struct edge_arg *args, uint32_t n_args,
                     struct edge_common *common, int argc, char **argv, int *ret_n, int *ret_exit);
/* One sentence on standard error, as `cairn-edge COMMAND: text`; returns EDGE_EXIT_USAGE. */
int edge_args_usage(const struct edge_command *c, const char *fmt, ...) CN_PRINTF(2, 3);
/* The same for an error; returns EDGE_EXIT_FAILED. */
int edge_args_failed(const struct edge_command *c, const struct cn_error *err);

#endif
