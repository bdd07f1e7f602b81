/* Digests, signatures, keys and their files; libsodium stands behind this door.
   Threads: reentrant after cn_crypto_init. */
#ifndef CN_CRYPTO_H
#define CN_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"

enum {
    CN_KEY_BYTES = 32, /* a public key of either kind */
    CN_SIGNATURE_BYTES = 64,
    CN_TOKEN_SECRET_BYTES = 32,
    CN_DIGEST_HEX_BYTES = 2 * CN_DIGEST_BYTES + 1 /* with the NUL */
};

/* First in main. */
enum cn_err cn_crypto_init(struct cn_error *err) CN_NODISCARD;
/* For keys, session numbers and seeds. */
void cn_random(void *out, size_t n);
/* Equal, in time that does not depend on the bytes. */
bool cn_secret_equal(const void *a, const void *b, size_t n) CN_NODISCARD;

/* BLAKE2b-256 (RFC 7693). */
struct cn_digest cn_digest_of(const void *p, size_t n);
/* Writes 64 hex digits and a NUL, and returns out. */
const char *cn_digest_hex(char out[CN_DIGEST_HEX_BYTES], const struct cn_digest *d);

/* The same digest, of bytes that come in pieces. */
struct cn_hasher {
    _Alignas(64) uint8_t opaque[384];
};

void cn_hasher_init(struct cn_hasher *h);
void cn_hasher_add(struct cn_hasher *h, const void *p, size_t n);
struct cn_digest cn_hasher_end(struct cn_hasher *h);

/* What the coordinator stores of a one-time token: the keyed hash of its secret, so that a stolen
   database admits nobody. */
struct cn_digest cn_token_hash(const void *secret, size_t n);

/* Keys: Ed25519 to sign (RFC 8032), X25519 for links (CurveZMQ, rfc.zeromq.org/spec/26). */
struct cn_public_key {
    uint8_t b[CN_KEY_BYTES];
};

struct cn_signature {
    uint8_t b[CN_SIGNATURE_BYTES];
};

enum cn_secret_kind { CN_SECRET_SIGN, CN_SECRET_LINK };

struct cn_secret; /* a key pair; the secret half lives in locked memory and is wiped */

struct cn_secret *cn_secret_new(enum cn_secret_kind kind) CN_NODISCARD; /* random */
void cn_secret_destroy(struct cn_secret **secret);
const struct cn_public_key *cn_secret_public(const struct cn_secret *secret);
/* The 32 secret bytes of a CN_SECRET_LINK, lent to the link door. */
const uint8_t *cn_secret_link_bytes(const struct cn_secret *secret);
/* Creates path with mode 0600; CN_E_EXISTS rather than replace a key. */
enum cn_err cn_secret_save(const struct cn_secret *secret, const char *path,
                           struct cn_error *err) CN_NODISCARD;
/* CN_E_CRYPTO when group or others may read the file, or when it holds another kind of key. */
enum cn_err cn_secret_load(struct cn_secret **ret, enum cn_secret_kind kind, const char *path,
                           struct cn_error *err) CN_NODISCARD;

struct cn_signature cn_sign(const struct cn_secret *secret, const void *p, size_t n);
bool cn_verify(const struct cn_public_key *key, const void *p, size_t n,
               const struct cn_signature *signature) CN_NODISCARD;

/* Lower-case hex of p, NUL-terminated; out holds 2 n + 1. Returns out. */
const char *cn_hex_encode(char *out, const void *p, size_t n);
/* Exactly n bytes from 2 n hex digits of either case. `what` names the thing in the error. */
enum cn_err cn_hex_decode(void *out, size_t n, const char *text, const char *what,
                          struct cn_error *err) CN_NODISCARD;
/* URL-safe base64 without padding (RFC 4648, section 5), appended to *out. */
void cn_base64_encode(struct cn_buf *out, const void *p, size_t n);
/* Appends to *ret; white space around the text is forgiven (it was pasted). */
enum cn_err cn_base64_decode(struct cn_buf *ret, size_t max_bytes, const char *text,
                             const char *what, struct cn_error *err) CN_NODISCARD;

#endif
