#pragma once
#include <png.h>
#include <stdbool.h>
#include <stdlib.h>

// Memory for libpng and zlib. What libpng is given as its `mem_ptr` is a bool: whether something was to be
// allocated and was not, so that an error which follows can be told from one of the picture.

static inline png_voidp allocate(png_structp png, png_alloc_size_t size) {
    void *memory = malloc(size);
    if (!memory) *(bool *)png_get_mem_ptr(png) = true;
    return memory;
}

static inline void give_back(png_structp png, png_voidp memory) {
    (void)png;
    free(memory);
}
