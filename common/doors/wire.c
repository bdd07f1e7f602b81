/* The door to protobuf-c: one table says, for every message, where each field stands on the wire
   side and in struct cn_msg, and what values it may have. Encoding and decoding both walk the
   table, so that they cannot disagree. protobuf-c's objects live and die inside a call. */
#include "common/doors/wire.h"

#include <assert.h>
#include <stddef.h>

#include "proto/wire.pb-c.h"

enum field_type { U32, U64, DIGEST, TEXT, SECRET, HEADS, COUNTS, TALLIES, MODELS };

struct field {
    enum field_type type;
    size_t wire, msg;  /* offsets in the protobuf-c object and in the message */
    size_t msg_n;      /* of arrays: offset of their count */
    uint64_t min, max; /* of numbers; max also of lengths */
    const char *name;
};

/* clang-format off */
#define W(M, w) offsetof(Cairn__Wire__##M, w)
#define C(m)    offsetof(struct cn_msg, m)
#define NUM32(M, w, m, lo, hi) {U32, W(M, w), C(m), 0, lo, hi, #w}
#define NUM64(M, w, m, lo, hi) {U64, W(M, w), C(m), 0, lo, hi, #w}
#define ANY32(M, w, m)         NUM32(M, w, m, 0, UINT32_MAX)
#define ANY64(M, w, m)         NUM64(M, w, m, 0, UINT64_MAX)
#define HASH(M, w, m)          {DIGEST, W(M, w), C(m), 0, 0, 0, #w}
#define STRING(M, w, m)        {TEXT, W(M, w), C(m), 0, 0, sizeof ((struct cn_msg *)0)->m - 1, #w}
#define ARRAY(T, M, w, m, n)   {T, W(M, w), C(m), C(n), 0, CN_MAX_LABELS, #w}

enum { MAX_REASON = 255 }; /* a newer minor version may know more reasons than this one */

static const struct field hello[] = {
    ANY32(Hello, major, hello.major), ANY32(Hello, minor, hello.minor), HASH(Hello, fleet, hello.fleet),
    ANY64(Hello, nonce, hello.nonce), ANY32(Hello, release, hello.release),
    ANY32(Hello, registry_version, hello.registry_version), ANY32(Hello, n_held_out, hello.n_held_out)};
static const struct field ping[] = {ANY32(Ping, n_held_out, ping.n_held_out)};
static const struct field propose[] = {
    ANY32(Propose, request, propose.request), STRING(Propose, name, propose.name)};
static const struct field want[] = {
    HASH(Want, digest, want.digest), NUM64(Want, offset, want.offset, 0, CN_MAX_BLOB_BYTES - 1),
    NUM32(Want, credit, want.credit, 1, CN_MAX_CREDIT)};
static const struct field ready[] = {
    ANY32(Ready, base_release, ready.base), ANY32(Ready, n_held_out, ready.n_held_out),
    ARRAY(COUNTS, Ready, counts, ready.counts, ready.n_counts)};
static const struct field offer[] = {
    NUM64(Offer, seq, offer.seq, 1, INT64_MAX), HASH(Offer, digest, offer.digest),
    NUM64(Offer, size_bytes, offer.size_bytes, 1, CN_MAX_BLOB_BYTES), ANY32(Offer, base_release, offer.base),
    ANY32(Offer, n_examples, offer.n_examples)};
static const struct field tally[] = {
    ANY32(Tally, release, tally.release), ARRAY(TALLIES, Tally, tallies, tally.tallies, tally.n_tallies)};
static const struct field scored[] = {
    ANY64(Scored, round, scored.round), HASH(Scored, model, scored.model),
    ARRAY(TALLIES, Scored, tallies, scored.tallies, scored.n_tallies)};
static const struct field chunk[] = {
    HASH(Chunk, digest, chunk.digest), NUM64(Chunk, offset, chunk.offset, 0, CN_MAX_BLOB_BYTES - 1),
    NUM64(Chunk, total_bytes, chunk.total_bytes, 1, CN_MAX_BLOB_BYTES)};
