/* The devices of the fleet as the shell knows them: who has which key, when each was last heard.
   The store keeps them; this is its copy in memory, asked at every message. One thread. */
#ifndef SRV_MEMBERS_H
#define SRV_MEMBERS_H

#include "common/doors/crypto.h"
#include "server/core/event.h"

struct srv_member {
    uint32_t id; /* 1, 2, ... in the order of joining, never given again */
    struct cn_public_key key;
    char name[CN_MAX_DEVICE_NAME_BYTES + 1];
    enum srv_device_state state;
    char reason[CN_MAX_REASON_BYTES + 1]; /* of the last suspension or revocation */
    uint64_t joined_ms, seen_ms;          /* wall clock; seen 0: never */
    uint64_t last_seq;                    /* highest committed, and its release */
    uint32_t last_release;
    uint32_t release; /* what it said it runs */
    uint64_t n_updates, bytes_received, bytes_sent;
};

struct srv_members {
    struct srv_member *at; /* id - 1 */
    uint32_t n, cap;
    uint32_t *table; /* open addressing over keys: ids, 0 is free */
    uint32_t table_size;
};

void srv_members_fini(struct srv_members *m);
/* Ids must come densely: the next is m->n + 1. At most CN_MAX_DEVICES. */
void srv_members_add(struct srv_members *m, const struct srv_member *member);
/* NULL when there is none; borrowed until the next add. */
struct srv_member *srv_members_get(const struct srv_members *m, uint32_t id);
struct srv_member *srv_members_by_key(const struct srv_members *m, const struct cn_public_key *key);
struct srv_member *srv_members_by_name(const struct srv_members *m, const char *name);

/* "active", ... */
const char *srv_members_state_name(enum srv_device_state state);

#endif
