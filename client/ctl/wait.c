/* wait and watch. */
#include "client/ctl/wait.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/ctl/show.h"
#include "common/base/clock.h"

enum { WAIT_STEP_MS = 200, WAIT_DEFAULT_S = 60 };

static bool has_label(const struct cn_json *list, const char *name)
{
    const struct cn_json *labels = cn_json_get(list, "labels");

    for (size_t i = 0; i < cn_json_n(labels); i++) {
        const struct cn_json *l = cn_json_at(labels, i);
        if (strcmp(cn_json_string(l, "name", ""), name) == 0)
            return strcmp(cn_json_string(l, "state", ""), "accepted") == 0;
    }
    return false;
}

static bool is_true(const struct cn_json *args, const struct cn_json *status,
                    const struct cn_json *labels)
{
    const char *label = cn_json_string(args, "label", NULL);
    const struct cn_json *round = cn_json_get(status, "round");

    if (cn_json_int(status, "release", 0) < cn_json_int(args, "release", 0))
        return false;
    if (label && !has_label(labels, label))
        return false;
    return !cn_json_bool(args, "idle", false) ||
           (strcmp(cn_json_string(round, "state", ""), "gathering") == 0 &&
            cn_json_int(round, "updates", 0) == 0);
}

int ctl_wait(struct ctl_line *line, const struct cn_json *args)
{
    uint64_t deadline =
        cn_clock_mono_ms() + 1000 * (uint64_t)cn_json_int(args, "timeout", WAIT_DEFAULT_S);
    struct cn_error err;
    bool no;

    for (;;) {
        CN_CLEANUP(cn_json_destroy) struct cn_json *status = NULL, *labels = NULL;
        if (ctl_call(line, "status", NULL, &status, &no, &err) ||
            ctl_call(line, "label.list", NULL, &labels, &no, &err)) {
            fprintf(stderr, "cairn wait: %s\n", err.text);
            return no ? CTL_EXIT_REFUSED : CTL_EXIT_UNREACHABLE;
        }
        if (is_true(args, status, labels))
            return CTL_EXIT_OK;
        if (cn_clock_mono_ms() >= deadline) {
            fprintf(
                stderr,
                "cairn wait: it did not come true in time; `cairn why` tells what is waited for\n");
            return CTL_EXIT_TIMEOUT;
        }
        usleep(WAIT_STEP_MS * 1000);
    }
}

int ctl_watch(struct ctl_line *line, bool json, bool colour)
{
    int used;
    char *words[] = {(char *)"status"}, *why_words[] = {(char *)"why"};
    const struct ctl_command *status = ctl_command_find(words, 1, &used);
    const struct ctl_command *why = ctl_command_find(why_words, 1, &used);
    struct cn_error err;
    bool no;

    for (;; sleep(1)) {
        CN_CLEANUP(cn_json_destroy) struct cn_json *s = NULL, *w = NULL;
        if (ctl_call(line, "status", NULL, &s, &no, &err) ||
            ctl_call(line, "why", NULL, &w, &no, &err)) {
            fprintf(stderr, "cairn watch: %s\n", err.text);
            return no ? CTL_EXIT_REFUSED : CTL_EXIT_UNREACHABLE;
        }
        if (json) {
            CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
            cn_json_dump(s, false, &text);
            printf("%s\n", cn_buf_cstr(&text));
        } else {
            if (isatty(STDOUT_FILENO))
                printf("\033[H\033[2J");
            ctl_show(status, s, colour);
            printf("\n");
            ctl_show(why, w, colour);
        }
        if (fflush(stdout))
            return CTL_EXIT_OK;
    }
}
