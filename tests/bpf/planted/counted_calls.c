// Prints `ready`; for each line of input 8 threads make 5,000 calls of getppid each, with short
// computing in between so that they last about 1.5 s; then prints `calls`, their number.
//
// True: the calls of getppid over any set of windows that covers them all sum to that number.
#include "planted.h"
#include <sys/syscall.h>

enum { THREADS = 8, CALLS = 5000 };

static void *caller(void *unused) {
    for (int i = 0; i < CALLS; i++) {
        syscall(SYS_getppid);
        if (i % 100 == 0)
            sleep_ms(30);
    }
    return unused;
}

int main(void) {
    say("ready", 1);
    while (getchar() == '\n') {
        pthread_t made[THREADS];
        for (int i = 0; i < THREADS; i++)
            made[i] = thread("caller", caller, NULL);
        for (int i = 0; i < THREADS; i++)
            pthread_join(made[i], NULL);
        say("calls", THREADS * CALLS);
    }
    return 0;
}
