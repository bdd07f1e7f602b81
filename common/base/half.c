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

float cn_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff, u;
    float x;

    if (e == 31)
        u = sign | 0x7f800000 | m << 13;
    else if (e)
        u = sign | (e + 112) << 23 | m << 13;
    else {
        x = (float)m * 0x1p-24f;
        return sign ? -x : x;
    }
    memcpy(&x, &u, 4);
    return x;
}

void cn_half_encode(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = cn_half_from_float(in[i]);
}

void cn_half_decode(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = cn_half_to_float(in[i]);
}
