/* The label registry, durable and signed. */
#include "server/labels.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum cn_err write_snapshot(struct srv_labels *l, struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) plain = {0}, sealed = {0};
    struct cn_artifact a;
    enum cn_err e;

    cn_registry_encode(l->registry, 0, &plain);
    if ((e = cn_seal(CN_SEAL_REGISTRY, (struct cn_bytes){plain.at, plain.n}, l->key, &sealed,
                     err)) != CN_OK ||
        (e = srv_blobs_write(l->blobs->dir, (struct cn_bytes){sealed.at, sealed.n}, &a.digest,
                             err)) != CN_OK)
        return e;
    a.size = sealed.n;
    l->snapshot = a;
    return CN_OK;
}

static enum cn_err replay(void *user, struct cn_bytes delta, struct cn_error *err)
{
    struct srv_labels *l = user;
    enum cn_err e = cn_registry_apply(l->registry, delta, err);

    if (e != CN_OK)
        cn_fail_prefix(err, "the database's label log cannot be replayed; restore a backup");
    return e;
}

enum cn_err srv_labels_open(struct srv_labels *l, struct cn_db *db, struct srv_blobs *blobs,
                            const struct cn_secret *key, struct cn_error *err)
{
    enum cn_err e;

    *l = (struct srv_labels){.registry = cn_registry_new(), .db = db, .blobs = blobs, .key = key};
    if ((e = srv_store_each_delta(db, replay, l, err)) != CN_OK)
        return e;
    l->stored_version = cn_registry_version(l->registry);
    return write_snapshot(l, err);
}

void srv_labels_close(struct srv_labels *l)
{
    cn_registry_destroy(&l->registry);
}

enum cn_err srv_labels_save(struct srv_labels *l, const struct srv_audit *audit, bool *ret_changed,
                            struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) delta = {0};
    uint32_t version = cn_registry_version(l->registry);
    enum cn_err e;

    if (version == l->stored_version) {
        *ret_changed = false;
        return CN_OK;
    }
    cn_registry_encode(l->registry, l->stored_version, &delta);
    if ((e = srv_store_add_labels(l->db, version, (struct cn_bytes){delta.at, delta.n}, audit,
                                  err)) != CN_OK)
        return e;
    l->stored_version = version;
    *ret_changed = true;
    return write_snapshot(l, err);
}

enum cn_err srv_labels_find(const struct srv_labels *l, const char *text,
                            const struct cn_label **ret, struct cn_error *err)
{
    const struct cn_label *label = NULL;

    if (text[0] == '#') {
        char *end;
        unsigned long id = strtoul(text + 1, &end, 10);
        if (end != text + 1 && *end == 0 && id < CN_MAX_LABELS)
            label = cn_registry_get(l->registry, (uint32_t)id);
    } else {
        label = cn_registry_find(l->registry, text);
    }
    if (!label)
        return cn_fail(err, CN_E_NOTFOUND, "no label is called \"%.200s\"; see label list", text);
    *ret = label;
    return CN_OK;
}

const char *srv_labels_name(const struct srv_labels *l, uint32_t id, char scratch[16])
{
    const struct cn_label *label = cn_registry_get(l->registry, id);

    if (label)
        return label->name;
    snprintf(scratch, 16, "#%u", id);
    return scratch;
}

uint32_t srv_labels_known(const struct srv_labels *l, uint32_t *ids)
{
    uint32_t n = 0;

    for (uint32_t id = 1; id < cn_registry_n_labels(l->registry); id++) {
        enum cn_label_state state = cn_registry_get(l->registry, id)->state;
        if (state == CN_LABEL_ACCEPTED || state == CN_LABEL_MERGED || state == CN_LABEL_RETIRED)
            ids[n++] = id;
    }
    return n;
}

uint32_t srv_labels_moves(const struct srv_labels *l, struct cn_label_move *moves)
{
    uint32_t n = cn_registry_n_labels(l->registry);
    uint32_t *CN_CLEANUP(cn_freep) ids = cn_calloc(n, sizeof *ids);

    assert(n <= CN_MAX_LABELS);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = i;
    return cn_registry_moves(l->registry, ids, n, moves);
}
