/* The two bounded memories of the daemon: latest predictions, and features of pending examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/edge/phicache.h"
#include "client/edge/prediction.h"

static struct cn_blob *bytes(size_t n)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};

    cn_buf_extend(&b, n);
    return cn_blob_take(&b);
}

static uint64_t put(struct edge_ring *ring, size_t n_bytes)
{
    struct edge_prediction p = {.image = bytes(n_bytes), .release = 3};

    return edge_ring_put(ring, &p);
}

static void a_prediction_is_remembered_until_newer_ones_push_it_out(void **state)
{
    struct edge_ring *CN_CLEANUP(edge_ring_destroy) ring = edge_ring_new(4, 1000, 77);
    uint64_t id[6];

    (void)state;
    for (int i = 0; i < 6; i++)
        id[i] = put(ring, 10);
    assert_null(edge_ring_get(ring, id[0]));
    assert_null(edge_ring_get(ring, id[1]));
    for (int i = 2; i < 6; i++)
        assert_int_equal(edge_ring_get(ring, id[i])->release, 3);
    assert_null(edge_ring_get(ring, id[5] + 1));
    assert_null(edge_ring_get(ring, 0));
}

static void images_are_bounded_in_bytes_too(void **state)
{
    struct edge_ring *CN_CLEANUP(edge_ring_destroy) ring = edge_ring_new(4, 1000, 77);

    (void)state;
    uint64_t a = put(ring, 600), b = put(ring, 600);
    assert_null(edge_ring_get(ring, a));
    assert_non_null(edge_ring_get(ring, b));
    uint64_t c = put(ring, 5000); /* alone it may be larger: it is the newest */
    assert_null(edge_ring_get(ring, b));
    assert_non_null(edge_ring_get(ring, c));
}

static void ids_of_another_run_are_not_found(void **state)
{
    struct edge_ring *CN_CLEANUP(edge_ring_destroy) before = edge_ring_new(4, 1000, 77);
    struct edge_ring *CN_CLEANUP(edge_ring_destroy) after = edge_ring_new(4, 1000, 78);

    (void)state;
    uint64_t old = put(before, 10);
    put(after, 10);
    assert_null(edge_ring_get(after, old));
}

static void keep(struct edge_phicache *c, int64_t example, size_t n)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) phi = bytes(n);

    edge_phicache_put(c, example, phi);
}

static void features_are_found_by_example_and_the_oldest_go_first(void **state)
{
    struct edge_phicache *CN_CLEANUP(edge_phicache_destroy) c = edge_phicache_new(1000);

    (void)state;
    for (int64_t i = 1; i <= 20; i++)
        keep(c, i, 100);
    for (int64_t i = 1; i <= 10; i++)
        assert_null(edge_phicache_get(c, i));
    for (int64_t i = 11; i <= 20; i++)
        assert_non_null(edge_phicache_get(c, i));
}

static void features_may_come_in_any_order_and_be_dropped_and_replaced(void **state)
{
    struct edge_phicache *CN_CLEANUP(edge_phicache_destroy) c = edge_phicache_new(100 * 1000);

    (void)state;
    for (int64_t i = 0; i < 500; i++)
        keep(c, 1 + (i * 7919) % 500, 10);
    for (int64_t i = 1; i <= 500; i += 2)
        edge_phicache_drop(c, i);
    edge_phicache_drop(c, 12345);
    keep(c, 2, 30);
    for (int64_t i = 1; i <= 500; i++) {
        struct cn_blob *phi = edge_phicache_get(c, i);
        assert_int_equal(phi ? cn_blob_bytes(phi).n : 0, i % 2 ? 0 : i == 2 ? 30 : 10);
    }
    edge_phicache_clear(c);
    assert_null(edge_phicache_get(c, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prediction_is_remembered_until_newer_ones_push_it_out),
        cmocka_unit_test(images_are_bounded_in_bytes_too),
        cmocka_unit_test(ids_of_another_run_are_not_found),
        cmocka_unit_test(features_are_found_by_example_and_the_oldest_go_first),
        cmocka_unit_test(features_may_come_in_any_order_and_be_dropped_and_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
