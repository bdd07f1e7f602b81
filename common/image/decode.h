/* Image bytes to upright pixels; stb_image stands behind this door. Threads: reentrant. */
#ifndef CN_DECODE_H
#define CN_DECODE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/image/pixels.h"

/* Decodes JPEG, PNG, BMP, GIF (its first picture) and binary PNM to 8 bits and 1 (luma, Rec. 601)
   or 3 channels, alpha dropped, turned as EXIF says. *ret is the caller's, written on success only.
   Errors are cn_scan_image's; CN_E_PARSE too when the coded data is damaged. Memory is bounded by
   the declared size, whatever the data expands to. */
enum cn_err cn_decode(struct cn_bytes image, uint32_t channels, struct cn_pixels *ret,
                      struct cn_error *err) CN_NODISCARD;

#endif