static const struct field welcome[] = {
    ANY32(Welcome, major, welcome.major), ANY32(Welcome, minor, welcome.minor),
    ANY64(Welcome, nonce, welcome.nonce), {HEADS, W(Welcome, heads), C(welcome.heads), 0, 0, 0, "heads"},
    NUM64(Welcome, last_seq, welcome.last_seq, 0, INT64_MAX), ANY32(Welcome, last_release, welcome.last_release),
    NUM32(Welcome, ping_ms, welcome.ping_ms, 1, 24 * 3600 * 1000)};
static const struct field refused[] = {
    NUM32(Refused, reason, refused.reason, 1, MAX_REASON), ANY64(Refused, nonce, refused.nonce),
    ANY64(Refused, retry_ms, refused.retry_ms)};
/* PONG, ANNOUNCE and WELCOME's part: offsets are those in struct cn_heads */
static const struct field heads[] = {
    {U32, W(Heads, release), offsetof(struct cn_heads, release), 0, 0, UINT32_MAX, "release"},
    {DIGEST, W(Heads, manifest), offsetof(struct cn_heads, manifest), 0, 0, 0, "manifest"},
    {U64, W(Heads, manifest_bytes), offsetof(struct cn_heads, manifest_bytes), 0, 0, CN_MAX_MANIFEST_BYTES,
     "manifest_bytes"},
    {U32, W(Heads, registry_version), offsetof(struct cn_heads, registry_version), 0, 0, UINT32_MAX,
     "registry_version"},
    {DIGEST, W(Heads, registry), offsetof(struct cn_heads, registry), 0, 0, 0, "registry"},
    {U64, W(Heads, registry_bytes), offsetof(struct cn_heads, registry_bytes), 0, 0, CN_MAX_BLOB_BYTES,
     "registry_bytes"},
    {U64, W(Heads, server_time_ms), offsetof(struct cn_heads, server_time_ms), 0, 0, UINT64_MAX,
     "server_time_ms"}};
static const struct field label[] = {
    ANY32(Label, request, label.request), ANY32(Label, id, label.id),
    NUM32(Label, state, label.state, 0, CN_LABEL_NSTATES - 1), STRING(Label, text, label.text)};
static const struct field gone[] = {HASH(Gone, digest, gone)};
static const struct field task[] = {ANY32(Task, base_release, task.base)};
static const struct field wait[] = {
    NUM32(Wait, about, wait.about, 0, CN_ABOUT_N - 1), NUM32(Wait, reason, wait.reason, 1, MAX_REASON),
    ANY64(Wait, ref, wait.ref), ANY64(Wait, retry_ms, wait.retry_ms)};
static const struct field send[] = {
    NUM64(Send, seq, send.seq, 1, INT64_MAX), NUM64(Send, offset, send.offset, 0, CN_MAX_BLOB_BYTES),
    NUM32(Send, credit, send.credit, 0, CN_MAX_CREDIT)};
static const struct field held[] = {NUM64(Seq, seq, held.seq, 1, INT64_MAX)};
static const struct field received[] = {NUM64(Seq, seq, received.seq, 1, INT64_MAX)};
static const struct field committed[] = {
    NUM64(Committed, seq, committed.seq, 1, INT64_MAX), ANY32(Committed, release, committed.release)};
static const struct field reject[] = {
    NUM64(Reject, seq, reject.seq, 1, INT64_MAX), NUM32(Reject, reason, reject.reason, 1, MAX_REASON),
    ANY64(Reject, retry_ms, reject.retry_ms), ANY32(Reject, release, reject.release),
    STRING(Reject, text, reject.text)};
static const struct field score[] = {
    ANY64(Score, round, score.round), ANY64(Score, deadline_ms, score.deadline_ms),
    {MODELS, W(Score, models), C(score.models), C(score.n_models), 1, CN_MAX_MODELS_SCORED, "models"}};
static const struct field join[] = {
    {SECRET, W(Join, secret), C(join.secret), C(join.n_secret), 1, CN_MAX_SECRET_BYTES, "secret"},
    ANY32(Join, major, join.major), ANY32(Join, minor, join.minor), STRING(Join, name, join.name)};
static const struct field admitted[] = {
    ANY32(Admitted, device, admitted.device), HASH(Admitted, fleet, admitted.fleet),
    STRING(Admitted, name, admitted.name), STRING(Admitted, endpoint, admitted.endpoint)};

