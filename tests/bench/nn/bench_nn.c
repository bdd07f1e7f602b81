/* Milliseconds of one training step, one thread, median of many: the article's classifier and CGAN,
   and a small CNN. Prints a table on standard error and a JSON line per row on standard output.
   Usage: bench_nn [SECONDS PER ROW [ROW, from 0]] */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/nn/net.h"

/* A rate so small that the loss stays what it is: a network that has learnt its one batch by heart
   computes with gradients of zero. */
static const struct cn_opt_conf adam = {
    .kind = CN_OPT_ADAM, .rate = 1e-7f, .beta1 = .9f, .beta2 = .999f, .epsilon = 1e-7f};

#define CONV(n, o, k, p)                                                                           \
    {                                                                                              \
        .kind = CN_LAYER_CONV, .name = n, .out = o, .kernel_h = k, .kernel_w = k, .pad = p         \
    }
#define DENSE(n, o)                                                                                \
    {                                                                                              \
        .kind = CN_LAYER_DENSE, .name = n, .out = o                                                \
    }
#define RELU                                                                                       \
    {                                                                                              \
        .kind = CN_LAYER_RELU                                                                      \
    }
#define LEAKY                                                                                      \
    {                                                                                              \
        .kind = CN_LAYER_LEAKY_RELU, .alpha = .2f                                                  \
    }
#define DROP                                                                                       \
    {                                                                                              \
        .kind = CN_LAYER_DROPOUT, .rate = .4f                                                      \
    }
#define NORM(n)                                                                                    \
    {                                                                                              \
        .kind = CN_LAYER_BATCH_NORM, .name = n, .momentum = .8f, .eps = 1e-3f                      \
    }
#define SCALE                                                                                      \
    {                                                                                              \
        .kind = CN_LAYER_LABEL_SCALE, .name = "label"                                              \
    }

static const struct cn_arch article_28 = {
    1, 28, 28, 4, {CONV("conv", 64, 2, 0), RELU, {.kind = CN_LAYER_FLATTEN}, DENSE("head", 3)}};
static const struct cn_arch article_150 = {
    1, 150, 150, 4, {CONV("conv", 64, 2, 0), RELU, {.kind = CN_LAYER_FLATTEN}, DENSE("head", 3)}};
static const struct cn_arch cnn = {
    3,
    32,
    32,
    9,
    {CONV("a", 32, 3, 1),
     RELU,
     CONV("b", 64, 3, 1),
     RELU,
     {.kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 2, .stride = 2},
     {.kind = CN_LAYER_FLATTEN},
     DENSE("c", 128),
     RELU,
     DENSE("head", 10)}};
static const struct cn_arch generator = {100,
                                         1,
                                         1,
                                         12,
                                         {SCALE,
                                          DENSE("d0", 256),
                                          LEAKY,
                                          NORM("n0"),
                                          DENSE("d1", 512),
                                          LEAKY,
                                          NORM("n1"),
                                          DENSE("d2", 1024),
                                          LEAKY,
                                          NORM("n2"),
                                          DENSE("out", 784),
                                          {.kind = CN_LAYER_TANH}}};
static const struct cn_arch discriminator = {784,
                                             1,
                                             1,
                                             10,
                                             {SCALE, DENSE("d0", 512), LEAKY, DENSE("d1", 512),
                                              LEAKY, DROP, DENSE("d2", 512), LEAKY, DROP,
                                              DENSE("out", 1)}};

/* One network with its optimizer and a batch. */
struct side {
    struct cn_net *net;
    struct cn_opt *opt;
    float *x;
};

struct row {
    const char *name;
    const struct cn_arch *arch; /* NULL: the CGAN */
    uint32_t n, classes;
    struct side a, b; /* b: the CGAN's discriminator */
    uint32_t *labels;
    float *truth, *d;
};

static struct side start(const struct cn_arch *arch, uint32_t n_labels, uint32_t n)
{
    struct side s;
    struct cn_error err;
    struct cn_rng rng;
    enum cn_err e = cn_net_new(&s.net, arch, n_labels, 1, &err);

    assert(e == CN_OK);
    s.opt = cn_opt_new(&adam, s.net);
    s.x = cn_alloc(n * cn_net_in_size(s.net) * sizeof *s.x);
    cn_rng_init(&rng, 2);
    cn_rng_fill_normal(&rng, s.x, n * cn_net_in_size(s.net), 1);
    return s;
}

