/* Statistics against plain double references; what they refuse; what they are for. */
#include "tests/unit/model/model_help.h"

#include <math.h>
#include <stdio.h>

#include "common/model/stats.h"

enum { D = 24, MAX_N = 96 };

/* ---- fixture: features of labels 3, 5, 8 around known means ---- */

struct data {
    uint32_t n;
    float phi[MAX_N * D];
    uint32_t labels[MAX_N];
};

static struct data draw(uint32_t n, uint64_t seed)
{
    static const uint32_t ids[] = {3, 5, 8};
    struct data d = {.n = n};
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; i < n; i++) {
        float shared = cn_rng_normal(&rng);
        d.labels[i] = ids[i % 3];
        for (uint32_t j = 0; j < D; j++)
            d.phi[i * D + j] =
                1 + .8f * (j % 3 == i % 3) + .3f * shared * (j % 2) + .4f * cn_rng_normal(&rng);
    }
    return d;
}

struct update {
    struct cn_buf bytes;
    struct cn_pack *pack;
};

static void update_fini(struct update *u)
{
    cn_pack_close(&u->pack);
    cn_buf_fini(&u->bytes);
}

static struct update measure(const float *phi, const uint32_t *labels, uint32_t n,
                             uint32_t min_count)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    struct update u = {0};

    OK(cn_stats_measure(w, phi, labels, n, D, min_count, &help_err));
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &u.bytes, &help_err));
    OK(cn_pack_open(&u.pack, help_bytes(&u.bytes), &help_err));
    return u;
}

static void add(struct cn_stats *s, const struct data *d)
{
    CN_CLEANUP(update_fini) struct update u = measure(d->phi, d->labels, d->n, 1);
    OK(cn_stats_check(s, u.pack, &help_err));
    cn_stats_add(s, u.pack);
}

static struct cn_buf encoded(const struct cn_stats *s)
{
    struct cn_buf b = {0};
    OK(cn_stats_encode(s, &b, &help_err));
    return b;
}

static void assert_same(const struct cn_stats *a, const struct cn_stats *b)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf x = encoded(a), y = encoded(b);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.at, y.at, x.n);
}

/* ---- references in plain double ---- */

struct reference {
    double mean[3][D], n[3], cov[D][D], total;
};

static struct reference refer(const struct data *d)
{
    struct reference r = {.total = d->n};

    for (uint32_t i = 0; i < d->n; i++)
        for (int j = 0; j < D; j++)
            r.mean[i % 3][j] += d->phi[i * D + j], r.n[i % 3] += j == 0;
    for (int c = 0; c < 3; c++)
        for (int j = 0; j < D; j++)
            r.mean[c][j] /= r.n[c];
    for (uint32_t k = 0; k < d->n; k++)
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++)
                r.cov[i][j] += (d->phi[k * D + i] - r.mean[k % 3][i]) *
                               (d->phi[k * D + j] - r.mean[k % 3][j]) / d->n;
    return r;
}

/* Gauss-Jordan without pivoting: fine for what is positive definite. */
static void invert(double a[D][D], double inverse[D][D])
{
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            inverse[i][j] = i == j;
    for (int p = 0; p < D; p++) {
        double pivot = a[p][p];
        for (int j = 0; j < D; j++)
            a[p][j] /= pivot, inverse[p][j] /= pivot;
        for (int i = 0; i < D; i++) {
            double f = i == p ? 0 : a[i][p];
            for (int j = 0; j < D; j++)
                a[i][j] -= f * a[p][j], inverse[i][j] -= f * inverse[p][j];
        }
    }
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.9g instead of %.9g", got, want);
}

/* The head by the formulas of RESEARCH section 2, against h. */
static void assert_solved(struct reference *r, const struct cn_stats_head *h, double tolerance)
{
    double inverse[D][D], t = 0, lam = fmax(.003, 30 / r->total), trace = 0;

    for (int i = 0; i < D; i++)
        t += r->cov[i][i] / D;
    for (int i = 0; i < D; i++)
        r->cov[i][i] += lam * t;
    invert(r->cov, inverse);
    for (int i = 0; i < D; i++)
        trace += inverse[i][i];
    assert_near(h->lambda, lam, 0);
    for (int c = 0; c < 3; c++) {
        double dot = 0;
        for (int i = 0; i < D; i++) {
            double w = 0;
            for (int j = 0; j < D; j++)
                w += inverse[i][j] * r->mean[c][j];
            dot += w * r->mean[c][i];
            assert_near(h->weight[c * D + i], w, tolerance);
        }
        assert_near(h->bias[c], -.5 * (dot - (D - lam * t * trace) / r->n[c]), D * tolerance);
    }
}

