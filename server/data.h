/* The coordinator's data directory:

     coordinator.conf   settings; its presence says that init came to its end
     coordinator.db     what must not be forgotten (store.h)
     blobs/DIGEST       models, statistics, signed manifests and registry snapshots (blobs.h)
     keys/fleet.key     signs releases; its public half is the fleet's id
     keys/server.key    proves to devices and admins whom they talk to; keys/server.pub for tools
     keys/admins        who may administer: one public key in hex and a name per line
     keys/admin.key     one such key, made by init
     endpoints          JSON, written when the coordinator is ready
     lock               held while it runs

   One thread. */
#ifndef SRV_DATA_H
#define SRV_DATA_H

#include "common/base/limits.h"
#include "common/doors/crypto.h"

enum { SRV_PATH_BYTES = 1024, SRV_MAX_ADMINS = 64 };

struct srv_admin_key {
    struct cn_public_key key;
    char name[CN_MAX_ACTOR_BYTES + 1];
};

struct srv_data {
    char dir[SRV_PATH_BYTES - 64];
    int lock_fd;
    struct cn_secret *fleet, *server;
    struct cn_digest fleet_id;
    struct srv_admin_key admins[SRV_MAX_ADMINS];
    uint32_t n_admins;
};

/* DIR/name, absolute; returns out. */
const char *srv_data_path(const struct srv_data *d, const char *name, char out[SRV_PATH_BYTES]);

/* Makes directory and keys (those that an init which was cut short left are kept) and takes the
   lock. CN_E_EXISTS: a fleet lives there already. */
enum cn_err srv_data_create(struct srv_data *ret, const char *dir,
                            struct cn_error *err) CN_NODISCARD;
/* Takes the lock and reads the keys. CN_E_NOTFOUND: never initialised; CN_E_BUSY: another
   coordinator runs there; CN_E_READONLY; CN_E_CRYPTO: a key that others can read. */
enum cn_err srv_data_open(struct srv_data *ret, const char *dir, struct cn_error *err) CN_NODISCARD;
void srv_data_close(struct srv_data *d);

#endif
