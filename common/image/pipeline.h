/* From image bytes to the network's input, as the release declares it, so that every device agrees.
   Threads: no shared state. */
#ifndef CN_PIPELINE_H
#define CN_PIPELINE_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum cn_fit { CN_FIT_CROP, CN_FIT_STRETCH, CN_FIT_PAD }; /* how another aspect ratio becomes ours */

struct cn_pipeline {
    uint32_t channels, height, width; /* channels 1 (grey, Rec. 601 luma) or 3 (RGB) */
    enum cn_fit fit;
    bool standardize;    /* per image: (x - mean) / (std + 0.05), x in [0, 1] */
    float scale, offset; /* then x * scale + offset; {1, 0} leaves it */
};

/* Numbers in one network input: channels * height * width. */
static inline size_t cn_pipeline_size(const struct cn_pipeline *p)
{
    return (size_t)p->channels * p->height * p->width;
}

/* CN_E_LIMIT or CN_E_PARSE when the declaration cannot be (sides 1..1024, channels 1 or 3, finite).
 */
enum cn_err cn_pipeline_check(const struct cn_pipeline *p, struct cn_error *err) CN_NODISCARD;

/* Decodes image (JPEG, PNG, BMP, GIF, PNM; EXIF orientation respected) and writes
   x[channels][height][width]. CN_E_PARSE: not an image or truncated; CN_E_LIMIT: too many bytes or
   pixels (checked before decoding). x is written only on success. */
enum cn_err cn_pipeline_apply(const struct cn_pipeline *p, struct cn_bytes image, float *x,
                              struct cn_error *err) CN_NODISCARD;

#endif
