/* The store's part about updates, from queued examples to a release, and about the release that is
   installed. Loop thread only. */
#ifndef EDGE_STORE_UPDATE_H
#define EDGE_STORE_UPDATE_H

#include "client/edge/core/event.h"
#include "client/edge/store.h"

struct edge_installed {
    uint32_t release; /* 0: none yet */
    struct cn_digest manifest, model;
    uint32_t registry_version;
    struct cn_digest registry; /* envelope; none until one came */
};

/* The update in flight; seq 0 when there is none. */
enum cn_err edge_store_open_update(struct edge_store *s, struct edge_update *ret,
                                   struct cn_error *err) CN_NODISCARD;
/* The highest seq ever used here. */
enum cn_err edge_store_last_seq(struct edge_store *s, uint64_t *ret,
                                struct cn_error *err) CN_NODISCARD;
/* Before building: these queued examples are in update seq and in no other. A claim without an
   update (we died while building) is undone when the store is opened. */
enum cn_err edge_store_claim(struct edge_store *s, uint64_t seq, const int64_t *examples,
                             uint32_t n, struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_unclaim(struct edge_store *s, uint64_t seq,
                               struct cn_error *err) CN_NODISCARD;
/* The update of the claimed examples is built; its bytes lie under u->digest. */
enum cn_err edge_store_put_update(struct edge_store *s, const struct edge_update *u,
                                  uint64_t n_raw_bytes, uint64_t now_ms,
                                  struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_received(struct edge_store *s, uint64_t seq, uint64_t now_ms,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_committed(struct edge_store *s, uint64_t seq, uint32_t release,
                                 uint64_t now_ms, struct cn_error *err) CN_NODISCARD;
/* Its examples are queued again; why goes into their history. */
enum cn_err edge_store_rejected(struct edge_store *s, uint64_t seq, const char *why,
                                uint64_t now_ms, struct cn_error *err) CN_NODISCARD;
/* What the release that holds them says of these examples' images, which are deleted unless
   [spool] keep_images. */
enum cn_err edge_store_verified(struct edge_store *s, const int64_t *examples,
                                const enum edge_verdict *verdicts, uint32_t n, uint64_t now_ms,
                                struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_installed(struct edge_store *s, struct edge_installed *ret,
                                 struct cn_error *err) CN_NODISCARD;
enum cn_err edge_store_install(struct edge_store *s, const struct edge_installed *i,
                               struct cn_error *err) CN_NODISCARD;

#endif
