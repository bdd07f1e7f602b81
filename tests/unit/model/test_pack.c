/* The container: what goes in comes out, one content has one form, and hostile bytes are named. */
#include "tests/unit/model/model_help.h"

#include <math.h>
#include <stdio.h>

/* ---- fixture: a pack with everything in it ---- */

static const uint32_t labels[] = {7, 2, 9};
static const struct cn_label_count counts[] = {{9, 4}, {2, 11}};
static const struct cn_setting settings[] = {{.key = "seed", .number = UINT64_MAX},
                                             {.key = "offset", .is_real = true, .real = -0.25}};

static void fill_arch(struct cn_pack_arch *a)
{
    *a = (struct cn_pack_arch){.name = "head", .arch = {.channels = 4, .height = 1, .width = 1}};
    a->arch.n_layers = 2;
    a->arch.layers[0] = (struct cn_layer){
        .kind = CN_LAYER_DENSE, .name = "head", .by_label = true, .out = 0, .frozen = true};
    a->arch.layers[1] = (struct cn_layer){.kind = CN_LAYER_LEAKY_RELU, .alpha = 0.2f};
}

/* The rows of an update's tensor, given in the order of `order`. */
static void put_rows(struct cn_pack_writer *w, const uint32_t order[2])
{
    static const float row_of[2][2] = {{1, 2}, {3, 4}}; /* of labels 2 and 9 */
    struct cn_tensor t;

    cn_tensor_init(&t, "rows", 2, (const uint32_t[]){2, 2});
    t.by_label = true;
    for (int i = 0; i < 2; i++)
        memcpy(t.data + 2 * i, row_of[order[i] == 9], sizeof row_of[0]);
    cn_pack_put(w, &t, CN_PACK_F16, order);
    cn_tensor_fini(&t);
}

static struct cn_buf make(bool reversed)
{
    static const struct cn_label_count counts_back[] = {{2, 11}, {9, 4}};
    const struct cn_setting settings_back[] = {settings[1], settings[0]};
    static const uint32_t order[][2] = {{2, 9}, {9, 2}};
    static const int64_t ints[] = {INT64_MIN, -1, INT64_MAX};
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    struct cn_pack_arch arch;
    struct cn_tensor t;
    struct cn_buf out = {0};

    fill_arch(&arch);
    cn_tensor_init(&t, "head.weight", 2, (const uint32_t[]){3, 4});
    t.by_label = t.frozen = true;
    for (int i = 0; i < 12; i++)
        t.data[i] = (float)i / 3;
    cn_pack_put(w, &t, CN_PACK_F32, NULL);
    cn_tensor_fini(&t);
    put_rows(w, order[reversed]);
    cn_pack_put_raw(w, &(struct cn_pack_tensor){.name = "ints",
                                                .type = CN_PACK_I64,
                                                .n_dims = 1,
                                                .dims = {3},
                                                .data = (const uint8_t *)ints});
    struct cn_pack_head head = {.kind = CN_PACK_UPDATE,
                                .fleet = {{1, 2, 3}},
                                .base_release = 12,
                                .base_digest = {{9, 8, 7}},
                                .labels = labels,
                                .n_labels = 3,
                                .counts = reversed ? counts_back : counts,
                                .n_counts = 2,
                                .settings = reversed ? settings_back : settings,
                                .n_settings = 2,
                                .archs = &arch,
                                .n_archs = 1};
    OK(cn_pack_finish(w, &head, &out, &help_err));
    return out;
}

static enum cn_err open_and_close(struct cn_bytes in)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    return cn_pack_open(&p, in, &help_err);
}

/* ---- cases ---- */

static void a_pack_gives_back_its_head(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = make(false);
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    struct cn_pack_arch arch;
    uint64_t seed = 0;
    double offset = 0;

    OK(cn_pack_open(&p, help_bytes(&b), &help_err));
    const struct cn_pack_head *h = cn_pack_head(p);
    assert_int_equal(h->kind, CN_PACK_UPDATE);
    assert_int_equal(h->fleet.b[1], 2);
    assert_int_equal(h->base_release, 12);
    assert_int_equal(h->base_digest.b[0], 9);
    assert_int_equal(h->n_labels, 3);
    assert_memory_equal(h->labels, labels, sizeof labels);
    assert_int_equal(h->n_counts, 2);
    assert_int_equal(h->counts[0].label, 2);
    assert_int_equal(h->counts[0].n, 11);
    OK(cn_pack_number(p, "seed", &seed, &help_err));
    assert_true(seed == UINT64_MAX);
    OK(cn_pack_real(p, "offset", &offset, &help_err));
    assert_true(offset == -0.25);
    FAILS(CN_E_NOTFOUND, cn_pack_number(p, "rank", &seed, &help_err));
    FAILS(CN_E_NOTFOUND, cn_pack_number(p, "offset", &seed, &help_err));
    fill_arch(&arch);
    const struct cn_arch *a = cn_pack_arch(p, "head");
    assert_non_null(a);
    assert_int_equal(a->n_layers, 2);
    assert_int_equal(a->layers[0].kind, CN_LAYER_DENSE);
    assert_string_equal(a->layers[0].name, "head");
    assert_true(a->layers[0].by_label && a->layers[0].frozen);
    assert_true(a->layers[1].alpha == 0.2f);
    assert_null(cn_pack_arch(p, "gen"));
}