/* ---- adding and solving ---- */

static void the_solve_is_the_formulas_whichever_form_the_spread_travels_in(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {20, 26, 27, 96}; /* R of 17, 23 rows; then the triangle */

    for (size_t k = 0; k < CN_COUNT(sizes); k++) {
        struct data d = draw(sizes[k], k);
        struct reference r = refer(&d);
        CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
        CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head h = {0};

        CN_CLEANUP(update_fini) struct update u = measure(d.phi, d.labels, d.n, 1);
        assert_int_equal(cn_pack_find(u.pack, "stats.factor") != NULL, sizes[k] - 3 < D);
        assert_int_equal(cn_pack_find(u.pack, "stats.scatter") != NULL, sizes[k] - 3 >= D);
        add(s, &d);
        OK(cn_stats_solve(s, &h, &help_err));
        assert_int_equal(h.n_labels, 3);
        assert_int_equal(h.labels[2], 8);
        assert_solved(&r, &h, .01);
    }
}

static void many_small_updates_solve_like_one_of_all_images(void **state)
{
    (void)state;
    struct data d = draw(MAX_N, 77);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *parts = cn_stats_new(D);
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head h = {0};

    for (uint32_t i = 0; i < d.n; i += 12) {
        CN_CLEANUP(update_fini) struct update u = measure(d.phi + i * D, d.labels + i, 12, 1);
        OK(cn_stats_check(parts, u.pack, &help_err));
        cn_stats_add(parts, u.pack);
    }
    OK(cn_stats_solve(parts, &h, &help_err));
    struct reference r = refer(&d);
    assert_solved(&r, &h, .01);
}

static void labels_with_too_few_images_say_nothing(void **state)
{
    (void)state;
    struct data d = draw(8, 1); /* labels 3 and 5 three times, 8 twice */
    CN_CLEANUP(update_fini) struct update some = measure(d.phi, d.labels, 8, 3);
    CN_CLEANUP(update_fini) struct update none = measure(d.phi, d.labels, 8, 4);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D), *empty = cn_stats_new(D);
    const struct cn_pack_tensor *count = cn_pack_find(some.pack, "stats.count");
    uint32_t n;

    assert_int_equal(count->dims[0], 2);
    assert_int_equal(count->rows[0], 3);
    assert_int_equal(count->rows[1], 5);
    cn_pack_tensors(none.pack, &n);
    assert_int_equal(n, 0);
    OK(cn_stats_check(s, none.pack, &help_err));
    cn_stats_add(s, none.pack);
    assert_same(s, empty);

    /* the third label's images are in no number at all */
    CN_CLEANUP(update_fini) struct update without = {0};
    float phi[6 * D];
    uint32_t labels[6];
    for (int i = 0, k = 0; i < 8; i++)
        if (d.labels[i] != 8) {
            memcpy(phi + k * D, d.phi + i * D, D * sizeof *phi);
            labels[k++] = d.labels[i];
        }
    without = measure(phi, labels, 6, 3);
    assert_int_equal(without.bytes.n, some.bytes.n);
    assert_memory_equal(without.bytes.at, some.bytes.at, some.bytes.n);
}

static void single_images_give_means_without_a_spread(void **state)
{
    (void)state;
    struct data d = draw(3, 1);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
    CN_CLEANUP(update_fini) struct update u = measure(d.phi, d.labels, 3, 1);
    struct cn_stats_head h;

    FAILS(CN_E_STATE, cn_stats_solve(s, &h, &help_err));
    assert_null(cn_pack_find(u.pack, "stats.factor"));
    add(s, &d);
    FAILS(CN_E_STATE, cn_stats_solve(s, &h, &help_err));
}

static void what_was_added_can_be_taken_out_to_the_last_bit(void **state)
{
    (void)state;
    struct data a = draw(40, 1), b = draw(15, 2), never = draw(15, 3);
    CN_CLEANUP(cn_stats_destroy)
    struct cn_stats *s = cn_stats_new(D), *before = cn_stats_new(D), *empty = cn_stats_new(D);
    CN_CLEANUP(update_fini) struct update ua = measure(a.phi, a.labels, a.n, 1);
    CN_CLEANUP(update_fini) struct update ub = measure(b.phi, b.labels, b.n, 1);
    CN_CLEANUP(update_fini) struct update un = measure(never.phi, never.labels, never.n, 1);

    add(s, &a);
    add(before, &a);
    add(s, &b);
    OK(cn_stats_subtract(s, ub.pack, &help_err));
    assert_same(s, before);
    FAILS(CN_E_STATE, cn_stats_subtract(empty, ua.pack, &help_err));
    OK(cn_stats_subtract(s, ua.pack, &help_err));
    assert_same(s, empty);
    add(s, &b);
    FAILS(CN_E_STATE, cn_stats_subtract(s, un.pack, &help_err)); /* as many, but others */
    OK(cn_stats_subtract(s, ub.pack, &help_err));
    assert_same(s, empty);
}

