/* Blobs: bytes that many share and nobody copies, also between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "common/base/blob.h"

static void taking_a_buffer_copies_nothing_and_leaves_it_empty(void **state)
{
    (void)state;
    struct cn_buf b = {0};

    cn_buf_append(&b, "bytes", 5);
    const uint8_t *at = b.at;
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = cn_blob_take(&b);
    assert_ptr_equal(cn_blob_bytes(blob).at, at);
    assert_int_equal(cn_blob_bytes(blob).n, 5);
    assert_null(b.at);
    assert_int_equal(b.n, 0);
}

static void the_bytes_live_as_long_as_the_last_reference(void **state)
{
    (void)state;
    char text[] = "text";
    struct cn_blob *first = cn_blob_copy(text, 4);
    struct cn_blob *second = cn_blob_ref(first);

    text[0] = 'n';
    cn_blob_unref(&first);
    assert_null(first);
    assert_memory_equal(cn_blob_bytes(second).at, "text", 4); /* AddressSanitizer watches */
    cn_blob_unref(&second);
    cn_blob_unref(&second); /* takes NULL */
    struct cn_blob *empty = cn_blob_copy(NULL, 0);
    assert_int_equal(cn_blob_bytes(empty).n, 0);
    cn_blob_unref(&empty);
}

enum { N_THREADS = 4, N_TURNS = 20000 };

static void *ref_and_unref(void *arg)
{
    struct cn_blob *mine = arg;
    uintptr_t sum = 0;

    for (int i = 0; i < N_TURNS; i++) {
        struct cn_blob *more = cn_blob_ref(mine);
        sum += cn_blob_bytes(more).at[i % 8];
        cn_blob_unref(&more);
    }
    cn_blob_unref(&mine);
    return (void *)sum;
}

static void threads_may_share_a_blob_and_the_last_one_frees_it(void **state)
{
    (void)state;
    struct cn_blob *blob = cn_blob_copy("\1\1\1\1\1\1\1\1", 8);
    pthread_t threads[N_THREADS];

    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, cn_blob_ref(blob)), 0);
    cn_blob_unref(&blob); /* ours goes first */
    for (int i = 0; i < N_THREADS; i++) {
        void *sum;
        assert_int_equal(pthread_join(threads[i], &sum), 0);
        assert_int_equal((uintptr_t)sum, N_TURNS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking_a_buffer_copies_nothing_and_leaves_it_empty),
        cmocka_unit_test(the_bytes_live_as_long_as_the_last_reference),
        cmocka_unit_test(threads_may_share_a_blob_and_the_last_one_frees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
