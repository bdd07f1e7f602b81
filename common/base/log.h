/* Structured log lines for shells only: `level event key=value ...` on standard error.
   Threads: any; a line is written with one write(2). */
#ifndef CN_LOG_H
#define CN_LOG_H

#include "common/base/own.h"

enum cn_log_level { CN_LOG_DEBUG, CN_LOG_INFO, CN_LOG_WARN, CN_LOG_ERROR };

/* Lines below this level are dropped; CN_LOG_INFO at start. */
void cn_log_set_level(enum cn_log_level level);
/* cn_log(CN_LOG_INFO, "release.committed", "number=%u updates=%u", n, k); values with spaces are
   written by the caller as key="..." with cn_log_quote. fmt may be NULL. */
void cn_log(enum cn_log_level level, const char *event, const char *fmt, ...) CN_PRINTF(3, 4);
/* Copies s into out, quoted, with control characters and quotes escaped: no peer can forge a line.
 */
const char *cn_log_quote(char *out, size_t size, const char *s);

#endif
