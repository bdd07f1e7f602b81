/* The IDX format: big-endian magic, dimensions, then bytes. */
#include "tests/bench/recipe/fashion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/base/own.h"

static const char DIR[] = "/usr/share/datasets/fashion-mnist";

static uint32_t get32(gzFile f)
{
    uint8_t b[4] = {0};

    if (gzread(f, b, 4) != 4)
        return 0;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Up to max items of item_bytes after a header of n_dims numbers. */
static uint8_t *read_idx(const char *path, uint32_t n_dims, size_t item_bytes, uint32_t max,
                         uint32_t *ret_n)
{
    gzFile f = gzopen(path, "rb");
    uint8_t *out = NULL;

    if (!f)
        return NULL;
    (void)get32(f);
    uint32_t n = get32(f);
    for (uint32_t i = 1; i < n_dims; i++)
        (void)get32(f);
    n = n < max ? n : max;
    out = cn_alloc(n * item_bytes);
    if (gzread(f, out, (unsigned)(n * item_bytes)) != (int)(n * item_bytes)) {
        free(out);
        out = NULL;
    }
    gzclose(f);
    *ret_n = n;
    return out;
}

bool fashion_load(struct fashion *f, const char *kind, uint32_t max)
{
    char path[128];
    uint32_t n_labels;

    *f = (struct fashion){0};
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte.gz", DIR, kind);
    f->pixels = read_idx(path, 3, FASHION_PIXELS, max, &f->n);
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte.gz", DIR, kind);
    f->labels = read_idx(path, 1, 1, max, &n_labels);
    if (f->pixels && f->labels)
        return true;
    fprintf(stderr, "skipped: no %s in %s (package dataset-fashion-mnist)\n", kind, DIR);
    fashion_fini(f);
    return false;
}

void fashion_fini(struct fashion *f)
{
    free(f->pixels);
    free(f->labels);
    *f = (struct fashion){0};
}

void fashion_input(const struct fashion *f, uint32_t i, bool standardize, float scale, float offset,
                   float *x)
{
    const uint8_t *p = f->pixels + (size_t)i * FASHION_PIXELS;
    double mean = 0, square = 0;

    for (uint32_t k = 0; k < FASHION_PIXELS; k++) {
        x[k] = p[k] / 255.0f;
        mean += x[k];
    }
    mean /= FASHION_PIXELS;
    for (uint32_t k = 0; k < FASHION_PIXELS; k++)
        square += (x[k] - mean) * (x[k] - mean);
    float std = (float)sqrt(square / FASHION_PIXELS) + 0.05f;
    for (uint32_t k = 0; k < FASHION_PIXELS; k++) {
        float v = standardize ? (x[k] - (float)mean) / std : x[k];
        x[k] = v * scale + offset;
    }
}
