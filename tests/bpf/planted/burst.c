// Requests of 60 ms of CPU time, split over 4 pool threads, with 100 ms of sleep between them, for
// 1.5 s. Prints how long each took in all and the CPU time used. To be run in a control group with
// a quota of 30 ms in each 100 ms.
//
// True: a request needs two quotas, so the group is throttled in each, while its CPUs are idle.
// Known from the group's cpu.stat.
#include "planted.h"

enum { WORKERS = 4 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int jobs, unfinished;

static void use_cpu_ms(i64 ms) {
    i64 end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * MS;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        for (volatile int i = 0; i < 20000; i++)
            ;
}

static void *worker(void *unused) {
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!jobs)
            pthread_cond_wait(&work, &lock);
        jobs--;
        pthread_mutex_unlock(&lock);
        use_cpu_ms(60 / WORKERS);
        pthread_mutex_lock(&lock);
        if (!--unfinished)
            pthread_cond_signal(&done);
    }
    return unused;
}

int main(void) {
    for (int i = 0; i < WORKERS; i++)
        thread("pool", worker, NULL);
    i64 begin = now(), in_requests = 0, requests = 0;
    while (now() - begin < 1500 * MS) {
        i64 start = now();
        pthread_mutex_lock(&lock);
        jobs = unfinished = WORKERS;
        pthread_cond_broadcast(&work);
        while (unfinished)
            pthread_cond_wait(&done, &lock);
        pthread_mutex_unlock(&lock);
        in_requests += now() - start;
        requests++;
        sleep_ms(100);
    }
    say("requests", requests);
    say("in_requests_ns", in_requests);
    say("cpu_ns", clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    exit(0);
}
