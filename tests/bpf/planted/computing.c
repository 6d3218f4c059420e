// Computes without a system call until it is killed; prints `ready` first.
//
// True: over any window the thread is on a CPU all the time that the kernel charges to it in
// /proc/PID/schedstat, and nearly all of it is own code.
#include "planted.h"

int main(void) {
    say("ready", 1);
    for (volatile long i = 0;; i++)
        ;
}