static void sums_of_sums_are_the_sums_and_survive_their_encoding(void **state)
{
    (void)state;
    struct data a = draw(40, 1), b = draw(15, 2);
    CN_CLEANUP(cn_stats_destroy)
    struct cn_stats *all = cn_stats_new(D), *left = cn_stats_new(D), *right = cn_stats_new(D),
                    *back = NULL;

    add(all, &a);
    add(all, &b);
    add(left, &b);
    add(right, &a);
    OK(cn_stats_merge(left, right, &help_err));
    assert_same(left, all);
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = encoded(all);
    OK(cn_stats_decode(&back, help_bytes(&bytes), &help_err));
    assert_same(back, all);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *narrow = cn_stats_new(D - 1);
    FAILS(CN_E_SHAPE, cn_stats_merge(left, narrow, &help_err));
}

/* ---- the same integers on every machine ---- */

enum { WIDE = 64 };

static struct cn_buf read_file(const char *path)
{
    struct cn_buf b = {0};
    FILE *f = fopen(path, "rb");
    uint8_t chunk[4096];

    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        cn_buf_append(&b, chunk, n);
    fclose(f);
    return b;
}

/* The product of features i <= j by exact integers: R in units of 2^-20, its square in 2^-40. */
static int64_t exact_product(const struct cn_pack *p, const float *r, uint32_t i, uint32_t j)
{
    const struct cn_pack_tensor *count = cn_pack_find(p, "stats.count");
    int64_t square = 0;
    float scale, m[2];

    cn_pack_floats(cn_pack_find(p, "stats.scale"), 0, 1, &scale);
    for (uint32_t k = 0; k < WIDE; k++)
        square +=
            llrint((double)r[k * WIDE + i] * 0x1p20) * llrint((double)r[k * WIDE + j] * 0x1p20);
    double sum = (double)scale * (double)scale * ((double)square * 0x1p-40);
    for (uint32_t c = 0; c < count->n; c++) {
        cn_pack_floats(cn_pack_find(p, "stats.mean"), c * WIDE + i, 1, m);
        cn_pack_floats(cn_pack_find(p, "stats.mean"), c * WIDE + j, 1, m + 1);
        sum += (double)cn_pack_int(count, c) * (double)m[0] * (double)m[1];
    }
    return llrint(sum * 0x1p22);
}

static void the_integers_of_an_update_are_the_same_on_every_machine(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = read_file("tests/data/model/update_v1.bin");
    CN_CLEANUP(cn_buf_fini) struct cn_buf golden = read_file("tests/data/model/stats_v1.bin");
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL, *sums = NULL;
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(WIDE);
    static float r[WIDE * WIDE];
    size_t at = 0;

    OK(cn_pack_open(&p, help_bytes(&update), &help_err));
    OK(cn_stats_check(s, p, &help_err));
    cn_stats_add(s, p);
    CN_CLEANUP(cn_buf_fini) struct cn_buf now = encoded(s);
    assert_int_equal(now.n, golden.n);
    assert_memory_equal(now.at, golden.at, now.n);

    OK(cn_pack_open(&sums, help_bytes(&now), &help_err));
    const struct cn_pack_tensor *factor = cn_pack_find(p, "stats.factor"),
                                *product = cn_pack_find(sums, "stats.product");
    for (uint32_t k = 0; at < factor->n; at += WIDE - k, k++)
        cn_pack_floats(factor, at, WIDE - k, r + k * WIDE + k);
    at = 0;
    for (uint32_t i = 0; i < WIDE; i++)
        for (uint32_t j = i; j < WIDE; j++)
            assert_true(cn_pack_int(product, at++) == exact_product(p, r, i, j));
}

/* ---- following the registry ---- */

