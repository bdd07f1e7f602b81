/* Text tables that fit a terminal, and values for people. One thread. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { CTL_TABLE_MAX_COLUMNS = 12 };

struct ctl_table;

/* right: a bit per column that is aligned to the right. */
struct ctl_table *ctl_table_new(const char *const *titles, uint32_t n_columns,
                                uint32_t right) CN_NODISCARD;
void ctl_table_destroy(struct ctl_table **t);
/* The next cell, row by row; the text is copied, what could move a cursor is escaped. */
void ctl_table_cell(struct ctl_table *t, const char *text);
/* Prints it; the last column is cut to the terminal's width. colour: titles are bold. */
void ctl_table_print(const struct ctl_table *t, bool colour);

/* Columns of the terminal; a large number when standard output is none. */
uint32_t ctl_table_width(void);
/* Appends s with control characters and broken UTF-8 as \xNN. */
void ctl_table_escape(struct cn_buf *out, const char *s);

#endif
