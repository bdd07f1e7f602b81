/* Gradients against central differences: every layer, in every order of image that it can meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/net.h"

/* The loss is sum r * y with random r, so that dL/dy = r. One run owns everything. */
struct run {
    struct cn_net *net;
    uint32_t n, labels[8];
    bool train;
    size_t n_in, n_out;
    float *x, *r;
    struct cn_rng rng;
};

static struct run start(const struct cn_arch *arch, uint32_t n, bool train)
{
    struct run k = {.n = n, .train = train};
    struct cn_error err;
    uint32_t n_tensors;

    assert_int_equal(cn_net_new(&k.net, arch, 3, 7, &err), CN_OK);
    cn_rng_init(&k.rng, 11);
    k.n_in = n * cn_net_in_size(k.net);
    k.n_out = n * cn_net_out_size(k.net);
    k.x = cn_alloc(k.n_in * sizeof *k.x);
    k.r = cn_alloc(k.n_out * sizeof *k.r);
    cn_rng_fill_normal(&k.rng, k.x, k.n_in, 1);
    cn_rng_fill_normal(&k.rng, k.r, k.n_out, 1);
    for (uint32_t i = 0; i < n; i++)
        k.labels[i] = cn_rng_below(&k.rng, 3);
    /* Away from the starting values, where a zero bias or a unit gain would hide a mistake. */
    struct cn_tensor *t = cn_net_tensors(k.net, &n_tensors);
    for (uint32_t i = 0; i < n_tensors; i++)
        for (size_t j = 0; j < cn_tensor_size(&t[i]); j++)
            t[i].data[j] += 0.3f * cn_rng_uniform(&k.rng);
    cn_net_touch(k.net);
    return k;
}

static void finish(struct run *k)
{
    cn_net_destroy(&k->net);
    free(k->x);
    free(k->r);
}

static double loss(struct run *k)
{
    double sum = 0;

    cn_net_touch(k->net);
    cn_net_seed(k->net, 5); /* the same dropout mask every time */
    const float *y = cn_net_forward(k->net, k->x, k->labels, k->n, k->train);
    for (size_t i = 0; i < k->n_out; i++)
        sum += (double)y[i] * k->r[i];
    return sum;
}

/* d loss / d at[i], moving one number, or all of them along u when i is n, by h to both sides. */
static double slope(struct run *k, float *at, const float *u, size_t n, size_t i, float h)
{
    size_t from = i == n ? 0 : i, to = i == n ? n : i + 1;
    float *old = cn_alloc(n * sizeof *old);
    double side[2], moved = 0;

    memcpy(old, at, n * sizeof *old);
    for (int s = 0; s < 2; s++) {
        for (size_t j = from; j < to; j++)
            at[j] = old[j] + (s ? h : -h) * (i == n ? u[j] : 1);
        if (i < n)
            moved += s ? at[i] : -at[i]; /* what h became by rounding */
        side[s] = loss(k);
    }
    memcpy(at, old, n * sizeof *old);
    free(old);
    return (side[1] - side[0]) / (i < n ? moved : 2.0 * h);
}

/* A step that crosses a corner of a rectifier or a maximum gives a wrong difference; a smaller one
   does not, but is noisier. A wrong gradient agrees with none of them. */
static void agree(struct run *k, const char *what, float *at, const float *u, size_t n, size_t i,
                  double gradient, double scale)
{
    const float steps[] = {4e-3f, 1e-3f, 2.5e-4f};
    double got = 0;

    for (int s = 0; s < 3; s++) {
        got = slope(k, at, u, n, i, steps[s]);
        if (fabs(got - gradient) <= 4e-3 * (1 + scale))
            return;
    }
    fail_msg("%s, number %zu of %zu: %g by differences, %g by backward", what, i, n, got, gradient);
}

