/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the state lives in the kernel: plain arrays (the look-up is inlined by the verifier, an
 * index by CPU is cheaper than a per-CPU map on older kernels), mapped by Python, so that
 * reading 100,000 threads takes one copy and no system call per element.
 */

#include "core.h"
#include "hooks.h"

#define CPU bpf_get_smp_processor_id()
#define NOW bpf_ktime_get_ns()

BPF_F_TABLE("array", u32, struct ctl, ctl, 1, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct cpu, cpus, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct thread, threads, MAX_THREADS, BPF_F_MMAPABLE);
/* With --interval: the rows as they were at the end of the window before (see renew). */
BPF_F_TABLE("array", u32, struct cpu, cpus_before, CPUS_BEFORE, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct thread, threads_before, THREADS_BEFORE, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, u32, slots, MAX_TIDS, BPF_F_MMAPABLE);       /* tid -> slot */
BPF_F_TABLE("array", u32, u32, free_slots, MAX_THREADS, BPF_F_MMAPABLE); /* ring of retired slots */
BPF_F_TABLE("array", u32, u64, call_info, MAX_CALLS, BPF_F_MMAPABLE);  /* nr -> class, row << CALL_ROW_SHIFT */

static inline struct ctl *ctl_at(u32 i) { return ctl.lookup(&i); }
static inline struct cpu *cpu_at(u32 i) { return cpus.lookup(&i); }
static inline struct thread *thread_at(u32 i) { return threads.lookup(&i); }
static inline struct cpu *cpu_before_at(u32 i) { return cpus_before.lookup(&i); }
static inline struct thread *thread_before_at(u32 i) { return threads_before.lookup(&i); }
static inline u32 *slot_entry(u32 tid) { return slots.lookup(&tid); }
static inline u32 *free_at(u32 i) { return free_slots.lookup(&i); }
static inline u64 *call_info_at(u32 nr) { return call_info.lookup(&nr); }

/* Adds to a number; returned is what it was before. From LLVM 20 on the builtin returns nothing on
 * the processors that BCC compiles for (llvm-project pull request 106494, "BPF: Generate locked insn
 * for __sync_fetch_and_add() with cpu v1/v2"); older ones do not know the instruction by name. */
#if __clang_major__ >= 20 && !defined(USER_SPACE)
static inline u64 fetch_and_add(u64 *number, u64 by)
{
	asm volatile("%0 = atomic_fetch_add((u64 *)(%1 + 0), %0)" : "+r"(by) : "r"(number) : "memory");
	return by;
}
#else
#define fetch_and_add __sync_fetch_and_add
#endif

/* 0 where the clocks of two CPUs differ by some ns. */
static inline u64 since(u64 now, u64 then)
{
	return now > then ? now - then : 0;
}

/* How long the thread has been on a CPU in calls for I/O, in the window up to its last event. */
static inline u64 own_io_ns(struct thread *t)
{
	return t->own[PART_SYSCALL_IO] + t->own[PART_SYSCALL_POLL] + t->own[PART_SYSCALL_IO_URING];
}

static inline u32 slot_of(u32 tid)
{
	u32 *slot = slot_entry(tid);

	return slot ? *slot : 0;
}

static inline void current_comm(char *comm)
{
	bpf_get_current_comm(comm, COMM_LENGTH);
}

static inline u32 task_u32(u64 task, u32 offset)
{
	u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)(task + offset));
	return value;
}

/* The same of a pointer of a type that the verifier knows, which needs no helper to be read. */
static inline u32 typed_u32(u64 at, u32 offset)
{
	return *(volatile u32 *)(at + offset);
}

static inline u64 typed_u64(u64 at, u32 offset)
{
	return *(volatile u64 *)(at + offset);
}

static inline u32 current_tid(void)
{
	return (u32)bpf_get_current_pid_tgid();
}

static inline u64 current_task(void)
{
	return bpf_get_current_task();
}

