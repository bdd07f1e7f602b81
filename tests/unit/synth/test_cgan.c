/* The conditional GANs: what they are at birth, that they learn, and that labels keep their rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/synth/cgan.h"
#include "common/synth/cgan_arch.h"

enum { DIM = 24, N = 60, SAMPLES = 200 };
static const uint32_t ids[] = {5, 9};

static struct cn_cgan *make(enum cn_cgan_kind kind, const uint32_t *labels, uint32_t n)
{
    struct cn_cgan *g = NULL;
    struct cn_error err;

    if (cn_cgan_new(&g, kind, DIM, labels, n, 3, &err))
        fail_msg("%s", err.text);
    return g;
}

/* Two labels around 1 and 2, spread .2. */
static struct cn_moments make_base(void)
{
    struct cn_moments m;

    cn_moments_init(&m, 2, DIM, 2);
    for (uint32_t d = 0; d < DIM; d++) {
        m.mean[d] = 1;
        m.mean[DIM + d] = 2;
        m.noise[d] = 0.2f;
    }
    return m;
}

static void train(struct cn_cgan *g, const struct cn_moments *base, const float *x,
                  const uint32_t *rows, uint32_t n_steps)
{
    struct cn_cgan_report r;
    struct cn_error err;

    if (cn_cgan_train(g, base, x, rows, N, n_steps, 11, &r, &err))
        fail_msg("%s", err.text);
    assert_int_equal(r.n_steps, n_steps);
    assert_true(isfinite(r.loss_d) && isfinite(r.loss_g));
}

/* Mean over features of SAMPLES samples of one label. */
static double sample_mean(struct cn_cgan *g, const struct cn_moments *base, uint32_t row)
{
    static float out[SAMPLES * DIM];
    uint32_t rows[SAMPLES];
    struct cn_rng rng;
    double sum = 0;

    cn_rng_init(&rng, 8);
    for (uint32_t i = 0; i < SAMPLES; i++)
        rows[i] = row;
    cn_cgan_sample(g, base, rows, SAMPLES, &rng, out);
    for (uint32_t i = 0; i < SAMPLES * DIM; i++)
        sum += out[i];
    return sum / (SAMPLES * DIM);
}

static void a_residual_generator_is_the_moments_at_birth(void **state)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = make(CN_CGAN_RESIDUAL, ids, 2);
    CN_CLEANUP(cn_moments_fini) struct cn_moments base = make_base();
    static const uint32_t rows[] = {0, 1, 1};
    float out[3 * DIM];
    struct cn_rng rng;

    (void)state;
    memset(base.noise, 0, DIM * sizeof *base.noise);
    cn_rng_init(&rng, 1);
    cn_cgan_sample(g, &base, rows, 3, &rng, out);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t d = 0; d < DIM; d++)
            assert_true(out[i * DIM + d] == base.mean[rows[i] * DIM + d]);
}

static void samples_of_features_are_never_negative(void **state)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = make(CN_CGAN_RESIDUAL, ids, 2);
    CN_CLEANUP(cn_moments_fini) struct cn_moments base = make_base();
    uint32_t rows[40] = {0}, n_zero = 0;
    float out[40 * DIM];
    struct cn_rng rng;

    (void)state;
    for (uint32_t d = 0; d < DIM; d++)
        base.noise[d] = 3;
    cn_rng_init(&rng, 1);
    cn_cgan_sample(g, &base, rows, 40, &rng, out);
    for (uint32_t i = 0; i < 40 * DIM; i++) {
        assert_true(out[i] >= 0);
        n_zero += out[i] == 0;
    }
    assert_true(n_zero > 0);
}

