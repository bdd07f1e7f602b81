/* A fleet's choice of learning: which network, what a device sends, how the coordinator balances.
   Plain data, stored in every release. */
#ifndef CN_RECIPE_H
#define CN_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/blob.h"
#include "common/base/err.h"
#include "common/image/pipeline.h"

enum cn_recipe_kind { CN_RECIPE_FEATURES, CN_RECIPE_ARTICLE };
enum cn_synth_kind { CN_SYNTH_NONE, CN_SYNTH_MOMENTS, CN_SYNTH_CGAN };

struct cn_recipe {
    enum cn_recipe_kind kind;
    enum cn_synth_kind synth;
    struct cn_pipeline pipeline;
    uint64_t seed;              /* of the random trunk and of every first initialization */
    uint32_t n_filters;         /* features: random 5x5 filters; D = 2 * n_filters * 4 * 4 */
    uint32_t rank;              /* of the moments' low-rank covariance */
    uint32_t min_count;         /* features: fewer images of a label than this send no statistics */
    uint32_t local_steps;       /* train-on-batch steps per correction, at most */
    uint32_t gan_steps;         /* CGAN steps on a device per update; 0: none */
    uint32_t consolidate_steps; /* steps of fine-tuning on synthesized data */
};

/* The defaults of a recipe kind for images of that size (features: 64 filters, D = 2048, rank 32,
   min_count 3; article: conv 2x2x64, dense softmax, 200 steps). */
struct cn_recipe cn_recipe_default(enum cn_recipe_kind kind, uint32_t channels, uint32_t height,
                                   uint32_t width);
enum cn_err cn_recipe_check(const struct cn_recipe *r, struct cn_error *err) CN_NODISCARD;

/* The model of a fleet's first release: one label, CN_LABEL_NOISE. Deterministic in r->seed. */
enum cn_err cn_recipe_genesis(const struct cn_recipe *r, struct cn_blob **ret_model,
                              struct cn_error *err) CN_NODISCARD;

#endif
