/* Configuration: INI files (libinih) read against a table of known keys; an unknown key is an error
   that names the file and line. One thread. */
#ifndef CN_CONF_H
#define CN_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum cn_conf_type { CN_CONF_STRING, CN_CONF_UINT, CN_CONF_DOUBLE, CN_CONF_BOOL, CN_CONF_ENUM };

struct cn_conf_key {
    const char *section, *key;
    enum cn_conf_type type;
    void *value;       /* char[size], uint64_t, double, bool, or int (index into names) */
    size_t size;       /* of a string, with its NUL */
    double min, max;   /* of numbers; both 0: no bound */
    const char *names; /* of an enum: "none|moments|cgan" */
    const char *help;  /* one line, for --help and the commented default file */
};

/* Reads path into the values of keys (n of them; values keep their defaults where absent). */
enum cn_err cn_conf_read(const char *path, const struct cn_conf_key *keys, size_t n,
                         struct cn_error *err) CN_NODISCARD;
/* Sets one value from text, as the file or --set section.key=value would. */
enum cn_err cn_conf_set(const struct cn_conf_key *key, const char *text,
                        struct cn_error *err) CN_NODISCARD;
/* Appends the value as cn_conf_set reads it. */
void cn_conf_print(const struct cn_conf_key *key, struct cn_buf *out);
const struct cn_conf_key *cn_conf_find(const struct cn_conf_key *keys, size_t n,
                                       const char *section, const char *key);

#endif
