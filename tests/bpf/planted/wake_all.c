// Eight threads `pool` sleep on one condition variable; for each of 200 jobs all of them are woken.
//
// True: every job wakes all that sleep, and one of them finds it. Known by construction: the
// threads count how often they came back from the wait, and how often with a job.
#include "planted.h"

enum { THREADS = 8, JOBS = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static int jobs, sleeping;
static i64 returns, done;

static void *pool(void *unused) {
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!jobs) {
            sleeping++;
            pthread_cond_wait(&work, &lock);
            sleeping--;
            returns++;
        }
        jobs--;
        done++;
    }
    return unused;
}

int main(void) {
    for (int i = 0; i < THREADS; i++)
        thread("pool", pool, NULL);
    for (int job = 0; job < JOBS;) {
        usleep(500);
        pthread_mutex_lock(&lock);
        int is_ready = sleeping == THREADS && !jobs;
        jobs += is_ready;
        pthread_mutex_unlock(&lock);
        if (is_ready)
            pthread_cond_broadcast(&work);
        job += is_ready;
    }
    while (1) {
        usleep(500);
        pthread_mutex_lock(&lock);
        if (sleeping == THREADS && !jobs)
            break;
        pthread_mutex_unlock(&lock);
    }
    say("jobs", done);
    say("returns", returns);
    exit(0);
}
