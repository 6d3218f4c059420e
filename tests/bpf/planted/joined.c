// Creates and joins a thread, 2,000 times.
//
// True: the context switches are those that getrusage counts; a thread's last switch, by which it
// ends, is not among them.
#include "planted.h"

static void *nothing(void *unused) { return unused; }

int main(void) {
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 2000; i++) {
        pthread_t made;
        pthread_create(&made, NULL, nothing, NULL);
        pthread_join(made, NULL);
    }
    getrusage(RUSAGE_SELF, &after);
    say("voluntary", after.ru_nvcsw - before.ru_nvcsw);
    say("involuntary", after.ru_nivcsw - before.ru_nivcsw);
    return 0;
}
