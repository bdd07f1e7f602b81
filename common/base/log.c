/* Structured log lines. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int min_level = CN_LOG_INFO;
static const char *const names[] = {"debug", "info", "warn", "error"};

void cn_log_set_level(enum cn_log_level level)
{
    min_level = level;
}

static size_t clamp(int n, size_t used, size_t size)
{
    size_t end = n < 0 ? used : used + (size_t)n;
    return end < size ? end : size - 1;
}

void cn_log(enum cn_log_level level, const char *event, const char *fmt, ...)
{
    char line[2048];
    struct timespec now;
    struct tm tm;

    if ((int)level < min_level)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
    n = clamp(snprintf(line + n, sizeof line - n, ".%03ldZ %s %s ", now.tv_nsec / 1000000,
                       names[level], event),
              n, sizeof line);
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        n = clamp(vsnprintf(line + n, sizeof line - n, fmt, ap), n, sizeof line);
        va_end(ap);
    }
    line[n++] = '\n'; /* clamp left room for it */
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nowhere left to say it */
}

const char *cn_log_quote(char *out, size_t size, const char *s)
{
    size_t n = 0;

    if (size < 3)
        return "";
    out[n++] = '"';
    for (; *s && n + 5 < size; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = 0;
    return out;
}
