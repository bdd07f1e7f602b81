/* Recipe article at its full size: 150x150 grey scenes, the three scenarios of the article on one
   device, then an update and a round. Prints seconds and bytes. Never pass or fail.
     bench_article [DIR with a folder of images per label] [none|cgan] */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "tests/bench/recipe/fleet.h"

enum { LABELS = 3, PER_LABEL = 4, SIDE = 150, MAX_FILE = 1 << 20 };
static const char *const names[LABELS] = {"buildings", "forest", "sea"};

static float phi[LABELS * PER_LABEL][SIDE * SIDE];
static struct cn_example examples[LABELS * PER_LABEL];

static void must(enum cn_err e, const struct cn_error *err)
{
    if (e) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

/* The first PER_LABEL images of a label's folder; false when they are not there. */
static bool load_label(const struct cn_recipe *r, const char *dir, uint32_t label)
{
    char path[512];
    struct dirent **list;
    struct cn_error err;
    uint32_t n = 0;

    snprintf(path, sizeof path, "%s/%s", dir, names[label]);
    int n_files = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n_files; i++) {
        if (list[i]->d_name[0] != '.' && n < PER_LABEL) {
            CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
            uint32_t at = label * PER_LABEL + n++;
            snprintf(path, sizeof path, "%s/%s/%s", dir, names[label], list[i]->d_name);
            must(cn_fs_read(path, MAX_FILE, &bytes, &err), &err);
            must(cn_pipeline_apply(&r->pipeline, (struct cn_bytes){bytes.at, bytes.n}, phi[at],
                                   &err),
                 &err);
            examples[at] =
                (struct cn_example){.label = label + 1, .corrected = true, .phi = phi[at]};
        }
        free(list[i]);
    }
    if (n_files >= 0)
        free(list);
    return n == PER_LABEL;
}

static double seconds_since(uint64_t start)
{
    return (double)(cn_clock_mono_ms() - start) / 1e3;
}

static long peak_mb(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

/* Teaches example i with all before it as earlier ones. */
static void teach(struct cn_learner *l, uint32_t i)
{
    struct cn_train_report r;
    struct cn_error err;
    uint64_t start = cn_clock_mono_ms();

    must(cn_learner_add_label(l, examples[i].label, &err), &err);
    must(cn_learner_train(l, &examples[i], 1, examples, i, i, &r, &err), &err);
    printf("  image %u of label %u: %u steps, %u synthesized, loss %.3f, wrong %u, %.2f s, peak "
           "%ld MB\n",
           i + 1, examples[i].label, r.n_steps, r.n_synthesized, (double)r.loss, r.n_wrong,
           seconds_since(start), peak_mb());
}

static void teach_all(struct cn_blob *model)
{
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;
    struct cn_error err;

    must(cn_learner_open(&l, model, &err), &err);
    for (uint32_t i = 0; i < LABELS * PER_LABEL; i += PER_LABEL)
        teach(l, i);
}

static void round_of(struct fleet *f)
{
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = {0};
    uint64_t start = cn_clock_mono_ms();

    fleet_build(f, examples, LABELS * PER_LABEL, &update);
    printf("  update: %.2f s, %.1f MB on the wire, %.1f MB as fp32, %u gan steps, peak %ld MB\n",
           seconds_since(start), (double)update.n / 1e6, (double)f->last_update.raw_bytes / 1e6,
           f->last_update.n_gan_steps, peak_mb());
    start = cn_clock_mono_ms();
    fleet_consolidate(f, &update, 1, &c);
    printf("  round: %.2f s, peak %ld MB\n", seconds_since(start), peak_mb());
    for (uint32_t i = 0; i < c.n_candidates; i++)
        printf("    %s: %.1f MB, accuracy on its own images %.1f\n", c.candidate[i].name,
               (double)cn_blob_bytes(c.candidate[i].model).n / 1e6,
               100 * fleet_accuracy(c.candidate[i].model, examples, LABELS * PER_LABEL));
    fleet_take(f, &c, NULL);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_ARTICLE, 1, SIDE, SIDE);
    const char *dir = argc > 1 ? argv[1] : "../shared/data/intel-scenes/train";
    CN_CLEANUP(fleet_fini) struct fleet f = {0};

    r.synth = argc > 2 && strcmp(argv[2], "none") == 0 ? CN_SYNTH_NONE : CN_SYNTH_CGAN;
    for (uint32_t c = 0; c < LABELS; c++)
        if (!load_label(&r, dir, c)) {
            fprintf(stderr, "skipped: no images of %s in %s\n", names[c], dir);
            return 0;
        }
    fleet_init(&f, &r);
    printf("from genesis (%.2f MB):\n", (double)cn_blob_bytes(f.model).n / 1e6);
    teach_all(f.model);
    round_of(&f);
    printf("from the next release:\n");
    teach_all(f.model);
    round_of(&f);
    return 0;
}
