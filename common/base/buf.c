/* A growing byte buffer. */
#include "common/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cn_buf_fini(struct cn_buf *b)
{
    free(b->at);
    *b = (struct cn_buf){0};
}

void cn_buf_reserve(struct cn_buf *b, size_t n_more)
{
    assert(n_more <= SIZE_MAX / 4 - b->n);
    if (b->n + n_more <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->n + n_more)
        cap += cap / 2;
    b->at = cn_realloc(b->at, cap);
    b->cap = cap;
}

void cn_buf_append(struct cn_buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    cn_buf_reserve(b, n);
    memcpy(b->at + b->n, p, n);
    b->n += n;
}

uint8_t *cn_buf_extend(struct cn_buf *b, size_t n)
{
    cn_buf_reserve(b, n ? n : 1);
    uint8_t *start = b->at + b->n;
    memset(start, 0, n);
    b->n += n;
    return start;
}

void cn_buf_printf(struct cn_buf *b, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    cn_buf_reserve(b, (size_t)n + 1);
    vsnprintf((char *)b->at + b->n, (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

const char *cn_buf_cstr(struct cn_buf *b)
{
    cn_buf_reserve(b, 1);
    b->at[b->n] = 0;
    return (const char *)b->at;
}
