// A thread computes 300 ms, then closes its end of a TCP connection; the main thread waits for the
// end of the stream. Argument: `dup2` (another file takes the number's place) or `close`.
//
// True: the path is the 300 ms of own code. Known by the thread's own clock. What makes it hard:
// the kernel runs the close as deferred work, after the tracepoint of the call's return, so the
// wake-up comes from a thread that is not in a call.
#include "planted.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int ends[2];

static void *closer(void *by_dup2) {
    i64 begin = now();
    compute_ms(300);
    say("computed_ns", now() - begin);
    int null = open("/dev/null", O_RDONLY);
    if (by_dup2)
        dup2(null, ends[1]);
    else
        close(ends[1]);
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&address, size);
    listen(listener, 1);
    getsockname(listener, (void *)&address, &size);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ends[0], (void *)&address, size)) {
        perror("connect");
        return 1;
    }
    ends[1] = accept(listener, NULL, NULL);
    int by_dup2 = argc > 1 && !strcmp(argv[1], "dup2");
    thread("closer", closer, by_dup2 ? &ends : NULL);
    char byte;
    return read(ends[0], &byte, 1) != 0;
}
