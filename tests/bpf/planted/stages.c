// Three threads that hand a byte round, ROUNDS times: each receives it by a call of its own, computes for
// a time of its own, and sends it on by a call of its own. The second one also asks for random bytes, the
// third one sleeps. So a system call on the path tells the thread, and whoever waits for its CPU where.
#include "planted.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int rounds, to_b[2], to_c[2], to_a[2];

static void check(ssize_t done) {
    if (done != 1) {
        perror("stages");
        exit(1);
    }
}

static void *stage_b(void *unused) {
    (void)unused;
    static char random[100000], byte;
    for (int i = 0; i < rounds; i++) {
        check(recv(to_b[0], &byte, 1, 0));
        compute_ms(2);
        if (getrandom(random, sizeof random, 0) < 0)
            check(0);
        check(send(to_c[1], &byte, 1, 0));
    }
    return NULL;
}

static void *stage_c(void *unused) {
    (void)unused;
    static char byte;
    struct iovec one = {&byte, 1};
    for (int i = 0; i < rounds; i++) {
        check(readv(to_c[0], &one, 1));
        compute_ms(1);
        sleep_ms(1);
        check(writev(to_a[1], &one, 1));
    }
    return NULL;
}

static void *stage_a(void *unused) {
    (void)unused;
    char byte = 'x';
    for (int i = 0; i < rounds; i++) {
        compute_ms(3);
        check(write(to_b[1], &byte, 1));
        check(read(to_a[0], &byte, 1));
    }
    return NULL;
}

int main(int argc, char **argv) {
    rounds = argc > 1 ? atoi(argv[1]) : 100;
    int *pairs[] = {to_b, to_c, to_a};
    for (int i = 0; i < 3; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]))
            return 1;
    pthread_t made[] = {thread("stage-a", stage_a, NULL), thread("stage-b", stage_b, NULL),
                        thread("stage-c", stage_c, NULL)};
    for (int i = 0; i < 3; i++)
        pthread_join(made[i], NULL);
    return 0;
}
