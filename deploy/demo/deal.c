/* Deals labelled images to a fleet: OUT/step-S/edge-E/LABEL/IMAGE, each label's images spread over
   the edges by a Dirichlet distribution, as federated-learning papers do; and a test set to
   OUT/test. */
#include "common/base/fs.h"
#include "common/base/rng.h"
#include "deploy/demo/images.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *images, *test, *out;
    uint32_t edges, steps, per_label, per_label_test;
    double beta;
    uint64_t seed;
};

/* Gamma(shape, 1): Marsaglia & Tsang 2000, with their boost for shape < 1. */
static double gamma_draw(struct cn_rng *rng, double shape)
{
    double boost = 1;

    if (shape < 1) {
        boost = pow((double)cn_rng_uniform(rng) + 0x1p-30, 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = (double)cn_rng_normal(rng), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        double u = (double)cn_rng_uniform(rng) + 0x1p-30;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return boost * d * v;
    }
}

/* Files are linked, IDX images are written as PGM. */
static enum cn_err put(const struct deal_set *set, const struct deal_image *im, const char *dir,
                       size_t number, struct cn_error *err)
{
    char path[12288];

    if (im->path) {
        const char *base = strrchr(im->path, '/') + 1;
        snprintf(path, sizeof path, "%s/%s", dir, base);
        if (symlink(im->path, path) && errno != EEXIST)
            return cn_fail_errno(err, "cannot link %s", path);
        return CN_OK;
    }
    snprintf(path, sizeof path, "%s/%05zu.pgm", dir, number);
    FILE *f = fopen(path, "wbe");
    if (!f)
        return cn_fail_errno(err, "cannot write %s", path);
    size_t n = (size_t)set->width * set->height;
    fprintf(f, "P5 %u %u 255\n", set->width, set->height);
    bool ok = fwrite(im->pixels, 1, n, f) == n;
    ok = fclose(f) == 0 && ok;
    return ok ? CN_OK : cn_fail_errno(err, "cannot write %s", path);
}

/* The numbers of one label's images, shuffled; *ret_n of them, at most max (0: all). */
static uint32_t *pick(const struct deal_set *set, uint32_t label, uint32_t max, struct cn_rng *rng,
                      size_t *ret_n)
{
    uint32_t *at = cn_alloc(set->n_images * sizeof *at);
    size_t n = 0;

    for (size_t i = 0; i < set->n_images; i++)
        if (set->images[i].label == label)
            at[n++] = (uint32_t)i;
    cn_rng_shuffle(rng, at, n);
    *ret_n = max && n > max ? max : n;
    return at;
}

/* Labels of step s (from 0): as even as it goes, earlier steps take the remainder. */
static uint32_t first_label(uint32_t n_labels, uint32_t steps, uint32_t s)
{
    uint32_t each = n_labels / steps, rest = n_labels % steps;
    return s * each + (s < rest ? s : rest);
}

static enum cn_err deal_label(const struct deal_set *set, uint32_t label, uint32_t step,
                              const struct options *o, struct cn_rng *rng, struct cn_error *err)
{
    char dir[8192];
    size_t n, from = 0;
    CN_CLEANUP(cn_freep) uint32_t *at = pick(set, label, o->per_label, rng, &n);
    CN_CLEANUP(cn_freep) double *share = cn_calloc(o->edges, sizeof(double));
    double sum = 0, done = 0;

    for (uint32_t e = 0; e < o->edges; e++)
        sum += share[e] = gamma_draw(rng, o->beta);
    for (uint32_t e = 0; e < o->edges; e++) {
        done += share[e] / sum;
        size_t to = e + 1 == o->edges ? n : (size_t)(done * (double)n + .5);
        if (to <= from)
            continue;
        snprintf(dir, sizeof dir, "%s/step-%u/edge-%u/%s", o->out, step + 1, e + 1,
                 set->names[label]);
        if (cn_fs_mkdirs(dir, 0777, err))
            return err->code;
        for (; from < to; from++)
            if (put(set, &set->images[at[from]], dir, at[from], err))
                return err->code;
    }
    return CN_OK;
}

static enum cn_err deal_train(const struct deal_set *set, const struct options *o,
                              struct cn_rng *rng, struct cn_error *err)
{
    for (uint32_t s = 0; s < o->steps; s++) {
        uint32_t to = first_label(set->n_names, o->steps, s + 1);
        for (uint32_t l = first_label(set->n_names, o->steps, s); l < to; l++) {
            if (deal_label(set, l, s, o, rng, err))
                return err->code;
            printf("%u\t%s\n", s + 1, set->names[l]); /* for the script: step, label */
        }
    }
    return CN_OK;
}

static enum cn_err deal_test(const struct deal_set *set, const struct options *o,
                             struct cn_rng *rng, struct cn_error *err)
{
    char dir[8192];

    for (uint32_t l = 0; l < set->n_names; l++) {
        size_t n;
        CN_CLEANUP(cn_freep) uint32_t *at = pick(set, l, o->per_label_test, rng, &n);
        snprintf(dir, sizeof dir, "%s/test/%s", o->out, set->names[l]);
        if (cn_fs_mkdirs(dir, 0777, err))
            return err->code;
        for (size_t i = 0; i < n; i++)
            if (put(set, &set->images[at[i]], dir, at[i], err))
                return err->code;
    }
    return CN_OK;
}

static enum cn_err read_set(struct deal_set *set, const char *where, struct cn_error *err)
{
    struct stat st;
    return stat(where, &st) == 0 && S_ISDIR(st.st_mode) ? deal_read_tree(set, where, err)
                                                        : deal_read_idx(set, where, err);
}

static enum cn_err run(const struct options *o, struct cn_error *err)
{
    CN_CLEANUP(deal_set_fini) struct deal_set train = {0};
    CN_CLEANUP(deal_set_fini) struct deal_set test = {0};
    struct cn_rng rng;

    cn_rng_init(&rng, o->seed);
    if (read_set(&train, o->images, err))
        return err->code;
    if (o->steps > train.n_names)
        return cn_fail(err, CN_E_LIMIT, "%u steps for %u labels: each step needs a label", o->steps,
                       train.n_names);
    if (deal_train(&train, o, &rng, err))
        return err->code;
    if (!o->test)
        return CN_OK;
    if (read_set(&test, o->test, err))
        return err->code;
    return deal_test(&test, o, &rng, err);
}

static const char usage[] =
    "usage: cairn-deal --images WHERE [--test WHERE] --out DIR [options]\n"
    "\n"
    "Spreads labelled images over the edges of a demo fleet, step by step, each label's images by "
    "a\n"
    "Dirichlet distribution, and prints a line \"step TAB label\" for each label. WHERE is a "
    "folder with\n"
    "a sub-folder per label, or the prefix of a pair of gzipped IDX files.\n"
    "\n"
    "  --edges N            edges to deal to (5)\n"
    "  --steps N            steps; each brings its share of the labels (5)\n"
    "  --per-label N        images of each label, at most; 0: all (250)\n"
    "  --per-label-test N   test images of each label, at most; 0: all (0)\n"
    "  --beta X             Dirichlet concentration; small is uneven (0.5)\n"
    "  --seed N             equal seeds deal equally (1)\n";

int main(int argc, char **argv)
{
    struct options o = {.edges = 5, .steps = 5, .per_label = 250, .beta = .5, .seed = 1};
    struct cn_error err = {0};
    static const struct option known[] = {{"images", 1, 0, 'i'},
                                          {"test", 1, 0, 't'},
                                          {"out", 1, 0, 'o'},
                                          {"edges", 1, 0, 'e'},
                                          {"steps", 1, 0, 's'},
                                          {"per-label", 1, 0, 'p'},
                                          {"per-label-test", 1, 0, 'q'},
                                          {"beta", 1, 0, 'b'},
                                          {"seed", 1, 0, 'r'},
                                          {"help", 0, 0, 'h'},
                                          {0}};

    for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (c) {
        case 'i': o.images = optarg; break;
        case 't': o.test = optarg; break;
        case 'o': o.out = optarg; break;
        case 'e': o.edges = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 's': o.steps = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'p': o.per_label = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'q': o.per_label_test = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'b': o.beta = strtod(optarg, NULL); break;
        case 'r': o.seed = strtoull(optarg, NULL, 10); break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (!o.images || !o.out || optind < argc || !o.edges || !o.steps || !(o.beta > 0)) {
        fputs(usage, stderr);
        return 2;
    }
    if (run(&o, &err)) {
        fprintf(stderr, "cairn-deal: %s\n", err.text);
        return 1;
    }
    return 0;
}
