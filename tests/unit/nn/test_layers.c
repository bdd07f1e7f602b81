/* What each layer computes, against sums written out: the gradients alone (test_grad.c) would agree
   with a layer that is wrong in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "tests/unit/nn/nets.h"

/* ---- an image network of one layer, run on plain images ---- */

struct image {
    uint32_t c, h, w;
};

static float pixel(const float *x, struct image s, uint32_t c, int64_t h, int64_t w)
{
    return h < 0 || w < 0 || h >= s.h || w >= s.w
               ? 0
               : x[((size_t)c * s.h + (size_t)h) * s.w + (size_t)w];
}

/* One number of the output of layer l for input x. */
typedef double (*reference)(const struct cn_layer *l, const float *x, struct image s,
                            struct cn_tensor *t, struct image at);

static void compare(struct image in, struct cn_layer l, struct image out, reference want)
{
    enum { N = 3 };
    struct cn_arch arch = {in.c, in.h, in.w, 1, {l}};
    struct cn_net *net = make(&arch, 3, 5);
    size_t n_in = cn_net_in_size(net), n_out = cn_net_out_size(net);
    float *x = numbers(N * n_in, 2);
    uint32_t n_tensors, labels[N] = {2, 0, 1};
    struct cn_tensor *t = cn_net_tensors(net, &n_tensors);

    for (uint32_t i = 0; i < n_tensors; i++)
        for (size_t j = 0; j < cn_tensor_size(&t[i]); j++)
            t[i].data[j] += .01f * (float)(j % 7);
    cn_net_touch(net);
    assert_int_equal(n_out, (size_t)out.c * out.h * out.w);
    const float *y = cn_net_forward(net, x, labels, N, false);
    for (size_t i = 0; i < N * n_out; i++) {
        size_t j = i % n_out;
        struct image at = {(uint32_t)(j / out.w / out.h), (uint32_t)(j / out.w % out.h),
                           (uint32_t)(j % out.w)};
        double right = want(&l, x + i / n_out * n_in, in, t, at);
        if (fabs(y[i] - right) > 1e-5)
            fail_msg("kind %d, output %zu: %g is not %g", (int)l.kind, i, (double)y[i], right);
    }
    free(x);
    cn_net_destroy(&net);
}

static uint32_t or_one(uint32_t x)
{
    return x ? x : 1;
}

static double conv(const struct cn_layer *l, const float *x, struct image s, struct cn_tensor *t,
                   struct image at)
{
    uint32_t groups = or_one(l->groups), in = s.c / groups, first = at.c / (l->out / groups) * in;
    const float *k = t[0].data + at.c * cn_tensor_row_size(&t[0]);
    double sum = t[1].data[at.c];

    for (uint32_t c = 0; c < in; c++)
        for (uint32_t i = 0; i < l->kernel_h; i++)
            for (uint32_t j = 0; j < l->kernel_w; j++)
                sum += (double)*k++ * pixel(x, s, first + c,
                                            (int64_t)at.h * or_one(l->stride) + i - l->pad,
                                            (int64_t)at.w * or_one(l->stride) + j - l->pad);
    return sum;
}

static void convolution(void **state)
{
    (void)state;
    struct cn_layer l = {
        .kind = CN_LAYER_CONV, .name = "c", .out = 5, .kernel_h = 2, .kernel_w = 2};

    compare((struct image){1, 6, 7}, l, (struct image){5, 5, 6}, conv);
    compare((struct image){3, 6, 7}, l, (struct image){5, 5, 6}, conv);
    l.kernel_w = 3;
    l.pad = 1;
    compare((struct image){3, 6, 7}, l, (struct image){5, 7, 7}, conv);
    l.stride = 2;
    l.groups = 2;
    l.out = 6;
    compare((struct image){4, 7, 8}, l, (struct image){6, 4, 4}, conv);
    l = (struct cn_layer){
        .kind = CN_LAYER_CONV, .name = "c", .out = 34, .kernel_h = 5, .kernel_w = 5, .pad = 2};
    compare((struct image){17, 9, 9}, l, (struct image){34, 9, 9}, conv);
}

