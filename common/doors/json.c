/* JSON values. The only file that includes jansson. */
#include "common/doors/json.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

/* struct cn_json is never defined: its pointers are jansson's. */
static json_t *in(const struct cn_json *j)
{
    return (json_t *)j;
}

static struct cn_json *out(json_t *j)
{
    if (!j) {
        fprintf(stderr, "out of memory: a JSON value\n");
        abort();
    }
    return (struct cn_json *)j;
}

/* jansson's parser recurses, so the depth is looked at before it runs. */
static bool is_too_deep(struct cn_bytes text)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.at[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > CN_MAX_JSON_DEPTH)
            return true;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
    return false;
}

enum cn_err cn_json_parse(struct cn_bytes text, size_t max_bytes, struct cn_json **ret,
                          struct cn_error *err)
{
    json_error_t e;

    if (text.n > max_bytes)
        return cn_fail(err, CN_E_LIMIT, "JSON of %zu bytes; at most %zu are read", text.n,
                       max_bytes);
    if (is_too_deep(text))
        return cn_fail(err, CN_E_LIMIT, "JSON nested deeper than %d levels", CN_MAX_JSON_DEPTH);
    json_t *j = json_loadb(text.n ? (const char *)text.at : "", text.n,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!j)
        return cn_fail(err, CN_E_PARSE, "JSON, line %d, column %d: %s", e.line, e.column, e.text);
    *ret = (struct cn_json *)j;
    return CN_OK;
}

void cn_json_destroy(struct cn_json **j)
{
    json_decref(in(*j)); /* takes NULL */
    *j = NULL;
}

static int append(const char *text, size_t n, void *user)
{
    cn_buf_append(user, text, n);
    return 0;
}

void cn_json_dump(const struct cn_json *j, bool pretty, struct cn_buf *ret)
{
    size_t flags =
        JSON_ENCODE_ANY | JSON_REAL_PRECISION(9) | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
    int rc = json_dump_callback(in(j), append, ret, flags);

    assert(rc == 0); /* our setters let nothing in that cannot be written */
    if (pretty)
        cn_buf_append(ret, "\n", 1);
}

/* Reading. */

enum cn_json_type cn_json_type(const struct cn_json *j)
{
    if (!j)
        return CN_JSON_NULL;
    switch (json_typeof(in(j))) {
    case JSON_OBJECT: return CN_JSON_OBJECT;
    case JSON_ARRAY: return CN_JSON_ARRAY;
    case JSON_STRING: return CN_JSON_STRING;
    case JSON_INTEGER: return CN_JSON_INT;
    case JSON_REAL: return CN_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE: return CN_JSON_BOOL;
    case JSON_NULL: return CN_JSON_NULL;
    }
    return CN_JSON_NULL;
}

const struct cn_json *cn_json_get(const struct cn_json *object, const char *key)
{
    return (const struct cn_json *)json_object_get(in(object), key);
}

const char *cn_json_as_string(const struct cn_json *j, const char *or_else)
{
    return json_is_string(in(j)) ? json_string_value(in(j)) : or_else;
}

int64_t cn_json_as_int(const struct cn_json *j, int64_t or_else)
{
    return json_is_integer(in(j)) ? json_integer_value(in(j)) : or_else;
}

double cn_json_as_real(const struct cn_json *j, double or_else)
{
    return json_is_number(in(j)) ? json_number_value(in(j)) : or_else;
}

bool cn_json_as_bool(const struct cn_json *j, bool or_else)
{
    return cn_json_type(j) == CN_JSON_BOOL ? json_is_true(in(j)) : or_else;
}

const char *cn_json_string(const struct cn_json *object, const char *key, const char *or_else)
{
    return cn_json_as_string(cn_json_get(object, key), or_else);
}

int64_t cn_json_int(const struct cn_json *object, const char *key, int64_t or_else)
{
    return cn_json_as_int(cn_json_get(object, key), or_else);
}

double cn_json_real(const struct cn_json *object, const char *key, double or_else)
{
    return cn_json_as_real(cn_json_get(object, key), or_else);
}

bool cn_json_bool(const struct cn_json *object, const char *key, bool or_else)
{
    return cn_json_as_bool(cn_json_get(object, key), or_else);
}

static enum cn_err need(const struct cn_json *object, const char *key, enum cn_json_type type,
                        const struct cn_json **ret, struct cn_error *err)
{
    static const char *const names[] = {"null",     "true or false", "a whole number", "a number",
                                        "a string", "an array",      "an object"};
    const struct cn_json *j = cn_json_get(object, key);

    if (!j)
        return cn_fail(err, CN_E_PARSE, "\"%s\" is missing; it must be %s", key, names[type]);
    if (cn_json_type(j) != type)
        return cn_fail(err, CN_E_PARSE, "\"%s\" must be %s, not %s", key, names[type],
                       names[cn_json_type(j)]);
    *ret = j;
    return CN_OK;
}

enum cn_err cn_json_need_string(const struct cn_json *object, const char *key, const char **ret,
                                struct cn_error *err)
{
    const struct cn_json *j;
    enum cn_err code = need(object, key, CN_JSON_STRING, &j, err);

