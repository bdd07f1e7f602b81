/* Another size for a picture, the same bits on every machine. Threads: reentrant. */
#ifndef CN_RESIZE_H
#define CN_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "common/image/pixels.h"

enum { CN_RESIZE_ONE = 255 * 256 }; /* what 255 becomes */

/* Scales the view to (height, width) and writes out[c][y][x], planes of plane_size numbers and rows
   of row_size numbers, each 256 times the sample value. Separable triangle filter: bilinear when
   enlarging; when shrinking, its width grows with the scale, so that every source pixel counts (as
   Pillow's BILINEAR). A view of one colour stays exactly that colour. */
void cn_resize(const struct cn_view *from, uint32_t width, uint32_t height, uint16_t *out,
               size_t row_size, size_t plane_size);

#endif
