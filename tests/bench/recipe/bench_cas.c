/* What a synthesizer is worth: a head fitted to nothing but its samples, tested on real images
   (classification accuracy score, Ravuri & Vinyals, arXiv 1905.10887). Fashion-MNIST, 250 images a
   label, 5 devices, several rounds of the same labels, so that the generator is trained and merged
   again and again; after each round the score of the moments alone and of the generator on them.
     bench_cas [ROUNDS] [GAN_STEPS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/recipe/balance.h"
#include "common/recipe/teach.h"
#include "common/recipe/tune.h"
#include "tests/bench/recipe/fashion.h"
#include "tests/bench/recipe/fleet.h"

enum { DEVICES = 5, PER_LABEL = 250, TEST = 2000, FIT_ROUNDS = 60, DRAW = 400, STEPS = 10 };

static struct cn_example *embed(struct cn_learner *l, const struct fashion *f, uint32_t per_label,
                                uint32_t *ret_n, float **ret_phi)
{
    struct cn_example *e = cn_calloc(f->n, sizeof *e);
    size_t size = cn_learner_phi_size(l);
    uint32_t count[FASHION_LABELS] = {0}, n = 0;
    float x[FASHION_PIXELS];

    *ret_phi = cn_alloc_aligned(f->n * size, sizeof **ret_phi);
    for (uint32_t i = 0; i < f->n; i++) {
        if (count[f->labels[i]]++ >= per_label)
            continue;
        float *phi = *ret_phi + n * size;
        fashion_input(f, i, true, 1, 0, x);
        cn_learner_embed(l, x, 1, phi);
        e[n++] = (struct cn_example){.label = f->labels[i] + 1u, .phi = phi};
    }
    *ret_n = n;
    return e;
}

static void fit_on_samples(struct cn_weights *w)
{
    struct cn_head head = cn_weights_head(w);

    memset(head.w, 0, (size_t)head.n_rows * head.dim * sizeof *head.w);
    memset(head.b, 0, head.n_rows * sizeof *head.b);
    for (uint32_t round = 0; round < FIT_ROUNDS; round++) {
        CN_CLEANUP(cn_balance_fini) struct cn_balance b = {0};
        CN_CLEANUP(cn_metric_destroy) struct cn_metric *metric = NULL;
        struct cn_fit_conf conf = {.max_steps = STEPS};
        struct cn_fit_report r;
        struct cn_error err;
        cn_balance_draw(w, DRAW, DRAW, 1000 + round, &b);
        CN_CLEANUP(cn_freep) struct cn_fit_sample *s = cn_calloc(b.n, sizeof *s);
        CN_CLEANUP(cn_freep) const float **phi = cn_calloc(b.n, sizeof *phi);
        for (uint32_t i = 0; i < b.n; i++) {
            phi[i] = b.phi + i * w->phi_size;
            s[i] = (struct cn_fit_sample){.phi = phi[i], .row = b.rows[i], .weight = 1};
        }
        if (cn_teach_metric(w, phi, b.n, &metric, &err) ||
            cn_fit_rows(&head, metric, s, b.n, &conf, &r, &err)) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
    }
    cn_net_touch(w->net);
}

static double score(struct cn_blob *model, enum cn_synth_kind synth, const struct cn_example *test,
                    uint32_t n)
{
    CN_CLEANUP(cn_weights_destroy) struct cn_weights *w = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
    struct cn_error err;

    if (cn_weights_open(&w, cn_blob_bytes(model), false, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    w->recipe.synth = synth;
    fit_on_samples(w);
    if (cn_weights_encode(w, &bytes, &err))
        exit(1);
    CN_CLEANUP(cn_blob_unref) struct cn_blob *fitted = cn_blob_take(&bytes);
    return 100 * fleet_accuracy(fitted, test, n);
}

static void run_round(struct fleet *f, const struct cn_example *train, uint32_t n, uint32_t round)
{
    CN_CLEANUP(cn_freep) struct cn_example *own = cn_calloc(n, sizeof *own);
    CN_CLEANUP(cn_freep) uint32_t *device = cn_calloc(n, sizeof *device);
    struct cn_buf updates[DEVICES] = {{0}};
    struct cn_consolidation c = {0};
    uint32_t n_updates = 0;

    fleet_spread(train, n, DEVICES, 0.5, round, device);
    for (uint32_t k = 0; k < DEVICES; k++) {
        uint32_t n_own = 0;
        for (uint32_t i = 0; i < n; i++)
            if (device[i] == k)
                own[n_own++] = train[i];
        if (n_own > 0)
            fleet_build(f, own, n_own, &updates[n_updates++]);
    }
    fleet_consolidate(f, updates, n_updates, &c);
    fleet_take(f, &c, NULL);
    cn_consolidation_fini(&c);
    for (uint32_t i = 0; i < n_updates; i++)
        cn_buf_fini(&updates[i]);
}

int main(int argc, char **argv)
{
    struct cn_recipe r = cn_recipe_default(CN_RECIPE_FEATURES, 1, FASHION_SIDE, FASHION_SIDE);
    uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 4, n_train, n_test;
    CN_CLEANUP(fashion_fini) struct fashion train = {0};
    CN_CLEANUP(fashion_fini) struct fashion test = {0};
    CN_CLEANUP(fleet_fini) struct fleet f = {0};
    CN_CLEANUP(cn_learner_destroy) struct cn_learner *l = NULL;
    float *train_phi, *test_phi;

    if (!fashion_load(&train, "train", PER_LABEL * 14) || !fashion_load(&test, "t10k", TEST))
        return 0;
    if (argc > 2)
        r.gan_steps = (uint32_t)atoi(argv[2]);
    fleet_init(&f, &r);
    if (cn_learner_open(&l, f.model, NULL))
        return 1;
    struct cn_example *learn = embed(l, &train, PER_LABEL, &n_train, &train_phi);
    struct cn_example *judge = embed(l, &test, UINT32_MAX, &n_test, &test_phi);
    for (uint32_t round = 0; round < rounds; round++) {
        run_round(&f, learn, n_train, round);
        printf("round %u: solved %.2f, on samples of the moments %.2f, of the cgan %.2f\n",
               round + 1, 100 * fleet_accuracy(f.model, judge, n_test),
               score(f.model, CN_SYNTH_MOMENTS, judge, n_test),
               score(f.model, CN_SYNTH_CGAN, judge, n_test));
        fflush(stdout);
    }
    free(learn);
    free(judge);
    free(train_phi);
    free(test_phi);
    return 0;
}
