/* Hostile label logs: what is accepted must be canonical and consistent, what is refused must leave
   no trace. */
#include <stdlib.h>
#include <string.h>

#include "common/model/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_be(const struct cn_registry *r, struct cn_bytes bytes)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};

    cn_registry_encode(r, 0, &b);
    must(b.n == bytes.n && memcmp(b.at, bytes.at, b.n) == 0);
}

static void check_labels(const struct cn_registry *r)
{
    uint32_t n_accepted = 0;

    for (uint32_t id = 0; id < cn_registry_n_labels(r); id++) {
        const struct cn_label *label = cn_registry_get(r, id);
        uint32_t to = cn_registry_resolve(r, id);
        n_accepted += label->state == CN_LABEL_ACCEPTED;
        must(to == CN_LABEL_NONE || cn_registry_get(r, to)->state != CN_LABEL_MERGED);
        for (uint32_t i = 0; i < label->n_aliases; i++)
            must(cn_registry_find(r, label->aliases[i]) == label);
        if (id != CN_LABEL_NOISE && label->state != CN_LABEL_MERGED)
            must(cn_registry_find(r, label->name) == label);
    }
    must(n_accepted == cn_registry_n_accepted(r));
    for (uint32_t v = 1; v <= cn_registry_version(r); v++) {
        struct cn_label_event ev;
        cn_registry_event(r, v, &ev);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct cn_bytes bytes = {p, n};
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *fresh = NULL;
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *old = cn_registry_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf before = {0};
    uint32_t id;

    if (cn_registry_decode(&fresh, bytes, NULL) == CN_OK) {
        must_be(fresh, bytes);
        check_labels(fresh);
    }
    must(cn_registry_add(old, (struct cn_registry_by){"ada", 1000}, "cat", &id, NULL) == CN_OK);
    cn_registry_encode(old, 0, &before);
    if (cn_registry_apply(old, bytes, NULL) != CN_OK)
        must_be(old, (struct cn_bytes){before.at, before.n});
    check_labels(old);
    return 0;
}
