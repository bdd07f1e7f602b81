/* JSON values, to build and to read; jansson stands behind this door. Threads: a tree belongs to
   one thread. Out of memory aborts. */
#ifndef CN_JSON_H
#define CN_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct cn_json;

enum cn_json_type {
    CN_JSON_NULL,
    CN_JSON_BOOL,
    CN_JSON_INT,
    CN_JSON_REAL,
    CN_JSON_STRING,
    CN_JSON_ARRAY,
    CN_JSON_OBJECT
};

/* One whole value: at most max_bytes, CN_MAX_JSON_DEPTH deep, no key twice, valid UTF-8; the error
   names line and column. The caller owns *ret. */
enum cn_err cn_json_parse(struct cn_bytes text, size_t max_bytes, struct cn_json **ret,
                          struct cn_error *err) CN_NODISCARD;
void cn_json_destroy(struct cn_json **j);
/* Appends the text; pretty: two spaces per level and a final newline. Keys stay in order;
   reals get 9 significant digits, which is a float and more. */
void cn_json_dump(const struct cn_json *j, bool pretty, struct cn_buf *out);

/* Reading. A NULL object, an absent key, null or another type give `or_else`; returned strings and
   values are lent by the tree. An int is also a real. */
enum cn_json_type cn_json_type(const struct cn_json *j); /* NULL: CN_JSON_NULL */
const struct cn_json *cn_json_get(const struct cn_json *object, const char *key);
const char *cn_json_string(const struct cn_json *object, const char *key, const char *or_else);
int64_t cn_json_int(const struct cn_json *object, const char *key, int64_t or_else);
double cn_json_real(const struct cn_json *object, const char *key, double or_else);
bool cn_json_bool(const struct cn_json *object, const char *key, bool or_else);

/* What must be there: else CN_E_PARSE, naming the key and the type. */
enum cn_err cn_json_need_string(const struct cn_json *object, const char *key, const char **ret,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err cn_json_need_int(const struct cn_json *object, const char *key, int64_t *ret,
                             struct cn_error *err) CN_NODISCARD;
enum cn_err cn_json_need_object(const struct cn_json *object, const char *key,
                                const struct cn_json **ret, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_json_need_array(const struct cn_json *object, const char *key,
                               const struct cn_json **ret, struct cn_error *err) CN_NODISCARD;
/* CN_E_PARSE, naming the key, when the object has one that is not in keys ("id do args"). */
enum cn_err cn_json_only(const struct cn_json *object, const char *keys,
                         struct cn_error *err) CN_NODISCARD;

/* Members of an array, pairs of an object, in order. NULL: none. */
size_t cn_json_n(const struct cn_json *array_or_object);
const struct cn_json *cn_json_at(const struct cn_json *array, size_t i);
/* void *it = NULL; while (cn_json_next(object, &it, &key, &value)) ... */
bool cn_json_next(const struct cn_json *object, void **it, const char **ret_key,
                  const struct cn_json **ret_value);
/* The value itself rather than a member: for members of arrays. */
const char *cn_json_as_string(const struct cn_json *j, const char *or_else);
int64_t cn_json_as_int(const struct cn_json *j, int64_t or_else);
double cn_json_as_real(const struct cn_json *j, double or_else);
bool cn_json_as_bool(const struct cn_json *j, bool or_else);

/* Building. A set replaces; setters copy. Bytes that are not UTF-8 become '?', NaN and infinity
   null, a NULL string null. */
struct cn_json *cn_json_new_object(void) CN_NODISCARD;
struct cn_json *cn_json_new_array(void) CN_NODISCARD;
struct cn_json *cn_json_copy(const struct cn_json *j) CN_NODISCARD;                /* deep */
void cn_json_set(struct cn_json *object, const char *key, struct cn_json **value); /* takes value */
void cn_json_set_string(struct cn_json *object, const char *key, const char *value);
void cn_json_set_int(struct cn_json *object, const char *key, int64_t value);
void cn_json_set_real(struct cn_json *object, const char *key, double value);
void cn_json_set_bool(struct cn_json *object, const char *key, bool value);
void cn_json_set_null(struct cn_json *object, const char *key);
/* A new empty child, lent by the tree. */
struct cn_json *cn_json_set_object(struct cn_json *object, const char *key);
struct cn_json *cn_json_set_array(struct cn_json *object, const char *key);
void cn_json_push(struct cn_json *array, struct cn_json **value); /* takes value */
void cn_json_push_string(struct cn_json *array, const char *value);
void cn_json_push_int(struct cn_json *array, int64_t value);
void cn_json_push_real(struct cn_json *array, double value);
struct cn_json *cn_json_push_object(struct cn_json *array); /* lent by the tree */
struct cn_json *cn_json_push_array(struct cn_json *array);

#endif