static void a_pack_gives_back_its_numbers(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = make(true);
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    static const float rows[] = {1, 2, 3, 4};
    float x[4];
    struct cn_tensor t;

    OK(cn_pack_open(&p, help_bytes(&b), &help_err));
    OK(cn_pack_tensor(cn_pack_find(p, "head.weight"), &t, &help_err));
    assert_true(t.by_label && t.frozen && t.dims[0] == 3 && t.dims[1] == 4);
    for (int i = 0; i < 12; i++)
        assert_true(t.data[i] == (float)i / 3);
    cn_tensor_fini(&t);
    assert_memory_equal(cn_pack_rows(p, cn_pack_find(p, "head.weight")), labels, sizeof labels);

    const struct cn_pack_tensor *r = cn_pack_find(p, "rows");
    cn_pack_floats(r, 0, 4, x);
    assert_memory_equal(x, rows, sizeof rows);
    assert_int_equal(cn_pack_rows(p, r)[0], 2);
    assert_int_equal(cn_pack_rows(p, r)[1], 9);

    const struct cn_pack_tensor *ints = cn_pack_find(p, "ints");
    assert_true(cn_pack_int(ints, 0) == INT64_MIN && cn_pack_int(ints, 2) == INT64_MAX);
    assert_null(cn_pack_find(p, "head"));
}

static void equal_content_gives_equal_bytes_in_whatever_order_it_was_given(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf a = make(false), b = make(true);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.at, b.at, a.n);
}

static void the_first_version_of_the_format_still_opens(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf now = make(false);
    uint8_t golden[4096];
    FILE *f = fopen("tests/data/model/pack_v1.bin", "rb");

    assert_non_null(f);
    size_t n = fread(golden, 1, sizeof golden, f);
    fclose(f);
    OK(open_and_close((struct cn_bytes){golden, n}));
    assert_int_equal(n, now.n);
    assert_memory_equal(golden, now.at, n);
}

static void every_truncation_and_every_extension_is_refused(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = make(false);

    for (size_t n = 0; n < b.n; n++) {
        CN_CLEANUP(cn_freep) uint8_t *cut = cn_alloc(n); /* exact, for the sanitizer */
        memcpy(cut, b.at, n);
        FAILS(CN_E_PARSE, open_and_close((struct cn_bytes){cut, n}));
    }
    cn_buf_extend(&b, 64);
    FAILS(CN_E_PARSE, open_and_close(help_bytes(&b)));
}

static void padding_that_is_not_zero_is_refused(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = make(false);

    b.at[b.n - 1] = 1;
    FAILS(CN_E_PARSE, open_and_close(help_bytes(&b)));
    b.at[b.n - 1] = 0;
    size_t end = 16 + cn_get32(b.at + 8);
    assert_true(end % 64);
    b.at[end] = 1;
    FAILS(CN_E_PARSE, open_and_close(help_bytes(&b)));
}

static void a_later_version_is_told_apart_from_damage(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = make(false);
    struct cn_modelwire_pack wire = {.kind = CN_PACK_MODEL};
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};

    b.at[4] = 2;
    FAILS(CN_E_VERSION, open_and_close(help_bytes(&b)));
    cn_modelwire_pack_encode(&wire, &header);
    cn_buf_append(&header, "\x78\x01", 2); /* field 15, varint 1 */
    CN_CLEANUP(cn_buf_fini) struct cn_buf later = help_pack_raw(&header, 0);
    FAILS(CN_E_VERSION, open_and_close(help_bytes(&later)));
}

