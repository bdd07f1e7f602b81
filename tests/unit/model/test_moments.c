/* The synthesizer from moments, and both of its ends: true moments in, right decisions out. */
#include "tests/unit/model/model_help.h"

#include <math.h>

#include "common/model/stats.h"
#include "common/synth/moments.h"

enum { D = 20, LABELS = 4, N = 600, RANK = 3 };

/* ---- fixture: Gaussians of known means and one known covariance ---- */

static const uint32_t ids[LABELS] = {2, 3, 5, 7};

/* Means 4 +- .55 by the bits of the label; covariance .25 I + a strong common direction. */
static float true_mean(uint32_t c, uint32_t j)
{
    return 4 + .55f * ((c >> (j % 2) & 1) ? 1.0f : -1.0f) * (j < 6);
}

static void draw(float *phi, uint32_t *rows, uint32_t n, uint64_t seed)
{
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t i = 0; i < n; i++) {
        float shared = cn_rng_normal(&rng);
        rows[i] = i % LABELS;
        for (uint32_t j = 0; j < D; j++)
            phi[i * D + j] = true_mean(rows[i], j) + .6f * shared + .5f * cn_rng_normal(&rng);
    }
}

/* Fraction of right decisions of logits = weight phi + bias. */
static double accuracy(const float *weight, const float *bias, const float *phi,
                       const uint32_t *rows, uint32_t n)
{
    uint32_t n_right = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t best = 0;
        double most = -HUGE_VAL;
        for (uint32_t c = 0; c < LABELS; c++) {
            double z = (double)bias[c];
            for (uint32_t j = 0; j < D; j++)
                z += (double)weight[c * D + j] * (double)phi[i * D + j];
            if (z > most)
                most = z, best = c;
        }
        n_right += best == rows[i];
    }
    return (double)n_right / n;
}

/* The rule that knows the truth: Sigma^-1 = (I - a / (.25 + a D) 11^T) / .25, a = .36. */
static void bayes(float *weight, float *bias)
{
    for (uint32_t c = 0; c < LABELS; c++) {
        double sum = 0, dot = 0;
        for (uint32_t j = 0; j < D; j++)
            sum += (double)true_mean(c, j);
        for (uint32_t j = 0; j < D; j++) {
            double w = ((double)true_mean(c, j) - .36 / (.25 + .36 * D) * sum) / .25;
            weight[c * D + j] = (float)w;
            dot += w * (double)true_mean(c, j);
        }
        bias[c] = (float)(-.5 * dot);
    }
}

static struct cn_stats *stats_of(const float *phi, const uint32_t *rows, uint32_t n)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_freep) uint32_t *labels = cn_calloc(n, sizeof *labels);
    struct cn_stats *s = cn_stats_new(D);

    for (uint32_t i = 0; i < n; i++)
        labels[i] = ids[rows[i]];
    OK(cn_stats_measure(w, phi, labels, n, D, 1, &help_err));
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &b, &help_err));
    OK(cn_pack_open(&p, help_bytes(&b), &help_err));
    OK(cn_stats_check(s, p, &help_err));
    cn_stats_add(s, p);
    return s;
}

/* ---- cases ---- */

static void a_head_from_statistics_decides_nearly_as_well_as_the_truth(void **state)
{
    (void)state;
    static float train[N * D], test[4 * N * D], weight[LABELS * D], bias[LABELS];
    static uint32_t train_rows[N], test_rows[4 * N];
    CN_CLEANUP(cn_stats_head_fini) struct cn_stats_head h = {0};

    draw(train, train_rows, N, 1);
    draw(test, test_rows, 4 * N, 2);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = stats_of(train, train_rows, N);
    OK(cn_stats_solve(s, &h, &help_err));
    bayes(weight, bias);
    double best = accuracy(weight, bias, test, test_rows, 4 * N);
    double got = accuracy(h.weight, h.bias, test, test_rows, 4 * N);
    if (!(best > .85 && best < .98 && got > best - .015))
        fail_msg("%.4f where the truth gets %.4f", got, best);
}

