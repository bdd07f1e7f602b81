/* Every name that a label bears, findable by its equality key: one key, one label. The registry's
   own part; nobody else includes it. One owner, one thread. */
#ifndef CN_LABEL_NAMES_H
#define CN_LABEL_NAMES_H

#include <stdint.h>

struct cn_label_name {
    char *text; /* display form */
    char *key;  /* equality key */
    uint32_t id;
};

struct cn_label_names {
    struct cn_label_name **at; /* ascending by key */
    uint32_t n, cap;
};

/* {0} is empty. */
void cn_label_names_fini(struct cn_label_names *names);
struct cn_label_name *cn_label_names_find(const struct cn_label_names *names, const char *key);
/* The key must be free. The name stays where it is until it is removed. */
struct cn_label_name *cn_label_names_add(struct cn_label_names *names, const char *text,
                                         const char *key, uint32_t id);
void cn_label_names_remove(struct cn_label_names *names, const char *key);

#endif
