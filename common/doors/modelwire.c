/* The protobuf-c door of packs and manifests.

   One content has one encoding: after decoding, the message is encoded again and must give the very
   bytes that came in. That one comparison refuses reordered fields, fields given twice, explicit
   defaults, long varints and NULs inside strings, whatever the parser makes of them. */
#include "common/doors/modelwire.h"

#include <stdlib.h>
#include <string.h>

#include "proto/model.pb-c.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:"

/* ---- memory of one encoding: many small pieces that end together ---- */

struct piece {
    struct piece *next;
    max_align_t bytes[];
};

struct arena {
    struct piece *first;
};

static void *take(struct arena *a, size_t n, size_t size)
{
    struct piece *p = cn_calloc(1, sizeof *p + n * size);

    p->next = a->first;
    a->first = p;
    return p->bytes;
}

static void arena_fini(struct arena *a)
{
    while (a->first) {
        struct piece *p = a->first;
        a->first = p->next;
        free(p);
    }
}

/* n messages of a type, and the array of pointers to them that protobuf-c wants. */
#define MESSAGES(arena, type, n, list)                                                             \
    type *list##_at = take(arena, n, sizeof(type));                                                \
    type **list = take(arena, n, sizeof(type *));                                                  \
    for (size_t list##_i = 0; list##_i < (n); list##_i++)                                          \
    list[list##_i] = &list##_at[list##_i]

/* ---- small parts ---- */

static ProtobufCBinaryData digest_out(const struct cn_digest *d)
{
    if (cn_digest_is_none(d))
        return (ProtobufCBinaryData){0};
    return (ProtobufCBinaryData){CN_DIGEST_BYTES, (uint8_t *)d->b};
}

static enum cn_err digest_in(struct cn_digest *d, const ProtobufCBinaryData *in, const char *what,
                             struct cn_error *err)
{
    if (in->len == 0)
        return CN_OK;
    if (in->len != CN_DIGEST_BYTES || cn_digest_is_none((const struct cn_digest *)in->data))
        return cn_fail(err, CN_E_PARSE, "%s is not 32 bytes, or all zero", what);
    memcpy(d->b, in->data, CN_DIGEST_BYTES);
    return CN_OK;
}

static enum cn_err cap(size_t n, size_t max, const char *what, struct cn_error *err)
{
    if (n > max)
        return cn_fail(err, CN_E_LIMIT, "%zu %s, at most %zu are allowed", n, what, max);
    return CN_OK;
}

static enum cn_err known(const ProtobufCMessage *m, struct cn_error *err)
{
    if (m->n_unknown_fields)
        return cn_fail(err, CN_E_VERSION,
                       "%s has field %u, which this version does not know; update this program",
                       m->descriptor->short_name, m->unknown_fields[0].tag);
    return CN_OK;
}

/* Copies the name of message m, of plain characters, into out[size]; m has no unknown field. */
static enum cn_err name_in(char *out, size_t size, const char *name, const ProtobufCMessage *m,
                           struct cn_error *err)
{
    const char *what = m->descriptor->short_name;
    size_t n = strnlen(name, size);

    if (n == size)
        return cn_fail(err, CN_E_LIMIT, "a name in %s is longer than %zu bytes", what, size - 1);
    if (name[strspn(name, NAME_CHARACTERS)])
        return cn_fail(err, CN_E_PARSE, "a name in %s has a character that none may have", what);
    memcpy(out, name, n + 1);
    return known(m, err);
}

static uint32_t *ids_in(const uint32_t *ids, size_t n)
{
    uint32_t *copy = cn_calloc(n, sizeof *copy);

    for (size_t i = 0; i < n; i++)
        copy[i] = ids[i];
    return copy;
}

static void append(struct cn_buf *out, const ProtobufCMessage *m)
{
    protobuf_c_message_pack(m, cn_buf_extend(out, protobuf_c_message_get_packed_size(m)));
}

/* Parses, and refuses bytes that are not what encoding the result would give. */
static enum cn_err parse(ProtobufCMessage **ret, const ProtobufCMessageDescriptor *d,
                         struct cn_bytes in, struct cn_error *err)
{
    ProtobufCMessage *m = protobuf_c_message_unpack(d, NULL, in.n, in.at);

    if (!m)
        return cn_fail(err, CN_E_PARSE, "the %zu bytes are not a %s message", in.n, d->short_name);
    CN_CLEANUP(cn_buf_fini) struct cn_buf again = {0};
    append(&again, m);
    if (again.n != in.n || (in.n && memcmp(again.at, in.at, in.n) != 0)) {
        protobuf_c_message_free_unpacked(m, NULL);
        return cn_fail(err, CN_E_PARSE, "the %s message is not canonical", d->short_name);
    }
    *ret = m;
    return CN_OK;
}

static void message_free(ProtobufCMessage **m)
{
    if (*m)
        protobuf_c_message_free_unpacked(*m, NULL);
}

/* ---- pack: out ---- */

/* Fields of a layer that are plain numbers under the same name on both sides. */
#define LAYER_FIELDS                                                                               \
    X(kind)                                                                                        \
    X(out)                                                                                         \
    X(kernel_h)                                                                                    \
    X(kernel_w) X(stride) X(pad) X(groups) X(alpha) X(rate) X(momentum) X(eps) X(by_label) X(frozen)

static void arch_out(Cairn__Model__Arch *out, const struct cn_modelwire_arch *a, struct arena *mem)
{
    MESSAGES(mem, Cairn__Model__Layer, a->n_layers, layers);

    for (uint32_t i = 0; i < a->n_layers; i++) {
        const struct cn_modelwire_layer *l = &a->layers[i];
        Cairn__Model__Layer *o = layers[i];

        cairn__model__layer__init(o);
        o->name = (char *)l->name;
#define X(field) o->field = l->field;
        LAYER_FIELDS
#undef X
    }
    cairn__model__arch__init(out);
    out->name = (char *)a->name;
    out->channels = a->channels;
    out->height = a->height;
    out->width = a->width;
    out->n_layers = a->n_layers;
    out->layers = layers;
}

static void setting_out(Cairn__Model__Setting *out, const struct cn_setting *s)
{
    cairn__model__setting__init(out);
    out->key = (char *)s->key;
    out->value_case =
        s->is_real ? CAIRN__MODEL__SETTING__VALUE_REAL : CAIRN__MODEL__SETTING__VALUE_NUMBER;
    if (s->is_real)
        out->real = s->real;
    else
        out->number = s->number;
}

static void tensor_out(Cairn__Model__Tensor *out, const struct cn_modelwire_tensor *t)
{
    cairn__model__tensor__init(out);
    out->name = (char *)t->name;
    out->type = t->type;
    out->n_dims = t->n_dims;
    out->dims = (uint32_t *)t->dims;
    out->by_label = t->by_label;
    out->frozen = t->frozen;
    out->n_rows = t->n_rows;
    out->rows = t->rows;
}

void cn_modelwire_pack_encode(const struct cn_modelwire_pack *p, struct cn_buf *out)
{
    CN_CLEANUP(arena_fini) struct arena mem = {0};
    Cairn__Model__Pack m = CAIRN__MODEL__PACK__INIT;
    MESSAGES(&mem, Cairn__Model__Count, p->n_counts, counts);
    MESSAGES(&mem, Cairn__Model__Setting, p->n_settings, settings);
    MESSAGES(&mem, Cairn__Model__Arch, p->n_archs, archs);
    MESSAGES(&mem, Cairn__Model__Tensor, p->n_tensors, tensors);

    for (uint32_t i = 0; i < p->n_counts; i++) {
        cairn__model__count__init(counts[i]);
        counts[i]->label = p->counts[i].label;
        counts[i]->n = p->counts[i].n;
    }
    for (uint32_t i = 0; i < p->n_settings; i++)
        setting_out(settings[i], &p->settings[i]);
    for (uint32_t i = 0; i < p->n_archs; i++)
        arch_out(archs[i], &p->archs[i], &mem);
    for (uint32_t i = 0; i < p->n_tensors; i++)
        tensor_out(tensors[i], &p->tensors[i]);
    m.kind = p->kind;
    m.fleet = digest_out(&p->fleet);
    m.base_release = p->base_release;
    m.base_digest = digest_out(&p->base_digest);
    m.n_labels = p->n_labels;
    m.labels = p->labels;
    m.n_counts = p->n_counts;
    m.counts = counts;
    m.n_settings = p->n_settings;
    m.settings = settings;
    m.n_archs = p->n_archs;
    m.archs = archs;
    m.n_tensors = p->n_tensors;
    m.tensors = tensors;
    append(out, &m.base);
}

/* ---- pack: in ---- */

static enum cn_err layer_in(struct cn_modelwire_layer *out, const Cairn__Model__Layer *l,
                            struct cn_error *err)
{
    enum cn_err rc = name_in(out->name, sizeof out->name, l->name, &l->base, err);

#define X(field) out->field = l->field;
    LAYER_FIELDS
#undef X
    return rc;
}

static enum cn_err arch_in(struct cn_modelwire_arch *out, const Cairn__Model__Arch *a,
                           struct cn_error *err)
{
    enum cn_err rc = name_in(out->name, sizeof out->name, a->name, &a->base, err);

    if (!rc)
        rc = cap(a->n_layers, CN_MAX_LAYERS, "layers", err);
    if (rc)
        return rc;
    out->channels = a->channels;
    out->height = a->height;
    out->width = a->width;
    out->layers = cn_calloc(a->n_layers, sizeof *out->layers);
    out->n_layers = (uint32_t)a->n_layers;
    for (uint32_t i = 0; i < out->n_layers && !rc; i++)
        rc = layer_in(&out->layers[i], a->layers[i], err);
    return rc;
}

static enum cn_err setting_in(struct cn_setting *out, const Cairn__Model__Setting *s,
                              struct cn_error *err)
{
    enum cn_err rc = name_in(out->key, sizeof out->key, s->key, &s->base, err);

    if (rc)
        return rc;
    if (s->value_case == CAIRN__MODEL__SETTING__VALUE__NOT_SET)
        return cn_fail(err, CN_E_PARSE, "setting \"%s\" has no value", s->key);
    out->is_real = s->value_case == CAIRN__MODEL__SETTING__VALUE_REAL;
    out->real = out->is_real ? s->real : 0;
    out->number = out->is_real ? 0 : s->number;
    return CN_OK;
}

static enum cn_err tensor_in(struct cn_modelwire_tensor *out, const Cairn__Model__Tensor *t,
                             struct cn_error *err)
{
    enum cn_err rc = name_in(out->name, sizeof out->name, t->name, &t->base, err);

    if (!rc)
        rc = cap(t->n_dims, CN_MAX_DIMS, "dimensions", err);
    if (!rc)
        rc = cap(t->n_rows, CN_MAX_LABELS, "rows", err);
    if (rc)
        return rc;
    out->type = t->type;
    out->n_dims = (uint32_t)t->n_dims;
    for (uint32_t i = 0; i < CN_MAX_DIMS; i++)
        out->dims[i] = i < out->n_dims ? t->dims[i] : 1;
    out->by_label = t->by_label;
    out->frozen = t->frozen;
    out->rows = ids_in(t->rows, t->n_rows);
    out->n_rows = (uint32_t)t->n_rows;
    return CN_OK;
}

static enum cn_err pack_in(struct cn_modelwire_pack *p, const Cairn__Model__Pack *m,
                           struct cn_error *err)
{
    enum cn_err rc = known(&m->base, err);

    if (!rc)
        rc = digest_in(&p->fleet, &m->fleet, "the fleet's id", err);
    if (!rc)
        rc = digest_in(&p->base_digest, &m->base_digest, "the base's digest", err);
    if (!rc)
        rc = cap(m->n_labels, CN_MAX_LABELS, "labels", err);
    if (!rc)
        rc = cap(m->n_counts, CN_MAX_LABELS, "counts", err);
    if (!rc)
        rc = cap(m->n_settings, CN_MAX_SETTINGS, "settings", err);
    if (!rc)
        rc = cap(m->n_archs, CN_MAX_ARCHS, "architectures", err);
    if (!rc)
        rc = cap(m->n_tensors, CN_MAX_TENSORS, "tensors", err);
    if (rc)
        return rc;
    p->kind = m->kind;
    p->base_release = m->base_release;
    p->labels = ids_in(m->labels, m->n_labels);
    p->n_labels = (uint32_t)m->n_labels;
    p->counts = cn_calloc(m->n_counts, sizeof *p->counts);
    p->n_counts = (uint32_t)m->n_counts;
    for (uint32_t i = 0; i < p->n_counts && !rc; i++) {
        rc = known(&m->counts[i]->base, err);
        p->counts[i] = (struct cn_label_count){m->counts[i]->label, m->counts[i]->n};
    }
    p->settings = cn_calloc(m->n_settings, sizeof *p->settings);
    p->n_settings = (uint32_t)m->n_settings;
    for (uint32_t i = 0; i < p->n_settings && !rc; i++)
        rc = setting_in(&p->settings[i], m->settings[i], err);
    p->archs = cn_calloc(m->n_archs, sizeof *p->archs);
    p->n_archs = (uint32_t)m->n_archs;
    for (uint32_t i = 0; i < p->n_archs && !rc; i++)
        rc = arch_in(&p->archs[i], m->archs[i], err);
    p->tensors = cn_calloc(m->n_tensors, sizeof *p->tensors);
    p->n_tensors = (uint32_t)m->n_tensors;
    for (uint32_t i = 0; i < p->n_tensors && !rc; i++)
        rc = tensor_in(&p->tensors[i], m->tensors[i], err);
    return rc;
}

enum cn_err cn_modelwire_pack_decode(struct cn_modelwire_pack *ret, struct cn_bytes in,
                                     struct cn_error *err)
{
    CN_CLEANUP(message_free) ProtobufCMessage *m = NULL;
    CN_CLEANUP(cn_modelwire_pack_fini) struct cn_modelwire_pack p = {0};
    enum cn_err rc = cap(in.n, CN_MAX_HEADER_BYTES, "bytes of header", err);

    if (!rc)
        rc = parse(&m, &cairn__model__pack__descriptor, in, err);
    if (!rc)
        rc = pack_in(&p, (const Cairn__Model__Pack *)m, err);
    if (rc)
        return rc;
    *ret = p;
    p = (struct cn_modelwire_pack){0};
    return CN_OK;
}

void cn_modelwire_pack_fini(struct cn_modelwire_pack *p)
{
    for (uint32_t i = 0; i < p->n_archs; i++)
        free(p->archs[i].layers);
    for (uint32_t i = 0; i < p->n_tensors; i++)
        free(p->tensors[i].rows);
    free(p->labels);
    free(p->counts);
    free(p->settings);
    free(p->archs);
    free(p->tensors);
    *p = (struct cn_modelwire_pack){0};
}

/* ---- manifest ---- */

#define MANIFEST_FIELDS                                                                            \
    X(kind) X(number) X(parent) X(rolled_back_to) X(registry_version) X(created_ms)

static Cairn__Model__Artifact *artifact_out(Cairn__Model__Artifact *out,
                                            const struct cn_artifact *a)
{
    if (a->size == 0)
        return NULL;
    cairn__model__artifact__init(out);
    out->digest = digest_out(&a->digest);
    out->size = a->size;
    return out;
}

static enum cn_err artifact_in(struct cn_artifact *out, const Cairn__Model__Artifact *a,
                               const char *what, struct cn_error *err)
{
    if (!a)
        return CN_OK;
    enum cn_err rc = known(&a->base, err);
    if (!rc && a->size == 0)
        rc = cn_fail(err, CN_E_PARSE, "the digest of the %s names nothing", what);
    if (!rc)
        rc = digest_in(&out->digest, &a->digest, what, err);
    out->size = a->size;
    return rc;
}

void cn_modelwire_manifest_encode(const struct cn_manifest *m, struct cn_buf *out)
{
    CN_CLEANUP(arena_fini) struct arena mem = {0};
    Cairn__Model__Manifest o = CAIRN__MODEL__MANIFEST__INIT;
    Cairn__Model__Artifact model, stats, registry;
    MESSAGES(&mem, Cairn__Model__Contribution, m->n_contributions, contributions);

    for (uint32_t i = 0; i < m->n_contributions; i++) {
        cairn__model__contribution__init(contributions[i]);
        contributions[i]->device = m->contributions[i].device;
        contributions[i]->seq = m->contributions[i].seq;
    }
    o.fleet = digest_out(&m->fleet);
#define X(field) o.field = m->field;
    MANIFEST_FIELDS
#undef X
    o.model = artifact_out(&model, &m->model);
    o.stats = artifact_out(&stats, &m->stats);
    o.registry = artifact_out(&registry, &m->registry);
    o.recipe = (char *)m->recipe;
    o.candidate = (char *)m->candidate;
    o.summary = (char *)m->summary;
    o.n_contributions = m->n_contributions;
    o.contributions = contributions;
    append(out, &o.base);
}

static enum cn_err manifest_in(struct cn_manifest *out, const Cairn__Model__Manifest *m,
                               struct cn_error *err)
{
    enum cn_err rc = known(&m->base, err);

    if (!rc)
        rc = digest_in(&out->fleet, &m->fleet, "the fleet's id", err);
    if (!rc)
        rc = artifact_in(&out->model, m->model, "model", err);
    if (!rc)
        rc = artifact_in(&out->stats, m->stats, "statistics", err);
    if (!rc)
        rc = artifact_in(&out->registry, m->registry, "registry", err);
    if (!rc)
        rc = name_in(out->recipe, sizeof out->recipe, m->recipe, &m->base, err);
    if (!rc)
        rc = name_in(out->candidate, sizeof out->candidate, m->candidate, &m->base, err);
    if (!rc)
        rc = cap(strlen(m->summary), sizeof out->summary - 1, "bytes of summary", err);
    if (!rc)
        rc = cap(m->n_contributions, CN_MAX_ROUND_UPDATES, "updates in a release", err);
    if (rc)
        return rc;
#define X(field) out->field = m->field;
    MANIFEST_FIELDS
#undef X
    memcpy(out->summary, m->summary, strlen(m->summary) + 1);
    out->contributions = cn_calloc(m->n_contributions, sizeof *out->contributions);
    out->n_contributions = (uint32_t)m->n_contributions;
    for (uint32_t i = 0; i < out->n_contributions && !rc; i++) {
        const Cairn__Model__Contribution *c = m->contributions[i];
        rc = known(&c->base, err);
        out->contributions[i] = (struct cn_contribution){c->device, c->seq};
    }
    return rc;
}

enum cn_err cn_modelwire_manifest_decode(struct cn_manifest *ret, struct cn_bytes in,
                                         struct cn_error *err)
{
    CN_CLEANUP(message_free) ProtobufCMessage *m = NULL;
    CN_CLEANUP(cn_modelwire_manifest_fini) struct cn_manifest out = {0};
    enum cn_err rc = cap(in.n, CN_MAX_MANIFEST_BYTES, "bytes of manifest", err);

    if (!rc)
        rc = parse(&m, &cairn__model__manifest__descriptor, in, err);
    if (!rc)
        rc = manifest_in(&out, (const Cairn__Model__Manifest *)m, err);
    if (rc)
        return rc;
    *ret = out;
    out = (struct cn_manifest){0};
    return CN_OK;
}

void cn_modelwire_manifest_fini(struct cn_manifest *m)
{
    free(m->contributions);
    *m = (struct cn_manifest){0};
}
