/* Configuration files against a table of keys. The only file that includes libinih. */
#include "common/base/conf.h"

#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct cn_conf_key *cn_conf_find(const struct cn_conf_key *keys, size_t n,
                                       const char *section, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
            return &keys[i];
    return NULL;
}

static enum cn_err set_number(const struct cn_conf_key *k, const char *text, struct cn_error *err)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || !isfinite(v))
        return cn_fail(err, CN_E_PARSE, "%s.%s: \"%s\" is not a number", k->section, k->key, text);
    if ((k->min != 0 || k->max != 0) && (v < k->min || v > k->max))
        return cn_fail(err, CN_E_PARSE, "%s.%s: %s is outside %g to %g", k->section, k->key, text,
                       k->min, k->max);
    if (k->type == CN_CONF_DOUBLE) {
        *(double *)k->value = v;
        return CN_OK;
    }
    if (v < 0 || v != floor(v) || v > 9e15)
        return cn_fail(err, CN_E_PARSE, "%s.%s: \"%s\" is not a whole number", k->section, k->key,
                       text);
    *(uint64_t *)k->value = (uint64_t)v;
    return CN_OK;
}

static enum cn_err set_enum(const struct cn_conf_key *k, const char *text, struct cn_error *err)
{
    size_t n = strlen(text);
    int i = 0;

    for (const char *p = k->names; p; i++) {
        const char *bar = strchr(p, '|');
        size_t len = bar ? (size_t)(bar - p) : strlen(p);
        if (len == n && strncasecmp(p, text, n) == 0) {
            *(int *)k->value = i;
            return CN_OK;
        }
        p = bar ? bar + 1 : NULL;
    }
    return cn_fail(err, CN_E_PARSE, "%s.%s: \"%s\" is not one of %s", k->section, k->key, text,
                   k->names);
}

static enum cn_err set_bool(const struct cn_conf_key *k, const char *text, struct cn_error *err)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false",
                                                                                "off", "0"};

    for (size_t i = 0; i < CN_COUNT(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *(bool *)k->value = strcasecmp(text, yes[i]) == 0;
            return CN_OK;
        }
    }
    return cn_fail(err, CN_E_PARSE, "%s.%s: \"%s\" is neither yes nor no", k->section, k->key,
                   text);
}

enum cn_err cn_conf_set(const struct cn_conf_key *k, const char *text, struct cn_error *err)
{
    switch (k->type) {
    case CN_CONF_STRING:
        if (strlen(text) >= k->size)
            return cn_fail(err, CN_E_LIMIT, "%s.%s: longer than %zu bytes", k->section, k->key,
                           k->size - 1);
        memcpy(k->value, text, strlen(text) + 1);
        return CN_OK;
    case CN_CONF_UINT:
    case CN_CONF_DOUBLE: return set_number(k, text, err);
    case CN_CONF_BOOL: return set_bool(k, text, err);
    case CN_CONF_ENUM: return set_enum(k, text, err);
    }
    return CN_E_PARSE;
}

/* The name at an index of "a|b|c". */
static void put_choice(struct cn_buf *out, const char *names, int at)
{
    for (; at > 0; at--)
        names = strchr(names, '|') + 1;
    cn_buf_append(out, names, strcspn(names, "|"));
}

void cn_conf_print(const struct cn_conf_key *k, struct cn_buf *out)
{
    switch (k->type) {
    case CN_CONF_STRING: cn_buf_printf(out, "%s", (const char *)k->value); break;
    case CN_CONF_UINT:
        cn_buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)k->value);
        break;
    case CN_CONF_DOUBLE: cn_buf_printf(out, "%g", *(const double *)k->value); break;
    case CN_CONF_BOOL: cn_buf_printf(out, "%s", *(const bool *)k->value ? "yes" : "no"); break;
    case CN_CONF_ENUM: put_choice(out, k->names, *(const int *)k->value); break;
    }
}

struct reading {
    const struct cn_conf_key *keys;
    size_t n;
    struct cn_error *err;
};

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    const struct cn_conf_key *k = cn_conf_find(r->keys, r->n, section, name);

    if (!k) {
        cn_fail(r->err, CN_E_PARSE, "[%s] %s is not a setting that this program knows", section,
                name);
        return 0;
    }
    return cn_conf_set(k, value, r->err) == CN_OK;
}

enum cn_err cn_conf_read(const char *path, const struct cn_conf_key *keys, size_t n,
                         struct cn_error *err)
{
    struct cn_error local = {0};
    struct reading r = {keys, n, &local};
    FILE *f = fopen(path, "re");

    if (!f)
        return cn_fail_errno(err, "cannot read the configuration %s", path);
    int line = ini_parse_file(f, on_pair, &r);
    fclose(f);
    if (line == 0)
        return CN_OK;
    if (local.code == CN_OK)
        return cn_fail(err, CN_E_PARSE, "%s:%d: not a [section], a comment or key = value", path,
                       line);
    return cn_fail(err, local.code, "%s:%d: %.300s", path, line, local.text);
}
