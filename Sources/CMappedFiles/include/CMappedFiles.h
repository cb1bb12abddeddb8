#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Files mapped read-only, whose pages may be gone when they are read: the file was cut short, or its
/// disk failed. The kernel answers such a read with SIGBUS, which ends a process by default. For the
/// mappings watched here it does not: the page and what follows it in the mapping read as zeros, the
/// mapping counts as damaged, and its readers go on until they ask.

enum {
    /// Mappings that can be watched at once.
    REFINERY_MAPPING_LIMIT = 4096,
};

/// Watches a private read-only mapping of `byte_count` bytes at `start`. Any thread may call.
///
/// The first call installs the handler; faults elsewhere go to the handler that was there before.
/// Returns the mapping's number, or -1 where the limit is reached: it is then not watched.
int refinery_mapping_watch(const void *start, size_t byte_count);

/// Ends the watch, before the mapping is removed. The number may then stand for another mapping.
void refinery_mapping_forget(int mapping);

/// Whether a page could not be read since the watch began.
bool refinery_mapping_is_damaged(int mapping);