static const struct layout {
    const ProtobufCMessageDescriptor *wire;
    const struct field *fields;
    size_t n_fields, msg; /* msg: where offsets count from */
} layouts[CN_MSG_NKINDS] = {
#define LAYOUT(M, fields) {&cairn__wire__##M##__descriptor, fields, CN_COUNT(fields), 0}
    [CN_MSG_HELLO] = LAYOUT(hello, hello),             [CN_MSG_PING] = LAYOUT(ping, ping),
    [CN_MSG_PROPOSE] = LAYOUT(propose, propose),       [CN_MSG_WANT] = LAYOUT(want, want),
    [CN_MSG_READY] = LAYOUT(ready, ready),             [CN_MSG_OFFER] = LAYOUT(offer, offer),
    [CN_MSG_TALLY] = LAYOUT(tally, tally),             [CN_MSG_SCORED] = LAYOUT(scored, scored),
    [CN_MSG_CHUNK] = LAYOUT(chunk, chunk),             [CN_MSG_WELCOME] = LAYOUT(welcome, welcome),
    [CN_MSG_REFUSED] = LAYOUT(refused, refused),       [CN_MSG_LABEL] = LAYOUT(label, label),
    [CN_MSG_GONE] = LAYOUT(gone, gone),                [CN_MSG_TASK] = LAYOUT(task, task),
    [CN_MSG_WAIT] = LAYOUT(wait, wait),                [CN_MSG_SEND] = LAYOUT(send, send),
    [CN_MSG_HELD] = LAYOUT(seq, held),                 [CN_MSG_RECEIVED] = LAYOUT(seq, received),
    [CN_MSG_COMMITTED] = LAYOUT(committed, committed), [CN_MSG_REJECT] = LAYOUT(reject, reject),
    [CN_MSG_SCORE] = LAYOUT(score, score),             [CN_MSG_JOIN] = LAYOUT(join, join),
    [CN_MSG_ADMITTED] = LAYOUT(admitted, admitted),
    [CN_MSG_PONG] = {&cairn__wire__heads__descriptor, heads, CN_COUNT(heads), C(pong)},
    [CN_MSG_ANNOUNCE] = {&cairn__wire__heads__descriptor, heads, CN_COUNT(heads), C(announce)},
};
/* clang-format on */

/* Kinds and the oneof's field numbers come in the same order. */
_Static_assert(CAIRN__WIRE__ENVELOPE__BODY_HELLO == CN_MSG_HELLO + 1, "first message");
_Static_assert(CAIRN__WIRE__ENVELOPE__BODY_ADMITTED == CN_MSG_ADMITTED + 1, "last message");

/* Room for one message's body and its parts while it is encoded. */
struct bodies {
    _Alignas(max_align_t) char body[256];
    Cairn__Wire__Heads heads;
    Cairn__Wire__Counts counts;
    Cairn__Wire__Tallies tallies;
    Cairn__Wire__ModelRef model[CN_MAX_MODELS_SCORED], *models[CN_MAX_MODELS_SCORED];
    uint32_t *columns; /* owned */
};

/* ---- encoding ---- */

static ProtobufCBinaryData lend(const void *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static void put_number(const struct field *f, void *wire, uint64_t v)
{
    assert(v >= f->min && v <= f->max);
    if (f->type == U32)
        *(uint32_t *)wire = (uint32_t)v;
    else
        *(uint64_t *)wire = v;
}

/* Turns n rows of n_columns numbers into columns, which the message then lends to protobuf-c. */
static uint32_t *transpose(struct bodies *b, const void *rows, size_t n, size_t n_columns)
{
    const uint32_t *x = rows;

    b->columns = cn_alloc(n * n_columns * sizeof *b->columns);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_columns; j++)
            b->columns[j * n + i] = x[i * n_columns + j];
    return b->columns;
}

_Static_assert(sizeof(struct cn_label_count) == 2 * sizeof(uint32_t), "rows of transpose");
_Static_assert(sizeof(struct cn_label_tally) == 5 * sizeof(uint32_t), "rows of transpose");

