/* Command lines to requests. */
#include "client/ctl/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/doors/text.h"

enum cn_err ctl_request_options(int argc, char **argv, struct ctl_options *ret, int *ret_n,
                                struct cn_error *err)
{
    int n = 0;
    bool plain = false; /* after "--" */

    for (int i = 0; i < argc; i++) {
        const struct {
            const char *name, **text;
            bool *flag;
        } known[] = {{"--data", &ret->data, NULL},
                     {"--endpoint", &ret->endpoint, NULL},
                     {"--key", &ret->key, NULL},
                     {"--json", NULL, &ret->json},
                     {"--no-colour", NULL, &ret->no_colour},
                     {"--yes", NULL, &ret->yes},
                     {"--help", NULL, &ret->help},
                     {"-h", NULL, &ret->help}};
        size_t k = 0;
        while (k < CN_COUNT(known) && (plain || strcmp(argv[i], known[k].name) != 0))
            k++;
        if (k == CN_COUNT(known)) {
            plain = plain || strcmp(argv[i], "--") == 0;
            argv[n++] = argv[i];
        } else if (known[k].flag) {
            *known[k].flag = true;
        } else if (i + 1 < argc) {
            *known[k].text = argv[++i];
        } else {
            return cn_fail(err, CN_E_PARSE, "%s needs a value", known[k].name);
        }
    }
    *ret_n = n;
    return CN_OK;
}

static enum cn_err whole_number(const char *text, const char *what, int64_t *ret,
                                struct cn_error *err)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (errno || end == text || *end || *ret < 0)
        return cn_fail(err, CN_E_PARSE, "%s: \"%.64s\" is not a whole number", what, text);
    return CN_OK;
}

struct numbered {
    int64_t number;
    const char *name;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* A map from name to number becomes the list of names in the order of their numbers. The article's
   "noise" is what a fleet has without being told: its placeholder. */
static enum cn_err names_of_map(const struct cn_json *map, struct cn_json *to, struct cn_error *err)
{
    CN_CLEANUP(cn_freep) struct numbered *at = cn_calloc(cn_json_n(map), sizeof(struct numbered));
    const struct cn_json *value;
    const char *key;
    void *it = NULL;
    size_t n = 0;

    while (cn_json_next(map, &it, &key, &value)) {
        if (cn_json_type(value) != CN_JSON_INT)
            return cn_fail(err, CN_E_PARSE, "\"%.64s\" has no number", key);
        if (strcmp(key, "noise") != 0)
            at[n++] = (struct numbered){cn_json_as_int(value, 0), key};
    }
    qsort(at, n, sizeof *at, by_number);
    for (size_t i = 0; i < n; i++)
        cn_json_push_string(to, at[i].name);
    return CN_OK;
}

static enum cn_err read_labels(const char *path, struct cn_json *args, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    CN_CLEANUP(cn_json_destroy) struct cn_json *file = NULL;
    enum cn_err e;

    if ((e = cn_fs_read(path, CN_MAX_JSON_BYTES, &text, err)) ||
        (e = cn_json_parse((struct cn_bytes){text.at, text.n}, CN_MAX_JSON_BYTES, &file, err)))
        return e;
    const struct cn_json *labels = cn_json_get(file, "labels");
    const struct cn_json *list = cn_json_type(labels) == CN_JSON_ARRAY ? labels : file;
    struct cn_json *to = cn_json_set_array(args, "labels");
    if (cn_json_type(list) == CN_JSON_OBJECT)
        return names_of_map(list, to, err);
    for (size_t i = 0; i < cn_json_n(list); i++) {
        const struct cn_json *from = cn_json_at(list, i);
        CN_CLEANUP(cn_json_destroy) struct cn_json *one = NULL;
        if (cn_json_type(from) == CN_JSON_STRING) {
            cn_json_push_string(to, cn_json_as_string(from, ""));
            continue;
        }
        one = cn_json_new_object(); /* an export has more keys than an import takes */
        cn_json_set_string(one, "name", cn_json_string(from, "name", ""));
        if (cn_json_get(from, "aliases")) {
            struct cn_json *aliases = cn_json_copy(cn_json_get(from, "aliases"));
            cn_json_set(one, "aliases", &aliases);
        }
        cn_json_push(to, &one);
    }
    return CN_OK;
}

static enum cn_err set(const struct ctl_param *p, const char *text, struct cn_json *args,
                       struct cn_error *err)
{
    int64_t number;

    switch (p->type) {
    case CTL_STRING:
        if (!cn_text_is_line(text, strlen(text)))
            return cn_fail(err, CN_E_PARSE,
                           "%s is not one line of UTF-8 text without control characters", p->name);
        cn_json_set_string(args, p->key, text);
        return CN_OK;
    case CTL_FLAG: cn_json_set_bool(args, p->key, true); return CN_OK;
    case CTL_LABELS_FILE: return read_labels(text, args, err);
    case CTL_INT:
        if (whole_number(text, p->name, &number, err))
            return CN_E_PARSE;
        cn_json_set_int(args, p->key, number);
        return CN_OK;
    }
    return CN_E_PARSE;
}

static const struct ctl_param *option(const struct ctl_command *c, const char *word)
{
    for (const struct ctl_param *p = c->params; p->name; p++)
        if (p->name[0] == '-' && strcmp(p->name, word) == 0)
            return p;
    return NULL;
}

enum cn_err ctl_request_args(const struct ctl_command *c, char **words, int n, struct cn_json **ret,
                             struct cn_error *err)
{
    CN_CLEANUP(cn_json_destroy) struct cn_json *args = cn_json_new_object();
    const struct ctl_param *next = c->params;
    bool plain = false;

    for (int i = 0; i < n; i++) {
        const struct ctl_param *p = plain ? NULL : option(c, words[i]);
        if (!plain && strcmp(words[i], "--") == 0) {
            plain = true;
            continue;
        }
        if (!p && !plain && words[i][0] == '-' && words[i][1])
            return cn_fail(err, CN_E_PARSE, "unknown option %.64s", words[i]);
        if (p && p->type != CTL_FLAG && ++i == n)
            return cn_fail(err, CN_E_PARSE, "%s needs a value", p->name);
        while (!p && next->name && next->name[0] == '-')
            next++;
        if (!p && !next->name)
            return cn_fail(err, CN_E_PARSE, "\"%.64s\" is one argument too many", words[i]);
        if (!p)
            p = next++;
        if (set(p, words[i], args, err))
            return err->code;
    }
    for (; next->name; next++)
        if (next->name[0] != '-' && !next->optional)
            return cn_fail(err, CN_E_PARSE, "%s is missing: %s", next->name, next->help);
    *ret = cn_steal(args);
    return CN_OK;
}
