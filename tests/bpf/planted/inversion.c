// On one CPU: `request` wants a mutex that `janitor` (nice 19) holds for 2 ms of CPU time, while
// two `batch` threads (nice 0) compute. Ends after 3 requests.
//
// True: the requests wait for the janitor, and the janitor waits behind the batch threads of the
// same process. Known by construction; the requests' time is printed.
#include "planted.h"
#include <sys/syscall.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int held;

static void *janitor(void *unused) {
    setpriority(PRIO_PROCESS, syscall(SYS_gettid), 19);
    for (;;) {
        pthread_mutex_lock(&lock);
        held = 1;
        i64 end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + 2 * MS;
        while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
            for (volatile int i = 0; i < 5000; i++)
                ;
        held = 0;
        pthread_mutex_unlock(&lock);
        sleep_ms(5);
    }
    return unused;
}

static void *batch(void *unused) {
    for (volatile long i = 0;; i++)
        ;
    return unused;
}

int main(int argc, char **argv) {
    pin(argc > 1 ? atoi(argv[1]) : 0);
    thread("batch", batch, NULL);
    thread("batch", batch, NULL);
    thread("janitor", janitor, NULL);
    i64 in_requests = 0;
    for (int i = 0; i < 3; i++) {
        while (!held)
            sleep_ms(1);
        i64 begin = now();
        pthread_mutex_lock(&lock);
        in_requests += now() - begin;
        pthread_mutex_unlock(&lock);
    }
    say("in_requests_ns", in_requests);
    exit(0);
}
