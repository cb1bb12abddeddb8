#include "CKernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct worker {
    struct refinery_team *team;
    size_t number;
    pthread_t thread;
};

struct refinery_team {
    size_t thread_count;
    struct worker *workers;

    // The loop being shared out. Written before `turn` moves on, so the workers see it whole.
    refinery_team_body body;
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_size_t busy;

    /// Which loop it is, and in the last bits how many threads take part in it, the caller included. In one
    /// word: a worker that is left out is not waited for, and if it wakes late it must not take the next
    /// loop's number for this one's.
    atomic_ulong turn;
    pthread_mutex_t lock;
    pthread_cond_t started;
    pthread_cond_t finished;
    atomic_bool stopping;
};

/// Loops follow each other within microseconds in a step; a short spin saves most wake-ups, and a
/// team that has nothing to do soon sleeps.
enum { SPINS = 4000 };

enum { THREAD_BITS = 16, THREAD_MASK = (1 << THREAD_BITS) - 1 };

static void take_tiles(struct refinery_team *team, size_t worker) {
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (index >= team->count) {
            return;
        }
        team->body(team->context, index, worker);
    }
}

static unsigned long await_turn(struct refinery_team *team, unsigned long seen) {
    for (int i = 0; i < SPINS; i++) {
        unsigned long now = atomic_load_explicit(&team->turn, memory_order_acquire);
        if (now != seen) {
            return now;
        }
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&team->lock);
    unsigned long now;
    while ((now = atomic_load_explicit(&team->turn, memory_order_acquire)) == seen) {
        pthread_cond_wait(&team->started, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
    return now;
}

static void *work(void *argument) {
    struct worker *self = argument;
    struct refinery_team *team = self->team;
    unsigned long seen = 0;
    for (;;) {
        seen = await_turn(team, seen);
        if (atomic_load_explicit(&team->stopping, memory_order_relaxed)) {
            return NULL;
        }
        if (self->number >= (seen & THREAD_MASK)) {
            continue;
        }
        take_tiles(team, self->number);
        if (atomic_fetch_sub_explicit(&team->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_signal(&team->finished);
            pthread_mutex_unlock(&team->lock);
        }
    }
}

static void start_turn(struct refinery_team *team, size_t threads) {
    pthread_mutex_lock(&team->lock);
    unsigned long last = atomic_load_explicit(&team->turn, memory_order_relaxed) >> THREAD_BITS;
    atomic_store_explicit(&team->turn, (last + 1) << THREAD_BITS | threads, memory_order_release);
    pthread_cond_broadcast(&team->started);
    pthread_mutex_unlock(&team->lock);
}

refinery_team *refinery_team_create(size_t threads) {
    if (threads > THREAD_MASK) {
        return NULL;
    }
    struct refinery_team *team = calloc(1, sizeof *team);
    if (!team) {
        return NULL;
    }
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->started, NULL);
    pthread_cond_init(&team->finished, NULL);
    team->thread_count = 1;
    team->workers = calloc(threads, sizeof *team->workers);
    for (size_t n = 1; team->workers && n < threads; n++) {
        struct worker *worker = &team->workers[n];
        *worker = (struct worker){.team = team, .number = n};
        if (pthread_create(&worker->thread, NULL, work, worker)) {
            break;
        }
        team->thread_count++;
    }
    if (!team->workers || team->thread_count < threads) {
        refinery_team_destroy(team);
        return NULL;
    }
    return team;
}

void refinery_team_destroy(refinery_team *team) {
    if (!team) {
        return;
    }
    atomic_store(&team->stopping, true);
    start_turn(team, team->thread_count);
    for (size_t n = 1; n < team->thread_count; n++) {
        pthread_join(team->workers[n].thread, NULL);
    }
    pthread_cond_destroy(&team->finished);
    pthread_cond_destroy(&team->started);
    pthread_mutex_destroy(&team->lock);
    free(team->workers);
    free(team);
}

void refinery_team_run(
    refinery_team *team, size_t threads, size_t count, refinery_team_body body, void *context) {
    threads = threads < team->thread_count ? threads : team->thread_count;
    if (threads <= 1 || count < 2) {
        for (size_t i = 0; i < count; i++) {
            body(context, i, 0);
        }
        return;
    }
    team->body = body;
    team->context = context;
    team->count = count;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store_explicit(&team->busy, threads - 1, memory_order_relaxed);
    start_turn(team, threads);
    take_tiles(team, 0);
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&team->busy, memory_order_acquire) == 0) {
            return;
        }
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&team->lock);
    while (atomic_load_explicit(&team->busy, memory_order_acquire) != 0) {
        pthread_cond_wait(&team->finished, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
}
