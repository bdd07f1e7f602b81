/* The name of some bytes: their BLAKE2b-256 digest (computed by common/doors/crypto.h). A value
   type, so that cores and messages can carry names of what they never see. */
#ifndef CN_DIGEST_H
#define CN_DIGEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { CN_DIGEST_BYTES = 32 };

struct cn_digest {
    uint8_t b[CN_DIGEST_BYTES];
};

static inline bool cn_digest_equal(const struct cn_digest *a, const struct cn_digest *b)
{
    return memcmp(a->b, b->b, CN_DIGEST_BYTES) == 0;
}

/* All zero stands for "none": no bytes are known to have that digest. */
static inline bool cn_digest_is_none(const struct cn_digest *d)
{
    static const struct cn_digest none;

    return cn_digest_equal(d, &none);
}

#endif
