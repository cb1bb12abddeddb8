#include "CEmbeddedModels.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

_Alignas(4096) static const unsigned char emoji[] = {
#embed "emoji.safetensors"
};

_Alignas(4096) static const unsigned char emoji_refiner[] = {
#embed "emoji-refiner.safetensors"
};

_Alignas(4096) static const unsigned char tiny_base[] = {
#embed "tiny-base.safetensors"
};

_Alignas(4096) static const unsigned char tiny_refiner[] = {
#embed "tiny-refiner.safetensors"
};

const void *refinery_embedded_emoji(size_t *byte_count) {
    *byte_count = sizeof emoji;
    return emoji;
}

const void *refinery_embedded_emoji_refiner(size_t *byte_count) {
    *byte_count = sizeof emoji_refiner;
    return emoji_refiner;
}

const void *refinery_embedded_tiny_base(size_t *byte_count) {
    *byte_count = sizeof tiny_base;
    return tiny_base;
}

const void *refinery_embedded_tiny_refiner(size_t *byte_count) {
    *byte_count = sizeof tiny_refiner;
    return tiny_refiner;
}
