// Three threads on one CPU call sched_yield in a loop, 20,000 times each.
//
// True: the threads give the CPU away themselves. getrusage counts these switches as involuntary:
// involuntary = yielded + preempted. Known by getrusage and by the number of calls.
#include "planted.h"

enum { THREADS = 3, YIELDS = 20000 };

static void *yielder(void *unused) {
    for (int i = 0; i < YIELDS; i++)
        sched_yield();
    return unused;
}

int main(void) {
    pthread_t made[THREADS];
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
        if (CPU_ISSET(cpu, &allowed)) {
            pin(cpu);
            break;
        }
    for (int i = 0; i < THREADS; i++)
        made[i] = thread("yielder", yielder, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(made[i], NULL);
    say("yields", THREADS * YIELDS);
    return 0;
}
