#include "CFaultyFiles.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

typedef struct {
    sqlite3_file base;
    int is_watched;
    // The real one, in the memory behind.
    sqlite3_file *real;
} File;

static sqlite3_vfs *parent;
static sqlite3_vfs layer;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char watched[1024];
static RefineryFault fault;
static long countdown;
static int is_lasting;
static int has_happened;

/// Whether this operation is to go wrong, as `kind` says.
static int strikes(const File *file, RefineryFault kind) {
    if (!file->is_watched) return 0;
    pthread_mutex_lock(&mutex);
    int result = 0;
    if (watched[0] && fault == kind) {
        if (countdown > 0) countdown -= 1;
        if (countdown == 0) {
            result = 1;
            has_happened = 1;
            if (!is_lasting) countdown = -1;
        }
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static sqlite3_file *real(sqlite3_file *file) { return ((File *)file)->real; }

static int x_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int x_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int x_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    sqlite3_file *to = real(file);
    const File *own = (const File *)file;
    if (strikes(own, RefineryFaultWriteFails)) return SQLITE_IOERR_WRITE;
    if (strikes(own, RefineryFaultDiskFull)) {
        to->pMethods->xWrite(to, bytes, count / 2, offset);
        return SQLITE_FULL;
    }
    if (strikes(own, RefineryFaultTornWrite)) {
        return to->pMethods->xWrite(to, bytes, count / 2, offset);
    }
    if (strikes(own, RefineryFaultFlippedBit)) {
        char *copy = sqlite3_malloc(count);
        if (!copy) return SQLITE_IOERR_NOMEM;
        memcpy(copy, bytes, count);
        copy[count / 2] ^= 0x10;
        const int code = to->pMethods->xWrite(to, copy, count, offset);
        sqlite3_free(copy);
        return code;
    }
    return to->pMethods->xWrite(to, bytes, count, offset);
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (strikes((const File *)file, RefineryFaultTruncateFails)) return SQLITE_IOERR_TRUNCATE;
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int x_sync(sqlite3_file *file, int flags) {
    if (strikes((const File *)file, RefineryFaultSyncFails)) return SQLITE_IOERR_FSYNC;
    return real(file)->pMethods->xSync(real(file), flags);
}

static int x_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int x_lock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
}

static int x_unlock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int x_check_lock(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}

static int x_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int x_sector_size(sqlite3_file *file) {
    return real(file)->pMethods->xSectorSize(real(file));
}

static int x_characteristics(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// Version 1 has no shared memory, which an exclusive lock does without.
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_lock,
    .xFileControl = x_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_characteristics,
};

static int x_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    File *own = (File *)file;
    own->real = (sqlite3_file *)(own + 1);
    own->real->pMethods = NULL;
    pthread_mutex_lock(&mutex);
    own->is_watched = name && watched[0] && strncmp(name, watched, strlen(watched)) == 0;
    pthread_mutex_unlock(&mutex);
    const int code = parent->xOpen(parent, name, own->real, flags, out_flags);
    // Only a file with methods is closed.
    own->base.pMethods = own->real->pMethods ? &methods : NULL;
    return code;
}

static void install(void) {
    parent = sqlite3_vfs_find(NULL);
    layer = *parent;
    layer.zName = "refinery-faults";
    layer.pNext = NULL;
    layer.szOsFile = (int)sizeof(File) + parent->szOsFile;
    layer.xOpen = x_open;
    sqlite3_vfs_register(&layer, 1);
}

void refinery_faults_install(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sqlite3_initialize();
    pthread_once(&once, install);
}

void refinery_faults_arm(const char *directory, RefineryFault kind, long number, int lasts) {
    pthread_mutex_lock(&mutex);
    strncpy(watched, directory, sizeof watched - 1);
    fault = kind;
    countdown = number;
    is_lasting = lasts;
    has_happened = 0;
    pthread_mutex_unlock(&mutex);
}

int refinery_faults_disarm(void) {
    pthread_mutex_lock(&mutex);
    const int result = has_happened;
    watched[0] = 0;
    pthread_mutex_unlock(&mutex);
    return result;
}