/* Sum, count and maximum over the part of a window that is inside. */
static void window(const float *x, struct image s, uint32_t c, const int64_t box[4], double ret[3])
{
    ret[0] = ret[1] = 0;
    ret[2] = -INFINITY;
    for (int64_t i = box[0]; i < box[1]; i++)
        for (int64_t j = box[2]; j < box[3]; j++)
            if (i >= 0 && j >= 0 && i < s.h && j < s.w) {
                ret[0] += pixel(x, s, c, i, j);
                ret[1]++;
                ret[2] = fmax(ret[2], pixel(x, s, c, i, j));
            }
}

static double pool(const struct cn_layer *l, const float *x, struct image s, struct cn_tensor *t,
                   struct image at)
{
    int64_t h = (int64_t)at.h * or_one(l->stride) - l->pad,
            w = (int64_t)at.w * or_one(l->stride) - l->pad;
    double got[3];

    (void)t;
    window(x, s, at.c, (int64_t[]){h, h + l->kernel_h, w, w + l->kernel_w}, got);
    return l->kind == CN_LAYER_MAX_POOL ? got[2] : got[0] / got[1];
}

static double cell(const struct cn_layer *l, const float *x, struct image s, struct cn_tensor *t,
                   struct image at)
{
    uint32_t n = l->kind == CN_LAYER_GLOBAL_POOL ? 1 : l->out;
    double got[3];

    (void)t;
    window(x, s, at.c,
           (int64_t[]){at.h * s.h / n, ((at.h + 1) * s.h + n - 1) / n, at.w * s.w / n,
                       ((at.w + 1) * s.w + n - 1) / n},
           got);
    return got[0] / got[1];
}

static void pooling(void **state)
{
    (void)state;
    struct cn_layer l = {.kind = CN_LAYER_MAX_POOL, .kernel_h = 2, .kernel_w = 2, .stride = 2};

    compare((struct image){3, 6, 7}, l, (struct image){3, 3, 3}, pool);
    l.kind = CN_LAYER_AVG_POOL;
    compare((struct image){3, 6, 7}, l, (struct image){3, 3, 3}, pool);
    l.kernel_h = 3;
    l.pad = 1;
    compare((struct image){3, 6, 7}, l, (struct image){3, 3, 4}, pool);
    l.kind = CN_LAYER_MAX_POOL;
    compare((struct image){3, 6, 7}, l, (struct image){3, 3, 4}, pool);
    l = (struct cn_layer){.kind = CN_LAYER_GRID_POOL, .out = 4};
    compare((struct image){3, 6, 9}, l, (struct image){3, 4, 4}, cell);
    l.kind = CN_LAYER_GLOBAL_POOL;
    compare((struct image){3, 6, 9}, l, (struct image){3, 1, 1}, cell);
}

static double repeated(const struct cn_layer *l, const float *x, struct image s,
                       struct cn_tensor *t, struct image at)
{
    (void)t;
    return pixel(x, s, at.c, at.h / l->stride, at.w / l->stride);
}

static void upsampling(void **state)
{
    (void)state;
    compare((struct image){3, 2, 3}, (struct cn_layer){.kind = CN_LAYER_UPSAMPLE, .stride = 3},
            (struct image){3, 6, 9}, repeated);
}

static double dense(const struct cn_layer *l, const float *x, struct image s, struct cn_tensor *t,
                    struct image at)
{
    size_t n = (size_t)s.c * s.h * s.w;
    double sum = t[1].data[at.c];

    (void)l;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * t[0].data[at.c * n + i];
    return sum;
}

static void dense_rows(void **state)
{
    (void)state;
    compare((struct image){3, 4, 5},
            (struct cn_layer){.kind = CN_LAYER_DENSE, .name = "d", .out = 9},
            (struct image){9, 1, 1}, dense);
}

