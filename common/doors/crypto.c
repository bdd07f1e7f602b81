/* Digests, signatures, keys and their files. The only file that includes libsodium. */
#include "common/doors/crypto.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "common/base/limits.h"

_Static_assert(CN_DIGEST_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(CN_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(CN_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(CN_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(sizeof(struct cn_hasher) >= sizeof(crypto_generichash_state), "hasher");

enum { SECRET_BYTES = crypto_sign_SECRETKEYBYTES }; /* the longer of the two kinds */

struct cn_secret {
    enum cn_secret_kind kind;
    struct cn_public_key public;
    uint8_t bytes[SECRET_BYTES];
};

enum cn_err cn_crypto_init(struct cn_error *err)
{
    if (sodium_init() < 0)
        return cn_fail(err, CN_E_CRYPTO, "libsodium finds no source of random numbers");
    return CN_OK;
}

void cn_random(void *out, size_t n)
{
    randombytes_buf(out, n);
}

bool cn_secret_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

struct cn_digest cn_digest_of(const void *p, size_t n)
{
    struct cn_digest d;

    crypto_generichash(d.b, sizeof d.b, p, n, NULL, 0);
    return d;
}

const char *cn_digest_hex(char out[CN_DIGEST_HEX_BYTES], const struct cn_digest *d)
{
    return cn_hex_encode(out, d->b, sizeof d->b);
}

void cn_hasher_init(struct cn_hasher *h)
{
    crypto_generichash_init((crypto_generichash_state *)h->opaque, NULL, 0, CN_DIGEST_BYTES);
}

void cn_hasher_add(struct cn_hasher *h, const void *p, size_t n)
{
    crypto_generichash_update((crypto_generichash_state *)h->opaque, p, n);
}

struct cn_digest cn_hasher_end(struct cn_hasher *h)
{
    struct cn_digest d;

    crypto_generichash_final((crypto_generichash_state *)h->opaque, d.b, sizeof d.b);
    return d;
}

struct cn_digest cn_token_hash(const void *secret, size_t n)
{
    static const uint8_t purpose[] = "cairn one-time token";
    struct cn_digest d;

    crypto_generichash(d.b, sizeof d.b, secret, n, purpose, sizeof purpose - 1);
    return d;
}

static struct cn_secret *new_locked(enum cn_secret_kind kind)
{
    struct cn_secret *s = sodium_malloc(sizeof *s);

    if (!s) {
        fprintf(stderr, "out of locked memory for a key: raise the limit (ulimit -l)\n");
        abort();
    }
    memset(s, 0, sizeof *s);
    s->kind = kind;
    return s;
}

struct cn_secret *cn_secret_new(enum cn_secret_kind kind)
{
    struct cn_secret *s = new_locked(kind);

    switch (kind) {
    case CN_SECRET_SIGN: crypto_sign_keypair(s->public.b, s->bytes); break;
    case CN_SECRET_LINK: crypto_box_keypair(s->public.b, s->bytes); break;
    }
    return s;
}

void cn_secret_destroy(struct cn_secret **secret)
{
    sodium_free(cn_steal(*secret)); /* wipes; takes NULL */
}

const struct cn_public_key *cn_secret_public(const struct cn_secret *secret)
{
    return &secret->public;
}

const uint8_t *cn_secret_link_bytes(const struct cn_secret *secret)
{
    assert(secret->kind == CN_SECRET_LINK);
    return secret->bytes;
}

/* A key file is one line: a name of the kind, a space, and 64 hex digits: the Ed25519 seed or the
   X25519 scalar, from which the public half follows. */
static const char *const kind_names[] = {"cairn-sign-1", "cairn-link-1"};
enum { SEED_BYTES = 32, LINE_BYTES = 96 };

_Static_assert(SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(SEED_BYTES == crypto_box_SECRETKEYBYTES, "X25519");

enum cn_err cn_secret_save(const struct cn_secret *secret, const char *path, struct cn_error *err)
{
    char line[LINE_BYTES], hex[2 * SEED_BYTES + 1];
    int CN_CLEANUP(cn_fs_closep) fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST)
        return cn_fail(err, CN_E_EXISTS, "%s: a key is there already; it is not replaced", path);
    if (fd < 0)
        return cn_fail_errno(err, "cannot create the key file %s", path);
    /* An Ed25519 secret key begins with its seed. */
    cn_hex_encode(hex, secret->bytes, SEED_BYTES);
    int n = snprintf(line, sizeof line, "%s %s\n", kind_names[secret->kind], hex);
    bool written = write(fd, line, (size_t)n) == n && fchmod(fd, 0600) == 0 && fsync(fd) == 0;
    enum cn_err code = written ? CN_OK : cn_fail_errno(err, "cannot write the key file %s", path);
    sodium_memzero(line, sizeof line);
    sodium_memzero(hex, sizeof hex);
    if (!written)
        unlink(path);
    return code;
}

static enum cn_err parse_secret(struct cn_secret *s, char *line, const char *path,
                                struct cn_error *err)
{
    const char *name = kind_names[s->kind];
    size_t n_name = strlen(name);
    uint8_t seed[SEED_BYTES];

    line[strcspn(line, "\r\n")] = 0;
    if (strncmp(line, name, n_name) != 0 || line[n_name] != ' ')
        return cn_fail(err, CN_E_CRYPTO, "%s is not a key file of the kind %s", path, name);
    if (cn_hex_decode(seed, sizeof seed, line + n_name + 1, "key", NULL) != CN_OK)
        return cn_fail(err, CN_E_CRYPTO, "%s is damaged: no 64 hex digits after %s", path, name);
    switch (s->kind) {
    case CN_SECRET_SIGN: crypto_sign_seed_keypair(s->public.b, s->bytes, seed); break;
    case CN_SECRET_LINK:
        memcpy(s->bytes, seed, sizeof seed);
        crypto_scalarmult_base(s->public.b, s->bytes);
        break;
    }
    sodium_memzero(seed, sizeof seed);
    return CN_OK;
}

enum cn_err cn_secret_load(struct cn_secret **ret, enum cn_secret_kind kind, const char *path,
                           struct cn_error *err)
{
    char line[LINE_BYTES] = "";
    struct stat st;
    int CN_CLEANUP(cn_fs_closep) fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return cn_fail_errno(err, "cannot read the key file %s", path);
    if (st.st_mode & 077)
        return cn_fail(err, CN_E_CRYPTO,
                       "others can read the key file %s (mode %03o); chmod 600 it, and replace the "
                       "key if it may have been read",
                       path, (unsigned)st.st_mode & 0777);
    ssize_t n = read(fd, line, sizeof line - 1);
    if (n < 0)
        return cn_fail_errno(err, "cannot read the key file %s", path);
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) s = new_locked(kind);
    enum cn_err code = parse_secret(s, line, path, err);
    sodium_memzero(line, sizeof line);
    if (code == CN_OK)
        *ret = cn_steal(s);
    return code;
}

struct cn_signature cn_sign(const struct cn_secret *secret, const void *p, size_t n)
{
    struct cn_signature signature;

    assert(secret->kind == CN_SECRET_SIGN);
    crypto_sign_detached(signature.b, NULL, p, n, secret->bytes);
    return signature;
}

bool cn_verify(const struct cn_public_key *key, const void *p, size_t n,
               const struct cn_signature *signature)
{
    return crypto_sign_verify_detached(signature->b, p, n, key->b) == 0;
}

const char *cn_hex_encode(char *out, const void *p, size_t n)
{
    return sodium_bin2hex(out, 2 * n + 1, p, n);
}

enum cn_err cn_hex_decode(void *out, size_t n, const char *text, const char *what,
                          struct cn_error *err)
{
    size_t n_text = strnlen(text, 2 * n + 1), n_valid = strspn(text, "0123456789abcdefABCDEF");

    if (n_text != 2 * n)
        return cn_fail(err, CN_E_PARSE, "%s: %zu hex digits are expected, but it has %s", what,
                       2 * n, n_text < 2 * n ? "fewer" : "more");
    if (n_valid != n_text)
        return cn_fail(err, CN_E_PARSE, "%s: character %zu is not a hex digit", what, n_valid + 1);
    sodium_hex2bin(out, n, text, n_text, NULL, NULL, NULL);
    return CN_OK;
}

void cn_base64_encode(struct cn_buf *out, const void *p, size_t n)
{
    size_t max = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t before = out->n;

    sodium_bin2base64((char *)cn_buf_extend(out, max), max, p, n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    out->n = before + strlen((char *)out->at + before);
}

enum cn_err cn_base64_decode(struct cn_buf *ret, size_t max_bytes, const char *text,
                             const char *what, struct cn_error *err)
{
    static const char space[] = " \t\r\n";
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *start = text + strspn(text, space), *end = start + strcspn(start, space);
    size_t n_text = (size_t)(end - start), n_valid = strspn(start, alphabet), n_bytes = 0;

    if (end[strspn(end, space)] != 0)
        return cn_fail(err, CN_E_PARSE, "%s: a space in the middle; was it cut in two?", what);
    if (n_text / 4 * 3 > max_bytes)
        return cn_fail(err, CN_E_LIMIT, "%s: longer than %zu bytes", what, max_bytes);
    struct cn_buf CN_CLEANUP(cn_buf_fini) bytes = {0};
    uint8_t *at = cn_buf_extend(&bytes, n_text / 4 * 3 + 3);
    /* The alphabet is looked at here: libsodium 1.0.18 lets some bytes above 127 through. */
    if (n_valid != n_text)
        return cn_fail(err, CN_E_PARSE, "%s: not base64url at character %zu; was it copied whole?",
                       what, n_valid + 1);
    if (sodium_base642bin(at, bytes.n, start, n_text, NULL, &n_bytes, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return cn_fail(err, CN_E_PARSE, "%s: its end is missing; was it copied whole?", what);
    if (n_bytes > max_bytes)
        return cn_fail(err, CN_E_LIMIT, "%s: longer than %zu bytes", what, max_bytes);
    cn_buf_append(ret, at, n_bytes);
    return CN_OK;
}
