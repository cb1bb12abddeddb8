#include "CKernels.h"

/// Word `index` of the stream of `seed`: splitmix64 (Steele, Lea and Flood 2014), which can begin
/// anywhere.
static inline uint64_t word(uint64_t seed, uint64_t index) {
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void refinery_fill_random(
    uint16_t *out, const uint16_t table[256], uint64_t seed, size_t first, size_t count) {
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        size_t position = first + i;
        if (i == 0 || position % 8 == 0) bits = word(seed, position / 8) >> position % 8 * 8;
        out[i] = table[bits & 255];
        bits >>= 8;
    }
}
