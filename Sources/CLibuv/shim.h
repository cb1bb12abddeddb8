#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

/* glibc declares it under _GNU_SOURCE only, which Swift does not set. */
int pthread_setname_np(pthread_t thread, const char *name);

/* Asks for turns of this length for the calling thread, in nanoseconds, at the priority that it has. Linux lets a
   thread that wakes up with shorter turns than the one that runs go first (from 6.12 on; older ones take no
   notice). Returns 0, or an error number, which leaves everything as it was. sched_setattr(2), which this glibc
   does not have. */
static inline int refinery_set_turn_length(uint64_t nanoseconds) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {sizeof attributes, 0, 0, 0, 0, nanoseconds, 0, 0};
    if (sched_getscheduler(0) != SCHED_OTHER) return 0;
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? 0 : errno;
}
