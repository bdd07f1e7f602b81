/* A decoded picture: 8-bit samples, rows from the top, channels side by side. One owner, one
   thread. */
#ifndef CN_PIXELS_H
#define CN_PIXELS_H

#include <stdint.h>

struct cn_pixels {
    uint32_t width, height, channels;
    uint8_t *at; /* (height, width, channels), malloc'ed */
};

/* A part of a picture, borrowed. */
struct cn_view {
    uint32_t width, height, channels;
    const uint8_t *at;
    uint32_t stride; /* bytes from row to row */
};

void cn_pixels_fini(struct cn_pixels *p);
/* The whole, or the middle of it when width or height is smaller. */
struct cn_view cn_pixels_middle(const struct cn_pixels *p, uint32_t width, uint32_t height);
/* Turns and mirrors, so that a picture stored with this EXIF orientation (1..8) stands upright:
   EXIF 2.3, section 4.6.4 A, tag 0x0112. */
void cn_pixels_orient(struct cn_pixels *p, int orientation);

#endif
