/* Images per second through the whole pipeline, one thread: photographs to 64x64 RGB, and small
   grey PNGs to 28x28. Prints a table on standard error and a JSON line per row on standard output.
   Usage: bench_image [SECONDS PER ROW], with photographs from $CAIRN_SHARED or ../shared. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/image/pipeline.h"

enum { MAX_IMAGES = 100 };

struct images {
    struct cn_buf at[MAX_IMAGES];
    size_t n;
};

static void images_fini(struct images *images)
{
    for (size_t i = 0; i < images->n; i++)
        cn_buf_fini(&images->at[i]);
}

/* One file, or the first files of a directory. */
static enum cn_err load(const char *path, struct images *images, struct cn_error *err)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names names = {0};
    char file[4096];

    if (cn_fs_list(path, 100000, &names, NULL))
        return cn_fs_read(path, CN_MAX_IMAGE_BYTES, &images->at[images->n++], err);
    for (size_t i = 0; i < names.n && images->n < MAX_IMAGES; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names.at[i]);
        enum cn_err e = cn_fs_read(file, CN_MAX_IMAGE_BYTES, &images->at[images->n++], err);
        if (e)
            return e;
    }
    return CN_OK;
}

static enum cn_err bench(const char *what, const struct cn_pipeline *p, const char *path,
                         double seconds)
{
    CN_CLEANUP(images_fini) struct images images = {0};
    CN_CLEANUP(cn_freep) float *x = cn_calloc(cn_pipeline_size(p), sizeof *x);
    struct cn_error err;
    size_t n = 0;

    enum cn_err e = load(path, &images, &err);
    uint64_t start = cn_clock_mono_us(), now = start;
    while (!e && (double)(now - start) < seconds * 1e6) {
        struct cn_buf *image = &images.at[n++ % images.n];
        e = cn_pipeline_apply(p, (struct cn_bytes){image->at, image->n}, x, &err);
        now = cn_clock_mono_us();
    }
    if (e) {
        fprintf(stderr, "%-36s skipped: %s\n", what, err.text);
        return e;
    }
    double rate = (double)n * 1e6 / (double)(now - start);
    fprintf(stderr, "%-36s %9.0f images/s\n", what, rate);
    printf("{\"bench\": \"image\", \"row\": \"%s\", \"images_per_s\": %.1f}\n", what, rate);
    return CN_OK;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    const char *shared = getenv("CAIRN_SHARED");
    struct cn_pipeline colour = {3, 64, 64, CN_FIT_CROP, true, 1, 0};
    struct cn_pipeline grey = {1, 28, 28, CN_FIT_CROP, false, 2, -1};
    char photographs[4096];

    snprintf(photographs, sizeof photographs, "%s/data/intel-scenes/test/forest",
             shared ? shared : "../shared");
    (void)!bench("JPEG 150x150 to RGB 64x64", &colour, photographs, seconds);
    (void)!bench("JPEG 150x150 to grey 28x28", &grey, photographs, seconds);
    (void)!bench("PNG grey 28x28 to 28x28", &grey, "tests/data/image/digit.png", seconds);
    return 0;
}
