/* The two clocks. */
#include "common/base/clock.h"

#include <time.h>

static uint64_t us_of(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t cn_clock_mono_ms(void)
{
    return us_of(CLOCK_MONOTONIC) / 1000;
}

uint64_t cn_clock_mono_us(void)
{
    return us_of(CLOCK_MONOTONIC);
}

uint64_t cn_clock_wall_ms(void)
{
    return us_of(CLOCK_REALTIME) / 1000;
}
