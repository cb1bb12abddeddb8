#pragma once
#include <stddef.h>

/// The bytes of the built-in SDXL base and refiner `.safetensors` files. They are pages of the
/// executable: nothing is read before it is used.
const void *refinery_embedded_base(size_t *byte_count);
const void *refinery_embedded_refiner(size_t *byte_count);
