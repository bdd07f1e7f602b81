/* What the tests of common/model share: calls that must succeed, and packs made in one line. */
#ifndef MODEL_HELP_H
#define MODEL_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/model/pack.h"

static struct cn_error help_err __attribute__((unused));

/* The call succeeds, or the test fails with its sentence. `&help_err` is the error to pass. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != CN_OK)                                                                       \
            fail_msg("%s: %s", #call, help_err.text);                                              \
    } while (0)

/* The call fails with that code and says something. */
#define FAILS(code_, call)                                                                         \
    do {                                                                                           \
        help_err = (struct cn_error){0};                                                           \
        enum cn_err rc_ = (call);                                                                  \
        if (rc_ != (code_))                                                                        \
            fail_msg("%s: %s (%s) instead of %s", #call, cn_err_name(rc_), help_err.text,          \
                     cn_err_name(code_));                                                          \
        assert_int_equal(help_err.code, code_);                                                    \
        assert_true(help_err.text[0]);                                                             \
    } while (0)

static inline struct cn_bytes help_bytes(const struct cn_buf *b)
{
    return (struct cn_bytes){b->at, b->n};
}

/* A tensor of numbers drawn N(0, 1). */
static inline struct cn_tensor help_tensor(const char *name, uint32_t rows, uint32_t columns,
                                           bool by_label, struct cn_rng *rng)
{
    struct cn_tensor t;

    cn_tensor_init(&t, name, 2, (const uint32_t[]){rows, columns});
    t.by_label = by_label;
    cn_rng_fill_normal(rng, t.data, cn_tensor_size(&t), 1);
    return t;
}

/* A pack with one tensor. */
static inline struct cn_buf help_pack_of(const struct cn_tensor *t, enum cn_pack_type type,
                                         const uint32_t *rows)
{
    struct cn_buf out = {0};
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();

    cn_pack_put(w, t, type, rows);
    OK(cn_pack_finish(w, &(struct cn_pack_head){.kind = CN_PACK_UPDATE}, &out, &help_err));
    return out;
}

/* A pack of any header and n zero bytes behind it, whatever sense that makes. */
static inline struct cn_buf help_pack_raw(const struct cn_buf *header, size_t n_data)
{
    struct cn_buf out = {0};
    uint8_t prefix[16] = "CNPK";

    cn_put32(prefix + 4, 1);
    cn_put32(prefix + 8, (uint32_t)header->n);
    cn_buf_append(&out, prefix, sizeof prefix);
    cn_buf_append(&out, header->at, header->n);
    cn_buf_extend(&out, (64 - out.n % 64) % 64 + n_data);
    return out;
}

#endif
