#include "CKernels.h"
#include "kernels_table.h"

#include <stdatomic.h>

#define DECLARE(result, name, parameters, arguments)                                               \
    result refinery_portable_##name parameters;                                                    \
    result refinery_avx2_##name parameters;                                                        \
    result refinery_avx512_##name parameters;
REFINERY_KERNELS(DECLARE)

refinery_isa refinery_isa_available(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("f16c")) {
        return refinery_isa_portable;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd")) {
        return refinery_isa_avx512;
    }
    return refinery_isa_avx2;
}

static atomic_int best = -1;
static _Thread_local int forced = -1;

refinery_isa refinery_isa_current(void) {
    if (forced >= 0) {
        return (refinery_isa)forced;
    }
    int isa = atomic_load_explicit(&best, memory_order_relaxed);
    if (isa < 0) {
        isa = (int)refinery_isa_available();
        atomic_store_explicit(&best, isa, memory_order_relaxed);
    }
    return (refinery_isa)isa;
}

bool refinery_isa_force(refinery_isa isa) {
    if (isa > refinery_isa_available()) {
        return false;
    }
    forced = (int)isa;
    return true;
}

#define DEFINE(result, name, parameters, arguments)                                                \
    result refinery_##name parameters {                                                            \
        switch (refinery_isa_current()) {                                                          \
        case refinery_isa_avx512:                                                                  \
            return refinery_avx512_##name arguments;                                               \
        case refinery_isa_avx2:                                                                    \
            return refinery_avx2_##name arguments;                                                 \
        case refinery_isa_portable:                                                                \
            break;                                                                                 \
        }                                                                                          \
        return refinery_portable_##name arguments;                                                 \
    }
REFINERY_KERNELS(DEFINE)
