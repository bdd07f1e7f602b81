/* cairn-edge import: a folder of labelled images, taught one by one. */
#include <stdio.h>
#include <string.h>

#include "client/edge/cli.h"
#include "client/edge/commands.h"
#include "client/edge/progress.h"
#include "client/edge/tree.h"
#include "common/base/clock.h"

enum { MAX_NAMED_FAILURES = 5 };

struct counts {
    uint32_t confirmed, corrected, new_labels, unreadable;
};

static void count(struct counts *n, const char *answer)
{
    n->confirmed += strcmp(answer, "confirmed") == 0;
    n->corrected += strcmp(answer, "corrected") == 0;
    n->new_labels += strcmp(answer, "new label") == 0;
}

static enum cn_err teach(struct edge_cli *c, const char *path, const char *label, struct counts *n,
                         struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf image = {0}, call = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;

    cn_buf_printf(&call, "/v1/teach?label=");
    cn_httpc_escape(&call, label);
    enum cn_err e = edge_cli_read_image(path, &image, err);
    if (!e)
        e = edge_cli_call(c, "POST", cn_buf_cstr(&call), NULL, &image, &j, err);
    if (!e)
        count(n, cn_json_string(j, "answer", ""));
    return e;
}

/* A file that is no image is passed over; any other trouble would meet the next image too. */
static bool is_about_the_file(const struct edge_cli *c, enum cn_err e)
{
    return !c->is_unreachable && (e == CN_E_PARSE || e == CN_E_LIMIT);
}

static enum cn_err import(struct edge_cli *c, const struct edge_tree *t, struct counts *n,
                          struct cn_error *err)
{
    struct edge_progress bar;
    enum cn_err e = CN_OK;

    edge_progress_start(&bar, "import", t->n);
    for (uint32_t i = 0; i < t->n && !e; i++) {
        edge_progress_show(&bar, i);
        e = teach(c, t->at[i].path, t->labels[t->at[i].label], n, err);
        if (!is_about_the_file(c, e))
            continue;
        if (n->unreadable++ < MAX_NAMED_FAILURES) {
            edge_progress_end(&bar);
            fprintf(stderr, "cairn-edge import: %s: %s\n", t->at[i].path, err->text);
        }
        e = CN_OK;
    }
    edge_progress_end(&bar);
    return e;
}

static void report(const struct edge_cli *c, const struct counts *n, uint64_t ms)
{
    if (!c->common.json) {
        printf("%u confirmed, %u corrected, %u new label%s", n->confirmed, n->corrected,
               n->new_labels, n->new_labels == 1 ? "" : "s");
        if (n->unreadable)
            printf(", %u not images", n->unreadable);
        printf(" in %.1f s\n", (double)ms / 1000);
        return;
    }
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    cn_json_set_int(j, "confirmed", n->confirmed);
    cn_json_set_int(j, "corrected", n->corrected);
    cn_json_set_int(j, "new_labels", n->new_labels);
    cn_json_set_int(j, "unreadable", n->unreadable);
    cn_json_set_int(j, "ms", (int64_t)ms);
    edge_cli_print_json(j);
}

int edge_cmd_import(const struct edge_command *self, int argc, char **argv)
{
    const char *labels = NULL;
    uint64_t seed = 1;
    const struct edge_arg args[] = {
        {"--seed", "N", "of the order in which images are taught (default 1)", EDGE_ARG_UINT,
         &seed},
        {"--labels", "A,B,...", "only these sub-folders", EDGE_ARG_TEXT, &labels},
    };
    CN_CLEANUP(edge_tree_fini) struct edge_tree tree = {0};
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    struct counts n_of = {0};
    struct cn_error err;
    int n, exit_code;

    if (!edge_cli_open(&c, self, args, CN_COUNT(args), argc, argv, &n, &exit_code))
        return exit_code;
    if (edge_tree_read(&tree, argv[1], labels, &err))
        return edge_cli_failed(&c, &err);
    edge_tree_shuffle(&tree, seed);
    uint64_t start_ms = cn_clock_mono_ms();
    enum cn_err e = import(&c, &tree, &n_of, &err);
    report(&c, &n_of, cn_clock_mono_ms() - start_ms);
    if (e)
        return edge_cli_failed(&c, &err);
    return n_of.unreadable ? EDGE_EXIT_FAILED : EDGE_EXIT_OK;
}
