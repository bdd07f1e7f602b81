/* A sorted array of names: labels are thousands at most and change rarely. */
#include "common/model/label_names.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

/* Where the key is, or would have to be put. */
static uint32_t place(const struct cn_label_names *names, const char *key)
{
    uint32_t lo = 0, hi = names->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (strcmp(names->at[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_at(const struct cn_label_names *names, uint32_t i, const char *key)
{
    return i < names->n && strcmp(names->at[i]->key, key) == 0;
}

static void free_name(struct cn_label_name *name)
{
    free(name->text);
    free(name->key);
    free(name);
}

void cn_label_names_fini(struct cn_label_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        free_name(names->at[i]);
    free(names->at);
    *names = (struct cn_label_names){0};
}

struct cn_label_name *cn_label_names_find(const struct cn_label_names *names, const char *key)
{
    uint32_t i = place(names, key);

    return is_at(names, i, key) ? names->at[i] : NULL;
}

struct cn_label_name *cn_label_names_add(struct cn_label_names *names, const char *text,
                                         const char *key, uint32_t id)
{
    uint32_t i = place(names, key);

    assert(!is_at(names, i, key));
    if (names->n == names->cap) {
        names->cap = names->cap ? 2 * names->cap : 16;
        names->at = cn_realloc(names->at, names->cap * sizeof(struct cn_label_name *));
    }
    memmove(names->at + i + 1, names->at + i, (names->n - i) * sizeof(struct cn_label_name *));
    names->n++;
    struct cn_label_name *name = names->at[i] = cn_alloc(sizeof *name);
    *name = (struct cn_label_name){cn_strdup(text), cn_strdup(key), id};
    return name;
}

void cn_label_names_remove(struct cn_label_names *names, const char *key)
{
    uint32_t i = place(names, key);

    assert(is_at(names, i, key));
    free_name(names->at[i]);
    names->n--;
    memmove(names->at + i, names->at + i + 1, (names->n - i) * sizeof(struct cn_label_name *));
}
