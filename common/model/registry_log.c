/* The registry's log as bytes: snapshots, deltas, and bringing a registry up to them.

   log = "CNRL" | format u8 = 1 | from u32 | n u32 | n events (label_event.h)

   It holds the events of versions from + 1 to from + n, little-endian; a snapshot is the log from
   0. Equal histories give equal bytes, so that a snapshot can be signed and named by its digest. */
#include <assert.h>
#include <string.h>

#include "common/model/registry_state.h"

enum { LOG_FORMAT = 1, LOG_HEADER_BYTES = 13 };

static const char magic[4] = "CNRL";

static uint32_t start_of(const struct cn_registry *r, uint32_t version)
{
    return version > 0 ? r->ends[version - 1] : 0;
}

void cn_registry_encode(const struct cn_registry *r, uint32_t since, struct cn_buf *out)
{
    assert(since <= r->version);
    uint8_t *head = cn_buf_extend(out, LOG_HEADER_BYTES);
    memcpy(head, magic, sizeof magic);
    head[4] = LOG_FORMAT;
    cn_put32(head + 5, since);
    cn_put32(head + 9, r->version - since);
    if (since < r->version) /* an empty log has no address */
        cn_buf_append(out, r->log.at + start_of(r, since), r->log.n - start_of(r, since));
}

static enum cn_err read_header(struct cn_bytes *bytes, uint32_t *ret_from, uint32_t *ret_n,
                               struct cn_error *err)
{
    const uint8_t *head = bytes->at;

    if (bytes->n > CN_MAX_REGISTRY_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the label log has %zu bytes; at most %d", bytes->n,
                       CN_MAX_REGISTRY_BYTES);
    if (bytes->n < LOG_HEADER_BYTES || memcmp(head, magic, sizeof magic) != 0)
        return cn_fail(err, CN_E_PARSE, "these bytes are no log of a label registry");
    if (head[4] != LOG_FORMAT)
        return cn_fail(err, CN_E_VERSION, "the label log has format %u; this program reads %d",
                       head[4], LOG_FORMAT);
    uint32_t from = cn_get32(head + 5), n = cn_get32(head + 9);
    if (from > CN_MAX_REGISTRY_EVENTS || n > CN_MAX_REGISTRY_EVENTS - from)
        return cn_fail(err, CN_E_LIMIT,
                       "the label log claims %u events after version %u; at most %d", n, from,
                       CN_MAX_REGISTRY_EVENTS);
    *bytes = (struct cn_bytes){bytes->at + LOG_HEADER_BYTES, bytes->n - LOG_HEADER_BYTES};
    *ret_from = from;
    *ret_n = n;
    return CN_OK;
}

/* Steps over events that r holds already; they must be the same. */
static enum cn_err skip_known(const struct cn_registry *r, uint32_t from, uint32_t n_known,
                              struct cn_bytes *events, struct cn_error *err)
{
    uint32_t start = start_of(r, from);
    uint32_t n_bytes = start_of(r, from + n_known) - start;

    if (n_bytes == 0)
        return CN_OK;
    if (events->n < n_bytes || memcmp(events->at, r->log.at + start, n_bytes) != 0)
        return cn_fail(err, CN_E_STATE,
                       "the label log tells another history before version %u; fetch the snapshot",
                       from + n_known);
    events->at += n_bytes;
    events->n -= n_bytes;
    return CN_OK;
}

static enum cn_err step_all(struct cn_registry *r, struct cn_bytes events, uint32_t n,
                            struct cn_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cn_label_event ev;
        struct cn_error why;
        enum cn_err e = cn_label_event_decode(&events, &ev, &why);
        if (!e)
            e = cn_registry_step(r, &ev, &why);
        if (e)
            return cn_fail(err, e == CN_E_LIMIT ? e : CN_E_PARSE, "label event %u: %.400s",
                           r->version + 1, why.text);
    }
    if (events.n > 0)
        return cn_fail(err, CN_E_PARSE, "%zu bytes follow the last label event", events.n);
    return CN_OK;
}

/* Back to an earlier version, by replaying what led there. */
static void rewind_to(struct cn_registry *r, uint32_t version)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf log = r->log;

    log.n = start_of(r, version);
    r->log = (struct cn_buf){0};
    cn_registry_reset(r);
    enum cn_err e = step_all(r, (struct cn_bytes){log.at, log.n}, version, NULL);
    assert(!e);
}

enum cn_err cn_registry_apply(struct cn_registry *r, struct cn_bytes bytes, struct cn_error *err)
{
    uint32_t from = 0, n = 0, before = r->version;
    enum cn_err e = read_header(&bytes, &from, &n, err);

    if (e)
        return e;
    if (from > before)
        return cn_fail(err, CN_E_STATE,
                       "the label log begins after version %u, but version %u is here; fetch what "
                       "is between",
                       from, before);
    uint32_t n_known = n < before - from ? n : before - from;
    if ((e = skip_known(r, from, n_known, &bytes, err)))
        return e;
    e = step_all(r, bytes, n - n_known, err);
    if (e)
        rewind_to(r, before);
    return e;
}

enum cn_err cn_registry_decode(struct cn_registry **ret, struct cn_bytes bytes,
                               struct cn_error *err)
{
    CN_CLEANUP(cn_registry_destroy) struct cn_registry *r = cn_registry_new();
    enum cn_err e = cn_registry_apply(r, bytes, err);

    if (e)
        return e == CN_E_STATE ? cn_fail(err, CN_E_PARSE, "this label log is no snapshot") : e;
    *ret = cn_steal(r);
    return CN_OK;
}