static void merged_labels_become_one_as_if_they_always_had_been(void **state)
{
    (void)state;
    struct data d = draw(60, 5), renamed = d;
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *moved = cn_stats_new(D), *one = cn_stats_new(D);
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head a = {0}, b = {0};
    uint32_t n;

    add(moved, &d);
    cn_stats_move(moved, &(struct cn_label_move){8, 3}, 1);
    for (uint32_t i = 0; i < d.n; i++)
        if (renamed.labels[i] == 8)
            renamed.labels[i] = 3;
    add(one, &renamed);
    assert_int_equal(cn_stats_counts(moved, &n)[0].n, 40);
    assert_int_equal(n, 2);
    OK(cn_stats_solve(moved, &a, &help_err));
    OK(cn_stats_solve(one, &b, &help_err));
    for (int i = 0; i < 2 * D; i++)
        assert_near(a.weight[i], b.weight[i], .01);
}

static void dropping_a_label_leaves_the_rows_of_the_others(void **state)
{
    (void)state;
    struct data d = draw(60, 6);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head before = {0}, after = {0};
    const struct cn_label_move moves[] = {{5, CN_LABEL_NONE}, {99, 3}, {98, CN_LABEL_NONE}};

    add(s, &d);
    OK(cn_stats_solve(s, &before, &help_err));
    cn_stats_move(s, moves, 3);
    OK(cn_stats_solve(s, &after, &help_err));
    assert_int_equal(after.n_labels, 2);
    assert_int_equal(after.labels[1], 8);
    for (int j = 0; j < D; j++) {
        assert_near(after.weight[j], before.weight[j], 1e-4);
        assert_near(after.weight[D + j], before.weight[2 * D + j], 1e-4);
    }
    assert_near(after.bias[1], before.bias[2], 1e-3);
}

/* ---- hostile updates ---- */

struct forged {
    int64_t count[2];
    float mean[2 * D];
    float spread[D * D];
    float scale;
    uint32_t n_spread;
    const char *spread_name;
};

/* Four images of labels 3 and 5: a factor of two rows. */
static struct forged honest(void)
{
    struct forged f = {.count = {2, 2}, .scale = 3, .n_spread = D + D - 1};

    f.spread_name = "stats.factor";
    for (int i = 0; i < 2 * D; i++)
        f.mean[i] = 1, f.spread[i] = .5f;
    return f;
}

static enum cn_err check_forged(const struct forged *f)
{
    static const uint32_t ids[] = {3, 5};
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
    struct cn_tensor spread;
    const struct cn_pack_tensor count = {"stats.count", CN_PACK_I64,      1, {2}, true, false,
                                         ids,           (void *)f->count, 0},
                                mean = {"stats.mean", CN_PACK_F32,     2, {2, D}, true, false,
                                        ids,          (void *)f->mean, 0},
                                scale = {"stats.scale", CN_PACK_F32,       1, {1}, false, false,
                                         NULL,          (void *)&f->scale, 0};

    cn_tensor_init(&spread, f->spread_name, 1, &f->n_spread);
    memcpy(spread.data, f->spread, f->n_spread * sizeof *f->spread);
    cn_pack_put_raw(w, &count);
    cn_pack_put_raw(w, &mean);
    cn_pack_put_raw(w, &scale);
    cn_pack_put(w, &spread, CN_PACK_F16, NULL);
    cn_tensor_fini(&spread);
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &b, &help_err));
    OK(cn_pack_open(&p, help_bytes(&b), &help_err));
    return cn_stats_check(s, p, &help_err);
}

static void statistics_that_no_images_give_are_refused_by_name(void **state)
{
    (void)state;
    struct forged f = honest();

    OK(check_forged(&f));
    f.count[0] = 0;
    FAILS(CN_E_LIMIT, check_forged(&f));
    f.count[0] = -2;
    FAILS(CN_E_LIMIT, check_forged(&f));
    f.count[0] = CN_MAX_COUNT_PER_UPDATE + 1;
    FAILS(CN_E_LIMIT, check_forged(&f));
    f = honest(), f.mean[D + 2] = (float)NAN;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.mean[0] = 65;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.scale = (float)INFINITY;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.scale = -1;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.scale = 1e6f; /* a mean square of 1e11 */
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.spread[1] = 1.5f;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f = honest(), f.n_spread--;
    FAILS(CN_E_SHAPE, check_forged(&f));
    f = honest(), f.count[0] = 1, f.count[1] = 1;
    FAILS(CN_E_SHAPE, check_forged(&f));
    f = honest(), f.spread_name = "stats.scatter";
    FAILS(CN_E_SHAPE, check_forged(&f));
    f = honest(), f.spread_name = "stats.other";
    FAILS(CN_E_SHAPE, check_forged(&f));
}

