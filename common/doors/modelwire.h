/* The messages of proto/model.proto as plain structs; protobuf-c stands behind this door.
   Decoding checks form only: caps on counts and text, no unknown field, and that encoding again
   gives the same bytes, so that one content has one form. What the numbers mean is checked by
   common/model. Reentrant. */
#ifndef CN_MODELWIRE_H
#define CN_MODELWIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/label.h"
#include "common/base/limits.h"

/* ---- header of a pack ---- */

struct cn_setting {
    char key[32];
    bool is_real; /* else number */
    uint64_t number;
    double real;
};

struct cn_modelwire_layer {
    uint32_t kind; /* enum cn_layer_kind + 1 */
    char name[16];
    uint32_t out, kernel_h, kernel_w, stride, pad, groups;
    float alpha, rate, momentum, eps;
    bool by_label, frozen;
};

struct cn_modelwire_arch {
    char name[16];
    uint32_t channels, height, width, n_layers;
    struct cn_modelwire_layer *layers;
};

struct cn_modelwire_tensor {
    char name[CN_MAX_TENSOR_NAME_BYTES + 1];
    uint32_t type; /* enum cn_pack_type + 1 */
    uint32_t n_dims, dims[CN_MAX_DIMS];
    bool by_label, frozen;
    uint32_t n_rows, *rows; /* label ids, ascending; n_rows 0: as the pack's labels */
};

struct cn_modelwire_pack {
    uint32_t kind;                /* enum cn_pack_kind */
    struct cn_digest fleet;       /* none: all zero */
    uint32_t base_release;        /* 0: none */
    struct cn_digest base_digest; /* the same */
    uint32_t n_labels, *labels;   /* in row order */
    uint32_t n_counts, n_settings, n_archs, n_tensors;
    struct cn_label_count *counts;
    struct cn_setting *settings;
    struct cn_modelwire_arch *archs;
    struct cn_modelwire_tensor *tensors;
};

void cn_modelwire_pack_encode(const struct cn_modelwire_pack *p, struct cn_buf *out);
/* *ret owns its arrays: free them with cn_modelwire_pack_fini. CN_E_PARSE, CN_E_LIMIT,
   CN_E_VERSION (fields of a later version). */
enum cn_err cn_modelwire_pack_decode(struct cn_modelwire_pack *ret, struct cn_bytes in,
                                     struct cn_error *err) CN_NODISCARD;
void cn_modelwire_pack_fini(struct cn_modelwire_pack *p);

/* ---- manifest of a release ---- */

enum cn_release_kind { CN_RELEASE_GENESIS = 1, CN_RELEASE_ROUND, CN_RELEASE_ROLLBACK };

/* Bytes that are fetched by their digest. */
struct cn_artifact {
    struct cn_digest digest;
    uint64_t size; /* 0: there is none, and the digest is zero */
};

/* One update that is in the release. */
struct cn_contribution {
    uint32_t device;
    uint64_t seq;
};

struct cn_manifest {
    struct cn_digest fleet; /* the fleet's public signing key, which is its id */
    enum cn_release_kind kind;
    uint32_t number, parent; /* genesis is 1, its parent 0 */
    uint32_t rolled_back_to; /* rollback: the release whose model this one repeats; else 0 */
    struct cn_artifact model, stats, registry;
    uint32_t registry_version;
    uint64_t created_ms;
    char recipe[16], candidate[24];
    char summary[512]; /* for people: what the gate decided and why */
    uint32_t n_contributions;
    struct cn_contribution *contributions; /* ascending by device, then seq */
};

void cn_modelwire_manifest_encode(const struct cn_manifest *m, struct cn_buf *out);
/* As cn_modelwire_pack_decode. */
enum cn_err cn_modelwire_manifest_decode(struct cn_manifest *ret, struct cn_bytes in,
                                         struct cn_error *err) CN_NODISCARD;
void cn_modelwire_manifest_fini(struct cn_manifest *m);

#endif
