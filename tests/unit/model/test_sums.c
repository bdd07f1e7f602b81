/* Promise 4 at the bottom: sums of integers that cannot overflow, rows keyed by label. */
#include "tests/unit/model/model_help.h"

#include <math.h>

#include "common/model/sums.h"

/* ---- helpers ---- */

struct held {
    struct cn_buf bytes;
    struct cn_pack *pack;
};

static struct held hold(struct cn_buf b)
{
    struct held h = {.bytes = b};
    OK(cn_pack_open(&h.pack, help_bytes(&h.bytes), &help_err));
    return h;
}

static void held_fini(struct held *h)
{
    cn_pack_close(&h->pack);
    cn_buf_fini(&h->bytes);
}

static const struct cn_pack_tensor *only(const struct held *h)
{
    uint32_t n;
    const struct cn_pack_tensor *t = cn_pack_tensors(h->pack, &n);

    assert_int_equal(n, 1);
    return t;
}

/* A body "b" (1, n), or rows "h" (n_rows, 2) of labels. */
static struct held body(const float *x, uint32_t n)
{
    struct cn_tensor t;

    cn_tensor_init(&t, "b", 2, (const uint32_t[]){1, n});
    memcpy(t.data, x, n * sizeof *x);
    struct held h = hold(help_pack_of(&t, CN_PACK_F32, NULL));
    cn_tensor_fini(&t);
    return h;
}

static struct held rows(const uint32_t *labels, const float *x, uint32_t n)
{
    struct cn_tensor t;

    cn_tensor_init(&t, "h", 2, (const uint32_t[]){n, 2});
    t.by_label = true;
    memcpy(t.data, x, 2 * n * sizeof *x);
    struct held h = hold(help_pack_of(&t, CN_PACK_F16, labels));
    cn_tensor_fini(&t);
    return h;
}

static enum cn_err add(struct cn_sums *s, const struct held *h, const uint32_t *weights)
{
    const struct cn_pack_tensor *t = only(h);
    enum cn_err rc = cn_sums_check(s, t, t->rows, weights, &help_err);

    if (!rc)
        cn_sums_add(s, t, t->rows, weights);
    return rc;
}

static struct cn_buf encoded(const struct cn_sums *s)
{
    struct cn_buf b = {0};
    OK(cn_sums_encode(s, &b, &help_err));
    return b;
}

static void assert_same(const struct cn_sums *a, const struct cn_sums *b)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf x = encoded(a), y = encoded(b);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.at, y.at, x.n);
}

/* ---- cases ---- */

static void a_mean_is_weighted(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new();
    CN_CLEANUP(held_fini) struct held a = body((const float[]){1, -2, 0.1f}, 3);
    CN_CLEANUP(held_fini) struct held b = body((const float[]){5, 2, 0.2f}, 3);
    float mean[3] = {9, 9, 9};

    assert_int_equal(cn_sums_mean(s, "b", mean, 3), 0);
    assert_true(mean[0] == 9);
    OK(add(s, &a, (const uint32_t[]){3 * CN_SUMS_ONE}));
    OK(add(s, &b, (const uint32_t[]){1 * CN_SUMS_ONE}));
    assert_int_equal(cn_sums_mean(s, "b", mean, 3), 4 * CN_SUMS_ONE);
    assert_true(mean[0] == 2 && mean[1] == -1);
    assert_true(fabsf(mean[2] - 0.125f) < 1e-7f);
    assert_string_equal(cn_sums_name(s, 0), "b");
    assert_null(cn_sums_name(s, 1));
}

