#pragma once
#include <stdbool.h>
#include <stddef.h>

// Counts what the calling thread takes from the heap, and has it refused on demand. Linked into a test
// executable, this stands in for the C library's allocation functions and hands every call on to them.

typedef struct {
    size_t count;
    size_t byte_count;
    size_t largest_byte_count;
    /// Taken less given back, in the sizes that the heap uses.
    long live_byte_count;
} refinery_allocations;

/// False under a sanitizer, which has allocation functions of its own.
bool refinery_allocations_counted(void);
/// Begins to count on this thread, from 0.
void refinery_allocations_begin(void);
/// The `number`th allocation of this thread, counted from 1 and from now, fails, and all after it with
/// `lasts`, until the end of the counting. Only for C in between: Swift's own code cannot do without.
void refinery_allocations_fail(size_t number, bool lasts);
/// What this thread took since it began. Nothing fails any more.
refinery_allocations refinery_allocations_end(void);
