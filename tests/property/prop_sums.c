/* Promise 4: the same updates give the same bytes, in any order and over any tree of adders. */
#include "tests/unit/model/model_help.h"

#include <stdio.h>

#include "common/model/stats.h"
#include "common/model/sums.h"

enum { N_UPDATES = 10, N_LABELS = 9, DIM = 6, N_ORDERS = 1000, MAX_IMAGES = 40 };

/* ---- random updates: each with its own labels, counts, and with or without statistics ---- */

struct update {
    struct cn_buf bytes;
    struct cn_pack *pack;
    uint32_t body_weight, row_weights[N_LABELS];
};

static void measure(struct cn_pack_writer *w, const uint32_t *labels, uint32_t n,
                    struct cn_rng *rng)
{
    float phi[MAX_IMAGES * DIM];
    uint32_t of[MAX_IMAGES], n_images = cn_rng_below(rng, MAX_IMAGES);

    for (uint32_t i = 0; i < n_images; i++)
        of[i] = labels[cn_rng_below(rng, n)];
    cn_rng_fill_normal(rng, phi, (size_t)n_images * DIM, 2);
    OK(cn_stats_measure(w, phi, of, n_images, DIM, 3, &help_err));
}

static void make(struct update *u, struct cn_rng *rng)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    uint32_t labels[N_LABELS], n = 1 + cn_rng_below(rng, N_LABELS);

    for (uint32_t i = 0; i < N_LABELS; i++)
        labels[i] = 10 + i;
    cn_rng_shuffle(rng, labels, N_LABELS);
    struct cn_tensor body = help_tensor("body", 3, 5, false, rng),
                     rows = help_tensor("rows", n, 4, true, rng);
    cn_pack_put(w, &body, CN_PACK_F16, NULL);
    cn_pack_put(w, &rows, CN_PACK_F32, labels);
    cn_tensor_fini(&body);
    cn_tensor_fini(&rows);
    measure(w, labels, n, rng);
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &u->bytes, &help_err));
    OK(cn_pack_open(&u->pack, help_bytes(&u->bytes), &help_err));
    u->body_weight = 1 + cn_rng_below(rng, 100000);
    for (int i = 0; i < N_LABELS; i++)
        u->row_weights[i] = cn_rng_below(rng, 3) ? cn_rng_below(rng, 100000) : 0;
}

/* ---- adders ---- */

struct adder {
    struct cn_sums *sums;
    struct cn_stats *stats;
};

static struct adder adder_new(void)
{
    return (struct adder){cn_sums_new(), cn_stats_new(DIM)};
}

static void adder_fini(struct adder *a)
{
    cn_sums_destroy(&a->sums);
    cn_stats_destroy(&a->stats);
}

static void add(struct adder *a, const struct update *u)
{
    const struct cn_pack_tensor *body = cn_pack_find(u->pack, "body"),
                                *rows = cn_pack_find(u->pack, "rows");

    OK(cn_sums_check(a->sums, body, NULL, &u->body_weight, &help_err));
    OK(cn_sums_check(a->sums, rows, rows->rows, u->row_weights, &help_err));
    OK(cn_stats_check(a->stats, u->pack, &help_err));
    cn_sums_add(a->sums, body, NULL, &u->body_weight);
    cn_sums_add(a->sums, rows, rows->rows, u->row_weights);
    cn_stats_add(a->stats, u->pack);
}

/* Adds the updates over a random tree: some directly, some through a relay that sends its sums. */
static void add_over_tree(struct adder *root, const struct update *u, const uint32_t *order,
                          uint32_t n, struct cn_rng *rng)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t n_relay = cn_rng_below(rng, n - i + 1);
        struct adder relay = adder_new();

        for (uint32_t k = 0; k < n_relay; k++)
            add(&relay, &u[order[i + k]]);
        OK(cn_sums_merge(root->sums, relay.sums, &help_err));
        OK(cn_stats_merge(root->stats, relay.stats, &help_err));
        adder_fini(&relay);
        i += n_relay;
        if (i < n)
            add(root, &u[order[i++]]);
    }
}

static struct cn_buf encoded(const struct adder *a)
{
    struct cn_buf b = {0};

    OK(cn_sums_encode(a->sums, &b, &help_err));
    OK(cn_stats_encode(a->stats, &b, &help_err));
    return b;
}

static void any_order_over_any_tree_gives_the_same_bytes(void **state)
{
    (void)state;
    struct update u[N_UPDATES] = {0};
    uint32_t order[N_UPDATES];
    struct cn_buf first = {0};
    struct cn_rng rng;

    cn_rng_init(&rng, 20261124);
    for (uint32_t i = 0; i < N_UPDATES; i++) {
        make(&u[i], &rng);
        order[i] = i;
    }
    for (int k = 0; k < N_ORDERS; k++) {
        struct adder root = adder_new();

        if (k % 2)
            add_over_tree(&root, u, order, N_UPDATES, &rng);
        else
            for (uint32_t i = 0; i < N_UPDATES; i++)
                add(&root, &u[order[i]]);
        struct cn_buf bytes = encoded(&root);
        if (k == 0)
            first = bytes;
        else if (bytes.n != first.n || memcmp(bytes.at, first.at, first.n) != 0)
            fail_msg("order %d gives other bytes", k);
        if (k)
            cn_buf_fini(&bytes);
        adder_fini(&root);
        cn_rng_shuffle(&rng, order, N_UPDATES);
    }
    cn_buf_fini(&first);
    for (uint32_t i = 0; i < N_UPDATES; i++) {
        cn_pack_close(&u[i].pack);
        cn_buf_fini(&u[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_over_any_tree_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
