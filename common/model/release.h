/* The signed manifest of a release: what it is made of, what it follows, whose updates are in it.
   Threads: no shared state. */
#ifndef CN_RELEASE_H
#define CN_RELEASE_H

#include "common/doors/modelwire.h"
#include "common/model/seal.h"

/* Checks the manifest's form (kinds, numbers that go forward, artifacts, contributions ascending
   and each once). The error names the field. */
enum cn_err cn_release_check(const struct cn_manifest *m, struct cn_error *err) CN_NODISCARD;

/* Appends the envelope (CN_SEAL_RELEASE) of a manifest that checks. m->fleet must be the public
   half of key. */
enum cn_err cn_release_seal(const struct cn_manifest *m, const struct cn_secret *key,
                            struct cn_buf *out, struct cn_error *err) CN_NODISCARD;
/* Verifies and decodes; free *ret with cn_release_fini. CN_E_CRYPTO: unsigned, tampered with or of
   another fleet; CN_E_VERSION, CN_E_PARSE, CN_E_LIMIT. */
enum cn_err cn_release_open(struct cn_bytes sealed, const struct cn_digest *fleet,
                            struct cn_manifest *ret, struct cn_error *err) CN_NODISCARD;
void cn_release_fini(struct cn_manifest *m);

/* Promise 6: whether a device that runs release `current` (0: none) may install m. Numbers only go
   forward; going back is a new, higher number whose signed manifest says so. CN_E_STATE: older, or
   the same. */
enum cn_err cn_release_may_follow(uint32_t current, const struct cn_manifest *m,
                                  struct cn_error *err) CN_NODISCARD;

/* "genesis", "round", "rollback". */
const char *cn_release_kind_name(enum cn_release_kind kind);

#endif
