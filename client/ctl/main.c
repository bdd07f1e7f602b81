/* cairn, the admin CLI: finds the command in the table, asks the coordinator, shows the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ctl/call.h"
#include "client/ctl/help.h"
#include "client/ctl/show.h"
#include "client/ctl/wait.h"
#include "common/doors/crypto.h"

static int usage(const struct cn_error *err)
{
    fprintf(stderr, "cairn: %s; cairn --help lists the commands\n", err->text);
    return CTL_EXIT_USAGE;
}

/* Asks on a terminal; elsewhere --yes is needed. */
static bool is_sure(const struct ctl_command *c, const struct ctl_options *o)
{
    char answer[8];

    if (!c->danger || o->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "cairn: %s Say --yes if that is meant.\n", c->danger);
        return false;
    }
    fprintf(stderr, "%s Go on? [y/N] ", c->danger);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int ask(struct ctl_line *line, const struct ctl_command *c, const struct cn_json *args,
               const struct ctl_options *o)
{
    CN_CLEANUP(cn_json_destroy) struct cn_json *answer = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    struct cn_error err;
    bool no;

    if (ctl_call(line, c->act, args, &answer, &no, &err)) {
        fprintf(stderr, "cairn: %s\n", err.text);
        return no ? CTL_EXIT_REFUSED : CTL_EXIT_UNREACHABLE;
    }
    if (o->json || strcmp(c->act, "label.export") == 0) {
        cn_json_dump(answer, !o->json, &text);
        printf("%s%s", cn_buf_cstr(&text), o->json ? "\n" : "");
        return CTL_EXIT_OK;
    }
    ctl_show(c, answer, !o->no_colour && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    return CTL_EXIT_OK;
}

static int run(const struct ctl_command *c, const struct cn_json *args, const struct ctl_options *o)
{
    CN_CLEANUP(ctl_line_close) struct ctl_line *line = NULL;
    struct cn_error err;

    if (strcmp(c->name, "completion") == 0) {
        ctl_help_completion();
        return CTL_EXIT_OK;
    }
    if (!is_sure(c, o))
        return CTL_EXIT_USAGE;
    if (cn_crypto_init(&err) || ctl_line_open(&line, o, &err)) {
        fprintf(stderr, "cairn: %s\n", err.text);
        return CTL_EXIT_UNREACHABLE;
    }
    if (c->act)
        return ask(line, c, args, o);
    return strcmp(c->name, "wait") == 0
               ? ctl_wait(line, args)
               : ctl_watch(line, o->json, !o->no_colour && isatty(STDOUT_FILENO));
}

int main(int argc, char **argv)
{
    CN_CLEANUP(cn_json_destroy) struct cn_json *args = NULL;
    const char *data = getenv("CAIRN_DATA");
    struct ctl_options o = {.data = data && data[0] ? data : "/var/lib/cairn/coordinator"};
    struct cn_error err = {0};
    int n, used;

    if (ctl_request_options(argc - 1, argv + 1, &o, &n, &err))
        return usage(&err);
    char **words = argv + 1;
    if (n > 0 && strcmp(words[0], "--version") == 0) {
        printf("cairn " CAIRN_VERSION "\n");
        return CTL_EXIT_OK;
    }
    const struct ctl_command *c = ctl_command_find(words, n, &used);
    if (!c) {
        if (n == 0 || (n == 1 && (o.help || strcmp(words[0], "help") == 0))) {
            if (n == 0 || !ctl_help_group(words[0]))
                ctl_help_all();
            return o.help || n > 0 ? CTL_EXIT_OK : CTL_EXIT_USAGE;
        }
        if (n == 1 && ctl_help_group(words[0]))
            return CTL_EXIT_USAGE;
        cn_fail(&err, CN_E_PARSE, "there is no command \"%.64s%s%.64s\"", words[0],
                n > 1 ? " " : "", n > 1 ? words[1] : "");
        return usage(&err);
    }
    if (o.help) {
        ctl_help_command(c);
        return CTL_EXIT_OK;
    }
    if (ctl_request_args(c, words + used, n - used, &args, &err)) {
        fprintf(stderr, "cairn %s%s%s: %s; --help teaches it\n", c->group, c->group[0] ? " " : "",
                c->name, err.text);
        return CTL_EXIT_USAGE;
    }
    return run(c, args, &o);
}
