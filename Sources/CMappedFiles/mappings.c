// mmap's flags, syscall.
#define _GNU_SOURCE
#include "CMappedFiles.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Free while `start` is 0. The handler reads the table without a lock, so a slot is published by its
/// `start`, last, and withdrawn by it, first.
typedef struct slot {
    _Atomic uintptr_t start;
    _Atomic uintptr_t end;
    atomic_bool is_damaged;
} slot;

static slot slots[REFINERY_MAPPING_LIMIT];
/// Slots past it were never used.
static atomic_int used_count;
/// Of those who change the table; the handler never takes it.
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction previous;
static uintptr_t page_mask;

/// The slot that `address` lies in, or NULL. Whoever faults there holds its mapping, so that slot does
/// not change meanwhile; of others a start and an end that never belonged together may be read, which
/// the second look at the start finds out.
static slot *find(uintptr_t address) {
    int count = atomic_load(&used_count);
    for (int index = 0; index < count; index++) {
        slot *found = &slots[index];
        uintptr_t start = atomic_load(&found->start);
        if (start == 0 || address < start || address >= atomic_load(&found->end)) continue;
        if (atomic_load(&found->start) == start) return found;
    }
    return NULL;
}

/// What would have happened without us.
static void pass_on(int signal, siginfo_t *information, void *context) {
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal, information, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal);
    } else if (previous.sa_handler == SIG_DFL || information->si_code > 0) {
        // A fault happens again on return and then ends the process, even where it is to be ignored;
        // a signal that was sent has to be sent again.
        struct sigaction standard;
        memset(&standard, 0, sizeof standard);
        standard.sa_handler = SIG_DFL;
        sigaction(signal, &standard, NULL);
        if (information->si_code <= 0) raise(signal);
    }
}

/// Async-signal-safe: atomics and one system call, made directly so that no sanitizer's wrapper runs.
static void handle(int signal, siginfo_t *information, void *context) {
    int saved = errno;
    uintptr_t address = (uintptr_t)information->si_addr;
    slot *found = information->si_code == BUS_ADRERR ? find(address) : NULL;
    if (found == NULL) {
        pass_on(signal, information, context);
        errno = saved;
        return;
    }
    // To the end and not this page alone: a file that was cut short lacks the rest as well, and a
    // piece for each of its pages would be more than a process may have.
    uintptr_t page = address & page_mask;
    atomic_store(&found->is_damaged, true);
    long result = syscall(SYS_mmap, page, atomic_load(&found->end) - page, PROT_READ,
                          MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (result == -1) pass_on(signal, information, context);
    errno = saved;
}

static void install(void) {
    page_mask = ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

int refinery_mapping_watch(const void *start, size_t byte_count) {
    pthread_once(&installed, install);
    pthread_mutex_lock(&changing);
    int count = atomic_load(&used_count);
    int index = 0;
    while (index < count && atomic_load(&slots[index].start) != 0) index++;
    if (index == REFINERY_MAPPING_LIMIT) {
        index = -1;
    } else {
        slot *chosen = &slots[index];
        atomic_store(&chosen->is_damaged, false);
        // The last page counts whole: wide loads may pass the file's last byte.
        atomic_store(&chosen->end, ((uintptr_t)start + byte_count + ~page_mask) & page_mask);
        atomic_store(&chosen->start, (uintptr_t)start);
        if (index == count) atomic_store(&used_count, count + 1);
    }
    pthread_mutex_unlock(&changing);
    return index;
}

void refinery_mapping_forget(int mapping) {
    if (mapping < 0) return;
    pthread_mutex_lock(&changing);
    atomic_store(&slots[mapping].start, 0);
    pthread_mutex_unlock(&changing);
}

bool refinery_mapping_is_damaged(int mapping) {
    return mapping >= 0 && atomic_load(&slots[mapping].is_damaged);
}
