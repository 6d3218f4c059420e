// 40 rounds of 8 ms on a mutex. `holder` holds it for 6 ms of each, always computing. `barger`
// asks for it 1 ms after the holder took it, with a time-out of 3 ms that always expires, computes
// until 7 ms, then finds it free and takes it without a call.
//
// True: somebody computes that the program waits for at every moment: the barger itself, or, for
// 3 ms of each round, the holder. So the path is own code throughout. Known by the schedule and by
// the counts that are printed.
#include "planted.h"
#include <errno.h>

enum { ROUNDS = 40, ROUND_MS = 8 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static i64 begin;
static int ready;

static void start_together(void) {
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&begin, __ATOMIC_SEQ_CST) == 0)
        ;
}

static void *holder(void *unused) {
    start_together();
    for (int i = 0; i < ROUNDS; i++) {
        i64 start = begin + i * ROUND_MS * MS;
        compute_until(start);
        pthread_mutex_lock(&lock);
        compute_until(start + 6 * MS);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void *barger(void *unused) {
    int expired = 0, free_at_once = 0;
    i64 waited = 0;
    start_together();
    for (int i = 0; i < ROUNDS; i++) {
        i64 start = begin + i * ROUND_MS * MS;
        compute_until(start + 1 * MS);
        struct timespec end = in_ms(CLOCK_REALTIME, 3);
        i64 before = now();
        if (pthread_mutex_timedlock(&lock, &end) == ETIMEDOUT)
            expired++;
        else
            pthread_mutex_unlock(&lock);
        waited += now() - before;
        compute_until(start + 7 * MS);
        if (!pthread_mutex_trylock(&lock)) {
            free_at_once++;
            pthread_mutex_unlock(&lock);
        }
    }
    say("expired", expired);
    say("free_at_once", free_at_once);
    say("waited_ns", waited);
    return unused;
}

int main(void) {
    pthread_t waits = thread("barger", barger, NULL);
    thread("holder", holder, NULL);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2)
        sleep_ms(1);
    __atomic_store_n(&begin, now() + 1 * MS, __ATOMIC_SEQ_CST);
    pthread_join(waits, NULL);
    say("elapsed_ns", now() - begin);
    exit(0);
}
