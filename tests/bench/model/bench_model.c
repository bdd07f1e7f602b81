/* What merging and solving cost, one thread: sums of tensors and of statistics in updates/s and
   GB/s of update bytes beside a plain memcpy, the solve and the moments in seconds, and the size of
   an update's statistics against the same numbers as raw fp32. Prints a table on standard error and
   a JSON line per row on standard output. Usage: bench_model [SECONDS PER ROW] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/doors/solve.h"
#include "common/model/stats.h"
#include "common/model/sums.h"

static double seconds_per_row = 1;

static void must(enum cn_err rc, const struct cn_error *err)
{
    if (rc == CN_OK)
        return;
    fprintf(stderr, "bench_model: %s\n", err->text);
    exit(1);
}

/* ---- timing ---- */

typedef void (*work)(void *arg);

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of a run, of as many as fit. */
static double time_of(work f, void *arg)
{
    enum { MAX_RUNS = 1000 };
    static double runs[MAX_RUNS];
    uint64_t start = cn_clock_mono_us();
    int n = 0;

    f(arg); /* warms caches and lazily made things */
    do {
        uint64_t before = cn_clock_mono_us();
        f(arg);
        runs[n++] = (double)(cn_clock_mono_us() - before) * 1e-6;
    } while (n < MAX_RUNS &&
             (n < 3 || (double)(cn_clock_mono_us() - start) * 1e-6 < seconds_per_row));
    qsort(runs, (size_t)n, sizeof *runs, by_value);
    return runs[n / 2];
}

static void row(const char *what, double seconds, size_t n_bytes, const char *note)
{
    double per_s = 1 / seconds, gb_s = (double)n_bytes * per_s * 1e-9;

    fprintf(stderr, "%-44s %10.2f ms %9.1f /s %8.2f GB/s  %s\n", what, seconds * 1e3, per_s, gb_s,
            note);
    printf("{\"bench\":\"model\",\"what\":\"%s\",\"ms\":%.4f,\"per_s\":%.2f,\"gb_s\":%.3f,"
           "\"bytes\":%zu}\n",
           what, seconds * 1e3, per_s, gb_s, n_bytes);
}

/* ---- memcpy, what everything else is beside ---- */

enum { COPY_BYTES = 64 * 1024 * 1024 };

static void copy(void *arg)
{
    uint8_t *p = arg;
    memcpy(p, p + COPY_BYTES, COPY_BYTES);
    __asm__ volatile("" ::: "memory");
}

static void bench_copy(void)
{
    CN_CLEANUP(cn_freep) uint8_t *p = cn_alloc_aligned(2, COPY_BYTES);

    memset(p, 1, 2 * (size_t)COPY_BYTES);
    row("memcpy, 64 MiB", time_of(copy, p), COPY_BYTES, "");
}

/* ---- sums of tensors ---- */

enum { BODY_NUMBERS = 4 * 1000 * 1000 };

struct merge {
    struct cn_sums *sums;
    struct cn_stats *stats;
    struct cn_pack *pack;
    struct cn_bytes bytes;
};

/* As the coordinator does: open, check, add. */
static void merge_tensor(void *arg)
{
    struct merge *m = arg;
    struct cn_error err;
    const uint32_t weight = 1;

    must(cn_pack_open(&m->pack, m->bytes, &err), &err);
    const struct cn_pack_tensor *t = cn_pack_find(m->pack, "body");
    must(cn_sums_check(m->sums, t, NULL, &weight, &err), &err);
    cn_sums_add(m->sums, t, NULL, &weight);
    cn_pack_close(&m->pack);
}

static void bench_sums(enum cn_pack_type type, const char *what)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    struct merge m = {.sums = cn_sums_new()};
    struct cn_error err;
    struct cn_tensor t;
    struct cn_rng rng;

    cn_rng_init(&rng, 1);
    cn_tensor_init(&t, "body", 1, (const uint32_t[]){BODY_NUMBERS});
    cn_rng_fill_normal(&rng, t.data, BODY_NUMBERS, .01f);
    cn_pack_put(w, &t, type, NULL);
    cn_tensor_fini(&t);
    must(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &b, &err), &err);
    m.bytes = (struct cn_bytes){b.at, b.n};
    row(what, time_of(merge_tensor, &m), b.n, "");
    cn_sums_destroy(&m.sums);
}

