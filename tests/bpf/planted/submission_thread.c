// A NOP every 10 ms through an io_uring whose submissions a kernel thread polls for
// (IORING_SETUP_SQPOLL), for 600 ms or as many ms as the argument says.
//
// True: the kernel thread is on a CPU nearly all the time, the program's own thread hardly ever.
// Known from that thread's /proc/PID/task/TID/schedstat, read by the program.
#include "planted.h"
#include <dirent.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

// On-CPU time of all threads of this process but the main one.
static i64 workers_ns(void) {
    DIR *tasks = opendir("/proc/self/task");
    i64 sum = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
            continue;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", entry->d_name);
        FILE *file = fopen(path, "r");
        i64 ns = 0;
        if (file && fscanf(file, "%lld", &ns) == 1)
            sum += ns;
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return sum;
}

int main(int argc, char **argv) {
    struct io_uring_params p = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1000};
    int ring = syscall(SYS_io_uring_setup, 8, &p), operations = 0;
    if (ring < 0) {
        perror("io_uring_setup");
        return 1;
    }
    int rights = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
    char *sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, rights, flags, ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), rights, flags,
                    ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *entries =
        mmap(NULL, p.sq_entries * sizeof *entries, rights, flags, ring, IORING_OFF_SQES);
    unsigned *tail = (void *)(sq + p.sq_off.tail), mask = *(unsigned *)(sq + p.sq_off.ring_mask);
    unsigned *array = (void *)(sq + p.sq_off.array), *flag = (void *)(sq + p.sq_off.flags);
    unsigned *head = (void *)(cq + p.cq_off.head), *filled = (void *)(cq + p.cq_off.tail);
    say("ready", 1);
    for (i64 end = now() + (argc > 1 ? atoi(argv[1]) : 600) * MS; now() < end; operations++) {
        unsigned at = *tail & mask;
        memset(&entries[at], 0, sizeof *entries);
        entries[at].opcode = IORING_OP_NOP;
        array[at] = at;
        __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
        if (__atomic_load_n(flag, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)
            syscall(SYS_io_uring_enter, ring, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
        while (*head == __atomic_load_n(filled, __ATOMIC_ACQUIRE))
            usleep(100);
        __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
        usleep(10000);
    }
    say("operations", operations);
    say("own_ns", clock_ns(CLOCK_THREAD_CPUTIME_ID));
    say("workers_ns", workers_ns());
    return 0;
}
