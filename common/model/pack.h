/* The one container of numbers on the wire and on disk: models, updates, statistics, sums.
   Threads: an open pack is read-only and may be shared; a writer has one owner.

   Layout, little-endian:
     0   "CNPK", u32 format version, u32 header bytes, u32 zero
     16  header: message Pack of proto/model.proto, then zeros up to a multiple of 64
     ..  the tensors in the order of the header's directory, each padded with zeros to 64
   Where a tensor lies follows from the sizes before it, so offsets can neither overlap nor lie.
   Equal content gives equal bytes, and bytes that another encoder would write differently do not
   open. */
#ifndef CN_PACK_H
#define CN_PACK_H

#include "common/base/blob.h"
#include "common/base/digest.h"
#include "common/base/label.h"
#include "common/doors/modelwire.h"
#include "common/nn/arch.h"
#include "common/nn/tensor.h"

enum cn_pack_kind { CN_PACK_MODEL = 1, CN_PACK_UPDATE, CN_PACK_STATS, CN_PACK_SUMS };
enum cn_pack_type { CN_PACK_F32, CN_PACK_F16, CN_PACK_I64, CN_PACK_F64 };

struct cn_pack_arch {
    char name[16]; /* "trunk", "head", "gen", "disc" */
    struct cn_arch arch;
};

/* What stands before the tensors. Unused fields stay zero. */
struct cn_pack_head {
    enum cn_pack_kind kind;
    struct cn_digest fleet;       /* the fleet's id */
    uint32_t base_release;        /* an update: what it is a delta against */
    struct cn_digest base_digest; /* of that release's model blob */
    const uint32_t *labels;       /* ids in row order, each once */
    uint32_t n_labels;
    const struct cn_label_count *counts; /* written ascending by label */
    uint32_t n_counts;
    const struct cn_setting *settings; /* written ascending by key */
    uint32_t n_settings;
    const struct cn_pack_arch *archs;
    uint32_t n_archs;
};

/* One tensor. With rows it carries those label rows only (dims[0] of them, ascending by id);
   without, a by_label tensor has one row per label of the head, in its order. */
struct cn_pack_tensor {
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    enum cn_pack_type type;
    uint32_t n_dims, dims[CN_MAX_DIMS]; /* unused dims are 1 */
    bool by_label, frozen;
    const uint32_t *rows; /* (dims[0]) label ids, or NULL */
    const uint8_t *data;  /* raw little-endian numbers, any alignment */
    size_t n;             /* numbers */
};

/* ---- writing ---- */

struct cn_pack_writer;

struct cn_pack_writer *cn_pack_writer_new(void) CN_NODISCARD;
void cn_pack_writer_destroy(struct cn_pack_writer **w);
/* Adds t as f32 or f16. rows: label ids of its rows in any order, or NULL. The first failure
   (a number that is not finite in that type, a name twice, a cap) is kept for finish. */
void cn_pack_put(struct cn_pack_writer *w, const struct cn_tensor *t, enum cn_pack_type type,
                 const uint32_t *rows);
/* Adds numbers that already have t's type; t->n is ignored, everything is copied. */
void cn_pack_put_raw(struct cn_pack_writer *w, const struct cn_pack_tensor *t);
/* Appends the pack to out. CN_E_NUMERIC, CN_E_EXISTS, CN_E_LIMIT, CN_E_SHAPE (a by_label tensor
   without rows that does not have the head's labels) name the tensor; out is then untouched. */
enum cn_err cn_pack_finish(struct cn_pack_writer *w, const struct cn_pack_head *head,
                           struct cn_buf *out, struct cn_error *err) CN_NODISCARD;

/* ---- reading ---- */

struct cn_pack;

/* Checks everything but the numbers themselves; bytes are borrowed and must outlive the pack.
   CN_E_PARSE, CN_E_VERSION, CN_E_LIMIT, CN_E_SHAPE. */
enum cn_err cn_pack_open(struct cn_pack **ret, struct cn_bytes bytes,
                         struct cn_error *err) CN_NODISCARD;
void cn_pack_close(struct cn_pack **p);
const struct cn_pack_head *cn_pack_head(const struct cn_pack *p);
const struct cn_pack_tensor *cn_pack_tensors(const struct cn_pack *p, uint32_t *ret_n);
/* NULL when there is none of that name. */
const struct cn_pack_tensor *cn_pack_find(const struct cn_pack *p, const char *name);
const struct cn_arch *cn_pack_arch(const struct cn_pack *p, const char *name);
/* Settings by key; CN_E_NOTFOUND names the key. */
enum cn_err cn_pack_number(const struct cn_pack *p, const char *key, uint64_t *ret,
                           struct cn_error *err) CN_NODISCARD;
enum cn_err cn_pack_real(const struct cn_pack *p, const char *key, double *ret,
                         struct cn_error *err) CN_NODISCARD;
/* The label ids of a by_label tensor's rows. */
const uint32_t *cn_pack_rows(const struct cn_pack *p, const struct cn_pack_tensor *t);

/* Numbers [first, first + n) of an f32 or f16 tensor as floats. */
void cn_pack_floats(const struct cn_pack_tensor *t, size_t first, size_t n, float *out);
/* Number i of an i64 tensor. */
int64_t cn_pack_int(const struct cn_pack_tensor *t, size_t i);
/* A new tensor of t's name, shape and numbers (f32 or f16). CN_E_SHAPE: another type;
   CN_E_NUMERIC: a number is not finite. */
enum cn_err cn_pack_tensor(const struct cn_pack_tensor *t, struct cn_tensor *ret,
                           struct cn_error *err) CN_NODISCARD;
/* Whether every number of an f32 or f16 tensor is finite. */
bool cn_pack_is_finite(const struct cn_pack_tensor *t);

#endif
