#pragma once
#include <cblas.h>

/// The kernels OpenBLAS runs on, such as "SkylakeX". They are chosen before its own constructor runs,
/// because Debian's 0.3.21 takes newer CPUs for much older ones and is then several times slower.
const char *refinery_blas_core(void);
