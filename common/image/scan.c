/* Image files, walked from their first byte to their end mark.

   The decoder is lenient: it fills what a cut-off file lacks with grey or black, and it believes
   the size that a file declares. A correction learnt from half an image is wrong for ever, and a
   40-byte file must not cost a gigabyte, so both are decided here, without decoding anything. */
#include "common/image/scan.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/limits.h"

/* ---- reading ---- */

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static bool begins(struct cn_bytes b, const char *with, size_t n)
{
    return b.n >= n && memcmp(b.at, with, n) == 0;
}

/* The next n bytes, or NULL when fewer are left. */
static const uint8_t *take(struct cn_bytes *b, size_t n)
{
    const uint8_t *p = b->at;

    if (n > b->n)
        return NULL;
    b->at += n;
    b->n -= n;
    return p;
}

const char *cn_image_format_name(enum cn_image_format format)
{
    switch (format) {
    case CN_IMAGE_JPEG: return "JPEG";
    case CN_IMAGE_PNG: return "PNG";
    case CN_IMAGE_BMP: return "BMP";
    case CN_IMAGE_GIF: return "GIF";
    case CN_IMAGE_PNM: return "PNM";
    }
    return "unknown";
}

static enum cn_err cut_off(const struct cn_scan *s, struct cn_error *err)
{
    return cn_fail(err, CN_E_PARSE, "the %s file is cut off before its end; copy it again",
                   cn_image_format_name(s->format));
}

static enum cn_err malformed(const struct cn_scan *s, const char *what, struct cn_error *err)
{
    return cn_fail(err, CN_E_PARSE, "the %s file is damaged: %s", cn_image_format_name(s->format),
                   what);
}

/* Before anything else is believed of the file. */
static enum cn_err set_size(struct cn_scan *s, uint32_t width, uint32_t height,
                            struct cn_error *err)
{
    if (width == 0 || height == 0)
        return malformed(s, "it has no width or no height", err);
    if (width > CN_MAX_IMAGE_SIDE || height > CN_MAX_IMAGE_SIDE ||
        (uint64_t)width * height > CN_MAX_IMAGE_PIXELS)
        return cn_fail(err, CN_E_LIMIT,
                       "the image has %u x %u pixels; at most %d a side and %d million in all",
                       width, height, CN_MAX_IMAGE_SIDE, CN_MAX_IMAGE_PIXELS / 1000000);
    s->width = width;
    s->height = height;
    return CN_OK;
}

/* ---- JPEG: ISO/IEC 10918-1, annex B ---- */

enum { JPEG_DHT = 0xc4, JPEG_SOI = 0xd8, JPEG_EOI = 0xd9, JPEG_SOS = 0xda, JPEG_APP1 = 0xe1 };

/* Skips what lies before the next marker: nothing in headers, the coded data after an SOS. */
static bool next_marker(struct cn_bytes *b, uint8_t *marker)
{
    while (b->n >= 2) {
        const uint8_t *p = memchr(b->at, 0xff, b->n - 1);
        if (!p)
            return false;
        b->n -= (size_t)(p + 1 - b->at);
        b->at = p + 1;
        if (*b->at != 0 && *b->at != 0xff) {
            *marker = *take(b, 1);
            return true;
        }
    }
    return false;
}

static bool is_alone(uint8_t marker) /* no segment follows */
{
    return marker == 0x01 || (marker >= 0xd0 && marker <= JPEG_SOI);
}

static bool is_frame(uint8_t marker) /* SOF0..SOF15 without DHT, JPG, DAC */
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Huffman tables: class and number, 16 counts, as many values. The decoder does not check that a
   table has at most 256, so it must never see a larger one. */
static bool is_huffman(struct cn_bytes segment)
{
    while (segment.n > 0) {
        const uint8_t *head = take(&segment, 17);
        size_t n = 0;
        for (int i = 1; head && i <= 16; i++)
            n += head[i];
        if (!head || n > 256 || !take(&segment, n))
            return false;
    }
    return true;
}

static enum cn_err read_segment(struct cn_bytes segment, uint8_t marker, struct cn_scan *s,
                                struct cn_error *err)
{
    if (is_frame(marker) && s->width == 0) {
        if (segment.n < 6)
            return malformed(s, "its frame header is too short", err);
        return set_size(s, be16(segment.at + 3), be16(segment.at + 1), err);
    }
    if (marker == JPEG_DHT && !is_huffman(segment))
        return malformed(s, "a code table that cannot be", err);
    if (marker == JPEG_APP1 && s->exif.n == 0 && begins(segment, "Exif\0", 6))
        s->exif = segment;
    return CN_OK;
}

