/* The two clocks. Shells only: cores get time in events. */
#ifndef CN_CLOCK_H
#define CN_CLOCK_H

#include <stdint.h>

uint64_t cn_clock_mono_ms(void); /* for deadlines: never jumps */
uint64_t cn_clock_mono_us(void);
uint64_t cn_clock_wall_ms(void); /* for people and records: may jump */

#endif
