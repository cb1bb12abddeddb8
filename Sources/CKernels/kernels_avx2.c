#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES 8
#define KERNEL(name) refinery_avx2_##name
#include "kernels_impl.h"
#pragma clang attribute pop
