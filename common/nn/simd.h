/* CN_SIMD before a function of plain loops: the compiler makes it once for every level of x86-64
   and the loader picks. Sanitizers do not bear the loader's question that early, clang does not
   know the levels: there it is made once. */
#ifndef CN_SIMD_H
#define CN_SIMD_H

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define CN_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CN_SIMD
#endif

#endif
