/* Labelled images from IDX files or from a folder-per-label tree, for the demo's dealer. One
 * thread. */
#ifndef DEAL_IMAGES_H
#define DEAL_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct deal_image {
    uint32_t label;        /* index into names */
    char *path;            /* of a file, or NULL when pixels are given */
    const uint8_t *pixels; /* width * height, grey, borrowed from the set */
};

struct deal_set {
    char **names; /* folder names: no '/' in them */
    uint32_t n_names;
    struct deal_image *images;
    size_t n_images;
    uint32_t width, height; /* of IDX images; 0 for files */
    uint8_t *store;         /* the IDX file's pixels */
};

/* PREFIX-images-idx3-ubyte.gz and PREFIX-labels-idx1-ubyte.gz (Y. LeCun's IDX format), labels named
   as Fashion-MNIST names them. */
enum cn_err deal_read_idx(struct deal_set *set, const char *prefix,
                          struct cn_error *err) CN_NODISCARD;
/* DIR/LABEL/IMAGE, sorted by name. */
enum cn_err deal_read_tree(struct deal_set *set, const char *dir,
                           struct cn_error *err) CN_NODISCARD;
void deal_set_fini(struct deal_set *set);

#endif
