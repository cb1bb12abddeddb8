#include "CFaultyFiles.h"

#include <sqlite3.h>
#include <stddef.h>

static sqlite3_mem_methods real;

static _Thread_local long live;
/// Allocations until one fails; 0 for none.
static _Thread_local long countdown;
static _Thread_local int is_lasting;
static _Thread_local int has_failed;

static int strikes(void) {
    if (countdown == 0 || --countdown > 0) return 0;
    countdown = is_lasting;
    has_failed = 1;
    return 1;
}

static void *x_malloc(int size) {
    void *memory = strikes() ? NULL : real.xMalloc(size);
    if (memory) live += real.xSize(memory);
    return memory;
}

static void *x_realloc(void *old, int size) {
    if (strikes()) return NULL;
    const int before = real.xSize(old);
    void *memory = real.xRealloc(old, size);
    if (memory) live += real.xSize(memory) - before;
    return memory;
}

static void x_free(void *memory) {
    live -= real.xSize(memory);
    real.xFree(memory);
}

/// Before SQLite is first used, which is when it must be told.
__attribute__((constructor)) static void install(void) {
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = x_malloc;
    methods.xRealloc = x_realloc;
    methods.xFree = x_free;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void refinery_memory_arm(long number, int lasts) {
    countdown = number;
    is_lasting = lasts;
    has_failed = 0;
}

int refinery_memory_disarm(void) {
    countdown = 0;
    return has_failed;
}

long refinery_memory_live(void) { return live; }
