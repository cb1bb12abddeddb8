#include <pthread.h>
#include <uv.h>

/* glibc declares it under _GNU_SOURCE only, which Swift does not set. */
int pthread_setname_np(pthread_t thread, const char *name);