static void a_scatter_must_be_bounded_by_its_diagonal(void **state)
{
    (void)state;
    struct forged f = honest();

    f.count[0] = 100;
    f.spread_name = "stats.scatter";
    f.n_spread = D * (D + 1) / 2;
    memset(f.spread, 0, sizeof f.spread);
    for (int i = 0, k = 0; i < D; k += D - i, i++)
        f.spread[k] = .25f;
    OK(check_forged(&f));
    f.spread[3] = .25f;
    OK(check_forged(&f));
    f.spread[3] = -.26f;
    FAILS(CN_E_NUMERIC, check_forged(&f));
    f.spread[3] = 0, f.spread[0] = -.25f;
    FAILS(CN_E_NUMERIC, check_forged(&f));
}

static void images_are_capped_over_all_updates(void **state)
{
    (void)state;
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
    struct data d = draw(MAX_N, 4);
    uint32_t n_doubled = 0;

    add(s, &d);
    for (;; n_doubled++) {
        CN_CLEANUP(cn_stats_destroy) struct cn_stats *copy = cn_stats_new(D);
        OK(cn_stats_merge(copy, s, &help_err));
        if (cn_stats_merge(s, copy, &help_err))
            break;
    }
    assert_int_equal(help_err.code, CN_E_LIMIT);
    assert_int_equal(n_doubled, 20); /* 96 * 2^20 < 2^27 < 96 * 2^21 */
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = encoded(s);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *back = NULL;
    OK(cn_stats_decode(&back, help_bytes(&b), &help_err));
}

static void features_that_are_not_finite_are_refused_on_the_device(void **state)
{
    (void)state;
    struct data d = draw(10, 1);
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();

    d.phi[3 * D + 1] = (float)NAN;
    FAILS(CN_E_NUMERIC, cn_stats_measure(w, d.phi, d.labels, d.n, D, 1, &help_err));
    assert_non_null(strstr(help_err.text, "feature 1 of image 3"));
    d.phi[3 * D + 1] = 65;
    FAILS(CN_E_NUMERIC, cn_stats_measure(w, d.phi, d.labels, d.n, D, 1, &help_err));
}

/* ---- moments ---- */

static void the_moments_give_back_means_and_variances(void **state)
{
    (void)state;
    struct data d = draw(MAX_N, 9);
    struct reference r = refer(&d);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = cn_stats_new(D);
    float mean[3 * D], factor[D * D], noise[D];

    add(s, &d);
    for (uint32_t rank = 0; rank <= D; rank += 8) {
        OK(cn_stats_moments(s, rank, mean, factor, noise, &help_err));
        for (int j = 0; j < D; j++) {
            double variance = (double)noise[j] * (double)noise[j];
            for (uint32_t k = 0; k < rank; k++)
                variance += (double)factor[k * D + j] * (double)factor[k * D + j];
            assert_near(variance, r.cov[j][j], 1e-3);
            assert_near(mean[D + j], r.mean[1][j], 1e-5);
            if (rank == D)
                assert_near(noise[j], 0, 1e-2);
        }
    }
    /* at full rank, the covariances too */
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            double c = 0;
            for (int k = 0; k < D; k++)
                c += (double)factor[k * D + i] * (double)factor[k * D + j];
            assert_near(c, r.cov[i][j], 1e-3);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_solve_is_the_formulas_whichever_form_the_spread_travels_in),
        cmocka_unit_test(many_small_updates_solve_like_one_of_all_images),
        cmocka_unit_test(labels_with_too_few_images_say_nothing),
        cmocka_unit_test(single_images_give_means_without_a_spread),
        cmocka_unit_test(what_was_added_can_be_taken_out_to_the_last_bit),
        cmocka_unit_test(sums_of_sums_are_the_sums_and_survive_their_encoding),
        cmocka_unit_test(the_integers_of_an_update_are_the_same_on_every_machine),
        cmocka_unit_test(merged_labels_become_one_as_if_they_always_had_been),
        cmocka_unit_test(dropping_a_label_leaves_the_rows_of_the_others),
        cmocka_unit_test(statistics_that_no_images_give_are_refused_by_name),
        cmocka_unit_test(a_scatter_must_be_bounded_by_its_diagonal),
        cmocka_unit_test(images_are_capped_over_all_updates),
        cmocka_unit_test(features_that_are_not_finite_are_refused_on_the_device),
        cmocka_unit_test(the_moments_give_back_means_and_variances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