static void finish(struct side *s)
{
    cn_opt_destroy(&s->opt);
    cn_net_destroy(&s->net);
    free(s->x);
}

static void step_classifier(struct row *r)
{
    struct cn_softmax_target target = {.hard = r->labels};
    struct cn_error err;
    float loss;
    enum cn_err e = cn_net_train_on_batch(r->a.net, r->a.opt, r->a.x, r->n, &target, &loss, &err);

    assert(e == CN_OK);
}

/* The discriminator on real and made images in one batch, then the generator through it. */
static void step_cgan(struct row *r)
{
    struct cn_error err;
    const float *made = cn_net_forward(r->a.net, r->a.x, r->labels, r->n, true);

    memcpy(r->b.x + r->n * 784, made, r->n * 784 * sizeof *made);
    const float *z = cn_net_forward(r->b.net, r->b.x, r->labels, 2 * r->n, true);
    cn_loss_binary(z, 2 * r->n, r->truth, r->d);
    cn_net_backward(r->b.net, r->d, false);
    enum cn_err e = cn_opt_step(r->b.opt, r->b.net, &err);
    assert(e == CN_OK);
    made = cn_net_forward(r->a.net, r->a.x, r->labels, r->n, true);
    z = cn_net_forward(r->b.net, made, r->labels, r->n, true);
    cn_loss_binary(z, r->n, r->truth, r->d);
    cn_net_backward(r->a.net, cn_net_backward(r->b.net, r->d, true), false);
    e = cn_opt_step(r->a.opt, r->a.net, &err);
    assert(e == CN_OK);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(struct row *r, double seconds)
{
    enum { MAX = 20000, WARM = 5 };
    static uint64_t us[MAX];
    uint64_t end = cn_clock_mono_us() + (uint64_t)(seconds * 1e6);
    uint32_t n = 0, batch = 1;

    /* Steps shorter than the clock is fine are timed in groups. */
    for (uint32_t i = 0; n < MAX && (n < 3 || cn_clock_mono_us() < end); i++) {
        uint64_t from = cn_clock_mono_us();
        for (uint32_t k = 0; k < batch; k++) {
            if (r->arch)
                step_classifier(r);
            else
                step_cgan(r);
        }
        us[n] = cn_clock_mono_us() - from;
        if (i == WARM && us[n] < 500)
            batch = (uint32_t)(500 / (us[n] + 1)) + 1;
        n += i > WARM;
    }
    qsort(us, n, sizeof *us, by_size);
    return (double)us[n / 2] / 1000 / batch;
}

static void run(struct row *r, double seconds)
{
    uint32_t n = 2 * r->n;

    r->a = start(r->arch ? r->arch : &generator, r->classes, r->n);
    if (!r->arch)
        r->b = start(&discriminator, r->classes, n);
    r->labels = cn_alloc(n * sizeof *r->labels);
    r->truth = cn_alloc(n * sizeof *r->truth);
    r->d = cn_alloc(n * sizeof *r->d);
    for (uint32_t i = 0; i < n; i++) {
        r->labels[i] = i % r->n % r->classes;
        r->truth[i] = i < r->n;
    }
    double ms = median_ms(r, seconds);
    fprintf(stderr, "%-20s batch %2u  %9.3f ms\n", r->name, r->n, ms);
    printf("{\"who\": \"cairn\", \"row\": \"%s/%u\", \"ms\": %.4f}\n", r->name, r->n, ms);
    finish(&r->a);
    if (!r->arch)
        finish(&r->b);
    free(r->labels);
    free(r->truth);
    free(r->d);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    struct row rows[] = {
        {"article 28x28", &article_28, 1, 3},
        {"article 28x28", &article_28, 32, 3},
        {"article 150x150", &article_150, 1, 3},
        {"cgan 28x28", NULL, 16, 3},
        {"cgan 28x28", NULL, 64, 3},
        {"cnn 32x32x3", &cnn, 32, 10},
    };

    size_t only = argc > 2 ? strtoul(argv[2], NULL, 10) : SIZE_MAX;

    for (size_t i = 0; i < CN_COUNT(rows); i++)
        if (only == SIZE_MAX || only == i)
            run(&rows[i], seconds);
    return 0;
}
