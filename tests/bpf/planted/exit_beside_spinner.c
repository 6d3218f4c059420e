// The main thread sleeps 300 ms and ends the process while a second thread spins.
//
// True: the sleep decided when the program ended, so its path is 300 ms of sleep. Known because
// nothing that the spinning thread does is waited for by anybody.
#include "planted.h"

static void *spin(void *unused) {
    for (volatile long i = 0;; i++)
        ;
    return unused;
}

int main(void) {
    thread("spinner", spin, NULL);
    i64 begin = now();
    sleep_ms(300);
    say("slept_ns", now() - begin);
    exit(0);
}
