#pragma once
#include <stddef.h>

/// The bytes of the built-in `.safetensors` files: an SDXL base and refiner that were trained to draw emoji
/// (dev/train), and ones with random weights, for tests. They are pages of the executable: nothing is read
/// before it is used.
const void *refinery_embedded_emoji(size_t *byte_count);
const void *refinery_embedded_emoji_refiner(size_t *byte_count);
const void *refinery_embedded_tiny_base(size_t *byte_count);
const void *refinery_embedded_tiny_refiner(size_t *byte_count);