static void *put_counts(struct bodies *b, const void *rows, size_t n)
{
    uint32_t *c = transpose(b, rows, n, 2);

    b->counts = (Cairn__Wire__Counts)CAIRN__WIRE__COUNTS__INIT;
    b->counts.n_label = b->counts.n_n = n;
    b->counts.label = c;
    b->counts.n = c + n;
    return &b->counts;
}

static void *put_tallies(struct bodies *b, const void *rows, size_t n)
{
    uint32_t *c = transpose(b, rows, n, 5);
    Cairn__Wire__Tallies *t = &b->tallies;

    *t = (Cairn__Wire__Tallies)CAIRN__WIRE__TALLIES__INIT;
    t->n_label = t->n_confirmed = t->n_corrected = t->n_right = t->n_wrong = n;
    t->label = c;
    t->confirmed = c + n;
    t->corrected = c + 2 * n;
    t->right = c + 3 * n;
    t->wrong = c + 4 * n;
    return t;
}

/* A repeated field is a count, and behind it the array. */
struct repeated {
    size_t n;
    void *at;
};

static void put_models(struct bodies *b, const struct cn_model_ref *models, size_t n,
                       struct repeated *ret)
{
    for (size_t i = 0; i < n; i++) {
        b->model[i] = (Cairn__Wire__ModelRef)CAIRN__WIRE__MODEL_REF__INIT;
        b->model[i].digest = lend(models[i].digest.b, CN_DIGEST_BYTES);
        b->model[i].size_bytes = models[i].size_bytes;
        b->models[i] = &b->model[i];
    }
    *ret = (struct repeated){n, b->models};
}

static void put(struct bodies *b, const struct field *f, const char *msg, const char *origin,
                char *wire)
{
    const void *from = origin + f->msg;
    void *to = wire + f->wire;
    uint32_t n = f->msg_n ? *(const uint32_t *)(const void *)(msg + f->msg_n) : 0;

    assert(n <= f->max || !f->msg_n);
    switch (f->type) {
    case U32: put_number(f, to, *(const uint32_t *)from); break;
    case U64: put_number(f, to, *(const uint64_t *)from); break;
    case DIGEST: *(ProtobufCBinaryData *)to = lend(from, CN_DIGEST_BYTES); break;
    case TEXT: *(char **)to = (char *)(uintptr_t)from; break;
    case SECRET: *(ProtobufCBinaryData *)to = lend(from, n); break;
    case COUNTS: *(void **)to = put_counts(b, *(const void *const *)from, n); break;
    case TALLIES: *(void **)to = put_tallies(b, *(const void *const *)from, n); break;
    case MODELS:
        put_models(b, from, n, (struct repeated *)(void *)(wire + f->wire - sizeof(size_t)));
        break;
    case HEADS:
        b->heads = (Cairn__Wire__Heads)CAIRN__WIRE__HEADS__INIT;
        for (size_t i = 0; i < CN_COUNT(heads); i++)
            put(b, &heads[i], msg, from, (char *)&b->heads);
        *(void **)to = &b->heads;
        break;
    }
}

void cn_wire_encode(const struct cn_msg *msg, struct cn_buf *out)
{
    const struct layout *l = &layouts[msg->kind];
    Cairn__Wire__Envelope env = CAIRN__WIRE__ENVELOPE__INIT;
    struct bodies b = {.columns = NULL};

    assert(l->wire && l->wire->sizeof_message <= sizeof b.body);
    protobuf_c_message_init(l->wire, b.body);
    for (size_t i = 0; i < l->n_fields; i++)
        put(&b, &l->fields[i], (const char *)msg, (const char *)msg + l->msg, b.body);
    env.session = msg->session;
    env.body_case = (Cairn__Wire__Envelope__BodyCase)(msg->kind + 1);
    env.hello = (Cairn__Wire__Hello *)(void *)b.body; /* the oneof is a union of pointers */
    size_t n = cairn__wire__envelope__get_packed_size(&env);
    cairn__wire__envelope__pack(&env, cn_buf_extend(out, n));
    cn_freep(&b.columns);
}

/* ---- decoding ---- */

static enum cn_err bad(const char *what, const struct field *f, enum cn_err code,
                       struct cn_error *err)
{
    return cn_fail(err, code, "message field %s %s", f->name, what);
}

