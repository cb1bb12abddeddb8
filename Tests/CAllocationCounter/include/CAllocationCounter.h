#pragma once
#include <stdbool.h>
#include <stddef.h>

// Counts what the calling thread takes from the heap. Linked into a test executable, this stands in for
// the C library's allocation functions and hands every call on to them.

typedef struct {
    size_t count;
    size_t byte_count;
    size_t largest_byte_count;
} refinery_allocations;

/// False under a sanitizer, which has allocation functions of its own.
bool refinery_allocations_counted(void);
/// Begins to count on this thread, from 0.
void refinery_allocations_begin(void);
/// What this thread took since it began.
refinery_allocations refinery_allocations_end(void);
