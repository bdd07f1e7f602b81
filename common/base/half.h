/* IEEE 754 binary16 <-> binary32, round to nearest even; NaN stays NaN, overflow becomes infinity.
 */
#ifndef CN_HALF_H
#define CN_HALF_H

#include <stddef.h>
#include <stdint.h>

uint16_t cn_half_from_float(float x);
float cn_half_to_float(uint16_t h);
/* Arrays; out and in do not overlap. */
void cn_half_encode(uint16_t *out, const float *in, size_t n);
void cn_half_decode(float *out, const uint16_t *in, size_t n);

#endif
