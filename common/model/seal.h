/* Signed envelopes: what the fleet's key vouches for, and as what. Threads: no shared state.

   Layout: "CNSG", u8 version, u8 kind, u16 zero, Ed25519 signature (64), payload. The signature is
   over the first eight bytes and the payload, so one kind never verifies as another. */
#ifndef CN_SEAL_H
#define CN_SEAL_H

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"

struct cn_secret; /* common/doors/crypto.h */

enum cn_seal_kind { CN_SEAL_RELEASE = 1, CN_SEAL_REGISTRY };
enum { CN_SEAL_BYTES = 72 }; /* before the payload */

/* Appends the envelope to out. CN_E_LIMIT: a payload that no peer would take. */
enum cn_err cn_seal(enum cn_seal_kind kind, struct cn_bytes payload, const struct cn_secret *key,
                    struct cn_buf *out, struct cn_error *err) CN_NODISCARD;
/* *ret_payload lies inside sealed. fleet: the public key, which is the fleet's id. CN_E_CRYPTO:
   unsigned, or not signed by this fleet over these bytes as this kind; CN_E_VERSION: a later
   version of the envelope; CN_E_LIMIT. */
enum cn_err cn_unseal(enum cn_seal_kind kind, struct cn_bytes sealed, const struct cn_digest *fleet,
                      struct cn_bytes *ret_payload, struct cn_error *err) CN_NODISCARD;

#endif
