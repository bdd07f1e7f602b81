/* Protocol A on Fashion-MNIST: 5 steps of 2 new labels, 5 devices, every step's images spread by
   Dirichlet(.5), one update per device and step. Prints the accuracy of every candidate after every
   round, and what it cost. Never pass or fail.
     bench_recipe [--per-label N] [--steps N] [--synth none|moments|cgan] [--filters N]
                  [--take solve|tuned] [--seed N] [--test N] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/bench/recipe/fashion.h"
#include "tests/bench/recipe/fleet.h"

enum { DEVICES = 5 };

struct options {
    uint32_t per_label, steps, filters, seed, n_test, gan_steps;
    enum cn_synth_kind synth;
    const char *take;
};

struct set {
    uint32_t n;
    struct cn_example *examples;
    float *phi;
};

static void set_fini(struct set *s)
{
    free(s->examples);
    free(s->phi);
}

/* At most per_label images of every label, seen through the recipe's trunk. */
static void embed(struct set *s, const struct fashion *f, struct cn_learner *l, uint32_t per_label)
{
    size_t size = cn_learner_phi_size(l);
    uint32_t count[FASHION_LABELS] = {0};
    float x[FASHION_PIXELS];

    *s = (struct set){0};
    s->examples = cn_calloc(f->n, sizeof *s->examples);
    s->phi = cn_alloc_aligned(f->n * size, sizeof *s->phi);
    for (uint32_t i = 0; i < f->n; i++) {
        if (count[f->labels[i]]++ >= per_label)
            continue;
        float *phi = s->phi + s->n * size;
        fashion_input(f, i, true, 1, 0, x);
        cn_learner_embed(l, x, 1, phi);
        s->examples[s->n++] = (struct cn_example){.label = f->labels[i] + 1u, .phi = phi};
    }
}

/* Those of labels [first, last), packed to the front of out. */
static uint32_t select_labels(const struct set *s, uint32_t first, uint32_t last,
                              struct cn_example *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n; i++)
        if (s->examples[i].label >= first && s->examples[i].label < last)
            out[n++] = s->examples[i];
    return n;
}

static uint32_t build_updates(struct fleet *f, const struct cn_example *examples, uint32_t n,
                              uint64_t seed, struct cn_buf updates[DEVICES])
{
    CN_CLEANUP(cn_freep) uint32_t *device = cn_calloc(n, sizeof *device);
    CN_CLEANUP(cn_freep) struct cn_example *own = cn_calloc(n, sizeof *own);
    uint32_t n_updates = 0;

    fleet_spread(examples, n, DEVICES, 0.5, seed, device);
    for (uint32_t k = 0; k < DEVICES; k++) {
        uint32_t n_own = 0;
        for (uint32_t i = 0; i < n; i++)
            if (device[i] == k)
                own[n_own++] = examples[i];
        if (n_own > 0)
            fleet_build(f, own, n_own, &updates[n_updates++]);
    }
    return n_updates;
}

static double share_right(const struct cn_label_tally *t, uint32_t n)
{
    uint32_t right = 0, all = 0;

    for (uint32_t i = 0; i < n; i++) {
        right += t[i].right;
        all += t[i].right + t[i].wrong;
    }
    return all ? 100.0 * right / all : 0;
}

