/* Two passes in integers: for each output row, source rows are added up with their weights into one
   line, then that line's pixels likewise. So memory is one line, whatever the picture's size.

   Weights are 16-bit fractions that add up to exactly 1, samples 8.8 fixed point: the largest sum,
   255 * 256 * 65536 + 32768, still fits 32 bits. */
#include "common/image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

enum { WEIGHT_ONE = 65536 };

/* Which source positions make an output position, and how much each counts. */
struct taps {
    uint32_t first, n;
    uint32_t *weight; /* n of them, in the filter's arena */
};

struct filter {
    struct taps *taps; /* one per output position */
    uint32_t *weights; /* all of them */
};

static void filter_fini(struct filter *f)
{
    free(f->taps);
    free(f->weights);
}

/* Rounds the weights to fractions of 65536; what rounding loses or gains goes to the largest. */
static void quantize(const double *w, double sum, uint32_t n, uint32_t *out)
{
    uint32_t total = 0, largest = 0;

    for (uint32_t i = 0; i < n; i++) {
        out[i] = (uint32_t)lrint(w[i] / sum * WEIGHT_ONE);
        total += out[i];
        if (out[i] > out[largest])
            largest = i;
    }
    out[largest] += WEIGHT_ONE - total; /* modulo 2^32: may be negative */
}

/* Position i of n_out looks at source positions around (i + 1/2) * n_in / n_out. */
static struct filter filter_new(uint32_t n_in, uint32_t n_out)
{
    double scale = (double)n_in / n_out, reach = scale > 1 ? scale : 1;
    uint32_t most = (uint32_t)ceil(reach) * 2 + 1;
    CN_CLEANUP(cn_freep) double *w = cn_calloc(most, sizeof *w);
    struct filter f = {cn_calloc(n_out, sizeof *f.taps),
                       cn_calloc((size_t)n_out * most, sizeof *f.weights)};

    for (uint32_t i = 0; i < n_out; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        double lo = fmax(0, floor(centre - reach)), hi = fmin(n_in, ceil(centre + reach));
        struct taps *t = &f.taps[i];
        t->weight = f.weights + (size_t)i * most;
        t->first = (uint32_t)lo;
        for (uint32_t at = t->first; at < (uint32_t)hi && t->n < most; at++) {
            double distance = fabs(at + 0.5 - centre) / reach;
            w[t->n] = distance < 1 ? 1 - distance : 0;
            sum += w[t->n++];
        }
        quantize(w, sum, t->n, t->weight);
    }
    return f;
}

/* line (n) in 8.8: the weighted sum of n_rows rows. */
static void add_rows(const struct cn_view *from, const struct taps *t, uint32_t *sum, size_t n,
                     uint16_t *line)
{
    memset(sum, 0, n * sizeof *sum);
    for (uint32_t k = 0; k < t->n; k++) {
        const uint8_t *row = from->at + (size_t)(t->first + k) * from->stride;
        uint32_t w = t->weight[k];
        for (size_t i = 0; i < n; i++)
            sum[i] += w * row[i];
    }
    for (size_t i = 0; i < n; i++)
        line[i] = (uint16_t)((sum[i] + 128) >> 8);
}

static uint16_t add_pixels(const uint16_t *line, uint32_t channels, const struct taps *t)
{
    uint32_t sum = WEIGHT_ONE / 2;

    line += (size_t)t->first * channels;
    for (uint32_t k = 0; k < t->n; k++, line += channels)
        sum += t->weight[k] * *line;
    return (uint16_t)(sum >> 16);
}

void cn_resize(const struct cn_view *from, uint32_t width, uint32_t height, uint16_t *out,
               size_t row_size, size_t plane_size)
{
    size_t n = (size_t)from->width * from->channels;
    CN_CLEANUP(filter_fini) struct filter across = filter_new(from->width, width);
    CN_CLEANUP(filter_fini) struct filter down = filter_new(from->height, height);
    CN_CLEANUP(cn_freep) uint32_t *sum = cn_calloc(n, sizeof *sum);
    CN_CLEANUP(cn_freep) uint16_t *line = cn_calloc(n, sizeof *line);

    for (uint32_t y = 0; y < height; y++) {
        add_rows(from, &down.taps[y], sum, n, line);
        for (uint32_t c = 0; c < from->channels; c++)
            for (uint32_t x = 0; x < width; x++)
                out[c * plane_size + y * row_size + x] =
                    add_pixels(line + c, from->channels, &across.taps[x]);
    }
}
