// `serve N`: prints its port, answers N bytes of one loopback TCP connection and ends.
// `ask PORT N`: sends N bytes, each when the answer to the last has come.
//
// True: every time that the server sleeps in read it is the other process's write that wakes it.
// Known by construction: nothing else knows the connection. What makes it hard: over loopback the
// wake-up runs in a softirq that the client's own call raised.
#include "planted.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static struct sockaddr_in address = {.sin_family = AF_INET};
static socklen_t size = sizeof address;

static int serve(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&address, size);
    listen(listener, 1);
    getsockname(listener, (void *)&address, &size);
    say("port", ntohs(address.sin_port));
    return accept(listener, NULL, NULL);
}

static int ask(const char *port) {
    int made = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(atoi(port));
    if (connect(made, (void *)&address, size)) {
        perror("connect");
        exit(1);
    }
    return made;
}

int main(int argc, char **argv) {
    int asks = argc == 4;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int peer = asks ? ask(argv[2]) : serve(), on = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char byte = 'x';
    for (int left = atoi(argv[argc - 1]); left > 0; left--) {
        if (asks && write(peer, &byte, 1) != 1)
            return 1;
        if (read(peer, &byte, 1) != 1)
            return 1;
        if (!asks && write(peer, &byte, 1) != 1)
            return 1;
    }
    return 0;
}