static enum cn_err scan_jpeg(struct cn_bytes b, struct cn_scan *s, struct cn_error *err)
{
    uint32_t n_scans = 0;

    for (;;) {
        uint8_t marker;
        if (!next_marker(&b, &marker))
            return cut_off(s, err);
        if (marker == JPEG_EOI)
            break;
        if (is_alone(marker))
            continue;
        const uint8_t *head = take(&b, 2);
        struct cn_bytes segment = {b.at, head && be16(head) >= 2 ? be16(head) - 2 : 0};
        if (!head || !take(&b, segment.n))
            return cut_off(s, err);
        enum cn_err e = read_segment(segment, marker, s, err);
        if (e)
            return e;
        n_scans += marker == JPEG_SOS;
    }
    if (n_scans == 0 || s->width == 0)
        return malformed(s, "there is no picture in it", err);
    if (n_scans > CN_MAX_JPEG_SCANS)
        return cn_fail(err, CN_E_LIMIT, "the JPEG file has %u scans; at most %d", n_scans,
                       CN_MAX_JPEG_SCANS);
    return CN_OK;
}

/* ---- PNG: ISO/IEC 15948, section 5 ---- */

enum { PNG_CHUNK_HEAD = 8, PNG_CRC = 4 };

static enum cn_err scan_png(struct cn_bytes b, struct cn_scan *s, struct cn_error *err)
{
    take(&b, 8); /* the signature */
    for (;;) {
        const uint8_t *head = take(&b, PNG_CHUNK_HEAD);
        if (!head)
            return cut_off(s, err);
        bool is_header = memcmp(head + 4, "IHDR", 4) == 0;
        if (is_header != (s->width == 0) || (is_header && be32(head) != 13))
            return malformed(s, "it must begin with its one header", err);
        const uint8_t *data = take(&b, (size_t)be32(head) + PNG_CRC);
        if (!data)
            return cut_off(s, err);
        enum cn_err e = is_header ? set_size(s, be32(data), be32(data + 4), err) : CN_OK;
        if (e)
            return e;
        if (memcmp(head + 4, "IEND", 4) == 0)
            return CN_OK;
    }
}

/* ---- BMP ---- */

enum { BMP_FILE_HEAD = 14, BMP_CORE_HEAD = 12, BMP_INFO_HEAD = 40 };

static enum cn_err scan_bmp(struct cn_bytes b, struct cn_scan *s, struct cn_error *err)
{
    if (b.n < BMP_FILE_HEAD + BMP_CORE_HEAD)
        return cut_off(s, err);
    bool is_core = cn_get32(b.at + 14) == BMP_CORE_HEAD;
    if (!is_core && b.n < BMP_FILE_HEAD + BMP_INFO_HEAD)
        return cut_off(s, err);
    uint32_t height = is_core ? le16(b.at + 20) : cn_get32(b.at + 22);
    if (height > INT32_MAX) /* negative: rows from the top */
        height = -height;
    enum cn_err e = set_size(s, is_core ? le16(b.at + 18) : cn_get32(b.at + 18), height, err);
    if (e)
        return e;
    if (!is_core && cn_get32(b.at + 30) != 0 && cn_get32(b.at + 30) != 3)
        return cn_fail(err, CN_E_UNSUPPORTED, "compressed BMP files are not read; save it as PNG");
    uint64_t n_bits = is_core ? le16(b.at + 24) : le16(b.at + 28);
    uint64_t row_bytes = (s->width * n_bits + 31) / 32 * 4;
    return cn_get32(b.at + 10) + row_bytes * s->height > b.n ? cut_off(s, err) : CN_OK;
}

/* ---- GIF: version 89a, sections 17 to 27 ---- */

static bool skip_sub_blocks(struct cn_bytes *b)
{
    const uint8_t *n;

    while ((n = take(b, 1)) && *n > 0)
        if (!take(b, *n))
            return false;
    return n != NULL;
}

static size_t colour_table_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)6 << (flags & 7) : 0;
}

static enum cn_err scan_gif(struct cn_bytes b, struct cn_scan *s, struct cn_error *err)
{
    const uint8_t *head = take(&b, 13), *block;
    uint32_t n_images = 0;