/* ---- statistics ---- */

struct device {
    float *phi; /* (n, dim) */
    uint32_t *labels, n, dim;
    struct cn_buf bytes;
};

static void measure(void *arg)
{
    struct device *d = arg;
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    struct cn_error err;

    must(cn_stats_measure(w, d->phi, d->labels, d->n, d->dim, 3, &err), &err);
    cn_buf_fini(&d->bytes);
    must(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &d->bytes, &err), &err);
}

static void merge_stats(void *arg)
{
    struct merge *m = arg;
    struct cn_error err;

    must(cn_pack_open(&m->pack, m->bytes, &err), &err);
    must(cn_stats_check(m->stats, m->pack, &err), &err);
    cn_stats_add(m->stats, m->pack);
    cn_pack_close(&m->pack);
}

static struct device device_new(uint32_t n, uint32_t n_labels, uint32_t dim)
{
    struct device d = {.n = n, .dim = dim};
    struct cn_rng rng;

    cn_rng_init(&rng, n);
    d.phi = cn_alloc_aligned((size_t)n * dim, sizeof *d.phi);
    d.labels = cn_calloc(n, sizeof *d.labels);
    for (size_t i = 0; i < (size_t)n * dim; i++)
        d.phi[i] = fabsf(cn_rng_normal(&rng)) * .3f;
    for (uint32_t i = 0; i < n; i++)
        d.labels[i] = 1 + i % n_labels;
    return d;
}

static void device_fini(struct device *d)
{
    free(d->phi);
    free(d->labels);
    cn_buf_fini(&d->bytes);
}

static void bench_stats(struct cn_stats *s, uint32_t n, uint32_t n_labels, uint32_t dim)
{
    CN_CLEANUP(device_fini) struct device d = device_new(n, n_labels, dim);
    struct merge m = {.stats = s};
    char what[64], note[96];
    size_t raw = 4 * ((size_t)dim * dim + (size_t)n_labels * (dim + 1));

    snprintf(what, sizeof what, "measure, D %u, %u images, %u labels", dim, n, n_labels);
    double seconds = time_of(measure, &d);
    snprintf(note, sizeof note, "update %zu bytes, raw fp32 %zu: %.3f", d.bytes.n, raw,
             (double)d.bytes.n / (double)raw);
    row(what, seconds, d.bytes.n, note);
    m.bytes = (struct cn_bytes){d.bytes.at, d.bytes.n};
    snprintf(what, sizeof what, "merge,   D %u, %u images, %u labels", dim, n, n_labels);
    row(what, time_of(merge_stats, &m), d.bytes.n, "");
}

static void solve(void *arg)
{
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head h = {0};
    struct cn_error err;

    must(cn_stats_solve(arg, &h, &err), &err);
}

enum { RANK = 32 };

static void moments(void *arg)
{
    uint32_t n, dim = cn_stats_dim(arg);
    struct cn_error err;

    (void)cn_stats_counts(arg, &n);
    CN_CLEANUP(cn_freep) float *mean = cn_alloc_aligned((size_t)n * dim, sizeof *mean);
    CN_CLEANUP(cn_freep) float *factor = cn_alloc_aligned((size_t)RANK * dim, sizeof *factor);
    CN_CLEANUP(cn_freep) float *noise = cn_alloc_aligned(dim, sizeof *noise);
    must(cn_stats_moments(arg, RANK, mean, factor, noise, &err), &err);
}

static void bench_dim(uint32_t dim)
{
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(dim);
    char what[64];

    bench_stats(s, 20, 2, dim);
    bench_stats(s, 250, 2, dim);
    bench_stats(s, dim + 500, 10, dim);
    snprintf(what, sizeof what, "solve,   D %u, 10 labels", dim);
    row(what, time_of(solve, s), 0, "");
    snprintf(what, sizeof what, "moments, D %u, rank %d", dim, RANK);
    row(what, time_of(moments, s), 0, "");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds_per_row = strtod(argv[1], NULL);
    cn_solve_set_threads(1);
    bench_copy();
    bench_sums(CN_PACK_F32, "merge tensors, 4 M numbers as f32");
    bench_sums(CN_PACK_F16, "merge tensors, 4 M numbers as f16");
    bench_dim(1024);
    bench_dim(2048);
    return 0;
}
