/* Options of a command line against a table of them. */
#include "client/edge/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

enum { N_COMMON = 2 };

static void common_args(struct edge_common *common, struct edge_arg out[N_COMMON])
{
    out[0] = (struct edge_arg){"--data", "DIR", "the device's data directory", EDGE_ARG_TEXT,
                               &common->data};
    out[1] =
        (struct edge_arg){"--json", NULL, "print JSON, for programs", EDGE_ARG_FLAG, &common->json};
}

static void print_option(const struct edge_arg *a)
{
    char left[64];

    snprintf(left, sizeof left, "%s%s%s", a->name, a->value ? " " : "", a->value ? a->value : "");
    printf("  %-24s %s\n", left, a->help);
}

static void print_help(const struct edge_command *c, const struct edge_arg *args, uint32_t n_args)
{
    struct edge_common common;
    struct edge_arg shared[N_COMMON];

    common_args(&common, shared);
    printf("cairn-edge %s: %s\n\nUsage: cairn-edge %s%s%s [options]\n\n%s\n\nOptions:\n", c->name,
           c->summary, c->name, *c->operands ? " " : "", c->operands, c->lesson);
    for (uint32_t i = 0; i < n_args; i++)
        print_option(&args[i]);
    for (uint32_t i = 0; i < N_COMMON; i++)
        print_option(&shared[i]);
    printf("  %-24s %s\n", "--help", "this text");
    printf("\nWithout --data, $CAIRN_EDGE_DATA names the data directory, else it is "
           "/var/lib/cairn/edge.\nExit codes: 0 done, 1 it could not be done (one sentence says "
           "why), 2 wrong usage, 3 no daemon or coordinator answers.\n");
}

int edge_args_usage(const struct edge_command *c, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "cairn-edge %s: ", c->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "; see cairn-edge %s --help\n", c->name);
    return EDGE_EXIT_USAGE;
}

int edge_args_failed(const struct edge_command *c, const struct cn_error *err)
{
    fprintf(stderr, "cairn-edge %s: %s\n", c->name, err->text);
    return EDGE_EXIT_FAILED;
}

static const struct edge_arg *find(const struct edge_arg *args, uint32_t n, const char *name,
                                   size_t len)
{
    for (uint32_t i = 0; i < n; i++)
        if (strlen(args[i].name) == len && memcmp(args[i].name, name, len) == 0)
            return &args[i];
    return NULL;
}

/* The option's value, from behind '=' or from the next argument; says what is missing. */
static bool store(const struct edge_command *c, const struct edge_arg *a, const char *value)
{
    char *end;

    switch (a->type) {
    case EDGE_ARG_FLAG: *(bool *)a->to = true; return true;
    case EDGE_ARG_TEXT: *(const char **)a->to = value; return true;
    case EDGE_ARG_UINT: {
        unsigned long long v = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end) {
            edge_args_usage(c, "%s takes a whole number, not \"%s\"", a->name, value);
            return false;
        }
        *(uint64_t *)a->to = v;
        return true;
    }
    case EDGE_ARG_EACH: {
        struct edge_texts *t = a->to;
        if (t->n == EDGE_MAX_TEXTS) {
            edge_args_usage(c, "%s may be given %d times", a->name, EDGE_MAX_TEXTS);
            return false;
        }
        t->at[t->n++] = value;
        return true;
    }
    }
    return false;
}

static const char *default_data(void)
{
    const char *from_env = getenv("CAIRN_EDGE_DATA");
    return from_env && *from_env ? from_env : "/var/lib/cairn/edge";
}

/* Whether everything is there that the command cannot do without; says what is not. */
static bool is_complete(const struct edge_command *c, const struct edge_arg *args, uint32_t n_args,
                        int n_operands)
{
    if (n_operands > c->max_operands && c->max_operands == 0) {
        edge_args_usage(c, "it takes no operands");
        return false;
    }
    if (n_operands < c->min_operands || n_operands > c->max_operands) {
        edge_args_usage(c, "it takes %s", c->operands);
        return false;
    }
    for (uint32_t i = 0; i < n_args; i++)
        if (args[i].is_required && !*(const char **)args[i].to) {
            edge_args_usage(c, "%s %s is missing", args[i].name, args[i].value);
            return false;
        }
    return true;
}

bool edge_args_parse(const struct edge_command *c, const struct edge_arg *args, uint32_t n_args,
                     struct edge_common *common, int argc, char **argv, int *ret_n, int *ret_exit)
{
    struct edge_arg shared[N_COMMON];
    bool options = true;
    int n = 0;

    *common = (struct edge_common){.data = default_data()};
    common_args(common, shared);
    *ret_exit = EDGE_EXIT_USAGE;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word) : strlen(word);
        if (!options || word[0] != '-' || !word[1]) {
            argv[++n] = argv[i];
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options = false;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(c, args, n_args);
            *ret_exit = EDGE_EXIT_OK;
            return false;
        }
        const struct edge_arg *a = find(args, n_args, word, len);
        if (!a)
            a = find(shared, N_COMMON, word, len);
        if (!a || (equals && a->type == EDGE_ARG_FLAG)) {
            edge_args_usage(c, a ? "%s takes no value" : "%s is not an option", word);
            return false;
        }
        if (a->type != EDGE_ARG_FLAG && !equals && i + 1 == argc) {
            edge_args_usage(c, "%s needs %s", a->name, a->value);
            return false;
        }
        const char *value = a->type == EDGE_ARG_FLAG ? NULL : equals ? equals + 1 : argv[++i];
        if (!store(c, a, value))
            return false;
    }
    *ret_n = n;
    return is_complete(c, args, n_args, n);
}
