/* Allocation that cannot fail silently. */
#include "common/base/own.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t n_bytes)
{
    if (!p) {
        fprintf(stderr, "out of memory: %zu bytes\n", n_bytes);
        abort();
    }
    return p;
}

void *cn_alloc(size_t n_bytes)
{
    return checked(malloc(n_bytes ? n_bytes : 1), n_bytes);
}

void *cn_calloc(size_t n, size_t size_bytes)
{
    return checked(calloc(n ? n : 1, size_bytes ? size_bytes : 1), n);
}

void *cn_realloc(void *p, size_t n_bytes)
{
    return checked(realloc(p, n_bytes ? n_bytes : 1), n_bytes);
}

void *cn_alloc_aligned(size_t n, size_t size_bytes)
{
    if (size_bytes && n > (SIZE_MAX - 64) / size_bytes)
        return checked(NULL, SIZE_MAX);
    size_t n_bytes = (n * size_bytes + 63) / 64 * 64;
    return checked(aligned_alloc(64, n_bytes ? n_bytes : 64), n_bytes);
}

char *cn_strdup(const char *s)
{
    return checked(strdup(s), strlen(s));
}

void cn_freep(void *pp)
{
    void **p = pp;

    free(*p);
    *p = NULL;
}
