/* Device tokens. */
#include "common/model/token.h"

#include <assert.h>
#include <string.h>

enum {
    VERSION = 1,
    CHECK_BYTES = 4,
    FIXED_BYTES = 1 + CN_DIGEST_BYTES + CN_KEY_BYTES + CN_TOKEN_SECRET_BYTES,
    MAX_BYTES = FIXED_BYTES + 2 * (1 + CN_MAX_ENDPOINT_BYTES) + CHECK_BYTES
};

static void put_text(struct cn_buf *b, const char *s)
{
    uint8_t n = (uint8_t)strlen(s);

    assert(strlen(s) <= CN_MAX_ENDPOINT_BYTES);
    cn_buf_append(b, &n, 1);
    cn_buf_append(b, s, n);
}

void cn_token_encode(const struct cn_token *t, struct cn_buf *out)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};
    const uint8_t version = VERSION;

    cn_buf_append(&b, &version, 1);
    cn_buf_append(&b, t->fleet.b, sizeof t->fleet.b);
    cn_buf_append(&b, t->server.b, sizeof t->server.b);
    cn_buf_append(&b, t->secret, sizeof t->secret);
    put_text(&b, t->enrol);
    put_text(&b, t->fleet_endpoint);
    struct cn_digest check = cn_digest_of(b.at, b.n);
    cn_buf_append(&b, check.b, CHECK_BYTES);
    cn_base64_encode(out, b.at, b.n);
}

/* Moves p past one text; false when the bytes end before it, or it is no printable ASCII. */
static bool get_text(struct cn_bytes *p, char out[CN_MAX_ENDPOINT_BYTES + 1])
{
    if (p->n == 0 || p->at[0] == 0 || p->at[0] > CN_MAX_ENDPOINT_BYTES || p->n - 1 < p->at[0])
        return false;
    size_t n = p->at[0];
    for (size_t i = 0; i < n; i++)
        if (p->at[1 + i] <= 0x20 || p->at[1 + i] >= 0x7f)
            return false;
    memcpy(out, p->at + 1, n);
    out[n] = 0;
    *p = (struct cn_bytes){p->at + 1 + n, p->n - 1 - n};
    return true;
}

static void take(struct cn_bytes *p, void *out, size_t n)
{
    memcpy(out, p->at, n);
    *p = (struct cn_bytes){p->at + n, p->n - n};
}

enum cn_err cn_token_decode(struct cn_token *ret, const char *text, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};
    struct cn_token t;
    enum cn_err e = cn_base64_decode(&b, MAX_BYTES, text, "the token", err);

    if (e != CN_OK)
        return cn_fail(err, CN_E_PARSE,
                       "this is not a device token; paste the whole line that "
                       "`cairn device token` printed");
    if (b.n > 1 && b.at[0] > VERSION)
        return cn_fail(err, CN_E_VERSION,
                       "the token has version %u, this program knows %u: install the coordinator's "
                       "version or newer",
                       b.at[0], VERSION);
    if (b.n < FIXED_BYTES + CHECK_BYTES || b.at[0] != VERSION)
        return cn_fail(err, CN_E_PARSE, "the token is cut off; paste the whole line");
    struct cn_bytes p = {b.at + 1, b.n - 1 - CHECK_BYTES};
    struct cn_digest check = cn_digest_of(b.at, b.n - CHECK_BYTES);
    if (memcmp(check.b, b.at + b.n - CHECK_BYTES, CHECK_BYTES) != 0)
        return cn_fail(err, CN_E_PARSE, "the token is cut off or garbled; paste the whole line");
    take(&p, t.fleet.b, sizeof t.fleet.b);
    take(&p, t.server.b, sizeof t.server.b);
    take(&p, t.secret, sizeof t.secret);
    if (!get_text(&p, t.enrol) || !get_text(&p, t.fleet_endpoint) || p.n != 0)
        return cn_fail(err, CN_E_PARSE, "the token names no endpoints; ask for a new one");
    *ret = t;
    return CN_OK;
}