/* Along a random direction, and for some numbers alone. */
static void agree_all(struct run *k, const char *what, float *at, const float *grad, size_t n)
{
    float *u = cn_alloc(n * sizeof *u);
    double along = 0, norm = 0;

    cn_rng_fill_normal(&k->rng, u, n, 1 / sqrtf((float)n));
    for (size_t i = 0; i < n; i++) {
        along += (double)grad[i] * u[i];
        norm += (double)grad[i] * grad[i];
    }
    agree(k, what, at, u, n, n, along, sqrt(norm / (double)n));
    for (int j = 0; j < 6; j++) {
        size_t i = cn_rng_below(&k->rng, (uint32_t)n);
        agree(k, what, at, NULL, n, i, grad[i], fabsf(grad[i]));
    }
    free(u);
}

static void check(const struct cn_arch *arch, uint32_t n, bool train)
{
    struct run k = start(arch, n, train);
    uint32_t n_tensors;
    float *dx = cn_alloc(k.n_in * sizeof *dx);
    struct cn_tensor *t = cn_net_tensors(k.net, &n_tensors), *g = cn_net_grads(k.net, &n_tensors);

    loss(&k);
    memcpy(dx, cn_net_backward(k.net, k.r, true), k.n_in * sizeof *dx);
    struct cn_tensor *grad = cn_calloc(n_tensors, sizeof *grad);
    for (uint32_t i = 0; i < n_tensors; i++)
        cn_tensor_copy(&grad[i], &g[i]);
    for (uint32_t i = 0; i < n_tensors; i++) {
        if (!t[i].frozen)
            agree_all(&k, t[i].name, t[i].data, grad[i].data, cn_tensor_size(&t[i]));
        cn_tensor_fini(&grad[i]);
    }
    agree_all(&k, "input", k.x, dx, k.n_in);
    free(grad);
    free(dx);
    finish(&k);
}

/* ---- layers ---- */

#define CONV(o, k, ...)                                                                            \
    {                                                                                              \
        .kind = CN_LAYER_CONV, .name = "conv", .out = o, .kernel_h = k, .kernel_w = k, __VA_ARGS__ \
    }
#define DENSE(o)                                                                                   \
    {                                                                                              \
        .kind = CN_LAYER_DENSE, .name = "dense", .out = o                                          \
    }

static void check_image(uint32_t c, uint32_t side, struct cn_layer layer)
{
    struct cn_arch plain = {c, side, side, 1, {layer}};
    /* After this convolution images lie (h, w, c). */
    struct cn_arch turned = {2, side, side, 2, {CONV(c, 3, .pad = 1), layer}};

    check(&plain, 3, true);
    check(&turned, 3, true);
}

static void dense_with_one_sample_and_with_many(void **state)
{
    (void)state;
    struct cn_arch a = {5, 1, 1, 1, {DENSE(4)}}, image = {3, 4, 5, 1, {DENSE(7)}};

    check(&a, 1, true);
    check(&a, 8, true);
    check(&image, 2, true);
}

static void convolution_of_few_taps(void **state)
{
    (void)state;
    struct cn_arch a = {1, 7, 6, 1, {CONV(5, 2)}}, b = {4, 5, 5, 1, {CONV(2, 2)}},
                   c = {2, 6, 6, 2, {CONV(3, 2), {.kind = CN_LAYER_RELU}}};

    check(&a, 1, true);
    check(&a, 3, true);
    check(&b, 2, true);
    check(&c, 2, true);
}

static void convolution_with_stride_padding_and_groups(void **state)
{
    (void)state;
    struct cn_arch a = {3, 8, 7, 1, {CONV(6, 3, .pad = 1)}},
                   b = {4, 9, 9, 1, {CONV(6, 3, .stride = 2, .pad = 1, .groups = 2)}},
                   depthwise = {16, 6, 6, 1, {CONV(16, 3, .pad = 1, .groups = 16)}},
                   strided = {1, 8, 8, 1, {CONV(3, 2, .stride = 2)}},
                   deep = {18, 5, 5, 1, {CONV(33, 3)}};

    check(&a, 2, true);
    check(&b, 2, true);
    check(&depthwise, 2, true);
    check(&strided, 2, true);
    check(&deep, 2, true);
}