static void a_header_that_could_be_written_shorter_is_refused(void **state)
{
    (void)state;
    static const char *const variants[] = {
        "\x08\x01\x08\x01",         /* kind twice */
        "\x08\x81\x00",             /* kind in a long varint */
        "\x08\x01\x18\x00",         /* an explicit default */
        "\x18\x01\x08\x01",         /* fields out of order */
        "\x08\x01\x12\x02\x00\x00", /* a fleet of two bytes */
    };
    static const size_t sizes[] = {4, 3, 4, 4, 6};

    for (size_t i = 0; i < CN_COUNT(variants); i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
        cn_buf_append(&header, variants[i], sizes[i]);
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = help_pack_raw(&header, 0);
        FAILS(CN_E_PARSE, open_and_close(help_bytes(&b)));
    }
}

/* ---- headers that are well-formed and wrong ---- */

static enum cn_err open_header(const struct cn_modelwire_pack *wire)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
    cn_modelwire_pack_encode(wire, &header);
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = help_pack_raw(&header, 64);
    return open_and_close(help_bytes(&b));
}

static enum cn_err open_tensor(struct cn_modelwire_tensor t)
{
    uint32_t ids[] = {1, 2};
    struct cn_modelwire_pack wire = {
        .kind = CN_PACK_MODEL, .labels = ids, .n_labels = 2, .tensors = &t, .n_tensors = 1};
    return open_header(&wire);
}

static void a_tensor_that_cannot_be_is_refused(void **state)
{
    (void)state;
    uint32_t up[] = {1, 2}, down[] = {2, 1}, twice[] = {1, 1}, local[] = {1, CN_LABEL_LOCAL};
    struct cn_modelwire_tensor t = {.name = "t", .type = 1, .n_dims = 2, .dims = {2, 2, 1, 1}};

    OK(open_tensor(t));
    t.dims[0] = t.dims[1] = UINT32_MAX;
    FAILS(CN_E_LIMIT, open_tensor(t));
    t.dims[0] = 1 << 16, t.dims[1] = 1 << 16;
    FAILS(CN_E_LIMIT, open_tensor(t));
    t.dims[0] = 0;
    FAILS(CN_E_SHAPE, open_tensor(t));
    t.dims[0] = t.dims[1] = 2, t.type = 5;
    FAILS(CN_E_VERSION, open_tensor(t));
    t.type = 1, t.n_dims = 0;
    FAILS(CN_E_SHAPE, open_tensor(t));
    t.n_dims = 2, t.by_label = true, t.dims[0] = 3;
    FAILS(CN_E_SHAPE, open_tensor(t));
    t.dims[0] = 2, t.n_rows = 2, t.rows = up;
    OK(open_tensor(t));
    t.rows = down;
    FAILS(CN_E_PARSE, open_tensor(t));
    t.rows = twice;
    FAILS(CN_E_EXISTS, open_tensor(t));
    t.rows = local;
    FAILS(CN_E_PARSE, open_tensor(t));
    t.rows = up, t.by_label = false;
    FAILS(CN_E_SHAPE, open_tensor(t));
    t = (struct cn_modelwire_tensor){.name = "a b", .type = 1, .n_dims = 1, .dims = {1, 1, 1, 1}};
    FAILS(CN_E_PARSE, open_tensor(t));
    t.name[0] = 0;
    FAILS(CN_E_PARSE, open_tensor(t));
}

static void what_may_be_there_once_is_refused_twice(void **state)
{
    (void)state;
    uint32_t ids[] = {5, 1, 5};
    struct cn_label_count n[] = {{1, 2}, {1, 3}};
    struct cn_setting s[] = {{.key = "a"}, {.key = "a"}};
    struct cn_modelwire_arch a[] = {{.name = "gen"}, {.name = "gen"}};
    struct cn_modelwire_tensor t[] = {{.name = "t", .type = 2, .n_dims = 1, .dims = {1}},
                                      {.name = "t", .type = 2, .n_dims = 1, .dims = {2}}};

    FAILS(CN_E_EXISTS, open_header(&(struct cn_modelwire_pack){
                           .kind = CN_PACK_MODEL, .labels = ids, .n_labels = 3}));
    FAILS(CN_E_EXISTS, open_header(&(struct cn_modelwire_pack){
                           .kind = CN_PACK_MODEL, .counts = n, .n_counts = 2}));
    FAILS(CN_E_EXISTS, open_header(&(struct cn_modelwire_pack){
                           .kind = CN_PACK_MODEL, .settings = s, .n_settings = 2}));
    FAILS(CN_E_EXISTS, open_header(&(struct cn_modelwire_pack){
                           .kind = CN_PACK_MODEL, .archs = a, .n_archs = 2}));
    FAILS(CN_E_EXISTS, open_header(&(struct cn_modelwire_pack){
                           .kind = CN_PACK_MODEL, .tensors = t, .n_tensors = 2}));
}

