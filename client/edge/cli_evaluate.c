/* cairn-edge evaluate: accuracy on a folder of labelled images, and what is taken for what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/cli.h"
#include "client/edge/commands.h"
#include "client/edge/progress.h"
#include "client/edge/tree.h"

enum { MAX_SAID = 512, NAME_COLUMNS = 20, MAX_COLUMNS = 16 };

/* What was said of images of which label. */
struct tally {
    uint32_t n_labels, n_said;
    char *said[MAX_SAID];                /* names that the model gave */
    uint32_t *n[MAX_SAID];               /* per name: images of each label that got it */
    uint32_t *right, *total, unreadable; /* per label */
};

static void tally_init(struct tally *t, uint32_t n_labels)
{
    *t = (struct tally){.n_labels = n_labels};
    t->right = cn_calloc(n_labels, sizeof *t->right);
    t->total = cn_calloc(n_labels, sizeof *t->total);
}

static void tally_fini(struct tally *t)
{
    for (uint32_t i = 0; i < t->n_said; i++) {
        free(t->said[i]);
        free(t->n[i]);
    }
    free(t->right);
    free(t->total);
}

static void tally_add(struct tally *t, uint32_t label, const char *said, bool right)
{
    uint32_t i = 0;

    while (i < t->n_said && strcmp(t->said[i], said) != 0)
        i++;
    if (i == t->n_said && t->n_said < MAX_SAID) {
        t->said[t->n_said] = cn_strdup(said);
        t->n[t->n_said++] = cn_calloc(t->n_labels, sizeof(uint32_t));
    }
    if (i < t->n_said)
        t->n[i][label]++;
    t->right[label] += right;
    t->total[label]++;
}

static double share(uint32_t right, uint32_t total)
{
    return total ? (double)right / total : 0;
}

static void sums(const struct tally *t, uint32_t *ret_right, uint32_t *ret_total)
{
    *ret_right = *ret_total = 0;
    for (uint32_t i = 0; i < t->n_labels; i++) {
        *ret_right += t->right[i];
        *ret_total += t->total[i];
    }
}

/* ---- asking ---- */

static enum cn_err ask(struct edge_cli *c, const struct edge_tree *tree, uint32_t i,
                       const char *model, struct tally *t, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf image = {0}, call = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    const struct edge_tree_image *x = &tree->at[i];

    cn_buf_printf(&call, "/v1/evaluate?model=%s&label=", model);
    cn_httpc_escape(&call, tree->labels[x->label]);
    enum cn_err e = edge_cli_read_image(x->path, &image, err);
    if (!e)
        e = edge_cli_call(c, "POST", cn_buf_cstr(&call), NULL, &image, &j, err);
    if (!c->is_unreachable && (e == CN_E_PARSE || e == CN_E_LIMIT)) {
        fprintf(stderr, "cairn-edge evaluate: %s: %s\n", x->path, err->text);
        t->unreadable++;
        return CN_OK;
    }
    if (!e)
        tally_add(t, x->label, cn_json_string(j, "label", "nothing"),
                  cn_json_bool(j, "right", false));
    return e;
}

static enum cn_err ask_all(struct edge_cli *c, const struct edge_tree *tree, const char *model,
                           struct tally *t, struct cn_error *err)
{
    struct edge_progress bar;
    enum cn_err e = CN_OK;

    edge_progress_start(&bar, "evaluate", tree->n);
    for (uint32_t i = 0; i < tree->n && !e; i++) {
        edge_progress_show(&bar, i);
        e = ask(c, tree, i, model, t, err);
    }
    edge_progress_end(&bar);
    return e;
}

/* ---- telling ---- */

static void print_json(const struct edge_tree *tree, const struct tally *t, const char *model)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    uint32_t right, total;

    sums(t, &right, &total);
    cn_json_set_string(j, "model", model);
    cn_json_set_real(j, "accuracy", share(right, total));
    cn_json_set_int(j, "right", right);
    cn_json_set_int(j, "images", total);
    cn_json_set_int(j, "unreadable", t->unreadable);
    struct cn_json *labels = cn_json_set_array(j, "per_label");
    for (uint32_t i = 0; i < t->n_labels; i++) {
        struct cn_json *l = cn_json_push_object(labels);
        cn_json_set_string(l, "label", tree->labels[i]);
        cn_json_set_real(l, "accuracy", share(t->right[i], t->total[i]));
        cn_json_set_int(l, "right", t->right[i]);
        cn_json_set_int(l, "images", t->total[i]);
        struct cn_json *said = cn_json_set_object(l, "said");
        for (uint32_t k = 0; k < t->n_said; k++)
            if (t->n[k][i])
                cn_json_set_int(said, t->said[k], t->n[k][i]);
    }
    edge_cli_print_json(j);
}

static void print_matrix(const struct edge_tree *tree, const struct tally *t)
{
    char name[NAME_COLUMNS + 1];

    printf("\nWhat was said (columns) of images of each label (rows):\n%-*s", NAME_COLUMNS, "");
    for (uint32_t k = 0; k < t->n_said; k++)
        printf(" %8.8s", edge_cli_safe(name, sizeof name, t->said[k]));
    printf("\n");
    for (uint32_t i = 0; i < t->n_labels; i++) {
        printf("%-*s", NAME_COLUMNS, edge_cli_safe(name, sizeof name, tree->labels[i]));
        for (uint32_t k = 0; k < t->n_said; k++)
            printf(" %8u", t->n[k][i]);
        printf("\n");
    }
}

static void print_tables(const struct edge_tree *tree, const struct tally *t)
{
    char name[NAME_COLUMNS + 1];
    uint32_t right, total;

    sums(t, &right, &total);
    for (uint32_t i = 0; i < t->n_labels; i++)
        printf("%-*s %6.2f %%  (%u of %u)\n", NAME_COLUMNS,
               edge_cli_safe(name, sizeof name, tree->labels[i]),
               100 * share(t->right[i], t->total[i]), t->right[i], t->total[i]);
    printf("%-*s %6.2f %%  (%u of %u)\n", NAME_COLUMNS, "accuracy", 100 * share(right, total),
           right, total);
    if (t->n_said <= MAX_COLUMNS)
        print_matrix(tree, t);
    else
        printf("\n%u different answers are too many columns; --json has the matrix.\n", t->n_said);
}

int edge_cmd_evaluate(const struct edge_command *self, int argc, char **argv)
{
    const char *labels = NULL, *model = "local";
    const struct edge_arg args[] = {
        {"--model", "local|release", "with what this device taught on top, or without (local)",
         EDGE_ARG_TEXT, &model},
        {"--labels", "A,B,...", "only these sub-folders", EDGE_ARG_TEXT, &labels},
    };
    CN_CLEANUP(edge_tree_fini) struct edge_tree tree = {0};
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    CN_CLEANUP(tally_fini) struct tally tally = {0};
    struct cn_error err;
    int n, exit_code;

    if (!edge_cli_open(&c, self, args, CN_COUNT(args), argc, argv, &n, &exit_code))
        return exit_code;
    if (strcmp(model, "local") != 0 && strcmp(model, "release") != 0)
        return edge_args_usage(self, "--model is local or release");
    if (edge_tree_read(&tree, argv[1], labels, &err))
        return edge_cli_failed(&c, &err);
    tally_init(&tally, tree.n_labels);
    if (ask_all(&c, &tree, model, &tally, &err))
        return edge_cli_failed(&c, &err);
    if (c.common.json)
        print_json(&tree, &tally, model);
    else
        print_tables(&tree, &tally);
    return EDGE_EXIT_OK;
}
