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
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS CN_MAX_IMAGE_SIDE
#define STBI_MALLOC(n)      capped_realloc(NULL, n)
#define STBI_REALLOC(p, n)  capped_realloc(p, n)
#define STBI_FREE(p)        free(p)
#include <stb_image.h>

/* 16-bit samples of 4 channels are the most that a pixel takes, twice for what the decoder keeps
   beside them; JPEG rounds sides up to blocks of 32; its own tables are small. */
static size_t cap_of(const struct cn_scan *s)
{
    return 16 * (size_t)(s->width + 32) * (s->height + 32) + 256 * 1024;
}

enum cn_err cn_decode(struct cn_bytes image, uint32_t channels, struct cn_pixels *ret,
                      struct cn_error *err)
{
    struct cn_scan s;
    int width, height, n_stored;

    assert(channels == 1 || channels == 3);
    enum cn_err e = cn_scan_image(image, &s, err);
    if (e)
        return e;
    cap_bytes = cap_of(&s);
    uint8_t *at =
        stbi_load_from_memory(image.at, (int)image.n, &width, &height, &n_stored, (int)channels);
    if (!at)
        return cn_fail(err, CN_E_PARSE, "the %s file cannot be decoded: %s",
                       cn_image_format_name(s.format), stbi_failure_reason());
    struct cn_pixels p = {(uint32_t)width, (uint32_t)height, channels, at};
    if (p.width != s.width || p.height != s.height) {
        cn_pixels_fini(&p);
        return cn_fail(err, CN_E_PARSE, "the %s file contradicts itself about its size",
                       cn_image_format_name(s.format));
    }
    cn_pixels_orient(&p, cn_exif_orientation(s.exif));
    *ret = p;
    return CN_OK;
}
