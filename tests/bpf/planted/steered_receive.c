// On CPU 0 a client computes 3 ms and sends a datagram, 100 times; the main thread receives each
// and lets the client go on by a byte through a pipe.
// On CPU 1 a bystander makes system calls in a loop. To be run in a network namespace whose `lo`
// steers received packets to CPU 1 (rps_cpus = 2).
//
// True: nobody waits for the bystander: none of its calls is on the path. Known by construction.
// What makes it hard: the receive, and with it the wake-up, runs in an interrupt on CPU 1 that falls
// into the bystander's calls. Who sent a packet that is steered to another CPU cannot be known there:
// the wake-up is a softirq's, and the client's 300 ms of computing are waiting for it.
#include "planted.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { ROUNDS = 100 };
static struct sockaddr_in address = {.sin_family = AF_INET};
static volatile int over;
static int go_on[2];

static void *bystander(void *unused) {
    pin(1);
    while (!over)
        syscall(SYS_getppid);
    for (;;)
        pause();
    return unused;
}

static void *client(void *unused) {
    int out = socket(AF_INET, SOCK_DGRAM, 0);
    i64 computed = 0;
    pin(0);
    for (int i = 0; i < ROUNDS; i++) {
        i64 begin = now();
        compute_ms(3);
        computed += now() - begin;
        if (i == ROUNDS - 1)
            say("computed_ns", computed);
        sendto(out, "x", 1, 0, (void *)&address, sizeof address);
        char byte;
        if (read(go_on[0], &byte, 1) != 1)
            exit(1);
    }
    return unused;
}

int main(void) {
    socklen_t size = sizeof address;
    pin(0);
    int in = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (pipe(go_on) || bind(in, (void *)&address, size)) {
        perror("bind");
        return 1;
    }
    getsockname(in, (void *)&address, &size);
    thread("bystander", bystander, NULL);
    thread("client", client, NULL);
    char byte;
    for (int i = 0; i < ROUNDS; i++)
        if (recv(in, &byte, 1, 0) != 1 || (i < ROUNDS - 1 && write(go_on[1], &byte, 1) != 1))
            exit(1);
    exit(0);
}
