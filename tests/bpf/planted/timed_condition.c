// Waits on a condition variable with a time-out. Argument:
// `notified`: a worker computes 10 ms and notifies, 30 times; the time-out of 1 s never expires.
//     True: the path is the worker's 300 ms of own code.
// `poll`: the main thread looks at a flag every 10 ms (the wait's time-out); after 300 ms of sleep
//     a thread sets it and notifies nobody. True: the whole 300 ms are waiting: no thread computes.
// `poll-after-notify`: as `poll`, but that thread notifies once at its start, so that it was the
//     last one to touch the condition variable. Truth as for `poll`.
// `poll-beside-work`: as `poll`, with another thread that computes all the while and never touches
//     the condition variable. Truth as for `poll`: it waits for nothing that this thread does.
// All known by construction and by the program's clock.
#include "planted.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int flag, notify_first;

static void *worker(void *unused) {
    i64 computed = 0;
    for (int i = 0; i < 30; i++) {
        i64 begin = now();
        compute_ms(10);
        computed += now() - begin;
        if (i == 29)
            say("computed_ns", computed);
        pthread_mutex_lock(&lock);
        flag++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void *setter(void *unused) {
    if (notify_first) {
        sleep_ms(5); // the main thread is in its first wait by now
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    sleep_ms(300);
    __atomic_store_n(&flag, 30, __ATOMIC_RELEASE);
    return unused;
}

static void *busy(void *unused) {
    for (volatile long i = 0;; i++)
        ;
    return unused;
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "poll";
    i64 each_ms = strcmp(mode, "notified") ? 10 : 1000;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    notify_first = !strcmp(mode, "poll-after-notify");
    if (!strcmp(mode, "poll-beside-work"))
        thread("busy", busy, NULL);
    thread("worker", strcmp(mode, "notified") ? setter : worker, NULL);
    i64 begin = now(), expired = 0;
    pthread_mutex_lock(&lock);
    while (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) < 30) {
        struct timespec end = in_ms(CLOCK_MONOTONIC, each_ms);
        expired += pthread_cond_timedwait(&changed, &lock, &end) != 0;
    }
    pthread_mutex_unlock(&lock);
    say("waited_ns", now() - begin);
    say("expired", expired);
    exit(0);
}