    if (!head || !take(&b, colour_table_bytes(head[10])))
        return cut_off(s, err);
    enum cn_err e = set_size(s, le16(head + 6), le16(head + 8), err);
    if (e)
        return e;
    while ((block = take(&b, 1))) {
        const uint8_t *image;
        switch (*block) {
        case 0x3b: /* trailer */
            return n_images > 0 ? CN_OK : malformed(s, "there is no picture in it", err);
        case 0x21: /* extension: its label, then data */
            if (!take(&b, 1) || !skip_sub_blocks(&b))
                return cut_off(s, err);
            break;
        case 0x2c: /* image: descriptor, colours, code size, data */
            image = take(&b, 9);
            if (!image || !take(&b, colour_table_bytes(image[8]) + 1) || !skip_sub_blocks(&b))
                return cut_off(s, err);
            n_images++;
            break;
        default: return malformed(s, "an unknown kind of block", err);
        }
    }
    return cut_off(s, err);
}

/* ---- PNM, binary: netpbm's pgm(5) and ppm(5) ---- */

static void skip_comment(struct cn_bytes *b)
{
    while (b->n > 0 && *b->at != '\n' && *b->at != '\r')
        take(b, 1);
}

/* White space and comments, then a number; 0 when there is none or it is absurd. */
static uint32_t pnm_number(struct cn_bytes *b)
{
    uint32_t v = 0;

    while (b->n > 0 && (isspace(*b->at) || *b->at == '#')) {
        if (*b->at == '#')
            skip_comment(b);
        else
            take(b, 1);
    }
    while (b->n > 0 && isdigit(*b->at) && v < 1000000)
        v = 10 * v + (*take(b, 1) - '0');
    return v;
}

static enum cn_err scan_pnm(struct cn_bytes b, struct cn_scan *s, struct cn_error *err)
{
    s->pnm.channels = b.at[1] == '6' ? 3 : 1;
    take(&b, 2);
    uint32_t width = pnm_number(&b), height = pnm_number(&b), max = pnm_number(&b);
    if (max == 0 || max > 65535)
        return b.n == 0 ? cut_off(s, err) : malformed(s, "its header is not three numbers", err);
    enum cn_err e = set_size(s, width, height, err);
    if (e)
        return e;
    s->pnm.max = max;
    s->pnm.samples.n = (size_t)s->pnm.channels * width * height * (max > 255 ? 2 : 1);
    take(&b, b.n > 0); /* the one white space after max */
    s->pnm.samples.at = take(&b, s->pnm.samples.n);
    return s->pnm.samples.at ? CN_OK : cut_off(s, err);
}

/* ---- all ---- */

static const struct {
    const char *magic;
    size_t n;
    enum cn_image_format format;
    enum cn_err (*scan)(struct cn_bytes, struct cn_scan *, struct cn_error *);
} formats[] = {
    {"\xff\xd8\xff", 3, CN_IMAGE_JPEG, scan_jpeg},
    {"\x89PNG\r\n\x1a\n", 8, CN_IMAGE_PNG, scan_png},
    {"GIF87a", 6, CN_IMAGE_GIF, scan_gif},
    {"GIF89a", 6, CN_IMAGE_GIF, scan_gif},
    {"P5", 2, CN_IMAGE_PNM, scan_pnm},
    {"P6", 2, CN_IMAGE_PNM, scan_pnm},
    {"BM", 2, CN_IMAGE_BMP, scan_bmp},
};

enum cn_err cn_scan_image(struct cn_bytes image, struct cn_scan *ret, struct cn_error *err)
{
    if (image.n > CN_MAX_IMAGE_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the image file has %zu bytes; at most %d", image.n,
                       CN_MAX_IMAGE_BYTES);
    if (image.n == 0)
        return cn_fail(err, CN_E_PARSE, "the image file is empty");
    for (size_t i = 0; i < CN_COUNT(formats); i++) {
        if (!begins(image, formats[i].magic, formats[i].n))
            continue;
        struct cn_scan s = {.format = formats[i].format};
        enum cn_err e = formats[i].scan(image, &s, err);
        if (!e)
            *ret = s;
        return e;
    }
    return cn_fail(err, CN_E_PARSE,
                   "these %zu bytes are no image; JPEG, PNG, BMP, GIF and binary PNM are read",
                   image.n);
}
