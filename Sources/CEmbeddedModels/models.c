#include "CEmbeddedModels.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

_Alignas(4096) static const unsigned char base[] = {
#embed "base.safetensors"
};

_Alignas(4096) static const unsigned char refiner[] = {
#embed "refiner.safetensors"
};

const void *refinery_embedded_base(size_t *byte_count) {
    *byte_count = sizeof base;
    return base;
}

const void *refinery_embedded_refiner(size_t *byte_count) {
    *byte_count = sizeof refiner;
    return refiner;
}
