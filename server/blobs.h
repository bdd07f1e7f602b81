/* Content-addressed files: DIR/DIGEST holds the bytes with that digest, whole or not at all. What
   many devices fetch at once is read once and shared. One thread, but for srv_blobs_write. */
#ifndef SRV_BLOBS_H
#define SRV_BLOBS_H

#include "common/base/blob.h"
#include "common/doors/crypto.h"

enum { SRV_BLOBS_CACHED = 16, SRV_BLOBS_HELD = 8 };

struct srv_blobs_entry {
    struct cn_digest digest;
    struct cn_blob *blob;
    uint64_t used; /* larger is later */
};

struct srv_blobs {
    char dir[1024];
    struct srv_blobs_entry cached[SRV_BLOBS_CACHED];
    struct srv_blobs_entry held[SRV_BLOBS_HELD];
    uint64_t clock;
};

void srv_blobs_init(struct srv_blobs *b, const char *dir);
void srv_blobs_fini(struct srv_blobs *b);

/* Writes bytes to dir durably, unless they are there. Any thread. */
enum cn_err srv_blobs_write(const char *dir, struct cn_bytes bytes, struct cn_digest *ret,
                            struct cn_error *err) CN_NODISCARD;
/* A new reference; CN_E_NOTFOUND, or CN_E_CRYPTO when the file does not have its digest. */
enum cn_err srv_blobs_get(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob **ret,
                          struct cn_error *err) CN_NODISCARD;
/* Reads the file again and compares, whatever is cached. The same errors. */
enum cn_err srv_blobs_check(const struct srv_blobs *b, const struct cn_digest *digest,
                            struct cn_error *err) CN_NODISCARD;
/* A new release: forgets what devices fetched before, and serves the model from the copy that is in
   memory anyway. */
void srv_blobs_renew(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob *model);
/* Serves a blob from memory although it is on no disk (a candidate), until srv_blobs_drop_held. */
void srv_blobs_hold(struct srv_blobs *b, const struct cn_digest *digest, struct cn_blob *blob);
void srv_blobs_drop_held(struct srv_blobs *b);

/* Removes every file that keep(user, digest) does not want, temporaries included: what a crash left
   between writing a blob and committing it. */
typedef bool (*srv_blobs_keep_fn)(void *user, const struct cn_digest *digest);
enum cn_err srv_blobs_sweep(struct srv_blobs *b, srv_blobs_keep_fn keep, void *user,
                            struct cn_error *err) CN_NODISCARD;

#endif