static void samples_have_the_moments_that_they_were_made_from(void **state)
{
    (void)state;
    static float train[N * D], again[LABELS * N * D];
    static uint32_t rows[N], again_rows[LABELS * N];
    CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0}, back = {0};
    struct cn_rng rng;

    draw(train, rows, N, 3);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = stats_of(train, rows, N);
    OK(cn_moments_from_stats(&m, s, ids, LABELS, RANK, NULL, &help_err));
    cn_rng_init(&rng, 4);
    for (uint32_t c = 0; c < LABELS; c++) {
        cn_moments_sample(&m, c, N, &rng, again + c * N * D);
        for (uint32_t i = 0; i < N; i++)
            again_rows[c * N + i] = c;
    }
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *t = stats_of(again, again_rows, LABELS * N);
    OK(cn_moments_from_stats(&back, t, ids, LABELS, RANK, NULL, &help_err));
    for (uint32_t i = 0; i < LABELS * D; i++)
        assert_true(fabsf(back.mean[i] - m.mean[i]) < .15f); /* four standard errors */
    for (uint32_t i = 0; i < D; i++)
        for (uint32_t j = 0; j < D; j++) {
            float a = 0, b = 0;
            for (uint32_t r = 0; r < RANK; r++) {
                a += m.factor[r * D + i] * m.factor[r * D + j];
                b += back.factor[r * D + i] * back.factor[r * D + j];
            }
            assert_true(fabsf(a - b) < .1f);
        }
}

static void samples_are_reproducible_and_never_negative(void **state)
{
    (void)state;
    CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0};
    float a[50 * 2], b[50 * 2];
    struct cn_rng rng;
    int n_zero = 0;

    cn_moments_init(&m, 1, 2, 1);
    m.noise[0] = m.noise[1] = m.factor[0] = 1;
    cn_rng_init(&rng, 9);
    cn_moments_sample(&m, 0, 50, &rng, a);
    cn_rng_init(&rng, 9);
    cn_moments_sample(&m, 0, 50, &rng, b);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < 100; i++) {
        assert_true(a[i] >= 0);
        n_zero += a[i] == 0;
    }
    assert_true(n_zero > 25 && n_zero < 75);
}

static void a_label_without_statistics_gets_the_mean_of_all(void **state)
{
    (void)state;
    static float train[N * D];
    static uint32_t rows[N];
    const uint32_t labels[] = {7, 99, 2};
    CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0}, all = {0};
    bool has[3];

    draw(train, rows, N, 5);
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *s = stats_of(train, rows, N);
    OK(cn_moments_from_stats(&m, s, labels, 3, RANK, has, &help_err));
    OK(cn_moments_from_stats(&all, s, ids, LABELS, RANK, NULL, &help_err));
    assert_true(has[0] && !has[1] && has[2]);
    assert_memory_equal(m.mean, all.mean + 3 * D, D * sizeof *m.mean);
    assert_memory_equal(m.mean + 2 * D, all.mean, D * sizeof *m.mean);
    for (uint32_t j = 0; j < D; j++) {
        float sum = 0;
        for (uint32_t c = 0; c < LABELS; c++)
            sum += all.mean[c * D + j];
        assert_true(fabsf(m.mean[D + j] - sum / LABELS) < 1e-4f);
    }
}

static void moments_travel_in_a_pack_bit_for_bit(void **state)
{
    (void)state;
    for (uint32_t rank = 0; rank < 3; rank++) {
        CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0}, none = {0};
        CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL, *empty = NULL;
        CN_CLEANUP(cn_moments_fini) struct cn_moments m = {0}, back = {0};
        struct cn_rng rng;

        cn_rng_init(&rng, rank);
        cn_moments_init(&m, LABELS, D, rank);
        cn_rng_fill_normal(&rng, m.mean, LABELS * D, 1);
        cn_rng_fill_normal(&rng, m.factor, rank * D, 1);
        cn_rng_fill_normal(&rng, m.noise, D, 1);
        OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_MODEL}, &none, &help_err));
        OK(cn_pack_open(&empty, help_bytes(&none), &help_err));
        FAILS(CN_E_NOTFOUND, cn_moments_open(&back, empty, &help_err));
        cn_moments_put(&m, w);
        struct cn_pack_head head = {.kind = CN_PACK_MODEL, .labels = ids, .n_labels = LABELS};
        OK(cn_pack_finish(w, &head, &b, &help_err));
        OK(cn_pack_open(&p, help_bytes(&b), &help_err));
        OK(cn_moments_open(&back, p, &help_err));
        assert_true(back.n_labels == LABELS && back.dim == D && back.rank == rank);
        assert_memory_equal(back.mean, m.mean, LABELS * D * sizeof *m.mean);
        assert_memory_equal(back.factor, m.factor, rank * D * sizeof *m.factor);
        assert_memory_equal(back.noise, m.noise, D * sizeof *m.noise);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_from_statistics_decides_nearly_as_well_as_the_truth),
        cmocka_unit_test(samples_have_the_moments_that_they_were_made_from),
        cmocka_unit_test(samples_are_reproducible_and_never_negative),
        cmocka_unit_test(a_label_without_statistics_gets_the_mean_of_all),
        cmocka_unit_test(moments_travel_in_a_pack_bit_for_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
