/* New rows that everyone draws alike: a label's first numbers depend on the fleet's seed and the
   label's id alone, so devices that meet it apart start from the same point and can be averaged.
   Threads: one at a time per network. */
#ifndef CN_GROW_H
#define CN_GROW_H

#include "common/nn/net.h"

/* N(mean, std) in every by_label row of dimension > 1; biases are 0. */
struct cn_grow_conf {
    float mean, std;
    uint64_t seed;
};

/* Rebuilds net for the labels to[0..n_to), as cn_net_widen does; rows that `from` lacks are drawn
   as above. */
enum cn_err cn_grow(struct cn_net *net, const uint32_t *from, uint32_t n_from, const uint32_t *to,
                    uint32_t n_to, const struct cn_grow_conf *conf,
                    struct cn_error *err) CN_NODISCARD;

#endif
