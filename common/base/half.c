/* IEEE 754 binary16 conversions in integers, so that every machine gives the same bytes. */
#include "common/base/half.h"

#include <string.h>

uint16_t cn_half_from_float(float x)
{
    uint32_t u;

    memcpy(&u, &x, 4);
    uint32_t sign = u >> 16 & 0x8000, mag = u & 0x7fffffff;
    if (mag > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (mag >= 0x477ff000) /* rounds to 2^16 or more */
        return (uint16_t)(sign | 0x7c00);
    if (mag >= 0x38800000) { /* normal: rebias the exponent by 112, round 13 bits away */
        uint32_t r = mag - 0x38000000;
        return (uint16_t)(sign | ((r + 0xfff + (r >> 13 & 1)) >> 13));
    }
    if (mag < 0x33000000) /* below half of the smallest subnormal */
        return (uint16_t)sign;
    uint32_t shift = 126 - (mag >> 23), m = (mag & 0x7fffff) | 0x800000;
    uint32_t q = m >> shift, rest = m & ((1u << shift) - 1), half = 1u << (shift - 1);
    return (uint16_t)(sign | (q + (rest > half || (rest == half && (q & 1)))));
}

/* Masks instead of branches, so that decoding an array is one vector loop. */
static inline float to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h & 0x7c00, u;
    uint32_t is_tiny = 0 - (uint32_t)(e == 0), is_special = 0 - (uint32_t)(e == 0x7c00);
    uint32_t normal = ((uint32_t)(h & 0x7fff) << 13) + (112u << 23); /* rebias the exponent */
    float x = (float)(int32_t)(h & 0x3ff) * 0x1p-24f;

    memcpy(&u, &x, 4);
    normal += is_special & (112u << 23); /* infinity and NaN stay so */
    u = (is_tiny & u) | (~is_tiny & normal) | sign;
    memcpy(&x, &u, 4);
    return x;
}

float cn_half_to_float(uint16_t h)
{
    return to_float(h);
}

void cn_half_encode(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = cn_half_from_float(in[i]);
}

void cn_half_decode(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = to_float(in[i]);
}
