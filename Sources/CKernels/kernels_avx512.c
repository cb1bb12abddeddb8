#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c"))),          \
    apply_to = function)
#define LANES 16
#define KERNEL(name) refinery_avx512_##name
#include "kernels_impl.h"
#pragma clang attribute pop
