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

/* A value on one line; objects as "key value, key value". */
static void append(struct cn_buf *out, const struct cn_json *v, enum ctl_format f, int depth)
{
    void *it = NULL;
    const char *key;
    const struct cn_json *member;

    switch (cn_json_type(v)) {
    case CN_JSON_NULL: cn_buf_printf(out, "-"); break;
    case CN_JSON_BOOL: {
        struct cn_buf text = {0};
        cn_json_dump(v, false, &text);
        cn_buf_printf(out, "%s", strcmp(cn_buf_cstr(&text), "true") == 0 ? "yes" : "no");
        cn_buf_fini(&text);
        break;
    }
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
        while (depth < 4 && cn_json_next(v, &it, &key, &member)) {
            size_t n = strlen(key);
            enum ctl_format of =
                n > 3 && strcmp(key + n - 3, "_ms") == 0 && n > 8 ? CTL_AGO : CTL_TEXT;
            if (strstr(key, "received") || strstr(key, "sent") || strstr(key, "bytes"))
                of = CTL_BYTES;
            cn_buf_printf(out, "%s%s ", out->n && depth == 0 && it ? "" : "", key);
            append(out, member, of, depth + 1);
            cn_buf_printf(out, "  ");
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

static void show_line(const char *title, const struct cn_json *v, enum ctl_format f, int width)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0}, safe = {0};

    /* A list of objects takes a line each. */
    if (cn_json_type(v) == CN_JSON_ARRAY && cn_json_type(cn_json_at(v, 0)) == CN_JSON_OBJECT) {
        printf("%s\n", title);
        for (size_t i = 0; i < cn_json_n(v); i++)
            show_line("", cn_json_at(v, i), f, 2);
        return;
    }
    append(&text, v, f, 0);
    ctl_table_escape(&safe, cn_buf_cstr(&text));
    if (title[0] || width < 4)
        printf("%-*s  %s\n", width, title, cn_buf_cstr(&safe));
    else
        printf("%s\n", cn_buf_cstr(&safe));
}

void ctl_show(const struct ctl_command *c, const struct cn_json *answer, bool colour)
{
    const char *key;
    const struct cn_json *v;
    void *it = NULL;
    int width = 0;

    if (c->list) {
        if (cn_json_n(cn_json_get(answer, c->list)) == 0)
            printf("none\n");
        else
            show_list(c, cn_json_get(answer, c->list), colour);
        return;
    }
    for (const struct ctl_column *k = c->columns; k->key; k++)
        width = (int)strlen(k->title) > width ? (int)strlen(k->title) : width;
    for (const struct ctl_column *k = c->columns; k->key; k++)
        show_line(k->title, cn_json_get(answer, k->key), k->format, k->title[0] ? width : 9);
    if (c->columns[0].key)
        return;
    while (cn_json_next(answer, &it, &key, &v)) {
        size_t n = strlen(key);
        enum ctl_format f = n > 3 && strcmp(key + n - 3, "_ms") == 0 ? CTL_AGO
                            : strstr(key, "bytes")                   ? CTL_BYTES
                                                                     : CTL_TEXT;
        show_line(key, v, f, 14);
    }
}
