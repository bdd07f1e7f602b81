/* Messages to bytes and back: golden bytes of every message, and what hostile bytes come to.
   `test_wire print` writes the golden file of this version; the files of old versions stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/wire.h"
#include "tests/unit/doors/wire_samples.h"

static const char golden_path[] = "tests/data/proto/messages-1.0.txt";

/* ---- helpers ---- */

static enum cn_err decode(const void *p, size_t n, uint64_t n_bulk, struct cn_buf *scratch,
                          struct cn_msg *ret)
{
    struct cn_error err = {.text = ""};
    enum cn_err e = cn_wire_decode((struct cn_bytes){p, n}, n_bulk, scratch, ret, &err);

    assert_int_equal(e != CN_OK, err.text[0] != 0);
    return e;
}

/* Arrays by content, everything else bit for bit. */
static void assert_same(const struct cn_msg *a, const struct cn_msg *b)
{
    struct cn_msg x = *a, y = *b;

    switch ((int)a->kind) {
    case CN_MSG_READY:
        assert_int_equal(x.ready.n_counts, y.ready.n_counts);
        assert_memory_equal(x.ready.counts, y.ready.counts,
                            x.ready.n_counts * sizeof *x.ready.counts);
        x.ready.counts = y.ready.counts = NULL;
        break;
    case CN_MSG_TALLY:
        assert_int_equal(x.tally.n_tallies, y.tally.n_tallies);
        assert_memory_equal(x.tally.tallies, y.tally.tallies,
                            x.tally.n_tallies * sizeof *x.tally.tallies);
        x.tally.tallies = y.tally.tallies = NULL;
        break;
    case CN_MSG_SCORED:
        assert_int_equal(x.scored.n_tallies, y.scored.n_tallies);
        assert_memory_equal(x.scored.tallies, y.scored.tallies,
                            x.scored.n_tallies * sizeof *x.scored.tallies);
        x.scored.tallies = y.scored.tallies = NULL;
        break;
    }
    assert_memory_equal(&x, &y, sizeof x);
}

/* The reference encoding of protobuf, by hand, for messages that our encoder refuses to write. */
static void put_varint(struct cn_buf *b, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        *cn_buf_extend(b, 1) = (uint8_t)(v | 128);
    *cn_buf_extend(b, 1) = (uint8_t)v;
}

static void put_number(struct cn_buf *b, uint32_t field, uint64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_bytes(struct cn_buf *b, uint32_t field, const void *p, size_t n)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    cn_buf_append(b, p, n);
}

/* Decodes an envelope with that body. */
static enum cn_err decode_body(enum cn_msg_kind kind, struct cn_buf *body, uint64_t n_bulk)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
    struct cn_msg m;

    put_bytes(&bytes, (uint32_t)kind + 1, body->at, body->n);
    enum cn_err e = decode(bytes.at, bytes.n, n_bulk, &scratch, &m);
    cn_buf_fini(body);
    *body = (struct cn_buf){0};
    return e;
}

static const uint8_t zeros[CN_DIGEST_BYTES];

/* ---- cases ---- */

static void every_message_comes_back_as_it_went(void **state)
{
    (void)state;
    for (enum cn_msg_kind k = CN_MSG_HELLO; k < CN_MSG_NKINDS; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
        struct cn_msg m = wire_sample(k), back;
        cn_wire_encode(&m, &bytes);
        assert_int_equal(decode(bytes.at, bytes.n, wire_sample_bulk(k), &scratch, &back), CN_OK);
        assert_same(&m, &back);
    }
}

