/* The article's two networks against the numbers of PyTorch (tests/data/nn/make_golden.py):
   outputs, gradients, losses and parameters after ten steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/nn/nets.h"

static const struct cn_opt_conf keras_adam = {
    .kind = CN_OPT_ADAM, .rate = 1e-3f, .beta1 = .9f, .beta2 = .999f, .epsilon = 1e-7f};

/* fill(k, ...) of make_golden.py. */
static void fill(int k, float *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        double s = sin((double)i * 12.9898 + k * 78.233) * 43758.5453;
        x[i] = (float)((2 * (s - floor(s)) - 1) * scale);
    }
}

static double glorot(const struct cn_tensor *t)
{
    size_t field = 1;

    for (uint32_t i = 2; i < t->n_dims; i++)
        field *= t->dims[i];
    return sqrt(6.0 / (double)(cn_tensor_row_size(t) + t->dims[0] * field));
}

static void fill_parameters(struct cn_net *net)
{
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(net, &n);

    for (uint32_t i = 0, k = 0; i < n; i++) {
        bool gain = t[i].n_dims == 1 && strstr(t[i].name, "norm") && strstr(t[i].name, ".weight");
        size_t size = cn_tensor_size(&t[i]);
        if (t[i].frozen)
            continue;
        fill((int)k++, t[i].data, size, t[i].n_dims > 1 ? glorot(&t[i]) : gain ? .1 : .05);
        for (size_t j = 0; gain && j < size; j++)
            t[i].data[j] = (float)(1 + (double)t[i].data[j]);
    }
    cn_net_touch(net);
}

/* ---- golden lines ---- */

static FILE *open_golden(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "tests/data/nn/%s.golden", name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    return f;
}

static void near(const char *name, const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %s is %.9g, PyTorch says %.9g (tolerance %.2g)", name, what, got, want,
                 tolerance);
}

/* Compares with the line of that name; `relative` is to the tensor's mean size. */
static void expect(FILE *g, const char *name, const float *t, size_t n, double relative)
{
    char line[512], found[64] = "";
    double want[10], sum = 0, check = 0;
    int at = 0;

    rewind(g);
    while (strcmp(found, name) != 0)
        if (!fgets(line, sizeof line, g) || sscanf(line, "%63s%n", found, &at) != 1)
            fail_msg("no line %s", name);
    char *p = line + at;
    for (int i = 0; i < 10; i++)
        want[i] = strtod(p, &p);
    for (size_t i = 0; i < n; i++) {
        sum += fabsf(t[i]);
        check += (double)t[i] * cos((double)i);
    }
    double mean = want[0] / (double)n;
    near(name, "the sum of sizes", sum, want[0], relative * want[0]);
    near(name, "the checksum", check, want[1], relative * mean * 4 * sqrt((double)n));
    for (size_t i = 0; i < 8; i++)
        near(name, "a number", t[i * (n - 1) / 7], want[2 + i],
             relative * (2 * mean + fabs(want[2 + i])));
}

enum what { GRADS, PARAMETERS };

static void expect_all(FILE *g, const char *prefix, struct cn_net *net, enum what what,
                       double relative)
{
    char name[80];
    uint32_t n;
    const struct cn_tensor *t = what == GRADS ? cn_net_grads(net, &n) : cn_net_tensors(net, &n);

    for (uint32_t i = 0; i < n; i++) {
        if (t[i].frozen)
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, t[i].name);
        expect(g, name, t[i].data, cn_tensor_size(&t[i]), relative);
    }
}

static struct cn_net *make_filled(const struct cn_arch *arch)
{
    struct cn_net *net = make(arch, 3, 1);

    fill_parameters(net);
    return net;
}

/* ---- the classifier ---- */

