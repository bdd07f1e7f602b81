/* The devices of the fleet, by id, by key and by name. */
#include "server/members.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

void srv_members_fini(struct srv_members *m)
{
    free(m->at);
    free(m->table);
    *m = (struct srv_members){0};
}

/* Keys are public keys: their bytes are as good as random. A device that made its key on purpose to
   collide costs us a few steps, and itself its enrolment. */
static uint32_t slot_of(const struct srv_members *m, const struct cn_public_key *key)
{
    uint32_t i = cn_get32(key->b) & (m->table_size - 1);

    while (m->table[i] && memcmp(m->at[m->table[i] - 1].key.b, key->b, sizeof key->b) != 0)
        i = (i + 1) & (m->table_size - 1);
    return i;
}

static void grow(struct srv_members *m)
{
    m->cap = m->cap ? 2 * m->cap : 64;
    m->at = cn_realloc(m->at, m->cap * sizeof *m->at);
    free(m->table);
    m->table_size = 2 * m->cap;
    m->table = cn_calloc(m->table_size, sizeof *m->table);
    for (uint32_t i = 0; i < m->n; i++)
        m->table[slot_of(m, &m->at[i].key)] = i + 1;
}

void srv_members_add(struct srv_members *m, const struct srv_member *member)
{
    assert(member->id == m->n + 1 && m->n < CN_MAX_DEVICES);
    if (m->n == m->cap)
        grow(m);
    m->at[m->n++] = *member;
    m->table[slot_of(m, &member->key)] = member->id;
}

struct srv_member *srv_members_get(const struct srv_members *m, uint32_t id)
{
    return id >= 1 && id <= m->n ? &m->at[id - 1] : NULL;
}

struct srv_member *srv_members_by_key(const struct srv_members *m, const struct cn_public_key *key)
{
    return m->n ? srv_members_get(m, m->table[slot_of(m, key)]) : NULL;
}

struct srv_member *srv_members_by_name(const struct srv_members *m, const char *name)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (strcmp(m->at[i].name, name) == 0)
            return &m->at[i];
    return NULL;
}

const char *srv_members_state_name(enum srv_device_state state)
{
    switch (state) {
    case SRV_DEVICE_NONE: return "none";
    case SRV_DEVICE_ACTIVE: return "active";
    case SRV_DEVICE_SUSPENDED: return "suspended";
    case SRV_DEVICE_REVOKED: return "revoked";
    }
    return "none";
}
