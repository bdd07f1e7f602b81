/* The main figure, small: Fashion-MNIST label by label over five unequal devices, 1024 features and
   80 images a label, learns as well as everything at once. Skips where the data set is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/bench/recipe/fashion.h"
#include "tests/bench/recipe/fleet.h"

enum { FILTERS = 32, PER_LABEL = 80, TEST = 600, DEVICES = 5 };

struct world {
    struct fashion train, test;
    struct cn_recipe recipe;
    uint32_t n_train;
    struct cn_example *train_set, *test_set; /* labels 1..10 */
    float *train_phi, *test_phi;
};

static void embed(const struct world *w, const struct fashion *f, uint32_t per_label,
                  struct cn_example *examples, float *phi, uint32_t *ret_n)
{
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *genesis = NULL;
    uint32_t count[FASHION_LABELS] = {0}, n = 0;
    float x[FASHION_PIXELS];

    assert_int_equal(cn_recipe_genesis(&w->recipe, &genesis, NULL), CN_OK);
    assert_int_equal(cn_learner_open(&l, genesis, NULL), CN_OK);
    for (uint32_t i = 0; i < f->n; i++) {
        if (count[f->labels[i]]++ >= per_label)
            continue;
        fashion_input(f, i, true, 1, 0, x);
        cn_learner_embed(l, x, 1, phi);
        examples[n++] =
            (struct cn_example){.label = f->labels[i] + 1u, .corrected = true, .phi = phi};
        phi += cn_learner_phi_size(l);
    }
    *ret_n = n;
}

static int set_up(void **state)
{
    struct world *w = cn_calloc(1, sizeof *w);
    size_t size = (size_t)32 * FILTERS;
    uint32_t n_test;

    *state = w;
    w->recipe = cn_recipe_default(CN_RECIPE_FEATURES, 1, FASHION_SIDE, FASHION_SIDE);
    w->recipe.n_filters = FILTERS;
    w->recipe.gan_steps = 3;
    w->recipe.consolidate_steps = 20;
    if (!fashion_load(&w->train, "train", PER_LABEL * 14) ||
        !fashion_load(&w->test, "t10k", TEST)) {
        fashion_fini(&w->train);
        return 0;
    }
    w->train_set = cn_calloc(w->train.n, sizeof *w->train_set);
    w->test_set = cn_calloc(w->test.n, sizeof *w->test_set);
    w->train_phi = cn_alloc_aligned(w->train.n * size, sizeof(float));
    w->test_phi = cn_alloc_aligned(w->test.n * size, sizeof(float));
    embed(w, &w->train, PER_LABEL, w->train_set, w->train_phi, &w->n_train);
    embed(w, &w->test, UINT32_MAX, w->test_set, w->test_phi, &n_test);
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    fashion_fini(&w->train);
    fashion_fini(&w->test);
    free(w->train_set);
    free(w->test_set);
    free(w->train_phi);
    free(w->test_phi);
    free(w);
    return 0;
}

/* Teaches the fleet labels [first, last), spread over the devices. */
static void teach_labels(struct fleet *f, const struct world *w, uint32_t first, uint32_t last)
{
    CN_CLEANUP(cn_freep) struct cn_example *part = cn_calloc(w->n_train, sizeof *part);
    CN_CLEANUP(cn_freep) struct cn_example *own = cn_calloc(w->n_train, sizeof *own);
    CN_CLEANUP(cn_freep) uint32_t *device = cn_calloc(w->n_train, sizeof *device);
    struct cn_consolidation c = {0};
    struct cn_buf updates[DEVICES] = {{0}};
    uint32_t n = 0, n_updates = 0;

    for (uint32_t i = 0; i < w->n_train; i++)
        if (w->train_set[i].label >= first && w->train_set[i].label < last)
            part[n++] = w->train_set[i];
    fleet_spread(part, n, DEVICES, 0.5, first, device);
    for (uint32_t k = 0; k < DEVICES; k++) {
        uint32_t n_own = 0;
        for (uint32_t i = 0; i < n; i++)
            if (device[i] == k)
                own[n_own++] = part[i];
        if (n_own > 0)
            fleet_build(f, own, n_own, &updates[n_updates++]);
    }
    fleet_consolidate(f, updates, n_updates, &c);
    fleet_take(f, &c, "solve");
    cn_consolidation_fini(&c);
    for (uint32_t i = 0; i < n_updates; i++)
        cn_buf_fini(&updates[i]);
}

static double final_accuracy(const struct world *w, uint32_t steps)
{
    CN_CLEANUP(fleet_fini) struct fleet f = {0};
    uint32_t per_step = FASHION_LABELS / steps;

    fleet_init(&f, &w->recipe);
    for (uint32_t s = 0; s < steps; s++)
        teach_labels(&f, w, 1 + s * per_step, 1 + (s + 1) * per_step);
    return fleet_accuracy(f.model, w->test_set, w->test.n);
}

static void label_by_label_learns_as_well_as_all_at_once(void **state)
{
    struct world *w = *state;

    if (w->test.n == 0)
        skip();
    double in_steps = final_accuracy(w, 5), at_once = final_accuracy(w, 1);
    print_message("five steps %.1f %%, at once %.1f %%\n", 100 * in_steps, 100 * at_once);
    assert_true(in_steps > 0.78);
    assert_true(in_steps > at_once - 0.01 && at_once > in_steps - 0.01);
}

static void corrections_of_real_images_hold_and_cost_little(void **state)
{
    struct world *w = *state;
    CN_CLEANUP(fleet_fini) struct fleet f = {0};
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;
    struct cn_train_report r;
    struct cn_error err;
    uint32_t n_taught = 0;

    if (w->test.n == 0)
        skip();
    fleet_init(&f, &w->recipe);
    teach_labels(&f, w, 1, 11);
    assert_int_equal(cn_learner_open(&l, f.model, NULL), CN_OK);
    CN_CLEANUP(cn_freep) float *p = cn_calloc(FASHION_LABELS, sizeof *p);
    uint32_t n_labels;
    const uint32_t *labels = cn_learner_labels(l, &n_labels);
    uint32_t right_before = 0, right_after = 0;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < w->test.n; i++) {
            const struct cn_example *e = &w->test_set[i];
            uint32_t best = 0;
            cn_learner_predict(l, e->phi, 1, false, p);
            for (uint32_t c = 1; c < n_labels; c++)
                best = p[c] > p[best] ? c : best;
            bool right = labels[best] == e->label;
            *(pass ? &right_after : &right_before) += right;
            if (pass == 1 || right || n_taught == 3)
                continue;
            n_taught++;
            uint64_t start = cn_clock_mono_ms();
            if (cn_learner_train(l, e, 1, NULL, 0, i, &r, &err))
                fail_msg("%s", err.text);
            print_message("corrected in %llu ms\n",
                          (unsigned long long)(cn_clock_mono_ms() - start));
            assert_int_equal(r.n_wrong, 0);
        }
    print_message("right before %u, after %u of %u\n", right_before, right_after, w->test.n);
    assert_int_equal(n_taught, 3);
    assert_true(right_after + w->test.n / 50 > right_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label_by_label_learns_as_well_as_all_at_once),
        cmocka_unit_test(corrections_of_real_images_hold_and_cost_little),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
