/* A device token: everything that a new device needs to find its fleet, prove that it was invited,
   and know that it talks to the right coordinator. Threads: no shared state. */
#ifndef CN_TOKEN_H
#define CN_TOKEN_H

#include "common/base/buf.h"
#include "common/base/proto.h"
#include "common/doors/crypto.h"

struct cn_token {
    struct cn_digest fleet;      /* the fleet's id: its public signing key */
    struct cn_public_key server; /* whom both endpoints prove to be (CURVE) */
    uint8_t secret[CN_TOKEN_SECRET_BYTES];
    char enrol[CN_MAX_ENDPOINT_BYTES + 1]; /* where JOIN goes */
    char fleet_endpoint[CN_MAX_ENDPOINT_BYTES + 1];
};

/* Appends the token as text: base64url of

     version u8 = 1 | fleet 32 | server 32 | secret 32 | n u8, enrol | n u8, fleet endpoint | check
   4

   where check is the beginning of the BLAKE2b-256 of all before it. The check finds slips of the
   clipboard; what protects the fleet is the secret. */
void cn_token_encode(const struct cn_token *t, struct cn_buf *out);

/* Reads a token; white space around it is forgiven. CN_E_PARSE: not a token, cut off or garbled;
   CN_E_VERSION: made by a newer coordinator. *ret is written only on success. */
enum cn_err cn_token_decode(struct cn_token *ret, const char *text,
                            struct cn_error *err) CN_NODISCARD;

#endif
