/* What an image file says of itself, and whether all of it is there; read before any decoder sees
   it. Threads: no shared state. */
#ifndef CN_SCAN_H
#define CN_SCAN_H

#include "common/base/buf.h"
#include "common/base/err.h"

enum cn_image_format { CN_IMAGE_JPEG, CN_IMAGE_PNG, CN_IMAGE_BMP, CN_IMAGE_GIF, CN_IMAGE_PNM };

struct cn_scan {
    enum cn_image_format format;
    uint32_t width, height;
    struct cn_bytes exif; /* JPEG: the APP1 segment from "Exif" on, borrowed; n = 0: none */
    struct {
        uint32_t channels, max;  /* 1 or 3; the sample that means white, 1..65535 */
        struct cn_bytes samples; /* borrowed; big-endian pairs when max > 255 */
    } pnm;
};

/* Walks the file's structure from its first byte to its end mark. CN_E_PARSE: none of the formats,
   malformed or cut off; CN_E_LIMIT: more bytes, side, pixels or scans than limits.h allows;
   CN_E_UNSUPPORTED: the format, but a variant that is not read. */
enum cn_err cn_scan_image(struct cn_bytes image, struct cn_scan *ret,
                          struct cn_error *err) CN_NODISCARD;

/* "JPEG", "PNG", ... */
const char *cn_image_format_name(enum cn_image_format format);

#endif
