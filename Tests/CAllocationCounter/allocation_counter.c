#include "CAllocationCounter.h"

#include <errno.h>
#include <malloc.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static _Thread_local bool counting;
static _Thread_local refinery_allocations taken;
/// Allocations until one fails; 0 for none.
static _Thread_local size_t countdown;
static _Thread_local bool failure_lasts;

bool refinery_allocations_counted(void) {
#ifdef SANITIZED
    return false;
#else
    return true;
#endif
}

void refinery_allocations_begin(void) {
    taken = (refinery_allocations){0, 0, 0, 0};
    counting = true;
}

void refinery_allocations_fail(size_t number, bool lasts) {
    countdown = number;
    failure_lasts = lasts;
}

refinery_allocations refinery_allocations_end(void) {
    counting = false;
    countdown = 0;
    return taken;
}

#ifndef SANITIZED

// glibc's own, under the names that it keeps for those who replace the public ones.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

extern void __libc_free(void *memory);

/// Counts one to come. Returns whether it may be had.
static bool note(size_t size) {
    if (!counting) {
        return true;
    }
    if (countdown > 0 && --countdown == 0) {
        countdown = failure_lasts;
        errno = ENOMEM;
        return false;
    }
    taken.count++;
    taken.byte_count += size;
    if (size > taken.largest_byte_count) {
        taken.largest_byte_count = size;
    }
    return true;
}

static void *taken_up(void *memory) {
    if (counting && memory) {
        taken.live_byte_count += (long)malloc_usable_size(memory);
    }
    return memory;
}

static void given_back(void *memory) {
    if (counting && memory) {
        taken.live_byte_count -= (long)malloc_usable_size(memory);
    }
}

void *malloc(size_t size) {
    return note(size) ? taken_up(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size) {
    return note(count * size) ? taken_up(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *old, size_t size) {
    if (!note(size)) {
        return NULL;
    }
    given_back(old);
    void *memory = __libc_realloc(old, size);
    if (!memory && size > 0) {
        taken_up(old);
        return NULL;
    }
    return taken_up(memory);
}

void *memalign(size_t alignment, size_t size) {
    return note(size) ? taken_up(__libc_memalign(alignment, size)) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

void free(void *memory) {
    given_back(memory);
    __libc_free(memory);
}

#endif
