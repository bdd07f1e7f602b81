/* Fashion-MNIST as Debian ships it (dataset-fashion-mnist): gzipped IDX files of 28x28 grey images
   in ten labels. For benches and tests. */
#ifndef FASHION_H
#define FASHION_H

#include <stdbool.h>
#include <stdint.h>

enum { FASHION_SIDE = 28, FASHION_PIXELS = FASHION_SIDE * FASHION_SIDE, FASHION_LABELS = 10 };

struct fashion {
    uint32_t n;
    uint8_t *pixels; /* (n, 28, 28) */
    uint8_t *labels; /* (n) 0..9 */
};

/* kind: "train" or "t10k"; at most max images, the first ones of the file. False, with a word on
   standard error, when the data set is not installed. */
bool fashion_load(struct fashion *f, const char *kind, uint32_t max);
void fashion_fini(struct fashion *f);

/* One image as the recipes' pipeline gives it: in [0, 1], standardized if asked, * scale + offset.
 */
void fashion_input(const struct fashion *f, uint32_t i, bool standardize, float scale, float offset,
                   float *x);

#endif
