#include "COpenBLAS.h"

#include <stdlib.h>

/// The best kernels of OpenBLAS 0.3.21 for what this CPU can do; NULL leaves the choice to it.
static const char *best_core(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd")) {
        return "SkylakeX";
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return __builtin_cpu_is("amd") ? "Zen" : "Haswell";
    }
    if (__builtin_cpu_supports("avx")) {
        return "Sandybridge";
    }
    return NULL;
}

/// Priority 101 is earlier than the library's own constructor, which reads these variables. A value
/// that is already set wins. One thread: the lanes bring their own.
__attribute__((constructor(101))) static void choose_core(void) {
    const char *core = best_core();
    if (core) {
        setenv("OPENBLAS_CORETYPE", core, 0);
    }
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
}

const char *refinery_blas_core(void) {
    return openblas_get_corename();
}
