/* Numbers below 1e-38 cost a processor a hundred times what others do, and mean nothing to
   learning: but a network that knows its batch by heart is full of them. Between enter and leave
   they are zero, in this thread, where the processor can do that. */
#ifndef CN_FLUSH_H
#define CN_FLUSH_H

#ifdef __SSE__
#include <xmmintrin.h>

static inline unsigned cn_flush_enter(void)
{
    unsigned old = _mm_getcsr();

    _mm_setcsr(old | 0x8040); /* FTZ, DAZ: Intel SDM volume 1, 10.2.3 */
    return old;
}

static inline void cn_flush_leave(unsigned old)
{
    _mm_setcsr(old);
}
#else
static inline unsigned cn_flush_enter(void)
{
    return 0;
}

static inline void cn_flush_leave(unsigned old)
{
    (void)old;
}
#endif

#endif
