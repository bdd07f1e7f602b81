/* Networks for another list of labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/nn/nets.h"

static void check_widen(const struct cn_arch *arch, const char *by_label)
{
    struct cn_net *net = make(arch, 3, 5);
    struct cn_tensor *copy = snapshot(net), *t;
    uint32_t from[] = {7, 3, 9}, to[] = {9, 1, 7, 2}, n, n_moved = 0;
    struct cn_rng rng;
    struct cn_error err;

    cn_rng_init(&rng, 1);
    assert_int_equal(cn_net_widen(net, from, 3, to, 4, .1f, &rng, &err), CN_OK);
    assert_int_equal(cn_net_n_labels(net), 4);
    t = cn_net_tensors(net, &n);
    for (uint32_t i = 0; i < n; i++) {
        size_t row = cn_tensor_row_size(&copy[i]);
        if (!t[i].by_label) {
            assert_memory_equal(t[i].data, copy[i].data, cn_tensor_size(&t[i]) * sizeof(float));
            continue;
        }
        n_moved++;
        assert_memory_equal(t[i].name, by_label, strlen(by_label));
        assert_int_equal(t[i].dims[0], 4);
        assert_memory_equal(t[i].data, copy[i].data + 2 * row, row * sizeof(float));
        assert_memory_equal(t[i].data + 2 * row, copy[i].data, row * sizeof(float));
        for (size_t j = 0; j < row; j++) {
            assert_true((t[i].n_dims < 2) == (t[i].data[row + j] == 0));
            assert_true(fabsf(t[i].data[3 * row + j]) < .6f);
        }
    }
    assert_true(n_moved > 0);
    drop(net, copy);
    cn_net_destroy(&net);
}

static void widening_keeps_every_other_number_bit_for_bit(void **state)
{
    (void)state;
    struct cn_arch a = classifier(8, 4), b = {4,
                                              1,
                                              1,
                                              3,
                                              {{.kind = CN_LAYER_LABEL_SCALE, .name = "label"},
                                               {.kind = CN_LAYER_DENSE, .name = "d", .out = 5},
                                               {.kind = CN_LAYER_TANH}}};

    check_widen(&a, "head.");
    check_widen(&b, "label.");
}

static void a_widened_network_predicts_and_trains(void **state)
{
    (void)state;
    struct cn_arch arch = deep();
    struct cn_net *net = make(&arch, 2, 5);
    float *x = numbers(3 * 64, 1), before[6], z[15], loss;
    uint32_t from[] = {4, 6}, to[] = {8, 6, 5, 4, 7}, hard[3] = {0, 2, 4};
    struct cn_rng rng;
    struct cn_error err;

    cn_rng_init(&rng, 1);
    memcpy(before, cn_net_forward(net, x, NULL, 3, false), sizeof before);
    assert_int_equal(cn_net_widen(net, from, 2, to, 5, .1f, &rng, &err), CN_OK);
    memcpy(z, cn_net_forward(net, x, NULL, 3, false), sizeof z);
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(z[i * 5 + 3] - before[i * 2]) < 1e-5f);
        assert_true(fabsf(z[i * 5 + 1] - before[i * 2 + 1]) < 1e-5f);
    }
    struct cn_opt *opt = cn_opt_new(&adam, net);
    assert_int_equal(cn_net_train_on_batch(net, opt, x, 3,
                                           &(struct cn_softmax_target){.hard = hard}, &loss, &err),
                     CN_OK);
    free(x);
    cn_opt_destroy(&opt);
    cn_net_destroy(&net);
}

static void a_widen_that_cannot_be_leaves_the_network(void **state)
{
    (void)state;
    struct cn_arch arch = classifier(8, 4);
    struct cn_net *net = make(&arch, 3, 5);
    struct cn_tensor *copy = snapshot(net);
    uint32_t ids[] = {1, 2, 3, 4};
    struct cn_rng rng;
    struct cn_error err;

    cn_rng_init(&rng, 1);
    assert_int_equal(cn_net_widen(net, ids, 4, ids, 4, .1f, &rng, &err), CN_E_SHAPE);
    assert_int_equal(cn_net_widen(net, ids, 3, ids, 0, .1f, &rng, &err), CN_E_SHAPE);
    assert_int_equal(cn_net_n_labels(net), 3);
    assert_true(is_same(net, copy));
    drop(net, copy);
    cn_net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widening_keeps_every_other_number_bit_for_bit),
        cmocka_unit_test(a_widened_network_predicts_and_trains),
        cmocka_unit_test(a_widen_that_cannot_be_leaves_the_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
