// What the planted programs share: clocks, work that takes a known time, and saying what was done.
#pragma once
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

typedef long long i64;

static inline i64 clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline i64 now(void) { return clock_ns(CLOCK_MONOTONIC); }

// A line `name value` on standard output: the truth that the test compares with.
static inline void say(const char *name, i64 value) {
    printf("%s %lld\n", name, value);
    fflush(stdout);
}

// Compute until that time; the clock is read without a system call.
static inline void compute_until(i64 end) {
    while (now() < end)
        for (volatile int i = 0; i < 200; i++)
            ;
}

static inline void compute_ms(i64 ms) { compute_until(now() + ms * MS); }

static inline void sleep_ms(i64 ms) {
    struct timespec t = {ms / 1000, ms % 1000 * MS};
    nanosleep(&t, NULL);
}

// The absolute time `ms` from now on that clock, for waits with a time-out.
static inline struct timespec in_ms(clockid_t clock, i64 ms) {
    i64 end = clock_ns(clock) + ms * MS;
    return (struct timespec){end / 1000000000LL, end % 1000000000LL};
}

static inline void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        perror("sched_setaffinity");
        exit(1);
    }
}

static inline pthread_t thread(const char *name, void *(*run)(void *), void *argument) {
    pthread_t made;
    if (pthread_create(&made, NULL, run, argument)) {
        perror("pthread_create");
        exit(1);
    }
    pthread_setname_np(made, name);
    return made;
}
