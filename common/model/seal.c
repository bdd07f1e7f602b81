/* Signed envelopes. */
#include "common/model/seal.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/doors/crypto.h"

enum { VERSION = 1, PREFIX_BYTES = 8 };

_Static_assert(CN_SEAL_BYTES == PREFIX_BYTES + CN_SIGNATURE_BYTES, "layout of the envelope");
_Static_assert(sizeof(struct cn_digest) == sizeof(struct cn_public_key), "a fleet's id is its key");

static const char *kind_name(enum cn_seal_kind kind)
{
    switch (kind) {
    case CN_SEAL_RELEASE: return "release";
    case CN_SEAL_REGISTRY: return "label registry";
    }
    return "unknown thing";
}

/* What the signature is over: prefix, then payload. */
static void signed_bytes(struct cn_buf *out, const uint8_t *prefix, struct cn_bytes payload)
{
    cn_buf_reserve(out, PREFIX_BYTES + payload.n);
    cn_buf_append(out, prefix, PREFIX_BYTES);
    cn_buf_append(out, payload.at, payload.n);
}

enum cn_err cn_seal(enum cn_seal_kind kind, struct cn_bytes payload, const struct cn_secret *key,
                    struct cn_buf *out, struct cn_error *err)
{
    const uint8_t prefix[PREFIX_BYTES] = {'C', 'N', 'S', 'G', VERSION, (uint8_t)kind, 0, 0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};

    if (payload.n > CN_MAX_REGISTRY_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the %s has %zu bytes, at most %d are signed",
                       kind_name(kind), payload.n, CN_MAX_REGISTRY_BYTES);
    signed_bytes(&text, prefix, payload);
    struct cn_signature signature = cn_sign(key, text.at, text.n);
    cn_buf_append(out, prefix, PREFIX_BYTES);
    cn_buf_append(out, signature.b, sizeof signature.b);
    cn_buf_append(out, payload.at, payload.n);
    return CN_OK;
}

enum cn_err cn_unseal(enum cn_seal_kind kind, struct cn_bytes sealed, const struct cn_digest *fleet,
                      struct cn_bytes *ret_payload, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    struct cn_public_key key;
    struct cn_signature signature;

    if (sealed.n < CN_SEAL_BYTES || memcmp(sealed.at, "CNSG", 4) != 0)
        return cn_fail(err, CN_E_CRYPTO, "the %s carries no signature", kind_name(kind));
    if (sealed.at[4] != VERSION)
        return cn_fail(err, CN_E_VERSION, "the %s is signed in format %u, this program reads %d",
                       kind_name(kind), sealed.at[4], VERSION);
    struct cn_bytes payload = {sealed.at + CN_SEAL_BYTES, sealed.n - CN_SEAL_BYTES};
    if (payload.n > CN_MAX_REGISTRY_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the %s has %zu bytes, at most %d are allowed",
                       kind_name(kind), payload.n, CN_MAX_REGISTRY_BYTES);
    if (sealed.at[5] != kind)
        return cn_fail(err, CN_E_CRYPTO, "the signature is over a %s, not over a %s",
                       kind_name((enum cn_seal_kind)sealed.at[5]), kind_name(kind));
    signed_bytes(&text, sealed.at, payload);
    memcpy(key.b, fleet->b, sizeof key.b);
    memcpy(signature.b, sealed.at + PREFIX_BYTES, sizeof signature.b);
    if (!cn_verify(&key, text.at, text.n, &signature))
        return cn_fail(err, CN_E_CRYPTO,
                       "the signature of the %s is not this fleet's: it was altered on the way, "
                       "or belongs to another fleet",
                       kind_name(kind));
    *ret_payload = payload;
    return CN_OK;
}
