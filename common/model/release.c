/* The signed manifest of a release. */
#include "common/model/release.h"

#include <string.h>

#include "common/doors/crypto.h"

const char *cn_release_kind_name(enum cn_release_kind kind)
{
    switch (kind) {
    case CN_RELEASE_GENESIS: return "genesis";
    case CN_RELEASE_ROUND: return "round";
    case CN_RELEASE_ROLLBACK: return "rollback";
    }
    return "unknown";
}

static bool is_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

/* size and digest are both there, or neither is. */
static bool is_whole(const struct cn_artifact *a)
{
    return (a->size == 0) == cn_digest_is_none(&a->digest) && a->size <= CN_MAX_BLOB_BYTES;
}

static const char *wrong_number(const struct cn_manifest *m)
{
    switch (m->kind) {
    case CN_RELEASE_GENESIS:
        return m->number != 1 || m->parent || m->rolled_back_to || m->n_contributions
                   ? "a genesis is release 1, without parent or updates"
                   : NULL;
    case CN_RELEASE_ROUND:
        return m->parent == 0 || m->parent >= m->number || m->rolled_back_to
                   ? "a round's release follows a lower number"
                   : NULL;
    case CN_RELEASE_ROLLBACK:
        return m->parent == 0 || m->parent >= m->number || m->rolled_back_to == 0 ||
                       m->rolled_back_to >= m->parent || m->n_contributions
                   ? "a rollback names an older release than its parent, and has no updates"
                   : NULL;
    }
    return "its kind is unknown";
}

static const char *wrong_part(const struct cn_manifest *m)
{
    if (cn_digest_is_none(&m->fleet))
        return "it names no fleet";
    if (!is_whole(&m->model) || m->model.size == 0)
        return "it names no model, or one that is too large";
    if (!is_whole(&m->stats))
        return "its statistics are half named, or too large";
    if (!is_whole(&m->registry) || m->registry.size == 0)
        return "it names no label registry, or one that is too large";
    if (m->recipe[0] == 0)
        return "it names no recipe";
    if (!is_text(m->recipe) || !is_text(m->candidate) || !is_text(m->summary))
        return "its text holds control characters";
    if (m->n_contributions > CN_MAX_ROUND_UPDATES)
        return "it holds too many updates";
    return NULL;
}

enum cn_err cn_release_check(const struct cn_manifest *m, struct cn_error *err)
{
    const char *wrong = wrong_number(m);

    if (!wrong)
        wrong = wrong_part(m);
    if (wrong)
        return cn_fail(err, CN_E_PARSE, "the manifest of release %u is malformed: %s", m->number,
                       wrong);
    for (uint32_t i = 1; i < m->n_contributions; i++) {
        const struct cn_contribution *a = &m->contributions[i - 1], *b = a + 1;
        if (a->device > b->device || (a->device == b->device && a->seq >= b->seq))
            return cn_fail(err, CN_E_PARSE,
                           "the manifest of release %u is malformed: update %llu of device %u is "
                           "out of order or there twice",
                           m->number, (unsigned long long)b->seq, b->device);
    }
    return CN_OK;
}

enum cn_err cn_release_seal(const struct cn_manifest *m, const struct cn_secret *key,
                            struct cn_buf *out, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    enum cn_err rc = cn_release_check(m, err);

    if (rc)
        return rc;
    if (memcmp(cn_secret_public(key)->b, m->fleet.b, CN_DIGEST_BYTES) != 0)
        return cn_fail(err, CN_E_CRYPTO, "release %u names another fleet than the signing key's",
                       m->number);
    cn_modelwire_manifest_encode(m, &text);
    return cn_seal(CN_SEAL_RELEASE, (struct cn_bytes){text.at, text.n}, key, out, err);
}

enum cn_err cn_release_open(struct cn_bytes sealed, const struct cn_digest *fleet,
                            struct cn_manifest *ret, struct cn_error *err)
{
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};
    struct cn_bytes payload = {0};
    enum cn_err rc = cn_unseal(CN_SEAL_RELEASE, sealed, fleet, &payload, err);

    if (!rc)
        rc = cn_modelwire_manifest_decode(&m, payload, err);
    if (!rc)
        rc = cn_release_check(&m, err);
    if (!rc && !cn_digest_equal(&m.fleet, fleet))
        rc = cn_fail(err, CN_E_CRYPTO, "release %u belongs to another fleet", m.number);
    if (rc)
        return rc;
    *ret = m;
    m = (struct cn_manifest){0};
    return CN_OK;
}

void cn_release_fini(struct cn_manifest *m)
{
    cn_modelwire_manifest_fini(m);
}

enum cn_err cn_release_may_follow(uint32_t current, const struct cn_manifest *m,
                                  struct cn_error *err)
{
    if (m->number > current)
        return CN_OK;
    return cn_fail(err, CN_E_STATE,
                   "release %u is not newer than the installed release %u; going back needs a "
                   "signed rollback, which has a higher number",
                   m->number, current);
}
