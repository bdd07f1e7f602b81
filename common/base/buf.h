/* A growing byte buffer and bounds-checked little-endian reading and writing. One owner, one
 * thread. */
#ifndef CN_BUF_H
#define CN_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/own.h"

struct cn_buf {
    uint8_t *at;
    size_t n, cap;
};

/* {0} is an empty buffer. */
void cn_buf_fini(struct cn_buf *b);
void cn_buf_reserve(struct cn_buf *b, size_t n_more);
void cn_buf_append(struct cn_buf *b, const void *p, size_t n);
/* Appends n zero bytes and returns where they start; valid until the next append. */
uint8_t *cn_buf_extend(struct cn_buf *b, size_t n);
void cn_buf_printf(struct cn_buf *b, const char *fmt, ...) CN_PRINTF(2, 3);
/* The bytes as a NUL-terminated string (the NUL is not counted in n). */
const char *cn_buf_cstr(struct cn_buf *b);

/* A borrowed range of bytes. */
struct cn_bytes {
    const uint8_t *at;
    size_t n;
};

static inline void cn_put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline void cn_put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint32_t cn_get32(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static inline uint64_t cn_get64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

#endif