static enum cn_err get_number(const struct field *f, uint64_t v, void *to, struct cn_error *err)
{
    if (v < f->min || v > f->max)
        return bad("is out of range", f, CN_E_LIMIT, err);
    if (f->type == U32)
        *(uint32_t *)to = (uint32_t)v;
    else
        *(uint64_t *)to = v;
    return CN_OK;
}

static enum cn_err get_digest(const struct field *f, const ProtobufCBinaryData *from, void *to,
                              struct cn_error *err)
{
    if (from->len != CN_DIGEST_BYTES)
        return bad("is not a digest", f, CN_E_PARSE, err);
    memcpy(to, from->data, CN_DIGEST_BYTES);
    return CN_OK;
}

static enum cn_err get_bytes(const struct field *f, const void *from, size_t n, void *to,
                             struct cn_error *err)
{
    if (n > f->max || n < f->min)
        return bad("has a length out of range", f, CN_E_LIMIT, err);
    memcpy(to, from, n);
    return CN_OK;
}

/* Columns back to rows in scratch. All are as long as the first, whose labels ascend. */
static enum cn_err get_rows(const struct field *f, const struct repeated *column, size_t n_columns,
                            struct cn_buf *scratch, uint32_t *ret_n, struct cn_error *err)
{
    size_t n = column[0].n;

    if (n > f->max)
        return bad("has too many labels", f, CN_E_LIMIT, err);
    for (size_t j = 1; j < n_columns; j++)
        if (column[j].n != n)
            return bad("has columns of different lengths", f, CN_E_PARSE, err);
    scratch->n = 0;
    uint32_t *rows = (uint32_t *)(void *)cn_buf_extend(scratch, n * n_columns * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_columns; j++)
            rows[i * n_columns + j] = ((const uint32_t *)column[j].at)[i];
    for (size_t i = 0; i < n; i++)
        if (rows[i * n_columns] >= CN_MAX_LABELS ||
            (i && rows[i * n_columns] <= rows[(i - 1) * n_columns]))
            return bad("has labels that do not ascend, or are none", f, CN_E_PARSE, err);
    *ret_n = (uint32_t)n;
    return CN_OK;
}

static enum cn_err get_counts(const struct field *f, const Cairn__Wire__Counts *c,
                              struct cn_buf *scratch, uint32_t *ret_n, struct cn_error *err)
{
    if (!c) /* protobuf leaves an empty part out */
        return CN_OK;
    struct repeated columns[] = {{c->n_label, c->label}, {c->n_n, c->n}};
    return get_rows(f, columns, CN_COUNT(columns), scratch, ret_n, err);
}

static enum cn_err get_tallies(const struct field *f, const Cairn__Wire__Tallies *t,
                               struct cn_buf *scratch, uint32_t *ret_n, struct cn_error *err)
{
    if (!t)
        return CN_OK;
    struct repeated columns[] = {{t->n_label, t->label},
                                 {t->n_confirmed, t->confirmed},
                                 {t->n_corrected, t->corrected},
                                 {t->n_right, t->right},
                                 {t->n_wrong, t->wrong}};
    return get_rows(f, columns, CN_COUNT(columns), scratch, ret_n, err);
}

static enum cn_err get_models(const struct field *f, const struct repeated *from,
                              struct cn_model_ref *to, uint32_t *ret_n, struct cn_error *err)
{
    Cairn__Wire__ModelRef *const *models = from->at;

    if (from->n < f->min || from->n > f->max)
        return bad("are too few or too many", f, CN_E_LIMIT, err);
    for (size_t i = 0; i < from->n; i++) {
        enum cn_err e = get_digest(f, &models[i]->digest, &to[i].digest, err);
        if (e != CN_OK)
            return e;
        if (models[i]->size_bytes < 1 || models[i]->size_bytes > CN_MAX_BLOB_BYTES)
            return bad("have a size out of range", f, CN_E_LIMIT, err);
        to[i].size_bytes = models[i]->size_bytes;
    }
    *ret_n = (uint32_t)from->n;
    return CN_OK;
}

