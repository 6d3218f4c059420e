// A 64-bit program that makes some of its calls through the 32-bit gate (int 0x80), where a number
// means another call: 20 is getpid there and writev in the 64-bit table, 162 nanosleep and sync.
//
// True: 1,000 getpid (64-bit), 2,000 getpid (32-bit), 20 nanosleep of 10 ms (32-bit), no writev
// and no sync. Known by the return values; exits 1 if one is wrong.
#include "planted.h"
#include <sys/mman.h>
#include <sys/syscall.h>

static long gate(long number, long argument) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(argument), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

int main(void) {
    int *time = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    long self = getpid(), wrong = 0;
    time[0] = 0;
    time[1] = 10 * MS;
    for (int i = 0; i < 1000; i++)
        wrong += syscall(SYS_getpid) != self;
    for (int i = 0; i < 2000; i++)
        wrong += gate(20, 0) != self;
    i64 begin = now();
    for (int i = 0; i < 20; i++)
        wrong += gate(162, (long)time) != 0;
    say("slept_ns", now() - begin);
    say("wrong", wrong);
    return wrong != 0;
}
