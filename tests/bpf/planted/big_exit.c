// Fills that many MiB of memory, then ends: the kernel takes the pages back while it exits.
// With a second argument it does so in a child that it waits for.
//
// True: a command lasts until its parent's wait returns, so until the memory is gone. The process
// prints its number and when it began and returned from main (CLOCK_MONOTONIC); whoever waits for
// it knows when it was over.
#include "planted.h"
#include <sys/mman.h>

static void fill(size_t size) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += 4096)
        memory[at] = 1;
}

int main(int argc, char **argv) {
    size_t size = (size_t)atoi(argv[1]) << 20;
    say("pid", getpid());
    say("begin", now());
    if (argc > 2) {
        pid_t child = fork();
        if (!child) {
            fill(size);
            say("end", now());
            _exit(0);
        }
        waitpid(child, NULL, 0);
        say("waited", now());
        return 0;
    }
    fill(size);
    say("end", now());
    return 0;
}
