/* The admin endpoint (proto/admin.md): a table of commands, each a function from JSON to JSON.
   Loop thread. */
#ifndef SRV_ADMIN_H
#define SRV_ADMIN_H

#include "common/doors/json.h"
#include "server/server.h"

/* One request. */
struct srv_admin_call {
    struct srv_server *s;
    const struct cn_json *args; /* an object, or NULL; only keys of the command's table entry */
    struct cn_json *result;     /* an object to fill in */
    struct srv_audit audit;     /* who, what, when, for changes; detail is the arguments as text */
};

typedef enum cn_err (*srv_admin_fn)(struct srv_admin_call *c, struct cn_error *err);

struct srv_admin_command {
    const char *name, *args; /* "label reason": keys that it knows */
    srv_admin_fn fn;
};

/* For cn_link_listen and cn_loop_add_link. */
bool srv_admin_allow(void *server, const struct cn_public_key *key, uint32_t *ret_user);
void srv_admin_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev);

/* The commands, by file. Each list ends with a NULL name. */
extern const struct srv_admin_command srv_admin_label_commands[];   /* admin_label.c */
extern const struct srv_admin_command srv_admin_device_commands[];  /* admin_device.c */
extern const struct srv_admin_command srv_admin_release_commands[]; /* admin_release.c */
extern const struct srv_admin_command srv_admin_round_commands[];   /* admin_round.c */

/* Monotonic milliseconds of the core as wall clock, 0 stays 0. */
uint64_t srv_admin_wall_ms(uint64_t mono_ms);
/* Sets key to part / whole, or null when there is nothing to divide by. */
void srv_admin_set_share(struct cn_json *j, const char *key, uint64_t part, uint64_t whole);
/* Sets key to the hex digits of a digest, or null for the digest of nothing. */
void srv_admin_set_digest(struct cn_json *j, const char *key, const struct cn_digest *digest);

#endif
