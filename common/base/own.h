/* Ownership in three macros: who cleans up, which results must be used, and how to give something
 * away. */
#ifndef CN_OWN_H
#define CN_OWN_H

#include <stddef.h>

/* The variable is handed to destroy(&variable) when it goes out of scope. */
#define CN_CLEANUP(destroy)             __attribute__((cleanup(destroy)))
#define CN_NODISCARD                    __attribute__((warn_unused_result))
#define CN_PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))

/* Gives away what a pointer owns: returns it and leaves NULL behind. */
#define cn_steal(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) *p_ = &(p);                                                                  \
        __typeof__(p) v_ = *p_;                                                                    \
        *p_ = NULL;                                                                                \
        v_;                                                                                        \
    })

#define CN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* malloc family for sizes that are ours; out of memory aborts (STYLE: small fixed sizes abort,
   sizes that a peer chose are limited first). Never returns NULL, not even for 0. */
void *cn_alloc(size_t n_bytes) CN_NODISCARD;
void *cn_calloc(size_t n, size_t size_bytes) CN_NODISCARD;
void *cn_realloc(void *p, size_t n_bytes) CN_NODISCARD;
/* n * size_bytes, 64-byte aligned, for tensors; contents undefined; free with free(). */
void *cn_alloc_aligned(size_t n, size_t size_bytes) CN_NODISCARD;
char *cn_strdup(const char *s) CN_NODISCARD;

/* Cleanup function for plain malloc'ed memory: CN_CLEANUP(cn_freep) char *s = ...; */
void cn_freep(void *pp);

#endif
