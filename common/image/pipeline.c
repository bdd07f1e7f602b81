/* The declared pipeline: decode, fit, resize, scale. */
#include "common/image/pipeline.h"

#include <math.h>

#include "common/base/limits.h"
#include "common/image/decode.h"
#include "common/image/resize.h"

enum cn_err cn_pipeline_check(const struct cn_pipeline *p, struct cn_error *err)
{
    if (p->channels != 1 && p->channels != 3)
        return cn_fail(err, CN_E_PARSE, "the image pipeline has %u channels; 1 (grey) or 3 (RGB)",
                       p->channels);
    if (p->height < 1 || p->height > CN_MAX_INPUT_SIDE || p->width < 1 ||
        p->width > CN_MAX_INPUT_SIDE)
        return cn_fail(err, CN_E_LIMIT, "the image pipeline makes %u x %u pixels; 1 to %d a side",
                       p->width, p->height, CN_MAX_INPUT_SIDE);
    if (p->fit != CN_FIT_CROP && p->fit != CN_FIT_STRETCH && p->fit != CN_FIT_PAD)
        return cn_fail(err, CN_E_PARSE, "the image pipeline has an unknown way to fit: %d",
                       (int)p->fit);
    if (!isfinite(p->scale) || !isfinite(p->offset))
        return cn_fail(err, CN_E_PARSE, "the image pipeline scales by a number that is not finite");
    return CN_OK;
}

/* a * b / c, rounded, at least 1: a side in proportion. */
static uint32_t in_proportion(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t v = ((uint64_t)a * b + c / 2) / c;

    return v > 0 ? (uint32_t)v : 1;
}

static bool is_wider(const struct cn_pixels *from, const struct cn_pipeline *p)
{
    return (uint64_t)from->width * p->height > (uint64_t)p->width * from->height;
}

/* The largest middle part with our proportions, enlarged or reduced. */
static void crop(const struct cn_pipeline *p, const struct cn_pixels *from, uint16_t *out)
{
    uint32_t width = from->width, height = from->height;

    if (is_wider(from, p))
        width = in_proportion(height, p->width, p->height);
    else
        height = in_proportion(width, p->height, p->width);
    if (width > from->width)
        width = from->width;
    if (height > from->height)
        height = from->height;
    struct cn_view middle = cn_pixels_middle(from, width, height);
    cn_resize(&middle, p->width, p->height, out, p->width, (size_t)p->width * p->height);
}

static void stretch(const struct cn_pipeline *p, const struct cn_pixels *from, uint16_t *out)
{
    struct cn_view whole = cn_pixels_middle(from, from->width, from->height);

    cn_resize(&whole, p->width, p->height, out, p->width, (size_t)p->width * p->height);
}

/* All of it in the middle, black around; out is zero. */
static void pad(const struct cn_pipeline *p, const struct cn_pixels *from, uint16_t *out)
{
    struct cn_view whole = cn_pixels_middle(from, from->width, from->height);
    uint32_t width = p->width, height = p->height;

    if (is_wider(from, p))
        height = in_proportion(width, from->height, from->width);
    else
        width = in_proportion(height, from->width, from->height);
    if (width > p->width)
        width = p->width;
    if (height > p->height)
        height = p->height;
    size_t top = (p->height - height) / 2, left = (p->width - width) / 2;
    cn_resize(&whole, width, height, out + top * p->width + left, p->width,
              (size_t)p->width * p->height);
}

/* x = (v - mean) / (std + 0.05) with v in [0, 1]; the sums are integers, so they are exact. */
static void standardize(const uint16_t *v, size_t n, float *x)
{
    uint64_t sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        squares += (uint64_t)v[i] * v[i];
    }
    double mean = (double)sum / (double)n;
    double variance = (double)squares / (double)n - mean * mean;
    double std = sqrt(variance > 0 ? variance : 0) / CN_RESIZE_ONE;
    double by = 1 / ((std + 0.05) * CN_RESIZE_ONE);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((v[i] - mean) * by);
}

enum cn_err cn_pipeline_apply(const struct cn_pipeline *p, struct cn_bytes image, float *x,
                              struct cn_error *err)
{
    CN_CLEANUP(cn_pixels_fini) struct cn_pixels pixels = {0};
    size_t n = cn_pipeline_size(p);
    enum cn_err e = cn_decode(image, p->channels, &pixels, err);

    if (e)
        return e;
    CN_CLEANUP(cn_freep) uint16_t *v = cn_calloc(n, sizeof *v);
    switch (p->fit) {
    case CN_FIT_CROP: crop(p, &pixels, v); break;
    case CN_FIT_STRETCH: stretch(p, &pixels, v); break;
    case CN_FIT_PAD: pad(p, &pixels, v); break;
    }
    if (p->standardize)
        standardize(v, n, x);
    else
        for (size_t i = 0; i < n; i++)
            x[i] = (float)v[i] / CN_RESIZE_ONE;
    if (p->scale != 1 || p->offset != 0)
        for (size_t i = 0; i < n; i++)
            x[i] = x[i] * p->scale + p->offset;
    return CN_OK;
}
