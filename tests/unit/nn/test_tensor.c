/* Tensors and their rows by label id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/nn/tensor.h"

static struct cn_tensor rows(uint32_t n)
{
    struct cn_tensor t;

    cn_tensor_init(&t, "head.weight", 2, (uint32_t[]){n, 2});
    t.by_label = true;
    for (uint32_t i = 0; i < 2 * n; i++)
        t.data[i] = 0.1f * (float)(i + 1);
    return t;
}

static void a_new_tensor_is_zero_and_aligned(void **state)
{
    (void)state;
    struct cn_tensor t;

    cn_tensor_init(&t, "a.bias", 3, (uint32_t[]){2, 3, 5});
    assert_int_equal(cn_tensor_size(&t), 30);
    assert_int_equal(cn_tensor_row_size(&t), 15);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    assert_int_equal(t.dims[3], 1);
    for (int i = 0; i < 30; i++)
        assert_true(t.data[i] == 0);
    cn_tensor_fini(&t);
    assert_null(t.data);
}

static void a_copy_owns_its_numbers(void **state)
{
    (void)state;
    struct cn_tensor t = rows(3), copy;

    cn_tensor_copy(&copy, &t);
    t.data[0] = 9;
    assert_true(copy.data[0] == 0.1f);
    assert_true(copy.by_label);
    assert_string_equal(copy.name, "head.weight");
    cn_tensor_fini(&t);
    cn_tensor_fini(&copy);
}

static void rows_follow_their_ids_wherever_they_move(void **state)
{
    (void)state;
    struct cn_tensor t = rows(4), old;
    uint32_t from[] = {5, 7, 9, 11}, to[] = {11, 100, 5, 9, 101};

    cn_tensor_copy(&old, &t);
    cn_tensor_relabel(&t, from, 4, to, 5);
    assert_int_equal(t.dims[0], 5);
    assert_memory_equal(t.data + 0, old.data + 6, 8);
    assert_memory_equal(t.data + 4, old.data + 0, 8);
    assert_memory_equal(t.data + 6, old.data + 4, 8);
    const float zero[2] = {0};
    assert_memory_equal(t.data + 2, zero, 8);
    assert_memory_equal(t.data + 8, zero, 8);
    cn_tensor_fini(&t);
    cn_tensor_fini(&old);
}

static void a_tensor_that_is_not_by_label_is_left_alone(void **state)
{
    (void)state;
    struct cn_tensor t = rows(2);

    t.by_label = false;
    float *data = t.data;
    cn_tensor_relabel(&t, (uint32_t[]){1, 2}, 2, (uint32_t[]){3}, 1);
    assert_ptr_equal(t.data, data);
    assert_int_equal(t.dims[0], 2);
    cn_tensor_fini(&t);
}

static void one_number_that_is_not_finite_is_seen(void **state)
{
    (void)state;
    struct cn_tensor t = rows(3);

    assert_true(cn_tensor_is_finite(&t));
    t.data[5] = INFINITY;
    assert_false(cn_tensor_is_finite(&t));
    t.data[5] = NAN;
    assert_false(cn_tensor_is_finite(&t));
    cn_tensor_fini(&t);
}

static void a_tensor_is_found_by_its_whole_name(void **state)
{
    (void)state;
    struct cn_tensor t[] = {rows(1), rows(1)};

    memcpy(t[1].name, "head.bias", sizeof "head.bias");
    assert_ptr_equal(cn_tensor_find(t, 2, "head.bias"), &t[1]);
    assert_null(cn_tensor_find(t, 2, "head"));
    cn_tensor_fini(&t[0]);
    cn_tensor_fini(&t[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_tensor_is_zero_and_aligned),
        cmocka_unit_test(a_copy_owns_its_numbers),
        cmocka_unit_test(rows_follow_their_ids_wherever_they_move),
        cmocka_unit_test(a_tensor_that_is_not_by_label_is_left_alone),
        cmocka_unit_test(one_number_that_is_not_finite_is_seen),
        cmocka_unit_test(a_tensor_is_found_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
