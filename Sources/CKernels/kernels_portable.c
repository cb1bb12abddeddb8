#define LANES 4
#define KERNEL(name) refinery_portable_##name
#include "kernels_impl.h"
