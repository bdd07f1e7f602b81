/* The frozen trunk of recipe `features`: a bank of random convolutions, grown from the recipe's
   seed and therefore never sent. Threads: one at a time per network. */
#ifndef CN_TRUNK_H
#define CN_TRUNK_H

#include "common/nn/net.h"
#include "common/recipe/recipe.h"

enum { CN_TRUNK_GRID = 4 }; /* every map is averaged over 4 x 4 cells */

/* D, the numbers in one phi: 2 * n_filters * 4 * 4. */
size_t cn_trunk_size(const struct cn_recipe *r);

/* x (channels, height, width) -> conv 5x5 with +-n_filters -> ReLU(h - .2) -> grid means.
   Equal seeds, equal trunks. */
enum cn_err cn_trunk_new(struct cn_net **ret, const struct cn_recipe *r,
                         struct cn_error *err) CN_NODISCARD;

/* x (n, in) -> phi (n, D), run in slices, any n. */
void cn_trunk_embed(struct cn_net *trunk, const float *x, uint32_t n, float *phi);

#endif
