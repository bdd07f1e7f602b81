/* Errors of the world, as code and sentence. */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum cn_err set(struct cn_error *err, enum cn_err code, const char *fmt, va_list ap)
{
    if (err) {
        err->code = code;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
    }
    return code;
}

enum cn_err cn_fail(struct cn_error *err, enum cn_err code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set(err, code, fmt, ap);
    va_end(ap);
    return code;
}

static enum cn_err code_of_errno(int e)
{
    switch (e) {
    case ENOSPC:
    case EDQUOT: return CN_E_FULL;
    case EROFS:
    case EACCES:
    case EPERM: return CN_E_READONLY;
    case ENOENT: return CN_E_NOTFOUND;
    case EEXIST:
    case EADDRINUSE: return CN_E_EXISTS;
    case EBUSY:
    case EWOULDBLOCK: return CN_E_BUSY;
    case ETIMEDOUT: return CN_E_TIMEOUT;
    default: return CN_E_IO;
    }
}

enum cn_err cn_fail_errno(struct cn_error *err, const char *fmt, ...)
{
    int e = errno;
    va_list ap;

    va_start(ap, fmt);
    enum cn_err code = set(err, code_of_errno(e), fmt, ap);
    va_end(ap);
    if (err) {
        size_t n = strlen(err->text);
        snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(e));
    }
    return code;
}

enum cn_err cn_fail_prefix(struct cn_error *err, const char *fmt, ...)
{
    char old[CN_ERROR_TEXT_BYTES];
    va_list ap;

    if (!err)
        return CN_E_IO;
    memcpy(old, err->text, sizeof old);
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, ": %s", old);
    return err->code;
}

const char *cn_err_name(enum cn_err code)
{
    switch (code) {
    case CN_OK: return "ok";
    case CN_E_IO: return "io";
    case CN_E_FULL: return "full";
    case CN_E_READONLY: return "read-only";
    case CN_E_PARSE: return "parse";
    case CN_E_LIMIT: return "limit";
    case CN_E_EXISTS: return "exists";
    case CN_E_NOTFOUND: return "not-found";
    case CN_E_STATE: return "state";
    case CN_E_CRYPTO: return "crypto";
    case CN_E_VERSION: return "version";
    case CN_E_SHAPE: return "shape";
    case CN_E_NUMERIC: return "numeric";
    case CN_E_BUSY: return "busy";
    case CN_E_TIMEOUT: return "timeout";
    case CN_E_DENIED: return "denied";
    case CN_E_UNSUPPORTED: return "unsupported";
    }
    return "unknown";
}
