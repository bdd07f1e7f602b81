/* Releases, refused rounds and tallies in the store. A release, the numbers of its updates and what
   they taught become durable in one transaction. One thread. */
#ifndef SRV_STORE_RELEASE_H
#define SRV_STORE_RELEASE_H

#include "server/core/action.h"
#include "server/store.h"

struct srv_release {
    struct cn_artifact manifest; /* the signed envelope */
    enum cn_release_kind kind;
    uint32_t number, parent, rolled_back_to;
    struct cn_artifact model, stats, registry;
    uint32_t registry_version, n_labels;
    uint64_t created_ms;
    char candidate[24], summary[512];
    /* Read only: */
    uint32_t n_updates;
    uint64_t n_examples;
};

/* What one label got in a release. */
struct srv_release_label {
    uint32_t label;
    uint64_t images;       /* of the updates in it */
    uint64_t synthesized;  /* samples that consolidation trained on */
    uint64_t right, wrong; /* of the taken candidate, on held-out examples */
};

struct srv_commit {
    const struct srv_release *release;
    const char *report; /* JSON: candidates, stages; shown by `release show` */
    const struct srv_update *updates;
    uint32_t n_updates;
    const struct srv_release_label *labels;
    uint32_t n_labels;
    const struct srv_audit *audit;
};

enum cn_err srv_store_commit(struct cn_db *db, const struct srv_commit *commit,
                             struct cn_error *err) CN_NODISCARD;

/* number 0: the newest. CN_E_NOTFOUND. */
enum cn_err srv_store_release(struct cn_db *db, uint32_t number, struct srv_release *ret,
                              struct cn_error *err) CN_NODISCARD;
/* Appends the report to *ret. */
enum cn_err srv_store_report(struct cn_db *db, uint32_t number, struct cn_buf *ret,
                             struct cn_error *err) CN_NODISCARD;

/* Newest first. */
typedef enum cn_err (*srv_store_release_fn)(void *user, const struct srv_release *r,
                                            struct cn_error *err);
enum cn_err srv_store_each_release(struct cn_db *db, srv_store_release_fn fn, void *user,
                                   struct cn_error *err) CN_NODISCARD;
typedef void (*srv_store_update_fn)(void *user, const struct srv_update *u);
enum cn_err srv_store_each_update(struct cn_db *db, uint32_t release, srv_store_update_fn fn,
                                  void *user, struct cn_error *err) CN_NODISCARD;
typedef void (*srv_store_label_fn)(void *user, const struct srv_release_label *l);
/* Of one release, or with release 0 the sums over all. */
enum cn_err srv_store_each_label(struct cn_db *db, uint32_t release, srv_store_label_fn fn,
                                 void *user, struct cn_error *err) CN_NODISCARD;
enum cn_err srv_store_n_committed(struct cn_db *db, uint64_t *ret,
                                  struct cn_error *err) CN_NODISCARD;

struct srv_refusal {
    uint64_t time_ms;
    uint32_t n_updates;
    const char *why, *report;
};

enum cn_err srv_store_add_refusal(struct cn_db *db, const struct srv_refusal *r,
                                  struct cn_error *err) CN_NODISCARD;
typedef void (*srv_store_refusal_fn)(void *user, const struct srv_refusal *r);
/* Newest first, at most 100. */
enum cn_err srv_store_each_refusal(struct cn_db *db, srv_store_refusal_fn fn, void *user,
                                   struct cn_error *err) CN_NODISCARD;

/* Replaces what (device, release) said before: tallies are cumulative at the device. */
enum cn_err srv_store_tally(struct cn_db *db, uint32_t device, uint32_t release,
                            const struct cn_label_tally *t, uint32_t n,
                            struct cn_error *err) CN_NODISCARD;
typedef void (*srv_store_tally_fn)(void *user, const struct cn_label_tally *t);
/* Of one release, per label ascending: of one device, or with device 0 the sums over all. */
enum cn_err srv_store_each_tally(struct cn_db *db, uint32_t device, uint32_t release,
                                 srv_store_tally_fn fn, void *user,
                                 struct cn_error *err) CN_NODISCARD;

#endif
