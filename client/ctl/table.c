/* Text tables. */
#include "client/ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/doors/text.h"

struct ctl_table {
    uint32_t n_columns, right;
    size_t n_cells;
    char **cells;
};

void ctl_table_escape(struct cn_buf *out, const char *s)
{
    for (const char *p = s; *p;) {
        size_t n = 1;
        while (p[n] && ((unsigned char)p[n] & 0xc0) == 0x80)
            n++;
        if (cn_text_is_line(p, n))
            cn_buf_append(out, p, n);
        else
            for (size_t i = 0; i < n; i++)
                cn_buf_printf(out, "\\x%02x", (unsigned char)p[i]);
        p += n;
    }
}

struct ctl_table *ctl_table_new(const char *const *titles, uint32_t n_columns, uint32_t right)
{
    struct ctl_table *t = cn_calloc(1, sizeof *t);

    assert(n_columns > 0 && n_columns <= CTL_TABLE_MAX_COLUMNS);
    t->n_columns = n_columns;
    t->right = right;
    for (uint32_t i = 0; i < n_columns; i++)
        ctl_table_cell(t, titles[i]);
    return t;
}

void ctl_table_destroy(struct ctl_table **p)
{
    struct ctl_table *t = cn_steal(*p);

    if (!t)
        return;
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void ctl_table_cell(struct ctl_table *t, const char *text)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};

    ctl_table_escape(&b, text);
    t->cells = cn_realloc(t->cells, (t->n_cells + 1) * sizeof *t->cells);
    t->cells[t->n_cells++] = cn_strdup(cn_buf_cstr(&b));
}

uint32_t ctl_table_width(void)
{
    struct winsize w;

    if (!isatty(STDOUT_FILENO))
        return 100000;
    const char *columns = getenv("COLUMNS");
    if (columns && strtoul(columns, NULL, 10) > 20)
        return (uint32_t)strtoul(columns, NULL, 10);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

/* How many bytes of s fit into so many columns. */
static size_t fit(const char *s, uint32_t columns)
{
    size_t n = strlen(s);
    CN_CLEANUP(cn_freep) char *copy = cn_strdup(s);

    while (n > 0 && cn_text_display_width(copy) > columns) {
        do
            n--;
        while (n > 0 && ((unsigned char)copy[n] & 0xc0) == 0x80);
        copy[n] = 0;
    }
    return n;
}

static void print_cell(const char *text, size_t width, bool right, bool last, uint32_t room)
{
    size_t w = cn_text_display_width(text);
    int pad = width > w ? (int)(width - w) : 0;

    if (right)
        printf("%*s%s%s", pad, "", text, last ? "" : "  ");
    else if (last)
        printf("%.*s", (int)fit(text, room), text);
    else
        printf("%s%*s  ", text, pad, "");
}

void ctl_table_print(const struct ctl_table *t, bool colour)
{
    size_t width[CTL_TABLE_MAX_COLUMNS] = {0};
    uint32_t terminal = ctl_table_width();

    for (size_t i = 0; i < t->n_cells; i++) {
        size_t w = cn_text_display_width(t->cells[i]), *max = &width[i % t->n_columns];
        *max = w > *max ? w : *max;
    }
    for (size_t i = 0, used = 0; i < t->n_cells; i++) {
        uint32_t c = (uint32_t)(i % t->n_columns);
        bool last = c + 1 == t->n_columns;
        used = c == 0 ? 0 : used;
        if (colour && i == 0)
            printf("\033[1m");
        print_cell(t->cells[i], width[c], t->right >> c & 1, last,
                   terminal > used ? terminal - (uint32_t)used : 1);
        used += width[c] + 2;
        if (last)
            printf("%s\n", colour && i + 1 == t->n_columns ? "\033[0m" : "");
    }
}
