/* A decoded picture. */
#include "common/image/pixels.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

void cn_pixels_fini(struct cn_pixels *p)
{
    free(p->at);
    *p = (struct cn_pixels){0};
}

struct cn_view cn_pixels_middle(const struct cn_pixels *p, uint32_t width, uint32_t height)
{
    assert(width >= 1 && width <= p->width && height >= 1 && height <= p->height);
    size_t left = (p->width - width) / 2, top = (p->height - height) / 2;

    return (struct cn_view){width, height, p->channels,
                            p->at + (top * p->width + left) * p->channels, p->width * p->channels};
}

/* Where the upright picture's pixel (x, y) is stored: coordinates swapped first, then mirrored. */
static const struct {
    bool swap, mirror_x, mirror_y;
} stored[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true},
    [4] = {false, false, true},  [5] = {true, false, false}, [6] = {true, false, true},
    [7] = {true, true, true},    [8] = {true, true, false},
};

void cn_pixels_orient(struct cn_pixels *p, int orientation)
{
    assert(orientation >= 1 && orientation <= 8);
    if (orientation == 1)
        return;
    bool swap = stored[orientation].swap;
    struct cn_pixels up = {swap ? p->height : p->width, swap ? p->width : p->height, p->channels,
                           cn_alloc((size_t)p->width * p->height * p->channels)};
    uint8_t *to = up.at;

    for (uint32_t y = 0; y < up.height; y++) {
        for (uint32_t x = 0; x < up.width; x++, to += p->channels) {
            size_t sx = swap ? y : x, sy = swap ? x : y;
            if (stored[orientation].mirror_x)
                sx = p->width - 1 - sx;
            if (stored[orientation].mirror_y)
                sy = p->height - 1 - sy;
            memcpy(to, p->at + (sy * p->width + sx) * p->channels, p->channels);
        }
    }
    cn_pixels_fini(p);
    *p = up;
}