static void a_row_belongs_to_its_label_and_to_the_devices_that_trained_it(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new();
    CN_CLEANUP(held_fini)
    struct held a = rows((const uint32_t[]){9, 4}, (const float[]){1, 1, 2, 2}, 2);
    CN_CLEANUP(held_fini)
    struct held b = rows((const uint32_t[]){2, 9}, (const float[]){7, 8, 4, 4}, 2);
    float mean[2];
    uint32_t n = 0;

    /* the pack holds rows ascending: of a 4 and 9, of b 2 and 9; label 4 is not weighed in */
    OK(add(s, &a, (const uint32_t[]){0, 2 * CN_SUMS_ONE}));
    OK(add(s, &b, (const uint32_t[]){CN_SUMS_ONE, CN_SUMS_ONE}));
    CN_CLEANUP(cn_freep) uint32_t *ids = cn_sums_rows(s, "h", &n);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[1], 9);
    assert_int_equal(cn_sums_row_mean(s, "h", 9, mean, 2), 3 * CN_SUMS_ONE);
    assert_true(mean[0] == 2 && mean[1] == 2);
    assert_int_equal(cn_sums_row_mean(s, "h", 2, mean, 2), CN_SUMS_ONE);
    assert_true(mean[0] == 7 && mean[1] == 8);
    assert_int_equal(cn_sums_row_mean(s, "h", 4, mean, 2), 0);
}

static void sums_of_sums_are_the_sums(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy)
    struct cn_sums *all = cn_sums_new(), *left = cn_sums_new(), *right = cn_sums_new();
    CN_CLEANUP(held_fini) struct held a = body((const float[]){0.3f, -0.7f}, 2);
    CN_CLEANUP(held_fini) struct held b = body((const float[]){1e-4f, 63.9f}, 2);
    CN_CLEANUP(held_fini)
    struct held c = rows((const uint32_t[]){9, 4}, (const float[]){1, 1, 2, 2}, 2);
    const uint32_t w[] = {77, 12345};

    OK(add(all, &a, w));
    OK(add(all, &b, w + 1));
    OK(add(all, &c, w));
    OK(add(right, &c, w));
    OK(add(right, &b, w + 1));
    OK(add(left, &a, w));
    OK(cn_sums_merge(left, right, &help_err));
    assert_same(left, all);
}

static void sums_survive_their_encoding(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new(), *back = NULL, *none = NULL;
    CN_CLEANUP(held_fini) struct held a = body((const float[]){-64, 64, 0}, 3);
    CN_CLEANUP(held_fini)
    struct held b = rows((const uint32_t[]){9, 4}, (const float[]){1, 1, 2, 2}, 2);
    const uint32_t w[] = {UINT32_MAX, 1};

    CN_CLEANUP(cn_buf_fini) struct cn_buf empty = encoded(s);
    OK(cn_sums_decode(&none, help_bytes(&empty), &help_err));
    assert_same(none, s);
    OK(add(s, &b, w));
    OK(add(s, &a, w));
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = encoded(s);
    OK(cn_sums_decode(&back, help_bytes(&bytes), &help_err));
    assert_same(back, s);
}

static void what_could_overflow_is_refused_before_it_is_added(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new(), *twice = cn_sums_new();
    CN_CLEANUP(held_fini) struct held most = body((const float[]){64, -64}, 2);
    CN_CLEANUP(held_fini) struct held over = body((const float[]){0, 64.00001f}, 2);
    float mean[2];

    FAILS(CN_E_NUMERIC, add(s, &over, (const uint32_t[]){1}));
    assert_int_equal(cn_sums_mean(s, "b", mean, 2), 0);
    OK(add(s, &most, (const uint32_t[]){UINT32_MAX}));
    FAILS(CN_E_LIMIT, add(s, &most, (const uint32_t[]){2}));
    OK(add(s, &most, (const uint32_t[]){1}));
    assert_true(cn_sums_mean(s, "b", mean, 2) == CN_SUMS_MAX_WEIGHT);
    assert_true(mean[0] == 64 && mean[1] == -64);
    FAILS(CN_E_LIMIT, add(s, &most, (const uint32_t[]){1}));
    OK(cn_sums_merge(twice, s, &help_err));
    FAILS(CN_E_LIMIT, cn_sums_merge(twice, s, &help_err));
    assert_same(twice, s);
}

