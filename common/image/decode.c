/* The decoder's door. Only the formats that we read are compiled in, and every allocation of the
   decoder passes a cap: compressed data can expand a thousandfold, whatever size the file declares.
 */
#include "common/image/decode.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/image/exif.h"
#include "common/image/scan.h"

static _Thread_local size_t cap_bytes; /* of one allocation, during one decoding */

/* Zeroed: the decoder trusts files to define the tables that they use, and equal bytes must give
   equal pixels, damaged or not. */
static void *capped_malloc(size_t n)
{
    return n <= cap_bytes ? calloc(1, n) : NULL;
}

static void *capped_realloc(void *p, size_t n)
{
    return n <= cap_bytes ? realloc(p, n) : NULL;
}

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS CN_MAX_IMAGE_SIDE
#define STBI_MALLOC(n)      capped_malloc(n)
#define STBI_REALLOC(p, n)  capped_realloc(p, n)
#define STBI_FREE(p)        free(p)
#include <stb_image.h>

/* 16-bit samples of 4 channels are the most that a pixel takes, twice for what the decoder keeps
   beside them; JPEG rounds sides up to blocks of 32; its own tables are small. */
static size_t cap_of(const struct cn_scan *s)
{
    return 16 * (size_t)(s->width + 32) * (s->height + 32) + 256 * 1024;
}

static enum cn_err decode_coded(const struct cn_scan *s, struct cn_bytes image, uint32_t channels,
                                struct cn_pixels *ret, struct cn_error *err)
{
    int width, height, n_stored;

    cap_bytes = cap_of(s);
    uint8_t *at =
        stbi_load_from_memory(image.at, (int)image.n, &width, &height, &n_stored, (int)channels);
    if (!at)
        return cn_fail(err, CN_E_PARSE, "the %s file cannot be decoded: %s",
                       cn_image_format_name(s->format), stbi_failure_reason());
    struct cn_pixels p = {(uint32_t)width, (uint32_t)height, channels, at};
    if (p.width != s->width || p.height != s->height) {
        cn_pixels_fini(&p);
        return cn_fail(err, CN_E_PARSE, "the %s file contradicts itself about its size",
                       cn_image_format_name(s->format));
    }
    *ret = p;
    return CN_OK;
}

/* ---- PNM, which is no more than its samples ---- */

/* Sample i of the file as 0..255, rounded. */
static uint32_t sample(const struct cn_scan *s, size_t i)
{
    const uint8_t *at = s->pnm.samples.at;
    uint32_t v = s->pnm.max > 255 ? (uint32_t)at[2 * i] << 8 | at[2 * i + 1] : at[i];

    v = v < s->pnm.max ? v : s->pnm.max;
    return (v * 255 + s->pnm.max / 2) / s->pnm.max;
}

/* Rec. 601, in the same integers as the other formats' decoder. */
static uint32_t luma(const struct cn_scan *s, size_t i)
{
    return (sample(s, i) * 77 + sample(s, i + 1) * 150 + sample(s, i + 2) * 29) >> 8;
}

static void decode_pnm(const struct cn_scan *s, uint32_t channels, struct cn_pixels *ret)
{
    size_t n = (size_t)s->width * s->height;
    uint8_t *to = cn_alloc(n * channels);

    *ret = (struct cn_pixels){s->width, s->height, channels, to};
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < channels; c++)
            *to++ = (uint8_t)(s->pnm.channels == channels ? sample(s, i * channels + c)
                              : channels == 1             ? luma(s, i * 3)
                                                          : sample(s, i));
}

/* ---- all ---- */

enum cn_err cn_decode(struct cn_bytes image, uint32_t channels, struct cn_pixels *ret,
                      struct cn_error *err)
{
    struct cn_scan s;

    assert(channels == 1 || channels == 3);
    enum cn_err e = cn_scan_image(image, &s, err);
    if (e)
        return e;
    if (s.format == CN_IMAGE_PNM)
        decode_pnm(&s, channels, ret);
    else
        e = decode_coded(&s, image, channels, ret, err);
    if (!e)
        cn_pixels_orient(ret, cn_exif_orientation(s.exif));
    return e;
}
