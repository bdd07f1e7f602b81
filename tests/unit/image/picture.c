/* Pictures for tests. */
#include "tests/unit/image/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "common/base/fs.h"

struct cn_buf picture_read(const char *name)
{
    struct cn_buf b = {0};
    char path[256];

    snprintf(path, sizeof path, "tests/data/image/%s", name);
    assert_int_equal(cn_fs_read(path, 1 << 20, &b, NULL), CN_OK);
    return b;
}

/* APP1 with a TIFF header and one entry: tag 0x0112, type SHORT, count 1. */
struct cn_buf picture_with_orientation(const char *name, uint32_t orientation, bool big_endian)
{
    uint8_t le[] = {0xff,
                    0xe1,
                    0,
                    34,
                    'E',
                    'x',
                    'i',
                    'f',
                    0,
                    0,
                    'I',
                    'I',
                    42,
                    0,
                    8,
                    0,
                    0,
                    0,
                    1,
                    0,
                    0x12,
                    0x01,
                    3,
                    0,
                    1,
                    0,
                    0,
                    0,
                    (uint8_t)orientation,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0};
    uint8_t be[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                    'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                    0x01, 0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation,
                    0,    0,    0, 0,  0,   0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf file = picture_read(name);
    struct cn_buf b = {0};

    cn_buf_append(&b, file.at, 2);
    cn_buf_append(&b, big_endian ? be : le, sizeof le);
    cn_buf_append(&b, file.at + 2, file.n - 2);
    return b;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put_chunk(struct cn_buf *b, const char *type, const void *data, size_t n)
{
    put_be32(cn_buf_extend(b, 4), (uint32_t)n);
    size_t start = b->n;
    cn_buf_append(b, type, 4);
    cn_buf_append(b, data, n);
    put_be32(cn_buf_extend(b, 4), (uint32_t)crc32(0, b->at + start, (uInt)(4 + n)));
}

struct cn_buf picture_png(uint32_t width, uint32_t height, uint8_t colour_type, size_t n)
{
    CN_CLEANUP(cn_freep) uint8_t *zeros = cn_calloc(n, 1);
    uLongf n_packed = compressBound(n);
    CN_CLEANUP(cn_freep) uint8_t *packed = cn_alloc(n_packed);
    uint8_t head[13] = {[8] = 8, [9] = colour_type};
    struct cn_buf b = {0};

    assert_int_equal(compress2(packed, &n_packed, zeros, n, 9), Z_OK);
    put_be32(head, width);
    put_be32(head + 4, height);
    cn_buf_append(&b, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&b, "IHDR", head, sizeof head);
    put_chunk(&b, "IDAT", packed, n_packed);
    put_chunk(&b, "IEND", "", 0);
    return b;
}