static enum cn_err get(const struct field *f, const char *wire, struct cn_buf *scratch, char *msg,
                       char *origin, struct cn_error *err)
{
    const void *from = wire + f->wire;
    void *to = origin + f->msg;
    uint32_t *n = (uint32_t *)(void *)(msg + f->msg_n);
    const ProtobufCBinaryData *bytes = from;
    enum cn_err e = CN_OK;

    switch (f->type) {
    case U32: return get_number(f, *(const uint32_t *)from, to, err);
    case U64: return get_number(f, *(const uint64_t *)from, to, err);
    case DIGEST: return get_digest(f, bytes, to, err);
    case TEXT: return get_bytes(f, *(char *const *)from, strlen(*(char *const *)from), to, err);
    case SECRET:
        e = get_bytes(f, bytes->data, bytes->len, to, err);
        *n = (uint32_t)bytes->len;
        return e;
    case COUNTS:
        e = get_counts(f, *(const Cairn__Wire__Counts *const *)from, scratch, n, err);
        *(const void **)to = scratch->at;
        return e;
    case TALLIES:
        e = get_tallies(f, *(const Cairn__Wire__Tallies *const *)from, scratch, n, err);
        *(const void **)to = scratch->at;
        return e;
    case MODELS:
        return get_models(f,
                          (const struct repeated *)(const void *)(wire + f->wire - sizeof(size_t)),
                          to, n, err);
    case HEADS:
        if (!*(char *const *)from)
            return bad("is missing", f, CN_E_PARSE, err);
        for (size_t i = 0; i < CN_COUNT(heads) && e == CN_OK; i++)
            e = get(&heads[i], *(char *const *)from, scratch, msg, to, err);
        return e;
    }
    return bad("is of no known type", f, CN_E_UNSUPPORTED, err);
}

/* The bulk frame belongs to CHUNK, and is the whole of it but for the last one's size. */
static enum cn_err check_bulk(const struct cn_msg *m, uint64_t n_bulk, struct cn_error *err)
{
    if (m->kind != CN_MSG_CHUNK)
        return n_bulk == 0 ? CN_OK
                           : cn_fail(err, CN_E_PARSE, "%s has a bulk frame", cn_msg_name(m->kind));
    if (n_bulk < 1 || n_bulk > CN_CHUNK_BYTES)
        return cn_fail(err, CN_E_LIMIT, "CHUNK with a bulk frame of %llu bytes",
                       (unsigned long long)n_bulk);
    if (m->chunk.offset > m->chunk.total_bytes || n_bulk > m->chunk.total_bytes - m->chunk.offset)
        return cn_fail(err, CN_E_PARSE, "CHUNK goes past the end of its blob");
    return CN_OK;
}

static void free_envelope(Cairn__Wire__Envelope **env)
{
    if (*env)
        cairn__wire__envelope__free_unpacked(*env, NULL);
}

enum cn_err cn_wire_decode(struct cn_bytes header, uint64_t n_bulk, struct cn_buf *scratch,
                           struct cn_msg *ret, struct cn_error *err)
{
    if (header.n > CN_MAX_HEADER_BYTES)
        return cn_fail(err, CN_E_LIMIT, "message header of %zu bytes; at most %d", header.n,
                       CN_MAX_HEADER_BYTES);
    CN_CLEANUP(free_envelope)
    Cairn__Wire__Envelope *env = cairn__wire__envelope__unpack(NULL, header.n, header.at);
    if (!env)
        return cn_fail(err, CN_E_PARSE, "message header is not a protobuf envelope");
    int kind = (int)env->body_case - 1;
    if (kind <= CN_MSG_NONE || kind >= CN_MSG_NKINDS)
        return cn_fail(err, CN_E_UNSUPPORTED, "message of a kind that this version does not know");

    const struct layout *l = &layouts[kind];
    struct cn_msg m;
    memset(&m, 0, sizeof m);
    m.kind = (enum cn_msg_kind)kind;
    m.session = env->session;
    for (size_t i = 0; i < l->n_fields; i++) {
        enum cn_err e = get(&l->fields[i], (const char *)env->hello, scratch, (char *)&m,
                            (char *)&m + l->msg, err);
        if (e != CN_OK)
            return e;
    }
    enum cn_err e = check_bulk(&m, n_bulk, err);
    if (e == CN_OK)
        *ret = m;
    return e;
}
