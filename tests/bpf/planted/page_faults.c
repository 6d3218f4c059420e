// 48 times: map 16 MiB of fresh memory, write to each page, unmap it.
//
// True: most of the time is the kernel's, outside of any call: it fills the pages at their first
// use. Known by getrusage's system time, less the time that the program spent in its calls.
#include "planted.h"
#include <sys/mman.h>

enum { FRAMES = 48, SIZE = 16 << 20, PAGE = 4096 };

static i64 ns(struct timeval t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

int main(void) {
    struct rusage before, after;
    i64 in_calls = 0, begin;
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < FRAMES; i++) {
        begin = now();
        char *frame = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(frame, SIZE, MADV_NOHUGEPAGE);
        in_calls += now() - begin;
        for (int at = 0; at < SIZE; at += PAGE)
            frame[at] = 1;
        begin = now();
        munmap(frame, SIZE);
        in_calls += now() - begin;
    }
    getrusage(RUSAGE_SELF, &after);
    say("faults", after.ru_minflt - before.ru_minflt);
    say("user_ns", ns(after.ru_utime) - ns(before.ru_utime));
    say("system_ns", ns(after.ru_stime) - ns(before.ru_stime));
    say("in_calls_ns", in_calls);
    return 0;
}