static void two_convolutions_and_a_dense_layer(void **state)
{
    (void)state;
    struct cn_arch a = {
        3,
        8,
        8,
        6,
        {CONV(8, 3),
         {.kind = CN_LAYER_LEAKY_RELU, .alpha = 0.1f},
         {.kind = CN_LAYER_CONV, .name = "b", .out = 4, .kernel_h = 2, .kernel_w = 3},
         {.kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 2, .stride = 2},
         {.kind = CN_LAYER_FLATTEN},
         DENSE(3)}};

    check(&a, 3, true);
}

static void every_pooling(void **state)
{
    (void)state;
    check_image(4, 7, (struct cn_layer){.kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 3});
    check_image(
        3, 8,
        (struct cn_layer){
            .kind = CN_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1});
    check_image(
        3, 8,
        (struct cn_layer){
            .kind = CN_LAYER_AVG_POOL, .kernel_h = 3, .kernel_w = 2, .stride = 2, .pad = 1});
    check_image(3, 7, (struct cn_layer){.kind = CN_LAYER_GRID_POOL, .out = 3});
    check_image(5, 4, (struct cn_layer){.kind = CN_LAYER_GLOBAL_POOL});
}

static void every_activation(void **state)
{
    (void)state;
    check_image(3, 5, (struct cn_layer){.kind = CN_LAYER_RELU});
    check_image(3, 5, (struct cn_layer){.kind = CN_LAYER_LEAKY_RELU, .alpha = 0.2f});
    check_image(3, 5, (struct cn_layer){.kind = CN_LAYER_TANH});
    check_image(3, 5, (struct cn_layer){.kind = CN_LAYER_SIGMOID});
    check_image(3, 5, (struct cn_layer){.kind = CN_LAYER_DROPOUT, .rate = 0.4f});
}

static void activations_in_a_row_do_not_overwrite_what_the_other_needs(void **state)
{
    (void)state;
    struct cn_arch a = {6,
                        1,
                        1,
                        6,
                        {DENSE(9),
                         {.kind = CN_LAYER_TANH},
                         {.kind = CN_LAYER_DROPOUT, .rate = 0.3f},
                         {.kind = CN_LAYER_SIGMOID},
                         {.kind = CN_LAYER_RESHAPE, .out = 1, .kernel_h = 3, .kernel_w = 3},
                         {.kind = CN_LAYER_TANH}}};

    check(&a, 4, true);
}

static void batch_norm_in_training_and_with_running_statistics(void **state)
{
    (void)state;
    struct cn_layer norm = {
        .kind = CN_LAYER_BATCH_NORM, .name = "norm", .momentum = .8f, .eps = 1e-3f};
    struct cn_arch flat = {6, 1, 1, 2, {DENSE(5), norm}};

    check_image(4, 5, norm);
    check(&flat, 8, true);
    check(&flat, 8, false);
    norm.frozen = true;
    check_image(4, 5, norm);
}

static void reshape_and_upsample(void **state)
{
    (void)state;
    struct cn_arch a = {6,
                        1,
                        1,
                        4,
                        {DENSE(27),
                         {.kind = CN_LAYER_RESHAPE, .out = 3, .kernel_h = 3, .kernel_w = 3},
                         {.kind = CN_LAYER_UPSAMPLE, .stride = 2},
                         CONV(2, 3, .pad = 1)}};

    check(&a, 3, true);
    check_image(3, 4, (struct cn_layer){.kind = CN_LAYER_UPSAMPLE, .stride = 3});
}

static void label_layers(void **state)
{
    (void)state;
    check_image(3, 4, (struct cn_layer){.kind = CN_LAYER_LABEL_SCALE, .name = "label"});
    check_image(3, 4, (struct cn_layer){.kind = CN_LAYER_LABEL_ADD, .name = "label"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_with_one_sample_and_with_many),
        cmocka_unit_test(convolution_of_few_taps),
        cmocka_unit_test(convolution_with_stride_padding_and_groups),
        cmocka_unit_test(two_convolutions_and_a_dense_layer),
        cmocka_unit_test(every_pooling),
        cmocka_unit_test(every_activation),
        cmocka_unit_test(activations_in_a_row_do_not_overwrite_what_the_other_needs),
        cmocka_unit_test(batch_norm_in_training_and_with_running_statistics),
        cmocka_unit_test(reshape_and_upsample),
        cmocka_unit_test(label_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
