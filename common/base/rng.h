/* A small seeded random generator for learning (never for secrets): equal seeds, equal numbers, on
   every machine. One owner, one thread. xoshiro256** by Blackman and Vigna, seeded by splitmix64.
 */
#ifndef CN_RNG_H
#define CN_RNG_H

#include <stddef.h>
#include <stdint.h>

struct cn_rng {
    uint64_t s[4];
};

void cn_rng_init(struct cn_rng *r, uint64_t seed);
uint64_t cn_rng_next(struct cn_rng *r);
/* Uniform in [0, n), n > 0, without bias. */
uint32_t cn_rng_below(struct cn_rng *r, uint32_t n);
/* Uniform in [0, 1). */
float cn_rng_uniform(struct cn_rng *r);
/* N(0, 1), by Marsaglia's polar method. */
float cn_rng_normal(struct cn_rng *r);
void cn_rng_fill_normal(struct cn_rng *r, float *x, size_t n, float std);
/* Fisher-Yates. */
void cn_rng_shuffle(struct cn_rng *r, uint32_t *x, size_t n);

#endif