static void the_classifier_computes_what_pytorch_computes(void **state)
{
    (void)state;
    FILE *g = open_golden("classifier");
    struct cn_arch arch = classifier(28, 64);
    struct cn_net *net = make_filled(&arch);
    struct cn_opt *opt = cn_opt_new(&keras_adam, net);
    uint32_t y[4] = {0, 1, 2, 1};
    static float x[4 * 784];
    float loss, d[12];
    struct cn_softmax_target target = {.hard = y};
    struct cn_error err;
    char name[32];

    fill(50, x, 4 * 784, .5);
    for (int i = 0; i < 4 * 784; i++)
        x[i] += .5f;
    const float *z = cn_net_forward(net, x, NULL, 4, true);
    expect(g, "logits", z, 12, 1e-5);
    cn_loss_softmax(z, 4, 3, &target, d);
    cn_net_backward(net, d, false);
    expect_all(g, "grad.", net, GRADS, 1e-5);
    for (int step = 0; step < 10; step++) {
        assert_int_equal(cn_net_train_on_batch(net, opt, x, 4, &target, &loss, &err), CN_OK);
        snprintf(name, sizeof name, "loss.%d", step);
        expect(g, name, &loss, 1, 2e-5);
    }
    expect_all(g, "end.", net, PARAMETERS, 1e-4);
    fclose(g);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

/* ---- the CGAN ---- */

#define LEAKY                                                                                      \
    {                                                                                              \
        .kind = CN_LAYER_LEAKY_RELU, .alpha = .2f                                                  \
    }
#define DENSE(label, width)                                                                        \
    {                                                                                              \
        .kind = CN_LAYER_DENSE, .name = label, .out = width                                        \
    }
#define NORM(label)                                                                                \
    {                                                                                              \
        .kind = CN_LAYER_BATCH_NORM, .name = label, .momentum = .8f, .eps = 1e-3f                  \
    }

static const struct cn_arch generator_arch = {100,
                                              1,
                                              1,
                                              12,
                                              {{.kind = CN_LAYER_LABEL_SCALE, .name = "label"},
                                               DENSE("dense0", 256),
                                               LEAKY,
                                               NORM("norm0"),
                                               DENSE("dense1", 512),
                                               LEAKY,
                                               NORM("norm1"),
                                               DENSE("dense2", 1024),
                                               LEAKY,
                                               NORM("norm2"),
                                               DENSE("out", 784),
                                               {.kind = CN_LAYER_TANH}}};
/* Dropout (.4 after the last two activations) is left out: masks cannot be compared. */
static const struct cn_arch discriminator_arch = {784,
                                                  1,
                                                  1,
                                                  8,
                                                  {{.kind = CN_LAYER_LABEL_SCALE, .name = "label"},
                                                   DENSE("dense0", 512),
                                                   LEAKY,
                                                   DENSE("dense1", 512),
                                                   LEAKY,
                                                   DENSE("dense2", 512),
                                                   LEAKY,
                                                   DENSE("out", 1)}};

enum { N = 8 };

struct cgan {
    struct cn_net *g, *d;
    struct cn_opt *opt_g, *opt_d;
    float images[2 * N * 784], noise[N * 100], truth[2 * N], dz[2 * N];
    uint32_t label[2 * N];
};

static float discriminator_step(struct cgan *k, FILE *golden, bool first)
{
    struct cn_error err;
    const float *made = cn_net_forward(k->g, k->noise, k->label, N, true);

    memcpy(k->images + N * 784, made, N * 784 * sizeof *made);
    const float *z = cn_net_forward(k->d, k->images, k->label, 2 * N, true);
    float loss = cn_loss_binary(z, 2 * N, k->truth, k->dz);
    if (first) {
        expect(golden, "made", made, N * 784, 1e-5);
        expect(golden, "judged", z, 2 * N, 1e-4);
    }
    cn_net_backward(k->d, k->dz, false);
    if (first)
        expect_all(golden, "d.grad.", k->d, GRADS, 1e-4);
    assert_int_equal(cn_opt_step(k->opt_d, k->d, &err), CN_OK);
    return loss;
}

static float generator_step(struct cgan *k, FILE *golden, bool first)
{
    struct cn_error err;
    const float *made = cn_net_forward(k->g, k->noise, k->label, N, true);
    const float *z = cn_net_forward(k->d, made, k->label, N, true);
    float loss = cn_loss_binary(z, N, k->truth, k->dz);

    cn_net_backward(k->g, cn_net_backward(k->d, k->dz, true), false);
    if (first)
        expect_all(golden, "g.grad.", k->g, GRADS, 1e-4);
    assert_int_equal(cn_opt_step(k->opt_g, k->g, &err), CN_OK);
    return loss;
}

static void check_end(struct cgan *k, FILE *golden)
{
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(k->g, &n);
    char from[32], name[32];

    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 2; j++) {
            snprintf(from, sizeof from, "norm%d.%s", i, j ? "var" : "mean");
            snprintf(name, sizeof name, "running%d.%s", i, j ? "var" : "mean");
            struct cn_tensor *running = cn_tensor_find(t, n, from);
            expect(golden, name, running->data, cn_tensor_size(running), 2e-4);
        }
    }
    expect_all(golden, "g.end.", k->g, PARAMETERS, 2e-3);
    expect_all(golden, "d.end.", k->d, PARAMETERS, 2e-3);
}

static void the_cgan_computes_what_pytorch_computes(void **state)
{
    (void)state;
    static struct cgan k;
    FILE *golden = open_golden("cgan");
    char name[32];

    k.g = make_filled(&generator_arch);
    k.d = make_filled(&discriminator_arch);
    k.opt_g = cn_opt_new(&keras_adam, k.g);
    k.opt_d = cn_opt_new(&keras_adam, k.d);
    for (uint32_t i = 0; i < 2 * N; i++) {
        k.label[i] = i % N % 3;
        k.truth[i] = i < N;
    }
    for (int step = 0; step < 10; step++) {
        fill(60 + step, k.images, N * 784, 1);
        fill(80 + step, k.noise, N * 100, 1.5);
        float loss[2];
        loss[0] = discriminator_step(&k, golden, step == 0);
        loss[1] = generator_step(&k, golden, step == 0);
        snprintf(name, sizeof name, "loss.%d", step);
        expect(golden, name, loss, 2, 1e-4);
    }
    check_end(&k, golden);
    fclose(golden);
    cn_opt_destroy(&k.opt_g);
    cn_opt_destroy(&k.opt_d);
    cn_net_destroy(&k.g);
    cn_net_destroy(&k.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classifier_computes_what_pytorch_computes),
        cmocka_unit_test(the_cgan_computes_what_pytorch_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
