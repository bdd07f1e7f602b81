/* Networks: starting, training, predicting, and what never changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/node.h"
#include "tests/unit/nn/nets.h"

static void equal_seeds_give_equal_networks(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *a = make(&arch, 3, 5), *b = make(&arch, 3, 5), *c = make(&arch, 3, 6);
    struct cn_tensor *copy = snapshot(a);

    assert_true(is_same(b, copy));
    assert_false(is_same(c, copy));
    drop(a, copy);
    cn_net_destroy(&a);
    cn_net_destroy(&b);
    cn_net_destroy(&c);
    assert_null(a);
}

static void tensors_start_as_keras_starts_them(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *net = make(&arch, 3, 5);
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(net, &n);
    const char *names[] = {"a.weight", "a.bias",   "n.weight", "n.bias",      "n.mean",
                           "n.var",    "b.weight", "b.bias",   "head.weight", "head.bias"};

    assert_int_equal(n, CN_COUNT(names));
    for (uint32_t i = 0; i < n; i++)
        assert_string_equal(t[i].name, names[i]);
    float limit = sqrtf(6.0f / (9 + 36)), top = 0;
    for (int i = 0; i < 36; i++)
        top = fmaxf(top, fabsf(t[0].data[i]));
    assert_true(top <= limit && top > .8f * limit);
    assert_true(t[1].data[0] == 0 && t[2].data[0] == 1 && t[3].data[0] == 0);
    assert_true(t[4].data[0] == 0 && t[5].data[0] == 1);
    assert_true(t[4].frozen && t[5].frozen && !t[2].frozen);
    assert_true(t[8].by_label && t[9].by_label && !t[0].by_label);
    cn_net_destroy(&net);
}

static bool has_grads(const struct cn_net *net)
{
    for (uint32_t i = 0; i < net->n_tensors; i++)
        if (net->grad[i].data)
            return true;
    return false;
}

static void gradients_take_memory_when_they_are_first_needed(void **state)
{
    (void)state;
    static const uint32_t from[] = {1, 2, 3}, to[] = {3, 4};
    struct cn_arch arch = classifier(8, 4);
    struct cn_net *net = make(&arch, 3, 5);
    float *x = numbers(64, 1), p[3], dy[3] = {1, -1, 0};
    struct cn_rng rng;
    struct cn_error err;

    cn_net_predict(net, x, 1, p);
    assert_false(has_grads(net));
    (void)cn_net_forward(net, x, NULL, 1, true);
    (void)cn_net_backward(net, dy, false);
    assert_true(has_grads(net));
    cn_rng_init(&rng, 1);
    assert_int_equal(cn_net_widen(net, from, 3, to, 2, 0, &rng, &err), CN_OK);
    assert_false(has_grads(net));
    (void)cn_net_forward(net, x, NULL, 1, true);
    (void)cn_net_backward(net, dy, false);
    assert_int_equal(net->grad[3].dims[0], 2);
    assert_true(net->grad[3].data[0] == 1 && net->grad[3].data[1] == -1);
    free(x);
    cn_net_destroy(&net);
}

static void training_learns_the_batch(void **state)
{
    (void)state;
    struct cn_arch arch[] = {classifier(8, 4), deep()};
    uint32_t hard[6] = {0, 1, 2, 2, 1, 0};
    struct cn_softmax_target target = {.hard = hard};
    struct cn_error err;

    for (int k = 0; k < 2; k++) {
        struct cn_net *net = make(&arch[k], 3, 5);
        struct cn_opt *opt = cn_opt_new(&adam, net);
        float *x = numbers(6 * 64, 1), loss = 0, p[6 * 3];

        for (int step = 0; step < 100; step++)
            assert_int_equal(cn_net_train_on_batch(net, opt, x, 6, &target, &loss, &err), CN_OK);
        assert_true(loss < .1f);
        cn_net_predict(net, x, 6, p);
        for (int i = 0; i < 6; i++)
            assert_true(p[i * 3 + hard[i]] > .5f);
        free(x);
        cn_opt_destroy(&opt);
        cn_net_destroy(&net);
    }
}

static void sgd_steps_against_the_gradient_with_momentum(void **state)
{
    (void)state;
    struct cn_arch arch = {1, 1, 1, 1, {{.kind = CN_LAYER_DENSE, .name = "d", .out = 1}}};
    struct cn_net *net = make(&arch, 0, 5);
    struct cn_opt *opt =
        cn_opt_new(&(struct cn_opt_conf){.kind = CN_OPT_SGD, .rate = .5f, .momentum = .5f}, net);
    float x = 3, one = 1, w[3], b[3];
    struct cn_error err;
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(net, &n);

    for (int i = 0; i < 3; i++) {
        w[i] = t[0].data[0];
        b[i] = t[1].data[0];
        cn_net_forward(net, &x, NULL, 1, true);
        cn_net_backward(net, &one, false);
        assert_int_equal(cn_opt_step(opt, net, &err), CN_OK);
    }
    assert_true(fabsf(w[1] - (w[0] - 1.5f)) < 1e-6f);
    assert_true(fabsf(w[2] - (w[1] - .5f * (1.5f + 3))) < 1e-5f);
    assert_true(fabsf(b[2] - (b[1] - .5f * 1.5f)) < 1e-6f);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

/* With one sample train_on_batch does not write the dense gradient out. */
static void one_sample_trains_as_its_parts_do_one_by_one(void **state)
{
    (void)state;
    const struct cn_opt_conf confs[] = {
        adam,
        {.kind = CN_OPT_SGD, .rate = .1f},
        {.kind = CN_OPT_SGD, .rate = .1f, .momentum = .9f},
    };
    struct cn_arch arch = classifier(8, 4);
    uint32_t hard[1] = {2}, n;
    struct cn_softmax_target target = {.hard = hard};
    float *x = numbers(64, 1), loss, d[3];
    struct cn_error err;

    for (size_t k = 0; k < CN_COUNT(confs); k++) {
        struct cn_net *a = make(&arch, 3, 5), *b = make(&arch, 3, 5);
        struct cn_opt *opt_a = cn_opt_new(&confs[k], a), *opt_b = cn_opt_new(&confs[k], b);
        for (int step = 0; step < 3; step++) {
            assert_int_equal(cn_net_train_on_batch(a, opt_a, x, 1, &target, &loss, &err), CN_OK);
            const float *z = cn_net_forward(b, x, NULL, 1, true);
            assert_true(fabsf(loss - cn_loss_softmax(z, 1, 3, &target, d)) < 1e-5f);
            cn_net_backward(b, d, false);
            assert_int_equal(cn_opt_step(opt_b, b, &err), CN_OK);
        }
        const struct cn_tensor *t = cn_net_tensors(a, &n), *u = cn_net_tensors(b, &n);
        for (uint32_t i = 0; i < n; i++)
            for (size_t j = 0; j < cn_tensor_size(&t[i]); j++)
                assert_true(fabsf(t[i].data[j] - u[i].data[j]) < 1e-6f);
        cn_opt_destroy(&opt_a);
        cn_opt_destroy(&opt_b);
        cn_net_destroy(&a);
        cn_net_destroy(&b);
    }
    free(x);
}