static size_t from_hex(const char *hex, uint8_t *out, size_t max)
{
    size_t n = 0;

    for (unsigned v; n < max && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
        out[n] = (uint8_t)v;
    return n;
}

static void the_golden_bytes_of_every_message_are_still_read_and_written(void **state)
{
    (void)state;
    FILE *f = fopen(golden_path, "r");
    char name[32], hex[4096];
    uint8_t golden[2048];
    enum cn_msg_kind k = CN_MSG_HELLO;

    assert_non_null(f);
    for (; fscanf(f, "%31s %4095s", name, hex) == 2; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
        struct cn_msg m = wire_sample(k), back;
        size_t n = from_hex(hex, golden, sizeof golden);
        assert_string_equal(name, cn_msg_name(k));
        assert_int_equal(decode(golden, n, wire_sample_bulk(k), &scratch, &back), CN_OK);
        assert_same(&m, &back);
        cn_wire_encode(&m, &bytes);
        assert_int_equal(bytes.n, n);
        assert_memory_equal(bytes.at, golden, n);
    }
    fclose(f);
    assert_int_equal(k, CN_MSG_NKINDS);
}

static void cut_short_anywhere_a_message_is_an_error(void **state)
{
    (void)state;
    for (enum cn_msg_kind k = CN_MSG_HELLO; k < CN_MSG_NKINDS; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
        struct cn_msg m = wire_sample(k), back;
        cn_wire_encode(&m, &bytes);
        for (size_t n = 0; n < bytes.n; n++) {
            CN_CLEANUP(cn_freep) uint8_t *exact = cn_alloc(n);
            memcpy(exact, bytes.at, n);
            assert_int_not_equal(decode(exact, n, wire_sample_bulk(k), &scratch, &back), CN_OK);
        }
    }
}

static void a_failed_decode_changes_nothing(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf scratch = {0};
    struct cn_msg m, before;

    memset(&m, 0x5a, sizeof m);
    before = m;
    assert_int_equal(decode("\xff\xff", 2, 0, &scratch, &m), CN_E_PARSE);
    assert_memory_equal(&m, &before, sizeof m);
}

static void a_message_of_a_newer_version_is_named_as_such(void **state)
{
    (void)state;
    struct cn_buf body = {0};

    put_number(&body, 1, 1);
    assert_int_equal(decode_body(CN_MSG_NKINDS, &body, 0), CN_E_UNSUPPORTED);
    assert_int_equal(decode_body(CN_MSG_NKINDS + 500, &body, 0), CN_E_UNSUPPORTED);
}

static void a_field_of_a_newer_version_is_ignored(void **state)
{
    (void)state;
    struct cn_buf body = {0};

    put_number(&body, 1, 4);
    put_bytes(&body, 900, "news", 4);
    assert_int_equal(decode_body(CN_MSG_PING, &body, 0), CN_OK);
}

static void a_header_over_its_cap_is_not_even_parsed(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0}, scratch = {0};
    struct cn_msg m;

    cn_buf_extend(&bytes, CN_MAX_HEADER_BYTES + 1);
    assert_int_equal(decode(bytes.at, bytes.n, 0, &scratch, &m), CN_E_LIMIT);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    struct cn_buf body = {0};

    for (uint64_t credit = 0; credit <= CN_MAX_CREDIT + 1; credit += CN_MAX_CREDIT + 1) {
        put_bytes(&body, 1, zeros, sizeof zeros);
        put_number(&body, 3, credit);
        assert_int_equal(decode_body(CN_MSG_WANT, &body, 0), CN_E_LIMIT);
    }
    put_number(&body, 1, 0);
    assert_int_equal(decode_body(CN_MSG_HELD, &body, 0), CN_E_LIMIT);
    put_number(&body, 1, 1ull << 63);
    assert_int_equal(decode_body(CN_MSG_HELD, &body, 0), CN_E_LIMIT);
    put_number(&body, 1, 1);
    put_bytes(&body, 2, zeros, sizeof zeros);
    put_number(&body, 3, (uint64_t)CN_MAX_BLOB_BYTES + 1);
    assert_int_equal(decode_body(CN_MSG_OFFER, &body, 0), CN_E_LIMIT);
    put_number(&body, 2, CN_WAIT_SLOTS);
    put_number(&body, 1, CN_ABOUT_N);
    assert_int_equal(decode_body(CN_MSG_WAIT, &body, 0), CN_E_LIMIT);
}

static void a_digest_of_another_length_is_refused(void **state)
{
    (void)state;
    struct cn_buf body = {0};

    put_bytes(&body, 1, zeros, sizeof zeros - 1);
    assert_int_equal(decode_body(CN_MSG_GONE, &body, 0), CN_E_PARSE);
    assert_int_equal(decode_body(CN_MSG_GONE, &body, 0), CN_E_PARSE);
}

static void a_text_longer_than_its_room_is_refused(void **state)
{
    (void)state;
    char name[CN_MAX_LABEL_NAME_BYTES + 1];
    struct cn_buf body = {0};

    memset(name, 'x', sizeof name);
    put_bytes(&body, 2, name, sizeof name);
    assert_int_equal(decode_body(CN_MSG_PROPOSE, &body, 0), CN_E_LIMIT);
    put_bytes(&body, 2, name, sizeof name - 1);
    assert_int_equal(decode_body(CN_MSG_PROPOSE, &body, 0), CN_OK);
    put_bytes(&body, 1, name, CN_MAX_SECRET_BYTES + 1);
    assert_int_equal(decode_body(CN_MSG_JOIN, &body, 0), CN_E_LIMIT);
    put_bytes(&body, 1, name, 0);
    assert_int_equal(decode_body(CN_MSG_JOIN, &body, 0), CN_E_LIMIT);
}

/* READY with one column of labels and one of counts. */
static enum cn_err decode_counts(const char *labels, size_t n_labels, const char *counts,
                                 size_t n_counts)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf table = {0};
    struct cn_buf body = {0};

    put_bytes(&table, 1, labels, n_labels);
    put_bytes(&table, 2, counts, n_counts);
    put_bytes(&body, 3, table.at, table.n);
    return decode_body(CN_MSG_READY, &body, 0);
}

