/* What the coordinator must not forget, in one SQLite database: all SQL stands in store*.c.
   Every function that changes something is one transaction. One thread. */
#ifndef SRV_STORE_H
#define SRV_STORE_H

#include "common/doors/db.h"
#include "common/model/release.h"
#include "server/members.h"

/* Creates or opens the database. CN_E_VERSION: written by a newer coordinator. */
enum cn_err srv_store_open(struct cn_db **ret, const char *path, struct cn_error *err) CN_NODISCARD;

/* Who changed what; NULL where a change is nobody's. */
struct srv_audit {
    const char *who, *what, *detail;
    uint64_t time_ms;
};

enum cn_err srv_store_audit(struct cn_db *db, const struct srv_audit *audit,
                            struct cn_error *err) CN_NODISCARD;

/* Small facts: "recipe", ... *ret is "" when there is none of that name. */
enum cn_err srv_store_set_fact(struct cn_db *db, const char *key, const char *value,
                               struct cn_error *err) CN_NODISCARD;
enum cn_err srv_store_fact(struct cn_db *db, const char *key, struct cn_buf *ret,
                           struct cn_error *err) CN_NODISCARD;

/* ---- registry: deltas, each leading to its version ---- */

enum cn_err srv_store_add_labels(struct cn_db *db, uint32_t version, struct cn_bytes delta,
                                 const struct srv_audit *audit, struct cn_error *err) CN_NODISCARD;
typedef enum cn_err (*srv_store_delta_fn)(void *user, struct cn_bytes delta, struct cn_error *err);
enum cn_err srv_store_each_delta(struct cn_db *db, srv_store_delta_fn fn, void *user,
                                 struct cn_error *err) CN_NODISCARD;

/* ---- devices and the tokens that admit them ---- */

enum cn_err srv_store_load_members(struct cn_db *db, struct srv_members *ret,
                                   struct cn_error *err) CN_NODISCARD;
enum cn_err srv_store_set_device(struct cn_db *db, uint32_t id, enum srv_device_state state,
                                 const char *reason, const struct srv_audit *audit,
                                 struct cn_error *err) CN_NODISCARD;
/* When devices were last seen, what they run, how much they sent. */
enum cn_err srv_store_save_members(struct cn_db *db, const struct srv_members *members,
                                   struct cn_error *err) CN_NODISCARD;

struct srv_token_record {
    struct cn_digest hash;
    char name[CN_MAX_DEVICE_NAME_BYTES + 1]; /* that the device will have; "" leaves it to it */
    uint64_t created_ms, expires_ms;
    uint32_t device; /* that used it, 0: nobody yet */
};

enum cn_err srv_store_add_token(struct cn_db *db, const struct srv_token_record *token,
                                const struct srv_audit *audit, struct cn_error *err) CN_NODISCARD;
/* CN_E_NOTFOUND when no such token was ever made. */
enum cn_err srv_store_token(struct cn_db *db, const struct cn_digest *hash,
                            struct srv_token_record *ret, struct cn_error *err) CN_NODISCARD;
/* Whether an unused token holds that name for a device that has not joined yet. */
enum cn_err srv_store_name_is_promised(struct cn_db *db, const char *name, uint64_t now_ms,
                                       bool *ret, struct cn_error *err) CN_NODISCARD;
/* The token is used up and the device is there, both or neither. */
enum cn_err srv_store_enrol(struct cn_db *db, const struct cn_digest *hash,
                            const struct srv_member *member, const struct srv_audit *audit,
                            struct cn_error *err) CN_NODISCARD;

#endif