static void a_step_after_one_sample_does_not_look_at_it_again(void **state)
{
    (void)state;
    struct cn_arch arch = {64, 1, 1, 1, {{.kind = CN_LAYER_DENSE, .name = "d", .out = 2}}};
    struct cn_net *net = make(&arch, 0, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    uint32_t hard[1] = {1}, n;
    float *x = numbers(64, 1), loss;
    struct cn_error err;

    assert_int_equal(cn_net_train_on_batch(net, opt, x, 1,
                                           &(struct cn_softmax_target){.hard = hard}, &loss, &err),
                     CN_OK);
    x[0] = NAN;
    assert_int_equal(cn_opt_step(opt, net, &err), CN_OK);
    assert_true(cn_tensor_is_finite(cn_net_tensors(net, &n)));
    free(x);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

static void one_sample_whose_gradient_overflows_changes_nothing(void **state)
{
    (void)state;
    struct cn_arch arch = {2, 1, 1, 1, {{.kind = CN_LAYER_DENSE, .name = "d", .out = 2}}};
    struct cn_net *net = make(&arch, 0, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    struct cn_tensor *copy = snapshot(net);
    float x[2] = {3e30f, 1}, loss;
    struct cn_error err;

    for (uint32_t hard = 0; hard < 2; hard++) { /* one of them is wrong, so that dy is 1 */
        struct cn_softmax_target target = {.hard = &hard};
        enum cn_err e = cn_net_train_on_batch(net, opt, x, 1, &target, &loss, &err);
        if (e == CN_OK)
            continue;
        assert_int_equal(e, CN_E_NUMERIC);
        assert_non_null(strstr(err.text, "d.weight"));
        assert_true(is_same(net, copy));
        x[0] = 0;
    }
    assert_true(x[0] == 0);
    drop(net, copy);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

static void frozen_layers_stay_bit_for_bit(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    uint32_t hard[4] = {0, 1, 2, 0}, n;
    float *x = numbers(4 * 64, 1), loss;
    struct cn_error err;

    for (int i = 0; i < 4; i++)
        arch.layers[i].frozen = true;
    struct cn_net *net = make(&arch, 3, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    struct cn_tensor *copy = snapshot(net), *t = cn_net_tensors(net, &n);
    for (int step = 0; step < 3; step++)
        assert_int_equal(cn_net_train_on_batch(net, opt, x, 4,
                                               &(struct cn_softmax_target){.hard = hard}, &loss,
                                               &err),
                         CN_OK);
    for (uint32_t i = 0; i < n; i++) {
        bool same = memcmp(t[i].data, copy[i].data, cn_tensor_size(&t[i]) * sizeof(float)) == 0;
        assert_true(same == t[i].frozen);
        assert_true(t[i].frozen == (strncmp(t[i].name, "head", 4) != 0));
    }
    drop(net, copy);
    free(x);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

/* ---- what is not finite ---- */

static void poison(int what, float *x, float *soft, struct cn_tensor *t)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};

    switch (what % 3) {
    case 0: x[70] = bad[what / 3]; break;
    case 1: soft[4] = bad[what / 3]; break;
    case 2: t[8].data[5] = bad[what / 3]; break;
    }
}

static void a_number_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    float soft[4 * 3], loss = 42;
    struct cn_softmax_target target = {.soft = soft, .temperature = 1};
    struct cn_error err;
    uint32_t n;

    for (int what = 0; what < 9; what++) {
        struct cn_net *net = make(&arch, 3, 5);
        struct cn_opt *opt = cn_opt_new(&adam, net);
        float *x = numbers(4 * 64, 1);

        for (int i = 0; i < 12; i++)
            soft[i] = 1.0f / 3;
        poison(what, x, soft, cn_net_tensors(net, &n));
        struct cn_tensor *copy = snapshot(net);
        assert_int_equal(cn_net_train_on_batch(net, opt, x, 4, &target, &loss, &err), CN_E_NUMERIC);
        assert_true(is_same(net, copy));
        assert_true(loss == 42);
        drop(net, copy);
        free(x);
        cn_opt_destroy(&opt);
        cn_net_destroy(&net);
    }
}

static void an_infinite_input_is_seen_even_behind_a_layer_that_bounds_it(void **state)
{
    (void)state;
    struct cn_arch arch = {
        2, 1, 1, 2, {{.kind = CN_LAYER_TANH}, {.kind = CN_LAYER_DENSE, .name = "d", .out = 2}}};
    struct cn_net *net = make(&arch, 0, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    struct cn_tensor *copy = snapshot(net);
    uint32_t hard[1] = {1};
    float x[2] = {INFINITY, 1}, loss;
    struct cn_error err;

    assert_int_equal(cn_net_train_on_batch(net, opt, x, 1,
                                           &(struct cn_softmax_target){.hard = hard}, &loss, &err),
                     CN_E_NUMERIC);
    assert_true(is_same(net, copy));
    drop(net, copy);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

static void a_bad_gradient_is_named_and_changes_nothing(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *net = make(&arch, 3, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    struct cn_tensor *copy = snapshot(net);
    struct cn_error err;
    uint32_t n;
    float *x = numbers(2 * 64, 1), d[6] = {1, 1, 1, 1, 1, 1};

    cn_net_forward(net, x, NULL, 2, true);
    cn_net_backward(net, d, false);
    cn_net_grads(net, &n)[6].data[17] = NAN;
    assert_int_equal(cn_opt_step(opt, net, &err), CN_E_NUMERIC);
    assert_non_null(strstr(err.text, "b.weight"));
    assert_true(is_same(net, copy));
    drop(net, copy);
    free(x);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

/* ---- running statistics ---- */

static void running_statistics_move_with_the_step(void **state)
{
    (void)state;
    struct cn_arch arch = {
        2, 1, 1, 1, {{.kind = CN_LAYER_BATCH_NORM, .name = "n", .momentum = .75f, .eps = 1e-3f}}};
    struct cn_net *net = make(&arch, 0, 5);
    struct cn_opt *opt = cn_opt_new(&adam, net);
    float x[6] = {1, 10, 3, 20, 5, 30}, d[6] = {0};
    struct cn_error err;
    uint32_t n;
    struct cn_tensor *t = cn_net_tensors(net, &n);

    const float *y = cn_net_forward(net, x, NULL, 3, true);
    assert_true(fabsf(y[0] + 2 / sqrtf(8.0f / 3 + 1e-3f)) < 1e-6f);
    assert_true(t[2].data[0] == 0);
    cn_net_backward(net, d, false);
    assert_int_equal(cn_opt_step(opt, net, &err), CN_OK);
    assert_true(fabsf(t[2].data[1] - .25f * 20) < 1e-5f);
    assert_true(fabsf(t[3].data[0] - (.75f + .25f * 8 / 3)) < 1e-6f);
    float mean = t[2].data[1];
    assert_int_equal(cn_opt_step(opt, net, &err), CN_OK);
    assert_true(t[2].data[1] == mean); /* one batch counts once */
    y = cn_net_forward(net, x, NULL, 1, false);
    assert_true(fabsf(y[0] - (1 - t[2].data[0]) / sqrtf(t[3].data[0] + 1e-3f)) < 1e-6f);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

static void dropout_keeps_the_mean_and_is_off_outside_training(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct cn_arch arch = {N, 1, 1, 1, {{.kind = CN_LAYER_DROPOUT, .rate = .4f}}};
    struct cn_net *net = make(&arch, 0, 5);
    float *x = cn_alloc(N * sizeof *x), sum = 0;
    uint32_t n_zero = 0;

    for (int i = 0; i < N; i++)
        x[i] = 1;
    const float *y = cn_net_forward(net, x, NULL, 1, true);
    for (int i = 0; i < N; i++) {
        n_zero += y[i] == 0;
        sum += y[i];
    }
    assert_in_range(n_zero, .38 * N, .42 * N);
    assert_true(fabsf(sum / N - 1) < .03f);
    float *mask = cn_alloc(N * sizeof *mask);
    memcpy(mask, y, N * sizeof *mask);
    assert_memory_not_equal(cn_net_forward(net, x, NULL, 1, true), mask, N * sizeof *mask);
    assert_memory_equal(cn_net_forward(net, x, NULL, 1, false), x, N * sizeof *x);
    free(mask);
    free(x);
    cn_net_destroy(&net);
}

/* ---- batches ---- */

static void a_sample_is_predicted_alike_in_any_batch(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *net = make(&arch, 3, 5);
    enum { N = 150 };
    float *x = numbers(N * 64, 1), *p = cn_alloc(N * 3 * sizeof *p), alone[3];

    for (int i = 0; i < N; i += 37) {
        cn_net_predict(net, x + (size_t)i * 64, 1, alone);
        cn_net_predict(net, x, N, p);
        for (int c = 0; c < 3; c++)
            assert_true(fabsf(alone[c] - p[i * 3 + c]) < 1e-5f);
    }
    free(p);
    free(x);
    cn_net_destroy(&net);
}

static void numbers_written_from_outside_count_after_a_touch(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *net = make(&arch, 3, 5), *other = make(&arch, 3, 6);
    float *x = numbers(64, 1), d[3] = {1, 2, 3}, y[3], dx[64];
    uint32_t n;
    struct cn_tensor *to = cn_net_tensors(net, &n), *from = cn_net_tensors(other, &n);

    cn_net_forward(net, x, NULL, 1, false);
    cn_net_backward(net, d, true); /* both directions have their copies of the weights now */
    memcpy(y, cn_net_forward(other, x, NULL, 1, false), sizeof y);
    memcpy(dx, cn_net_backward(other, d, true), sizeof dx);
    for (uint32_t i = 0; i < n; i++)
        memcpy(to[i].data, from[i].data, cn_tensor_size(&to[i]) * sizeof(float));
    cn_net_touch(net);
    assert_memory_equal(cn_net_forward(net, x, NULL, 1, false), y, sizeof y);
    assert_memory_equal(cn_net_backward(net, d, true), dx, sizeof dx);
    free(x);
    cn_net_destroy(&net);
    cn_net_destroy(&other);
}

/* ---- threads ---- */

static void *train_alone(void *arg)
{
    struct cn_net *net = arg;
    struct cn_opt *opt = cn_opt_new(&adam, net);
    uint32_t hard[6] = {0, 1, 2, 2, 1, 0};
    float *x = numbers(6 * 64, 1), loss;
    struct cn_error err;

    for (int step = 0; step < 20; step++)
        if (cn_net_train_on_batch(net, opt, x, 6, &(struct cn_softmax_target){.hard = hard}, &loss,
                                  &err))
            abort();
    free(x);
    cn_opt_destroy(&opt);
    return NULL;
}

static void networks_train_side_by_side_as_they_do_alone(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *alone = make(&arch, 3, 5), *net[2] = {make(&arch, 3, 5), make(&arch, 3, 5)};
    pthread_t thread[2];

    train_alone(alone);
    struct cn_tensor *copy = snapshot(alone);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, train_alone, net[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_true(is_same(net[i], copy));
        cn_net_destroy(&net[i]);
    }
    drop(alone, copy);
    cn_net_destroy(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_give_equal_networks),
        cmocka_unit_test(tensors_start_as_keras_starts_them),
        cmocka_unit_test(gradients_take_memory_when_they_are_first_needed),
        cmocka_unit_test(training_learns_the_batch),
        cmocka_unit_test(sgd_steps_against_the_gradient_with_momentum),
        cmocka_unit_test(one_sample_trains_as_its_parts_do_one_by_one),
        cmocka_unit_test(a_step_after_one_sample_does_not_look_at_it_again),
        cmocka_unit_test(one_sample_whose_gradient_overflows_changes_nothing),
        cmocka_unit_test(frozen_layers_stay_bit_for_bit),
        cmocka_unit_test(a_number_that_is_not_finite_changes_nothing),
        cmocka_unit_test(an_infinite_input_is_seen_even_behind_a_layer_that_bounds_it),
        cmocka_unit_test(a_bad_gradient_is_named_and_changes_nothing),
        cmocka_unit_test(running_statistics_move_with_the_step),
        cmocka_unit_test(dropout_keeps_the_mean_and_is_off_outside_training),
        cmocka_unit_test(a_sample_is_predicted_alike_in_any_batch),
        cmocka_unit_test(numbers_written_from_outside_count_after_a_touch),
        cmocka_unit_test(networks_train_side_by_side_as_they_do_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