static void a_table_has_equal_columns_and_ascending_labels(void **state)
{
    (void)state;
    assert_int_equal(decode_counts("\1\2\3", 3, "\1\1\1", 3), CN_OK);
    assert_int_equal(decode_counts("\1\2\3", 3, "\1\1", 2), CN_E_PARSE);
    assert_int_equal(decode_counts("\1\1", 2, "\1\1", 2), CN_E_PARSE);
    assert_int_equal(decode_counts("\2\1", 2, "\1\1", 2), CN_E_PARSE);
    assert_int_equal(decode_counts("\x80\x20", 2, "\1", 1), CN_E_PARSE); /* CN_MAX_LABELS */
    assert_int_equal(decode_counts("\xff\x1f", 2, "\1", 1), CN_OK);
}

static void a_table_longer_than_there_are_labels_is_refused(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf column = {0};

    cn_buf_extend(&column, CN_MAX_LABELS + 1);
    assert_int_equal(decode_counts((char *)column.at, column.n, (char *)column.at, column.n),
                     CN_E_LIMIT);
}

static void only_a_chunk_has_bulk_and_it_ends_within_its_blob(void **state)
{
    (void)state;
    struct cn_msg chunk = wire_sample(CN_MSG_CHUNK), ping = wire_sample(CN_MSG_PING), m;
    CN_CLEANUP(cn_buf_fini) struct cn_buf c = {0}, p = {0}, scratch = {0};

    cn_wire_encode(&chunk, &c);
    cn_wire_encode(&ping, &p);
    assert_int_equal(decode(c.at, c.n, 0, &scratch, &m), CN_E_LIMIT);
    assert_int_equal(decode(c.at, c.n, CN_CHUNK_BYTES + 1, &scratch, &m), CN_E_LIMIT);
    assert_int_equal(decode(c.at, c.n, 101, &scratch, &m), CN_E_PARSE);
    assert_int_equal(decode(c.at, c.n, 100, &scratch, &m), CN_OK);
    assert_int_equal(decode(p.at, p.n, 1, &scratch, &m), CN_E_PARSE);
}

static void a_score_names_one_to_four_models(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf model = {0};
    struct cn_buf body = {0};

    put_bytes(&model, 1, zeros, sizeof zeros);
    put_number(&model, 2, 5);
    put_number(&body, 1, 9);
    assert_int_equal(decode_body(CN_MSG_SCORE, &body, 0), CN_E_LIMIT);
    for (int i = 0; i <= CN_MAX_MODELS_SCORED; i++)
        put_bytes(&body, 2, model.at, model.n);
    assert_int_equal(decode_body(CN_MSG_SCORE, &body, 0), CN_E_LIMIT);
    put_bytes(&body, 2, model.at, model.n);
    assert_int_equal(decode_body(CN_MSG_SCORE, &body, 0), CN_OK);
}

static void a_welcome_without_heads_is_refused(void **state)
{
    (void)state;
    struct cn_buf body = {0};

    put_number(&body, 7, 1000);
    assert_int_equal(decode_body(CN_MSG_WELCOME, &body, 0), CN_E_PARSE);
}

static int print_golden(void)
{
    for (enum cn_msg_kind k = CN_MSG_HELLO; k < CN_MSG_NKINDS; k++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf bytes = {0};
        struct cn_msg m = wire_sample(k);
        cn_wire_encode(&m, &bytes);
        printf("%s ", cn_msg_name(k));
        for (size_t i = 0; i < bytes.n; i++)
            printf("%02x", bytes.at[i]);
        printf("\n");
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_went),
        cmocka_unit_test(the_golden_bytes_of_every_message_are_still_read_and_written),
        cmocka_unit_test(cut_short_anywhere_a_message_is_an_error),
        cmocka_unit_test(a_failed_decode_changes_nothing),
        cmocka_unit_test(a_message_of_a_newer_version_is_named_as_such),
        cmocka_unit_test(a_field_of_a_newer_version_is_ignored),
        cmocka_unit_test(a_header_over_its_cap_is_not_even_parsed),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_digest_of_another_length_is_refused),
        cmocka_unit_test(a_text_longer_than_its_room_is_refused),
        cmocka_unit_test(a_table_has_equal_columns_and_ascending_labels),
        cmocka_unit_test(a_table_longer_than_there_are_labels_is_refused),
        cmocka_unit_test(only_a_chunk_has_bulk_and_it_ends_within_its_blob),
        cmocka_unit_test(a_score_names_one_to_four_models),
        cmocka_unit_test(a_welcome_without_heads_is_refused),
    };

    if (argc == 2 && strcmp(argv[1], "print") == 0)
        return print_golden();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
