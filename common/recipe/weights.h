/* A model blob opened: what a release knows, as networks and tables that can be trained.
   One owner, one thread. */
#ifndef CN_WEIGHTS_H
#define CN_WEIGHTS_H

#include "common/model/pack.h"
#include "common/nn/net.h"
#include "common/recipe/fit.h"
#include "common/recipe/recipe.h"
#include "common/synth/cgan.h"
#include "common/synth/moments.h"

struct cn_weights {
    struct cn_recipe recipe;
    size_t phi_size;
    uint32_t n_labels;
    uint32_t *labels;          /* (n_labels) ids in row order */
    uint32_t *seen;            /* (n_labels) images that taught the row, over all releases */
    bool *absent;              /* (n_labels) the row was never taught: it is never predicted */
    bool *known;               /* (n_labels) the synthesizer can make samples of it */
    struct cn_net *net;        /* phi -> logits; its last layer is "head" */
    struct cn_moments moments; /* features: n_labels 0 while there are no statistics */
    struct cn_cgan *cgan;      /* NULL until it was trained */
};

enum { CN_WEIGHTS_NO_ROW = UINT32_MAX };

/* The model before anybody taught it anything: labels with fresh rows. */
enum cn_err cn_weights_new(struct cn_weights **ret, const struct cn_recipe *r,
                           const uint32_t *labels, uint32_t n, struct cn_error *err) CN_NODISCARD;
/* Reads a model pack. without_synth: leaves moments and generator out. CN_E_PARSE, CN_E_VERSION,
   CN_E_SHAPE, CN_E_NUMERIC. */
enum cn_err cn_weights_open(struct cn_weights **ret, struct cn_bytes model, bool without_synth,
                            struct cn_error *err) CN_NODISCARD;
void cn_weights_destroy(struct cn_weights **w);
/* Writes the model pack; equal weights, equal bytes. */
enum cn_err cn_weights_encode(const struct cn_weights *w, struct cn_buf *out,
                              struct cn_error *err) CN_NODISCARD;

/* Another list of labels: rows are carried over by id, new ones are fresh and absent. */
enum cn_err cn_weights_relabel(struct cn_weights *w, const uint32_t *to, uint32_t n,
                               struct cn_error *err) CN_NODISCARD;
/* Place of a label, or CN_WEIGHTS_NO_ROW. */
uint32_t cn_weights_row(const struct cn_weights *w, uint32_t label);
/* Tensors "head.weight" and "head.bias". */
struct cn_tensor *cn_weights_tensor(const struct cn_weights *w, const char *name);
/* The rows of recipe features, borrowed. */
struct cn_head cn_weights_head(const struct cn_weights *w);
/* Makes the generator and discriminator when there are none yet. */
enum cn_err cn_weights_need_cgan(struct cn_weights *w, struct cn_error *err) CN_NODISCARD;

/* phi[i] (phi_size) -> z (n, n_labels) logits; absent rows are CN_FIT_ABSENT. */
void cn_weights_logits(const struct cn_weights *w, const float *const *phi, uint32_t n, float *z);

/* How many samples go through the network at once: at most `most`, fewer where its widest layer
   would take more than 32 MiB for them, at least one. */
uint32_t cn_weights_batch(const struct cn_weights *w, uint32_t most);

/* Index of the largest of n logits, the first of equals. */
uint32_t cn_weights_best(const float *z, uint32_t n);

/* The networks whose tensors travel, each with the prefix of its tensors' names in a pack. */
struct cn_weights_part {
    const char *prefix; /* "", "gen.", "disc." */
    struct cn_net *net;
    enum cn_pack_type type;
};
enum { CN_WEIGHTS_MAX_PARTS = 3 };
uint32_t cn_weights_parts(const struct cn_weights *w,
                          struct cn_weights_part parts[CN_WEIGHTS_MAX_PARTS]);
/* What the numbers of a tensor are counted in when they travel and are summed. A bias stands for
   the whole way from the origin to where the features are, and would not fit a sum's range. */
float cn_weights_unit(const char *name);
/* prefix + the tensor's name. */
void cn_weights_name(char out[CN_MAX_TENSOR_NAME_BYTES + 1], const char *prefix,
                     const struct cn_tensor *t);

#endif
