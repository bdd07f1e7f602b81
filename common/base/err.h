/* Errors of the world: a code for programs and a sentence for people. Threads: no shared state. */
#ifndef CN_ERR_H
#define CN_ERR_H

#include "common/base/own.h"

enum cn_err {
    CN_OK = 0,
    CN_E_IO,         /* the operating system refused: the sentence holds path and strerror */
    CN_E_FULL,       /* disk full, or a bounded store is */
    CN_E_READONLY,   /* the place cannot be written */
    CN_E_PARSE,      /* bytes or text do not have the form that they must have */
    CN_E_LIMIT,      /* a size or count is over its cap in limits.h */
    CN_E_EXISTS,     /* the name, id or port is taken */
    CN_E_NOTFOUND,   /* no such label, device, release, file */
    CN_E_STATE,      /* right request, wrong moment */
    CN_E_CRYPTO,     /* a signature, key or token is wrong */
    CN_E_VERSION,    /* written by a newer version, or for another fleet or architecture */
    CN_E_SHAPE,      /* tensor shapes do not fit */
    CN_E_NUMERIC,    /* NaN, infinity, or a matrix that cannot be factored */
    CN_E_BUSY,       /* held by someone else */
    CN_E_TIMEOUT,    /* a deadline passed */
    CN_E_DENIED,     /* not enrolled, suspended, revoked */
    CN_E_UNSUPPORTED /* understood, but not done here */
};

enum { CN_ERROR_TEXT_BYTES = 512 };

struct cn_error {
    enum cn_err code;
    char text[CN_ERROR_TEXT_BYTES];
};

/* Fills err (which may be NULL) and returns code, so that callers write `return cn_fail(...)`. */
enum cn_err cn_fail(struct cn_error *err, enum cn_err code, const char *fmt, ...) CN_PRINTF(3, 4);

/* As cn_fail, from errno: picks CN_E_FULL, CN_E_READONLY, CN_E_NOTFOUND... and appends strerror. */
enum cn_err cn_fail_errno(struct cn_error *err, const char *fmt, ...) CN_PRINTF(2, 3);

/* Puts "what: " before the sentence that is already there; returns err->code. */
enum cn_err cn_fail_prefix(struct cn_error *err, const char *fmt, ...) CN_PRINTF(2, 3);

/* Short stable name of a code: "full", "parse", ... */
const char *cn_err_name(enum cn_err code);

#endif
