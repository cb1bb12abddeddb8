#include "CAllocationCounter.h"

#include <errno.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static _Thread_local bool counting;
static _Thread_local refinery_allocations taken;

bool refinery_allocations_counted(void) {
#ifdef SANITIZED
    return false;
#else
    return true;
#endif
}

void refinery_allocations_begin(void) {
    taken = (refinery_allocations){0, 0, 0};
    counting = true;
}

refinery_allocations refinery_allocations_end(void) {
    counting = false;
    return taken;
}

#ifndef SANITIZED

// glibc's own, under the names that it keeps for those who replace the public ones.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void note(size_t size) {
    if (counting) {
        taken.count++;
        taken.byte_count += size;
        if (size > taken.largest_byte_count) {
            taken.largest_byte_count = size;
        }
    }
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    note(size);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

#endif
