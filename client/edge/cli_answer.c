/* cairn-edge predict, confirm and correct. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/edge/cli.h"
#include "client/edge/commands.h"
#include "common/base/fs.h"
#include "common/doors/text.h"

static void print_prediction(const char *path, const struct cn_json *j)
{
    char label[256];
    const char *id = cn_json_string(j, "prediction", "-");

    printf("%s: %s %.1f %%  (release %lld, id %s)\n", path,
           edge_cli_safe(label, sizeof label, cn_json_string(j, "label", "nothing")),
           100 * cn_json_real(j, "confidence", 0), (long long)cn_json_int(j, "release", 0), id);
}

static enum cn_err predict_one(struct edge_cli *c, const char *path, uint64_t n_top,
                               struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf image = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    char call[64];

    snprintf(call, sizeof call, "/v1/predict?top=%llu", (unsigned long long)n_top);
    enum cn_err e = edge_cli_read_image(path, &image, err);
    if (!e)
        e = edge_cli_call(c, "POST", call, NULL, &image, &j, err);
    if (e) {
        if (!c->is_unreachable)
            cn_fail_prefix(err, "%s", path);
        return e;
    }
    if (c->common.json) {
        cn_json_set_string(j, "image", path);
        edge_cli_print_json(j);
    } else {
        print_prediction(path, j);
    }
    return CN_OK;
}

int edge_cmd_predict(const struct edge_command *self, int argc, char **argv)
{
    uint64_t n_top = 5;
    const struct edge_arg args[] = {
        {"--top", "K", "how many labels --json names (1 to 16, default 5)", EDGE_ARG_UINT, &n_top},
    };
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    struct cn_error err;
    int n, exit_code;

    if (!edge_cli_open(&c, self, args, CN_COUNT(args), argc, argv, &n, &exit_code))
        return exit_code;
    /* One image that is none does not keep the others from being looked at. */
    exit_code = EDGE_EXIT_OK;
    for (int i = 1; i <= n && !c.is_unreachable; i++)
        if (predict_one(&c, argv[i], n_top, &err))
            exit_code = edge_cli_failed(&c, &err);
    return exit_code;
}

/* ---- answers ---- */

static void print_taught(const struct cn_json *j)
{
    const struct cn_json *now = cn_json_get(j, "now"), *train = cn_json_get(j, "train");
    char label[256], said[256];

    printf("%s as %s, receipt %lld", cn_json_string(j, "answer", "taken"),
           edge_cli_safe(label, sizeof label, cn_json_string(j, "label", "?")),
           (long long)cn_json_int(j, "receipt", 0));
    if (cn_json_string(train, "error", NULL))
        printf("; it is kept, but training failed: %s",
               edge_cli_safe(said, sizeof said, cn_json_string(train, "error", "")));
    else if (train)
        printf("; now predicted as %s %.1f %% after %lld steps in %lld ms",
               edge_cli_safe(said, sizeof said, cn_json_string(now, "label", "nothing")),
               100 * cn_json_real(now, "confidence", 0), (long long)cn_json_int(train, "steps", 0),
               (long long)cn_json_int(train, "ms", 0));
    printf("\n");
}

static int show_taught(struct edge_cli *c, enum cn_err e, const struct cn_json *j,
                       const struct cn_error *err)
{
    if (e)
        return edge_cli_failed(c, err);
    if (c->common.json)
        edge_cli_print_json(j);
    else
        print_taught(j);
    return EDGE_EXIT_OK;
}

int edge_cmd_confirm(const struct edge_command *self, int argc, char **argv)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) body = cn_json_new_object();
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    struct cn_error err;
    int n, exit_code;

    if (!edge_cli_open(&c, self, NULL, 0, argc, argv, &n, &exit_code))
        return exit_code;
    cn_json_set_string(body, "prediction", argv[1]);
    enum cn_err e = edge_cli_call(&c, "POST", "/v1/confirm", body, NULL, &j, &err);
    return show_taught(&c, e, j, &err);
}

static enum cn_err correct_image(struct edge_cli *c, const char *path, const char *label,
                                 struct cn_json **ret, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf image = {0}, call = {0};

    cn_buf_printf(&call, "/v1/teach?label=");
    cn_httpc_escape(&call, label);
    enum cn_err e = edge_cli_read_image(path, &image, err);
    return e ? e : edge_cli_call(c, "POST", cn_buf_cstr(&call), NULL, &image, ret, err);
}

static enum cn_err correct_id(struct edge_cli *c, const char *id, const char *label,
                              struct cn_json **ret, struct cn_error *err)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) body = cn_json_new_object();

    if (!cn_text_is_line(label, strlen(label)))
        return cn_fail(err, CN_E_PARSE,
                       "a label's name is one line of UTF-8 text without control characters");
    cn_json_set_string(body, "prediction", id);
    cn_json_set_string(body, "label", label);
    return edge_cli_call(c, "POST", "/v1/correct", body, NULL, ret, err);
}

/* Sixteen hex digits that are no file. */
static bool is_id(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16 && !cn_fs_exists(text);
}

int edge_cmd_correct(const struct edge_command *self, int argc, char **argv)
{
    const char *label = NULL;
    const struct edge_arg args[] = {
        {"--label", "NAME", "what the image shows: a known label or a new one", EDGE_ARG_TEXT,
         &label, true},
    };
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    CN_CLEANUP(edge_cli_close) struct edge_cli c;
    struct cn_error err;
    int n, exit_code;

    if (!edge_cli_open(&c, self, args, CN_COUNT(args), argc, argv, &n, &exit_code))
        return exit_code;
    enum cn_err e = is_id(argv[1]) ? correct_id(&c, argv[1], label, &j, &err)
                                   : correct_image(&c, argv[1], label, &j, &err);
    return show_taught(&c, e, j, &err);
}