/* Both labels lie half a standard deviation above their moments. */
static void a_residual_learns_what_the_moments_miss(void **state)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = make(CN_CGAN_RESIDUAL, ids, 2);
    CN_CLEANUP(cn_moments_fini) struct cn_moments base = make_base();
    static float x[N * DIM];
    uint32_t rows[N];
    struct cn_rng rng;

    (void)state;
    cn_rng_init(&rng, 2);
    for (uint32_t i = 0; i < N; i++) {
        rows[i] = i % 2;
        for (uint32_t d = 0; d < DIM; d++)
            x[i * DIM + d] =
                base.mean[rows[i] * DIM + d] + 0.1f + base.noise[d] * cn_rng_normal(&rng);
    }
    double before = sample_mean(g, &base, 0);
    train(g, &base, x, rows, 250);
    assert_true(fabs(before - 1) < 0.02);
    assert_true(sample_mean(g, &base, 0) > before + 0.04);
    assert_true(sample_mean(g, &base, 0) < before + 0.2);
    assert_true(sample_mean(g, &base, 1) > 2.04);
}

static void an_image_generator_learns_its_labels_apart(void **state)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = make(CN_CGAN_IMAGE, ids, 2);
    static float x[N * DIM];
    uint32_t rows[N];
    struct cn_rng rng;

    (void)state;
    cn_rng_init(&rng, 2);
    for (uint32_t i = 0; i < N; i++) {
        rows[i] = i % 2;
        for (uint32_t d = 0; d < DIM; d++)
            x[i * DIM + d] = (rows[i] ? 0.7f : -0.7f) + 0.05f * cn_rng_normal(&rng);
    }
    train(g, NULL, x, rows, 80);
    assert_true(sample_mean(g, NULL, 1) > sample_mean(g, NULL, 0) + 0.2);
}

static void training_on_what_is_not_a_number_is_noticed(void **state)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = make(CN_CGAN_IMAGE, ids, 2);
    static float x[N * DIM];
    static uint32_t rows[N];
    struct cn_cgan_report r;
    struct cn_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        x[i * DIM] = NAN;
    assert_int_equal(cn_cgan_train(g, NULL, x, rows, N, 3, 1, &r, &err), CN_E_NUMERIC);
}

static const float *row_of(struct cn_net *net, const char *name, uint32_t row)
{
    uint32_t n;
    struct cn_tensor *all = cn_net_tensors(net, &n), *t = cn_tensor_find(all, n, name);

    assert_non_null(t);
    return t->data + row * cn_tensor_row_size(t);
}

static void a_labels_first_row_depends_on_its_id_alone(void **state)
{
    static const uint32_t here[] = {5, 9, 12}, there[] = {12, 40};
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *a = make(CN_CGAN_RESIDUAL, here, 3);
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *b = make(CN_CGAN_RESIDUAL, there, 2);
    size_t bytes = CN_CGAN_RESIDUAL_LATENT * sizeof(float);

    (void)state;
    assert_memory_equal(row_of(a->generator, "label.weight", 2),
                        row_of(b->generator, "label.weight", 0), bytes);
    assert_memory_not_equal(row_of(a->generator, "label.weight", 0),
                            row_of(a->generator, "label.weight", 1), bytes);
}

static void rows_are_carried_over_by_id(void **state)
{
    static const uint32_t from[] = {5, 9, 12}, to[] = {12, 30, 5};
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *a = make(CN_CGAN_IMAGE, from, 3);
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *b = make(CN_CGAN_IMAGE, from, 3);
    size_t bytes = DIM * sizeof(float);

    (void)state;
    assert_int_equal(cn_cgan_widen(b, from, 3, to, 3, NULL), CN_OK);
    assert_memory_equal(row_of(b->discriminator, "label.weight", 0),
                        row_of(a->discriminator, "label.weight", 2), bytes);
    assert_memory_equal(row_of(b->discriminator, "label.weight", 2),
                        row_of(a->discriminator, "label.weight", 0), bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_residual_generator_is_the_moments_at_birth),
        cmocka_unit_test(samples_of_features_are_never_negative),
        cmocka_unit_test(a_residual_learns_what_the_moments_miss),
        cmocka_unit_test(an_image_generator_learns_its_labels_apart),
        cmocka_unit_test(training_on_what_is_not_a_number_is_noticed),
        cmocka_unit_test(a_labels_first_row_depends_on_its_id_alone),
        cmocka_unit_test(rows_are_carried_over_by_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