/* The same for typed_u32 and typed_u64. */
static inline u64 current_typed_task(void)
{
	return (u64)bpf_get_current_task_btf();
}

/* The current task's place in the scheduler's order: 1 + 0 to 99 for real time, 1 + 120 + nice else,
 * its policy in the byte above and bit 16, so that it is never 0. */
static inline u32 current_prio(void)
{
	u64 task = current_typed_task();
	u32 prio = typed_u32(task, OFFSET_TASK_PRIO) + 1;
	u32 policy = typed_u32(task, OFFSET_TASK_POLICY);

	return 1 << 16 | (policy & 0xff) << 8 | (prio & 0xff);
}

/* The first of the numbers that the present call of `task` is one of: those of 32-bit programs,
 * which any program can make, have their own behind the machine's. */
static inline u32 first_number(u64 task)
{
#ifdef TASK_COMPAT
	if (task_u32(task, OFFSET_TASK_COMPAT) & TASK_COMPAT)
		return CALLS_OF_COMPAT;
#endif
	return 0;
}

/* The same of a task of a type that the verifier knows. */
static inline u32 first_number_of_typed(u64 task)
{
#ifdef TASK_COMPAT
	if (typed_u32(task, OFFSET_TASK_COMPAT) & TASK_COMPAT)
		return CALLS_OF_COMPAT;
#endif
	return 0;
}

/* A call's number in the table of calls, whose last one stands for all numbers beyond. */
static inline u32 table_number(u32 nr, u32 first)
{
	return first + (nr < CALLS_OF_COMPAT ? nr : CALLS_OF_COMPAT - 1);
}

/* The same of the call that the current task enters. `regs` is a typed pointer, which needs no
 * helper to be read: `syscall` leaves its return address in rcx. Where that is not so (other
 * entries, a processor with FRED, a debugger), the task tells. */
static inline u32 entered_number(u32 nr, u64 regs)
{
	u32 first = 0;

#ifdef TASK_COMPAT
	if (typed_u64(regs, OFFSET_REGS_CX) != typed_u64(regs, OFFSET_REGS_IP))
		first = first_number(current_task());
#endif
	return table_number(nr, first);
}

/* Whether `nr` is the call `name`, of the machine's or of a 32-bit program. */
#define IS_CALL(nr, name) ((nr) == NR_##name || (nr) == NR_COMPAT_##name)

#define PF_IO_WORKER 0x00000010   /* io_uring's workers and polling threads, Linux 5.12 */
#define PF_USER_WORKER 0x00004000 /* those of vhost too, Linux 6.4 */
#define PF_KTHREAD 0x00200000

/* A thread of a process that never leaves the kernel: created for it, but none of its code. */
static inline u32 is_kernels_worker(u64 task)
{
	return task_u32(task, OFFSET_TASK_FLAGS) & (PF_IO_WORKER | PF_USER_WORKER);
}

static inline u32 current_is_kernel_thread(void)
{
	return task_u32(bpf_get_current_task(), OFFSET_TASK_FLAGS) &
	       (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER);
}

#define SIGNAL_GROUP_EXIT 0x00000004

/* All threads of the current one's process are to end: exit_group, a fatal signal, the last exit. */
static inline u32 group_is_ending(void)
{
	u64 signal = 0;

	bpf_probe_read_kernel(&signal, sizeof(signal),
			      (void *)(bpf_get_current_task() + OFFSET_TASK_SIGNAL));
	return task_u32(signal, OFFSET_SIGNAL_FLAGS) & SIGNAL_GROUP_EXIT;
}

/* An argument of a system call, at its entry. */
static inline u64 argument(u64 regs, u32 offset)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)(regs + offset));
	return value;
}

/* The first one, as the C int that a file descriptor is. */
static inline s32 first_argument(u64 regs)
{
	return (s32)argument(regs, OFFSET_REGS_FIRST);
}
