/* Which instructions the kernels may use: what the processor has, at most what the environment says.
 *
 * F2FSIM_SIMD = portable, avx2, avx512, gfni, gfni512 or neon; f2fsim.codec.f2f.simd refuses other words.
 */
#ifndef F2FSIM_SIMD_H
#define F2FSIM_SIMD_H

#include <stdlib.h>
#include <string.h>

enum { F2F_PORTABLE, F2F_AVX2, F2F_AVX512, F2F_GFNI, F2F_GFNI512, F2F_NEON, F2F_SETS };

static const char *const f2f_set_names[F2F_SETS] = {"portable", "avx2", "avx512", "gfni",
                                                    "gfni512", "neon"};

/* Whether the processor has all of a set: AVX2 comes with BMI, AVX-512 is F, BW and VL. */
static int f2f_has_set(int set) {
#if defined(__x86_64__) && defined(__GNUC__)
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
               __builtin_cpu_supports("bmi");
    if (set == F2F_AVX2) return avx2;
    if (set == F2F_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl");
    if (set == F2F_GFNI) return avx2 && __builtin_cpu_supports("gfni");
    if (set == F2F_GFNI512)
        return f2f_has_set(F2F_AVX512) && f2f_has_set(F2F_GFNI) && __builtin_cpu_supports("bmi2");
#elif defined(__aarch64__) && defined(__GNUC__)
    if (set == F2F_NEON) return 1; /* part of the architecture */
#endif
    return set == F2F_PORTABLE;
}

/* The set that is used: what the environment asks for, else the last one that the processor has. */
static inline int f2f_set(void) {
    static int found = -1;
    if (found < 0) {
        const char *asked = getenv("F2FSIM_SIMD");
        int set = F2F_SETS - 1;
        while (!f2f_has_set(set)) set--;
        for (int i = 0; asked && i < F2F_SETS; i++)
            if (!strcmp(asked, f2f_set_names[i]) && f2f_has_set(i)) set = i;
        found = set;
    }
    return found;
}

#endif