static void absurd_kinds_and_counts_are_refused(void **state)
{
    (void)state;
    struct cn_label_count n = {1, CN_MAX_COUNT_PER_UPDATE + 1};
    struct cn_setting s = {.key = "a", .is_real = true, .real = (double)NAN};
    struct cn_modelwire_layer layer = {.kind = CN_LAYER_LABEL_ADD + 2, .name = "x"};
    struct cn_modelwire_arch a = {.name = "gen", .layers = &layer, .n_layers = 1};
    struct cn_modelwire_pack wire = {.kind = CN_PACK_SUMS + 1};

    FAILS(CN_E_VERSION, open_header(&wire));
    wire = (struct cn_modelwire_pack){.kind = CN_PACK_UPDATE, .counts = &n, .n_counts = 1};
    FAILS(CN_E_LIMIT, open_header(&wire));
    n.n = 0;
    FAILS(CN_E_PARSE, open_header(&wire));
    wire = (struct cn_modelwire_pack){.kind = CN_PACK_MODEL, .settings = &s, .n_settings = 1};
    FAILS(CN_E_NUMERIC, open_header(&wire));
    wire = (struct cn_modelwire_pack){.kind = CN_PACK_MODEL, .archs = &a, .n_archs = 1};
    FAILS(CN_E_VERSION, open_header(&wire));
    layer.kind = 1, layer.alpha = (float)INFINITY;
    FAILS(CN_E_NUMERIC, open_header(&wire));
}

/* ---- writing what may not be written ---- */

static enum cn_err write_one(float number, enum cn_pack_type type, struct cn_buf *out)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    struct cn_tensor t;

    cn_tensor_init(&t, "t", 1, (const uint32_t[]){3});
    t.data[1] = number;
    cn_pack_put(w, &t, type, NULL);
    cn_tensor_fini(&t);
    return cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, out, &help_err);
}

static void numbers_that_are_not_finite_are_not_written(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};

    FAILS(CN_E_NUMERIC, write_one((float)NAN, CN_PACK_F32, &out));
    FAILS(CN_E_NUMERIC, write_one((float)INFINITY, CN_PACK_F16, &out));
    FAILS(CN_E_NUMERIC, write_one(70000, CN_PACK_F16, &out)); /* infinite as a half float */
    assert_int_equal(out.n, 0);
    OK(write_one(70000, CN_PACK_F32, &out));
    OK(open_and_close(help_bytes(&out)));
}

static void a_number_that_is_not_finite_is_found_when_it_is_read(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    struct cn_tensor t;

    OK(write_one(1, CN_PACK_F16, &b));
    b.at[b.n - 64 + 3] = 0x7e; /* the second half float becomes NaN */
    OK(cn_pack_open(&p, help_bytes(&b), &help_err));
    assert_false(cn_pack_is_finite(cn_pack_find(p, "t")));
    FAILS(CN_E_NUMERIC, cn_pack_tensor(cn_pack_find(p, "t"), &t, &help_err));
}

static void one_tensor_too_many_is_refused(void **state)
{
    (void)state;
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};

    for (int i = 0; i <= CN_MAX_TENSORS; i++) {
        char name[16];
        struct cn_tensor t;
        snprintf(name, sizeof name, "t%d", i);
        cn_tensor_init(&t, name, 1, (const uint32_t[]){1});
        cn_pack_put(w, &t, CN_PACK_F32, NULL);
        cn_tensor_fini(&t);
    }
    FAILS(CN_E_LIMIT,
          cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &out, &help_err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pack_gives_back_its_head),
        cmocka_unit_test(a_pack_gives_back_its_numbers),
        cmocka_unit_test(equal_content_gives_equal_bytes_in_whatever_order_it_was_given),
        cmocka_unit_test(the_first_version_of_the_format_still_opens),
        cmocka_unit_test(every_truncation_and_every_extension_is_refused),
        cmocka_unit_test(padding_that_is_not_zero_is_refused),
        cmocka_unit_test(a_later_version_is_told_apart_from_damage),
        cmocka_unit_test(a_header_that_could_be_written_shorter_is_refused),
        cmocka_unit_test(a_tensor_that_cannot_be_is_refused),
        cmocka_unit_test(what_may_be_there_once_is_refused_twice),
        cmocka_unit_test(absurd_kinds_and_counts_are_refused),
        cmocka_unit_test(numbers_that_are_not_finite_are_not_written),
        cmocka_unit_test(a_number_that_is_not_finite_is_found_when_it_is_read),
        cmocka_unit_test(one_tensor_too_many_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