static double one_to_one(const struct cn_layer *l, const float *x, struct image s,
                         struct cn_tensor *t, struct image at)
{
    double v = pixel(x, s, at.c, at.h, at.w);

    switch ((int)l->kind) {
    case CN_LAYER_RELU: return v > 0 ? v : 0;
    case CN_LAYER_LEAKY_RELU: return v > 0 ? v : l->alpha * v;
    case CN_LAYER_TANH: return tanh(v);
    case CN_LAYER_SIGMOID: return 1 / (1 + exp(-v));
    case CN_LAYER_BATCH_NORM:
        return (v - t[2].data[at.c]) / sqrt((double)t[3].data[at.c] + l->eps) * t[0].data[at.c] +
               t[1].data[at.c];
    }
    return v; /* dropout outside training, flatten, reshape */
}

static void layers_of_one_number_each(void **state)
{
    (void)state;
    struct image s = {3, 4, 5};

    compare(s, (struct cn_layer){.kind = CN_LAYER_RELU}, s, one_to_one);
    compare(s, (struct cn_layer){.kind = CN_LAYER_LEAKY_RELU, .alpha = .2f}, s, one_to_one);
    compare(s, (struct cn_layer){.kind = CN_LAYER_TANH}, s, one_to_one);
    compare(s, (struct cn_layer){.kind = CN_LAYER_SIGMOID}, s, one_to_one);
    compare(s, (struct cn_layer){.kind = CN_LAYER_DROPOUT, .rate = .5f}, s, one_to_one);
    compare(s, (struct cn_layer){.kind = CN_LAYER_FLATTEN}, s, one_to_one);
    compare(
        s, (struct cn_layer){.kind = CN_LAYER_BATCH_NORM, .name = "n", .momentum = .9f, .eps = .1f},
        s, one_to_one);
}

static void a_layer_meets_the_row_of_its_label(void **state)
{
    (void)state;
    enum cn_layer_kind kinds[] = {CN_LAYER_LABEL_SCALE, CN_LAYER_LABEL_ADD};
    const float x[4] = {1, 2, 3, 4};
    uint32_t labels[2] = {2, 0}, n;

    for (int k = 0; k < 2; k++) {
        struct cn_arch arch = {2, 1, 1, 1, {{.kind = kinds[k], .name = "l"}}};
        struct cn_net *net = make(&arch, 3, 5);
        const float *e = cn_net_tensors(net, &n)->data;
        const float *y = cn_net_forward(net, x, labels, 2, false);
        for (int i = 0; i < 4; i++) {
            float row = e[labels[i / 2] * 2 + (uint32_t)i % 2];
            assert_true(y[i] == (k == 0 ? x[i] * row : x[i] + row));
        }
        cn_net_destroy(&net);
    }
}

/* Convolutions hand on images (h, w, c); whatever follows must not notice. */
static void the_order_of_images_inside_is_not_seen_outside(void **state)
{
    (void)state;
    struct cn_layer identity = {
        .kind = CN_LAYER_CONV, .name = "c", .out = 32, .kernel_h = 1, .kernel_w = 1};
    struct cn_arch arch = {32, 3, 4, 2, {identity, {.kind = CN_LAYER_RELU}}};
    struct cn_net *net = make(&arch, 0, 5);
    uint32_t n;
    float *k = cn_net_tensors(net, &n)->data, *x = numbers(2 * 384, 1);

    for (int i = 0; i < 32 * 32; i++)
        k[i] = i / 32 == i % 32;
    cn_net_touch(net);
    const float *y = cn_net_forward(net, x, NULL, 2, true);
    for (int i = 0; i < 2 * 384; i++)
        assert_true(y[i] == fmaxf(x[i], 0));
    free(x);
    cn_net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution),
        cmocka_unit_test(pooling),
        cmocka_unit_test(upsampling),
        cmocka_unit_test(dense_rows),
        cmocka_unit_test(layers_of_one_number_each),
        cmocka_unit_test(a_layer_meets_the_row_of_its_label),
        cmocka_unit_test(the_order_of_images_inside_is_not_seen_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
