/* What corrections do at once on one device (promise 8): a release of eight Fashion-MNIST labels,
   then wrong predictions corrected one by one, then a ninth label taught image by image. Prints how
   long a correction takes, whether it holds, and what it costs the other images. Never pass or
   fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/bench/recipe/fashion.h"
#include "tests/bench/recipe/fleet.h"

enum { PER_LABEL = 250, OLD_LABELS = 8, CORRECTIONS = 60, NEW_IMAGES = 20 };

struct world {
    struct fashion train, test;
    struct fleet fleet;
    struct cn_learner *l;
    size_t size;
    struct cn_example *train_set, *test_set; /* labels 1..10 */
    float *train_phi, *test_phi;
};

static void must(enum cn_err e, const struct cn_error *err)
{
    if (e) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

static struct cn_example *embed(struct world *w, const struct fashion *f, float **ret_phi)
{
    struct cn_example *e = cn_calloc(f->n, sizeof *e);
    float x[FASHION_PIXELS];

    *ret_phi = cn_alloc_aligned(f->n * w->size, sizeof **ret_phi);
    for (uint32_t i = 0; i < f->n; i++) {
        float *phi = *ret_phi + i * w->size;
        fashion_input(f, i, true, 1, 0, x);
        cn_learner_embed(w->l, x, 1, phi);
        e[i] = (struct cn_example){.label = f->labels[i] + 1u, .corrected = true, .phi = phi};
    }
    return e;
}

static uint32_t predicted(struct cn_learner *l, const float *phi)
{
    uint32_t n, best = 0;
    const uint32_t *labels = cn_learner_labels(l, &n);
    CN_CLEANUP(cn_freep) float *p = cn_calloc(n, sizeof *p);

    cn_learner_predict(l, phi, 1, false, p);
    for (uint32_t i = 1; i < n; i++)
        best = p[i] > p[best] ? i : best;
    return labels[best];
}

/* Share of right answers on test images of labels [first, last). */
static double accuracy(const struct world *w, uint32_t first, uint32_t last)
{
    uint32_t right = 0, all = 0;

    for (uint32_t i = 0; i < w->test.n; i++) {
        const struct cn_example *e = &w->test_set[i];
        if (e->label < first || e->label >= last)
            continue;
        all++;
        right += predicted(w->l, e->phi) == e->label;
    }
    return 100.0 * right / all;
}

static void release_old_labels(struct world *w)
{
    CN_CLEANUP(cn_freep) struct cn_example *old = cn_calloc(w->train.n, sizeof *old);
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = {0};
    struct cn_error err;
    uint32_t n = 0, count[FASHION_LABELS + 1] = {0};

    for (uint32_t i = 0; i < w->train.n; i++)
        if (w->train_set[i].label <= OLD_LABELS && count[w->train_set[i].label]++ < PER_LABEL)
            old[n++] = w->train_set[i];
    fleet_build(&w->fleet, old, n, &update);
    fleet_consolidate(&w->fleet, &update, 1, &c);
    fleet_take(&w->fleet, &c, NULL);
    cn_learner_destroy(&w->l);
    must(cn_learner_open(&w->l, w->fleet.model, &err), &err);
}

/* Teaches taught[n - 1] with the ones before it as earlier pending examples; ms it took. */
static double teach(struct world *w, const struct cn_example *taught, uint32_t n, uint32_t *n_kept)
{
    struct cn_train_report r;
    struct cn_error err;
    uint64_t start = cn_clock_mono_us();

    must(cn_learner_train(w->l, &taught[n - 1], 1, taught, n - 1, n, &r, &err), &err);
    double ms = (double)(cn_clock_mono_us() - start) / 1e3;
    *n_kept = 0;
    for (uint32_t i = 0; i < n; i++)
        *n_kept += predicted(w->l, taught[i].phi) == taught[i].label;
    return ms;
}

static void correct_wrong_ones(struct world *w)
{
    struct cn_example taught[CORRECTIONS];
    uint32_t n = 0, n_kept = 0;
    double ms = 0, most = 0;

    printf("release of %d labels: accuracy %.2f\n", OLD_LABELS, accuracy(w, 1, OLD_LABELS + 1));
    for (uint32_t i = PER_LABEL * 12; i < w->train.n && n < CORRECTIONS; i++) {
        const struct cn_example *e = &w->train_set[i];
        if (e->label > OLD_LABELS || predicted(w->l, e->phi) == e->label)
            continue;
        taught[n++] = *e;
        double t = teach(w, taught, n, &n_kept);
        ms += t;
        most = t > most ? t : most;
        if (n == 1 || n == 10 || n == CORRECTIONS)
            printf("  %2u corrections: %u of them right, mean %.1f ms, longest %.1f ms; accuracy "
                   "%.2f\n",
                   n, n_kept, ms / n, most, accuracy(w, 1, OLD_LABELS + 1));
    }
}

static void teach_new_label(struct world *w)
{
    struct cn_example taught[NEW_IMAGES];
    struct cn_error err;
    uint32_t n = 0, n_kept = 0, id = OLD_LABELS + 1;

    must(cn_learner_open(&w->l, w->fleet.model, &err), &err);
    must(cn_learner_add_label(w->l, id, &err), &err);
    for (uint32_t i = 0; i < w->train.n && n < NEW_IMAGES; i++) {
        if (w->train_set[i].label != id)
            continue;
        taught[n++] = w->train_set[i];
        double ms = teach(w, taught, n, &n_kept);
        if (n == 1 || n == 3 || n == 5 || n == 10 || n == NEW_IMAGES)
            printf("  new label, %2u images: %u of them right, %.1f ms; recall of it %.1f, of the "
                   "old %.2f\n",
                   n, n_kept, ms, accuracy(w, id, id + 1), accuracy(w, 1, id));
    }
}

int main(void)
{
    struct world w = {0};
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_FEATURES, 1, FASHION_SIDE, FASHION_SIDE);
    struct cn_error err;

    if (!fashion_load(&w.train, "train", 5000) || !fashion_load(&w.test, "t10k", 2000))
        return 0;
    fleet_init(&w.fleet, &r);
    must(cn_learner_open(&w.l, w.fleet.model, &err), &err);
    w.size = cn_learner_phi_size(w.l);
    w.train_set = embed(&w, &w.train, &w.train_phi);
    w.test_set = embed(&w, &w.test, &w.test_phi);
    release_old_labels(&w);
    correct_wrong_ones(&w);
    cn_learner_destroy(&w.l);
    teach_new_label(&w);
    cn_learner_destroy(&w.l);
    fleet_fini(&w.fleet);
    fashion_fini(&w.train);
    fashion_fini(&w.test);
    free(w.train_set);
    free(w.test_set);
    free(w.train_phi);
    free(w.test_phi);
    return 0;
}
