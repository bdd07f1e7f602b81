/* Reads gzipped IDX files: big-endian magic, dimensions, then one byte per pixel or label. */
#include "deploy/demo/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static const char *const fashion[] = {"t-shirt", "trouser", "pullover", "dress", "coat",
                                      "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads n_dims dimensions and then all bytes; *ret is malloc'ed. */
static enum cn_err read_file(const char *path, uint32_t n_dims, uint32_t *dims, uint8_t **ret,
                             struct cn_error *err)
{
    uint8_t head[16];
    size_t size = 1;
    gzFile f = gzopen(path, "rb");

    if (!f)
        return cn_fail_errno(err, "cannot open %s (package dataset-fashion-mnist?)", path);
    bool ok = gzread(f, head, 4 + 4 * n_dims) == (int)(4 + 4 * n_dims) &&
              big32(head) == (0x0800u | n_dims);
    for (uint32_t i = 0; ok && i < n_dims; i++) {
        dims[i] = big32(head + 4 + 4 * i);
        ok = dims[i] > 0 && dims[i] <= 1000000 && size <= (1u << 30) / dims[i];
        size *= dims[i];
    }
    uint8_t *bytes = ok ? cn_alloc(size) : NULL;
    ok = ok && gzread(f, bytes, (unsigned)size) == (int)size;
    gzclose(f);
    if (!ok) {
        free(bytes);
        return cn_fail(err, CN_E_PARSE, "%s is not a whole IDX file", path);
    }
    *ret = bytes;
    return CN_OK;
}

enum cn_err deal_read_idx(struct deal_set *set, const char *prefix, struct cn_error *err)
{
    char path[4096];
    uint32_t dims[3], n_labels;
    CN_CLEANUP(cn_freep) uint8_t *labels = NULL;

    snprintf(path, sizeof path, "%s-images-idx3-ubyte.gz", prefix);
    if (read_file(path, 3, dims, &set->store, err))
        return err->code;
    snprintf(path, sizeof path, "%s-labels-idx1-ubyte.gz", prefix);
    if (read_file(path, 1, &n_labels, &labels, err))
        return err->code;
    if (n_labels != dims[0])
        return cn_fail(err, CN_E_PARSE, "%s: %u labels for %u images", path, n_labels, dims[0]);
    set->n_images = dims[0];
    set->height = dims[1];
    set->width = dims[2];
    set->n_names = CN_COUNT(fashion);
    set->names = cn_calloc(set->n_names, sizeof *set->names);
    for (uint32_t i = 0; i < set->n_names; i++)
        set->names[i] = cn_strdup(fashion[i]);
    set->images = cn_calloc(set->n_images, sizeof *set->images);
    for (size_t i = 0; i < set->n_images; i++) {
        if (labels[i] >= set->n_names)
            return cn_fail(err, CN_E_PARSE, "%s: label %u is not one of ten", path, labels[i]);
        set->images[i].label = labels[i];
        set->images[i].pixels = set->store + i * dims[1] * dims[2];
    }
    return CN_OK;
}
