/* Hostile image files: whatever the bytes are, the network's input is finite or untouched. */
#include <math.h>
#include <stdlib.h>

#include "common/image/pipeline.h"
#include "common/image/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { MAX_FUZZED_PIXELS = 1 << 20 }; /* larger ones only take longer */

static void try_pipeline(const struct cn_pipeline *p, struct cn_bytes image)
{
    float x[3 * 8 * 8];

    for (size_t i = 0; i < CN_COUNT(x); i++)
        x[i] = 42;
    enum cn_err e = cn_pipeline_apply(p, image, x, NULL);
    for (size_t i = 0; i < cn_pipeline_size(p); i++)
        if (e ? x[i] != 42 : !(fabsf(x[i]) < 21))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const struct cn_pipeline colour = {3, 8, 8, CN_FIT_CROP, true, 1, 0};
    static const struct cn_pipeline grey = {1, 5, 8, CN_FIT_PAD, false, 2, -1};
    struct cn_bytes image = {p, n};
    struct cn_scan s;

    if (cn_scan_image(image, &s, NULL) == CN_OK && (uint64_t)s.width * s.height > MAX_FUZZED_PIXELS)
        return 0;
    try_pipeline(&colour, image);
    try_pipeline(&grey, image);
    return 0;
}
