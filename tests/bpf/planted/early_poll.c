// Prints `ready`, then waits in poll for standard input, for 30 seconds at most; prints what poll
// returned and how long it took, then waits until it is killed.
//
// True: one call of poll that slept. Attached to after `ready`, it began before the window.
#include "planted.h"
#include <poll.h>

int main(void) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    say("ready", 1);
    i64 begin = now();
    int events = poll(&input, 1, 30000);
    say("events", events);
    say("polled_ns", now() - begin);
    for (;;)
        pause();
}
