// Programs of which it is known what helps them.
//
// ping-pong N:  two threads pass a byte to and fro N times. Only one of them can run at any moment:
//               one CPU is enough, and no CPU need be woken from its sleep.
// parallel N:   two threads, each with N million steps of arithmetic, and nothing in common: one
//               CPU takes twice as long as two.
// for-time MS:  ping-pong until MS milliseconds are over; the number of rounds is printed.
#include "planted.h"

static int there[2], back[2];

static void *answer(void *unused) {
    char byte;
    while (read(there[0], &byte, 1) == 1)
        if (write(back[1], &byte, 1) != 1)
            exit(1);
    return unused;
}

static i64 passes(i64 most, i64 end) {
    i64 rounds = 0;
    char byte = 'x';
    if (pipe(there) || pipe(back))
        exit(1);
    pthread_t other = thread("answer", answer, NULL);
    while (rounds < most && now() < end) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            exit(1);
        rounds++;
    }
    close(there[1]);
    pthread_join(other, NULL);
    return rounds;
}

static void *steps(void *millions) {
    volatile unsigned long value = 1;
    for (i64 left = *(i64 *)millions * 1000000; left > 0; left--)
        value = value * 1103515245 + 12345;
    return NULL;
}

int main(int count, char **words) {
    const char *mode = count == 3 ? words[1] : "";
    i64 number = count == 3 ? atoll(words[2]) : 0;
    if (!strcmp(mode, "ping-pong")) {
        passes(number, 1LL << 62);
    } else if (!strcmp(mode, "for-time")) {
        say("rounds", passes(1LL << 62, now() + number * MS));
    } else if (!strcmp(mode, "parallel")) {
        pthread_t other = thread("steps", steps, &number);
        steps(&number);
        pthread_join(other, NULL);
    } else {
        return 2;
    }
    return 0;
}
