/* Pictures for tests: files of tests/data/image, and what can be done to their bytes. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

/* The file's bytes; the test fails when it is not there. */
struct cn_buf picture_read(const char *name);
/* A JPEG with an EXIF block of that orientation put behind its first marker. */
struct cn_buf picture_with_orientation(const char *name, uint32_t orientation, bool big_endian);
/* A whole, well-formed PNG of that declared size and colour type, whose data inflates to n zero
   bytes. */
struct cn_buf picture_png(uint32_t width, uint32_t height, uint8_t colour_type, size_t n);

static inline struct cn_bytes picture_bytes(const struct cn_buf *b)
{
    return (struct cn_bytes){b->at, b->n};
}

#endif
