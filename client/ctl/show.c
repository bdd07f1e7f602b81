/* Answers for people: a table for lists, lines for one object, nested where the answer is. */
#include "client/ctl/show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/ctl/table.h"
#include "common/base/clock.h"

static void append_ago(struct cn_buf *out, int64_t ms)
{
    int64_t now = (int64_t)cn_clock_wall_ms(), d = now - ms, s = (d < 0 ? -d : d) / 1000;
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t u = 0;

    if (ms <= 0) {
        cn_buf_printf(out, "-");
        return;
    }
    while (u + 1 < CN_COUNT(units) && s < units[u].seconds)
        u++;
    cn_buf_printf(out, d < 0 ? "in %lld %s" : "%lld %s ago", (long long)(s / units[u].seconds),
                  units[u].name);
}

static void append_bytes(struct cn_buf *out, double n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t u = 0;

    for (; n >= 1000 && u + 1 < CN_COUNT(units); u++)
        n /= 1000;
    cn_buf_printf(out, u == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n, units[u]);
}

/* What a key's name says of its value: the admin protocol has units in its names. */
static enum ctl_format format_of(const char *key)
{
    static const char *const moments[] = {"created_ms", "time_ms",   "opened_ms",    "closes_ms",
                                          "until_ms",   "joined_ms", "last_seen_ms", "expires_ms"};

    for (size_t i = 0; i < CN_COUNT(moments); i++)
        if (strcmp(key, moments[i]) == 0)
            return CTL_AGO;
    if (strstr(key, "bytes") || strcmp(key, "received") == 0 || strcmp(key, "sent") == 0)
        return CTL_BYTES;
    return strcmp(key, "score") == 0 || strcmp(key, "change") == 0 ? CTL_PERCENT : CTL_TEXT;
}

/* A value on one line; objects as "key value, key value". */
static void append(struct cn_buf *out, const struct cn_json *v, enum ctl_format f, int depth)
{
    void *it = NULL;
    const char *key;
    const struct cn_json *member;

    switch (cn_json_type(v)) {
    case CN_JSON_NULL: cn_buf_printf(out, "-"); break;
    case CN_JSON_BOOL: cn_buf_printf(out, "%s", cn_json_as_bool(v, false) ? "yes" : "no"); break;
    case CN_JSON_INT:
    case CN_JSON_REAL:
        if (f == CTL_AGO)
            append_ago(out, (int64_t)cn_json_as_real(v, 0));
        else if (f == CTL_BYTES)
            append_bytes(out, cn_json_as_real(v, 0));
        else if (f == CTL_PERCENT)
            cn_buf_printf(out, "%.1f %%", 100 * cn_json_as_real(v, 0));
        else if (cn_json_type(v) == CN_JSON_INT)
            cn_buf_printf(out, "%lld", (long long)cn_json_as_int(v, 0));
        else
            cn_buf_printf(out, "%.4g", cn_json_as_real(v, 0));
        break;
    case CN_JSON_STRING: cn_buf_printf(out, "%s", cn_json_as_string(v, "")); break;
    case CN_JSON_ARRAY:
        for (size_t i = 0; depth < 4 && i < cn_json_n(v); i++) {
            cn_buf_printf(out, "%s", i ? ", " : "");
            append(out, cn_json_at(v, i), f, depth + 1);
        }
        break;
    case CN_JSON_OBJECT:
        for (int i = 0; depth < 4 && cn_json_next(v, &it, &key, &member); i++) {
            cn_buf_printf(out, "%s%s ", i ? ", " : "", key);
            append(out, member, format_of(key), depth + 1);
        }
        break;
    }
}

static void show_list(const struct ctl_command *c, const struct cn_json *list, bool colour)
{
    const char *titles[CTL_MAX_COLUMNS];
    uint32_t n = 0, right = 0;

    for (; c->columns[n].key; n++) {
        titles[n] = c->columns[n].title;
        if (c->columns[n].format == CTL_NUMBER || c->columns[n].format == CTL_BYTES ||
            c->columns[n].format == CTL_PERCENT)
            right |= 1u << n;
    }
    CN_CLEANUP(ctl_table_destroy) struct ctl_table *t = ctl_table_new(titles, n, right);
    for (size_t i = 0; i < cn_json_n(list); i++)
        for (uint32_t k = 0; k < n; k++) {
            CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
            append(&text, cn_json_get(cn_json_at(list, i), c->columns[k].key), c->columns[k].format,
                   0);
            ctl_table_cell(t, cn_buf_cstr(&text));
        }
    ctl_table_print(t, colour);
}

/* A list of objects: a table of their keys, in the order of the first one. */
static void show_objects(const char *title, const struct cn_json *list, bool colour)
{
    struct ctl_command c = {.name = ""};
    const struct cn_json *v;
    const char *key;
    void *it = NULL;
    uint32_t n = 0;

    while (n < CTL_MAX_COLUMNS && cn_json_next(cn_json_at(list, 0), &it, &key, &v)) {
        enum ctl_format f = format_of(key);
        bool number = cn_json_type(v) == CN_JSON_INT && f == CTL_TEXT;
        c.columns[n++] = (struct ctl_column){key, key, number ? CTL_NUMBER : f};
    }
    printf("\n%s\n", title);
    show_list(&c, list, colour);
}

static void show_line(const char *title, const struct cn_json *v, enum ctl_format f, int width)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf safe = {0};

    append(&text, v, f, 0);
    ctl_table_escape(&safe, cn_buf_cstr(&text));
    if (title[0])
        printf("%-*s  %s\n", width, title, cn_buf_cstr(&safe));
    else
        printf("%s\n", cn_buf_cstr(&safe));
}

static bool is_objects(const struct cn_json *v)
{
    return cn_json_type(v) == CN_JSON_ARRAY && cn_json_type(cn_json_at(v, 0)) == CN_JSON_OBJECT;
}

static void show_object(const struct ctl_command *c, const struct cn_json *answer, bool colour)
{
    const struct cn_json *v;
    const char *key;
    void *it = NULL;
    int width = 0;

    for (const struct ctl_column *k = c->columns; k->key; k++)
        width = (int)strlen(k->title) > width ? (int)strlen(k->title) : width;
    for (const struct ctl_column *k = c->columns; k->key; k++) {
        v = cn_json_get(answer, k->key);
        if (is_objects(v))
            show_objects(k->title, v, colour);
        else
            show_line(k->title, v, k->format, width);
    }
    if (c->columns[0].key)
        return;
    while (cn_json_next(answer, &it, &key, &v)) {
        if (is_objects(v))
            show_objects(key, v, colour);
        else
            show_line(key, v, format_of(key), 14);
    }
}

void ctl_show(const struct ctl_command *c, const struct cn_json *answer, bool colour)
{
    if (!c->list)
        show_object(c, answer, colour);
    else if (cn_json_n(cn_json_get(answer, c->list)) == 0)
        printf("none\n");
    else
        show_list(c, cn_json_get(answer, c->list), colour);
}
