/* A folder of images, one sub-folder per label. One thread. */
#ifndef EDGE_TREE_H
#define EDGE_TREE_H

#include "common/base/err.h"
#include "common/base/rng.h"

struct edge_tree_image {
    uint32_t label; /* index into labels */
    char *path;
};

struct edge_tree {
    char **labels; /* names of the sub-folders, in byte order */
    uint32_t n_labels;
    struct edge_tree_image *at;
    uint32_t n;
};

/* only: "cat,dog" reads these sub-folders alone, NULL all of them. Files whose name begins with a
   dot are left out. CN_E_NOTFOUND: no such folder, or no image in it. */
enum cn_err edge_tree_read(struct edge_tree *ret, const char *dir, const char *only,
                           struct cn_error *err) CN_NODISCARD;
void edge_tree_fini(struct edge_tree *t);
void edge_tree_shuffle(struct edge_tree *t, uint64_t seed);

#endif