static void run_step(struct fleet *f, const struct options *o, const struct set *train,
                     const struct set *test, uint32_t step)
{
    CN_CLEANUP(cn_freep) struct cn_example *part = cn_calloc(train->n, sizeof *part);
    CN_CLEANUP(cn_freep) struct cn_example *seen = cn_calloc(test->n, sizeof *seen);
    CN_CLEANUP(cn_consolidation_fini) struct cn_consolidation c = {0};
    struct cn_buf updates[DEVICES] = {{0}};
    uint32_t per_step = FASHION_LABELS / o->steps, first = 1 + step * per_step;
    uint32_t n = select_labels(train, first, first + per_step, part);
    uint32_t n_seen = select_labels(test, 1, first + per_step, seen);
    uint64_t start = cn_clock_mono_ms(), sent = f->bytes_sent;

    uint32_t n_updates = build_updates(f, part, n, o->seed * 100 + step, updates);
    uint64_t built = cn_clock_mono_ms();
    fleet_consolidate(f, updates, n_updates, &c);
    uint64_t done = cn_clock_mono_ms();
    printf(
        "step %u: %u images, %u updates, %.2f MB, gan %u steps d %.2f g %.2f; before %.1f synth\n",
        step + 1, n, n_updates, (double)(f->bytes_sent - sent) / 1e6, f->last_update.n_gan_steps,
        (double)f->last_update.gan_loss_d, (double)f->last_update.gan_loss_g,
        share_right(c.before, c.n_before));
    for (uint32_t i = 0; i < c.n_candidates; i++)
        printf("  %-6s accuracy %5.2f  synthetic %5.1f  model %.2f MB\n", c.candidate[i].name,
               100 * fleet_accuracy(c.candidate[i].model, seen, n_seen),
               share_right(c.candidate[i].synthetic, c.candidate[i].n_synthetic),
               (double)cn_blob_bytes(c.candidate[i].model).n / 1e6);
    printf("  build %.2f s/update, consolidate %.2f s (solve %.2f, tune %.2f)\n",
           (double)(built - start) / 1e3 / n_updates, (double)(done - built) / 1e3,
           (double)c.ms_solve / 1e3, (double)c.ms_tune / 1e3);
    fleet_take(f, &c, o->take);
    for (uint32_t i = 0; i < n_updates; i++)
        cn_buf_fini(&updates[i]);
}

static void parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *key = argv[i], *v = argv[i + 1];
        uint32_t n = (uint32_t)strtoul(v, NULL, 10);
        if (!strcmp(key, "--per-label"))
            o->per_label = n;
        else if (!strcmp(key, "--steps"))
            o->steps = n;
        else if (!strcmp(key, "--filters"))
            o->filters = n;
        else if (!strcmp(key, "--seed"))
            o->seed = n;
        else if (!strcmp(key, "--test"))
            o->n_test = n;
        else if (!strcmp(key, "--gan-steps"))
            o->gan_steps = n;
        else if (!strcmp(key, "--take"))
            o->take = v;
        else if (!strcmp(key, "--synth"))
            o->synth = !strcmp(v, "none")      ? CN_SYNTH_NONE
                       : !strcmp(v, "moments") ? CN_SYNTH_MOMENTS
                                               : CN_SYNTH_CGAN;
    }
}

int main(int argc, char **argv)
{
    struct options o = {.per_label = 250,
                        .steps = 5,
                        .filters = 64,
                        .seed = 1,
                        .n_test = 10000,
                        .gan_steps = 30,
                        .synth = CN_SYNTH_CGAN,
                        .take = "solve"};
    CN_CLEANUP(fashion_fini) struct fashion train = {0};
    CN_CLEANUP(fashion_fini) struct fashion test = {0};
    CN_CLEANUP(set_fini) struct set train_set = {0};
    CN_CLEANUP(set_fini) struct set test_set = {0};
    CN_CLEANUP(fleet_fini) struct fleet f = {0};
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;

    parse(&o, argc, argv);
    if (!fashion_load(&train, "train", o.per_label * 20) || !fashion_load(&test, "t10k", o.n_test))
        return 0;
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_FEATURES, 1, FASHION_SIDE, FASHION_SIDE);
    r.n_filters = o.filters;
    r.synth = o.synth;
    r.gan_steps = o.gan_steps;
    fleet_init(&f, &r);
    if (cn_learner_open(&l, f.model, NULL))
        return 1;
    uint64_t start = cn_clock_mono_ms();
    embed(&train_set, &train, l, o.per_label);
    embed(&test_set, &test, l, UINT32_MAX);
    printf("D %zu, %u images to learn, %u to test, embedded in %.2f s\n", cn_learner_phi_size(l),
           train_set.n, test_set.n, (double)(cn_clock_mono_ms() - start) / 1e3);
    for (uint32_t step = 0; step < o.steps; step++)
        run_step(&f, &o, &train_set, &test_set, step);
    printf("sent by devices: %.2f MB\n", (double)f.bytes_sent / 1e6);
    return 0;
}
