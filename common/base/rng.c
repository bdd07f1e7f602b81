/* A small seeded random generator for learning. */
#include "common/base/rng.h"

#include <assert.h>
#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void cn_rng_init(struct cn_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix64(&seed);
}

uint64_t cn_rng_next(struct cn_rng *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint32_t cn_rng_below(struct cn_rng *r, uint32_t n)
{
    assert(n > 0);
    uint32_t reject = (uint32_t)(-n) % n, x;
    do
        x = (uint32_t)(cn_rng_next(r) >> 32);
    while (x < reject);
    return x % n;
}

float cn_rng_uniform(struct cn_rng *r)
{
    return (float)(cn_rng_next(r) >> 40) * 0x1p-24f;
}

float cn_rng_normal(struct cn_rng *r)
{
    float u, v, s;

    do {
        u = 2 * cn_rng_uniform(r) - 1;
        v = 2 * cn_rng_uniform(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrtf(-2 * logf(s) / s);
}

void cn_rng_fill_normal(struct cn_rng *r, float *x, size_t n, float std)
{
    for (size_t i = 0; i < n; i++)
        x[i] = std * cn_rng_normal(r);
}

void cn_rng_shuffle(struct cn_rng *r, uint32_t *x, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        uint32_t j = cn_rng_below(r, (uint32_t)i), t = x[i - 1];
        x[i - 1] = x[j];
        x[j] = t;
    }
}
