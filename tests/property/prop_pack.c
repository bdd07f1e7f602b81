/* Packs of random content and packs of random damage: what opens can be written again to the very
   same bytes, and what does not open says why. */
#include "tests/unit/model/model_help.h"

#include <stdio.h>

enum { N_PACKS = 300, N_DAMAGES = 40 };

static struct cn_buf random_pack(struct cn_rng *rng)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    uint32_t labels[8], ids[8], n_labels = 1 + cn_rng_below(rng, 8);
    struct cn_label_count counts[8];
    struct cn_setting settings[] = {{.key = "z", .number = cn_rng_next(rng)},
                                    {.key = "a", .is_real = true, .real = 0.5}};
    struct cn_pack_arch arch = {.name = "gen", .arch = {.channels = 3, .height = 4, .width = 5}};
    struct cn_buf out = {0};

    for (uint32_t i = 0; i < 8; i++)
        labels[i] = ids[i] = 1 + 1000 * i + cn_rng_below(rng, 1000);
    for (uint32_t i = 0; i < n_labels; i++)
        counts[i] = (struct cn_label_count){labels[i], 1 + cn_rng_below(rng, 500)};
    cn_rng_shuffle(rng, labels, n_labels);
    cn_rng_shuffle(rng, ids, 8);
    arch.arch.n_layers = cn_rng_below(rng, 4);
    for (uint32_t i = 0; i < arch.arch.n_layers; i++)
        arch.arch.layers[i].kind = (enum cn_layer_kind)cn_rng_below(rng, CN_LAYER_LABEL_ADD + 1);
    for (uint32_t i = 0, n = cn_rng_below(rng, 5); i < n; i++) {
        char name[16];
        bool by_label = cn_rng_below(rng, 2), with_rows = by_label && cn_rng_below(rng, 2);
        uint32_t n_rows = by_label && !with_rows ? n_labels : 1 + cn_rng_below(rng, 8);
        snprintf(name, sizeof name, "t%u", i);
        struct cn_tensor t = help_tensor(name, n_rows, 1 + cn_rng_below(rng, 20), by_label, rng);
        cn_pack_put(w, &t, cn_rng_below(rng, 2) ? CN_PACK_F16 : CN_PACK_F32,
                    with_rows ? ids : NULL);
        cn_tensor_fini(&t);
    }
    struct cn_pack_head head = {.kind = CN_PACK_UPDATE,
                                .base_release = cn_rng_below(rng, 3),
                                .labels = labels,
                                .n_labels = n_labels,
                                .counts = counts,
                                .n_counts = n_labels,
                                .settings = settings,
                                .n_settings = 2,
                                .archs = &arch,
                                .n_archs = 1};
    OK(cn_pack_finish(w, &head, &out, &help_err));
    return out;
}

/* false: does not open, and says why. */
static bool opens_and_writes_the_same(struct cn_bytes in)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf again = {0};
    uint32_t n;

    help_err = (struct cn_error){0};
    if (cn_pack_open(&p, in, &help_err)) {
        assert_true(help_err.code && help_err.text[0]);
        return false;
    }
    w = cn_pack_writer_new();
    const struct cn_pack_tensor *t = cn_pack_tensors(p, &n);
    for (uint32_t i = 0; i < n; i++)
        cn_pack_put_raw(w, &t[i]);
    OK(cn_pack_finish(w, cn_pack_head(p), &again, &help_err));
    assert_int_equal(again.n, in.n);
    assert_memory_equal(again.at, in.at, in.n);
    return true;
}

static void what_opens_is_canonical_whatever_happened_to_it(void **state)
{
    (void)state;
    struct cn_rng rng;
    int n_refused = 0;

    cn_rng_init(&rng, 7);
    for (int k = 0; k < N_PACKS; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf b = random_pack(&rng);
        assert_true(opens_and_writes_the_same(help_bytes(&b)));
        for (int d = 0; d < N_DAMAGES; d++) {
            /* where it hurts: the prefix, the header and the first numbers */
            uint32_t at = cn_rng_below(&rng, b.n < 400 ? (uint32_t)b.n : 400);
            uint8_t bit = (uint8_t)(1u << cn_rng_below(&rng, 8));
            b.at[at] ^= bit;
            n_refused += !opens_and_writes_the_same(help_bytes(&b));
            b.at[at] ^= bit;
        }
    }
    assert_true(n_refused > N_PACKS * N_DAMAGES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_opens_is_canonical_whatever_happened_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
