// Sleeps 500 ms; a child stops it after 100 ms and continues it after 100 ms more. The kernel
// resumes the sleep as the call restart_syscall.
//
// True: about 400 ms asleep in a call of the class `sleep`, 100 ms stopped. Known by construction;
// the elapsed time is printed.
#include "planted.h"
#include <signal.h>

int main(void) {
    pid_t parent = getpid();
    i64 begin = now();
    if (!fork()) {
        sleep_ms(100);
        kill(parent, SIGSTOP);
        sleep_ms(100);
        kill(parent, SIGCONT);
        _exit(0);
    }
    sleep_ms(500);
    say("elapsed_ns", now() - begin);
    wait(NULL);
    return 0;
}