    if (code == CN_OK)
        *ret = json_string_value(in(j));
    return code;
}

enum cn_err cn_json_need_int(const struct cn_json *object, const char *key, int64_t *ret,
                             struct cn_error *err)
{
    const struct cn_json *j;
    enum cn_err code = need(object, key, CN_JSON_INT, &j, err);

    if (code == CN_OK)
        *ret = json_integer_value(in(j));
    return code;
}

enum cn_err cn_json_need_object(const struct cn_json *object, const char *key,
                                const struct cn_json **ret, struct cn_error *err)
{
    return need(object, key, CN_JSON_OBJECT, ret, err);
}

enum cn_err cn_json_need_array(const struct cn_json *object, const char *key,
                               const struct cn_json **ret, struct cn_error *err)
{
    return need(object, key, CN_JSON_ARRAY, ret, err);
}

static bool is_word_of(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = words; *p; p += strspn(p, " ")) {
        size_t n_word = strcspn(p, " ");
        if (n_word == n && memcmp(p, word, n) == 0)
            return true;
        p += n_word;
    }
    return false;
}

enum cn_err cn_json_only(const struct cn_json *object, const char *keys, struct cn_error *err)
{
    const struct cn_json *value;
    const char *key;
    void *it = NULL;

    while (cn_json_next(object, &it, &key, &value))
        if (!is_word_of(keys, key))
            return cn_fail(err, CN_E_PARSE, "\"%.60s\" is not known here; known: %s", key,
                           *keys ? keys : "nothing");
    return CN_OK;
}

size_t cn_json_n(const struct cn_json *j)
{
    return json_is_array(in(j)) ? json_array_size(in(j)) : json_object_size(in(j));
}

const struct cn_json *cn_json_at(const struct cn_json *array, size_t i)
{
    return (const struct cn_json *)json_array_get(in(array), i);
}

bool cn_json_next(const struct cn_json *object, void **it, const char **ret_key,
                  const struct cn_json **ret_value)
{
    *it = *it ? json_object_iter_next(in(object), *it) : json_object_iter(in(object));
    if (!*it)
        return false;
    *ret_key = json_object_iter_key(*it);
    *ret_value = (const struct cn_json *)json_object_iter_value(*it);
    return true;
}

/* Building. */

struct cn_json *cn_json_new_object(void)
{
    return out(json_object());
}

struct cn_json *cn_json_new_array(void)
{
    return out(json_array());
}

struct cn_json *cn_json_copy(const struct cn_json *j)
{
    return out(json_deep_copy(in(j)));
}

static struct cn_json *new_string(const char *text)
{
    json_t *j = text ? json_string(text) : json_null();

    if (j)
        return (struct cn_json *)j;
    char *CN_CLEANUP(cn_freep) ascii = cn_strdup(text); /* not UTF-8 */
    for (char *p = ascii; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return out(json_string(ascii));
}

static struct cn_json *new_real(double value)
{
    return out(isfinite(value) ? json_real(value) : json_null());
}

void cn_json_set(struct cn_json *object, const char *key, struct cn_json **value)
{
    int rc = json_object_set_new(in(object), key, in(cn_steal(*value)));

    assert(rc == 0); /* an object, a UTF-8 key, a value, and no cycle */
}

static struct cn_json *set(struct cn_json *object, const char *key, struct cn_json *value)
{
    struct cn_json *lent = value;

    cn_json_set(object, key, &value);
    return lent;
}

void cn_json_set_string(struct cn_json *object, const char *key, const char *value)
{
    set(object, key, new_string(value));
}

void cn_json_set_int(struct cn_json *object, const char *key, int64_t value)
{
    set(object, key, out(json_integer(value)));
}

void cn_json_set_real(struct cn_json *object, const char *key, double value)
{
    set(object, key, new_real(value));
}

void cn_json_set_bool(struct cn_json *object, const char *key, bool value)
{
    set(object, key, out(json_boolean(value)));
}

void cn_json_set_null(struct cn_json *object, const char *key)
{
    set(object, key, out(json_null()));
}

struct cn_json *cn_json_set_object(struct cn_json *object, const char *key)
{
    return set(object, key, cn_json_new_object());
}

struct cn_json *cn_json_set_array(struct cn_json *object, const char *key)
{
    return set(object, key, cn_json_new_array());
}

void cn_json_push(struct cn_json *array, struct cn_json **value)
{
    int rc = json_array_append_new(in(array), in(cn_steal(*value)));

    assert(rc == 0);
}

static struct cn_json *push(struct cn_json *array, struct cn_json *value)
{
    struct cn_json *lent = value;

    cn_json_push(array, &value);
    return lent;
}

void cn_json_push_string(struct cn_json *array, const char *value)
{
    push(array, new_string(value));
}

void cn_json_push_int(struct cn_json *array, int64_t value)
{
    push(array, out(json_integer(value)));
}

void cn_json_push_real(struct cn_json *array, double value)
{
    push(array, new_real(value));
}

struct cn_json *cn_json_push_object(struct cn_json *array)
{
    return push(array, cn_json_new_object());
}

struct cn_json *cn_json_push_array(struct cn_json *array)
{
    return push(array, cn_json_new_array());
}