static void numbers_that_are_not_finite_are_refused_by_name(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new();

    for (int i = 0; i < 2; i++) {
        CN_CLEANUP(held_fini) struct held h = body((const float[]){1, 2}, 2);
        const uint32_t bad = i ? 0x7fc00000 : 0xff800000; /* NaN, minus infinity */
        memcpy(h.bytes.at + h.bytes.n - 64 + 4, &bad, 4);
        FAILS(CN_E_NUMERIC, add(s, &h, (const uint32_t[]){1}));
        assert_non_null(strstr(help_err.text, "tensor b"));
    }
}

static void a_tensor_of_another_shape_is_refused(void **state)
{
    (void)state;
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = cn_sums_new(), *other = cn_sums_new();
    CN_CLEANUP(held_fini) struct held two = body((const float[]){1, 2}, 2);
    CN_CLEANUP(held_fini) struct held three = body((const float[]){1, 2, 3}, 3);

    OK(add(s, &two, (const uint32_t[]){1}));
    FAILS(CN_E_SHAPE, add(s, &three, (const uint32_t[]){1}));
    OK(add(other, &three, (const uint32_t[]){1}));
    FAILS(CN_E_SHAPE, cn_sums_merge(s, other, &help_err));
}

static void weights_are_rounded_and_never_vanish(void **state)
{
    (void)state;
    assert_int_equal(cn_sums_weight(0, 1), 0);
    assert_int_equal(cn_sums_weight(5, 1), 5 * CN_SUMS_ONE);
    assert_int_equal(cn_sums_weight(1, 1 / sqrt(2)), 45);
    assert_int_equal(cn_sums_weight(1, 1e-9), 1);
    assert_int_equal(cn_sums_weight(CN_MAX_COUNT_PER_UPDATE, 1), 64000000);
}

/* ---- hostile bytes ---- */

static enum cn_err decode_pair(int64_t acc, int64_t weight, const char *weight_name)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *s = NULL;
    struct cn_pack_tensor t = {
        .name = "b", .type = CN_PACK_I64, .n_dims = 1, .dims = {1}, .data = (const uint8_t *)&acc};

    cn_pack_put_raw(w, &t);
    strncpy(t.name, weight_name, sizeof t.name - 1);
    t.data = (const uint8_t *)&weight;
    cn_pack_put_raw(w, &t);
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_SUMS}, &b, &help_err));
    return cn_sums_decode(&s, help_bytes(&b), &help_err);
}

static void sums_that_no_additions_give_are_refused(void **state)
{
    (void)state;
    OK(decode_pair(INT64_C(1) << 30, 1, "b/w"));
    FAILS(CN_E_LIMIT, decode_pair((INT64_C(1) << 30) + 1, 1, "b/w"));
    FAILS(CN_E_LIMIT, decode_pair(INT64_MIN, 1, "b/w"));
    FAILS(CN_E_LIMIT, decode_pair(0, 0, "b/w"));
    FAILS(CN_E_LIMIT, decode_pair(0, -1, "b/w"));
    FAILS(CN_E_LIMIT, decode_pair(0, CN_SUMS_MAX_WEIGHT + 1, "b/w"));
    FAILS(CN_E_SHAPE, decode_pair(0, 1, "c/w"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mean_is_weighted),
        cmocka_unit_test(a_row_belongs_to_its_label_and_to_the_devices_that_trained_it),
        cmocka_unit_test(sums_of_sums_are_the_sums),
        cmocka_unit_test(sums_survive_their_encoding),
        cmocka_unit_test(what_could_overflow_is_refused_before_it_is_added),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused_by_name),
        cmocka_unit_test(a_tensor_of_another_shape_is_refused),
        cmocka_unit_test(weights_are_rounded_and_never_vanish),
        cmocka_unit_test(sums_that_no_additions_give_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
