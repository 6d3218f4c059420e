/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What BCC and the kernel give to tracer's C, for a C compiler: types, array maps, helpers.
 * The probes' files follow behind this one, then events.c.
 */
#define _GNU_SOURCE
#define USER_SPACE
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define BPF_F_MMAPABLE 0
#define BPF_F_TABLE(kind, key, type, name, n, flags)                    \
	type name##_elements[n];                                        \
	const u64 name##_count = (n);                                   \
	static type *name##_lookup(key *i)                              \
	{                                                               \
		return *i < (n) ? &name##_elements[*i] : NULL;          \
	}                                                               \
	static const struct {                                           \
		type *(*lookup)(key *);                                 \
	} name = { name##_lookup }

/* A task_struct and its signal_struct, as far as the programs look. */
struct fake_task {
	u32 pid, tgid, flags, status;
	u64 signal;
	u64 registers[8]; /* of its call: its arguments, its number, its stack pointer */
	u64 cx, ip;
	u64 stack;
	char comm[16];
	u64 queue; /* what its scheduling group has of a run queue: a pointer to that queue */
	u32 prio, policy;
	u32 io_wait, throttled;
	u64 runtime; /* on a CPU, up to its last switch */
};

static struct fake_task *current;

static inline u64 bpf_get_current_task(void) { return (u64)current; }
static inline u64 bpf_get_current_task_btf(void) { return (u64)current; }

static u32 current_cpu;
static u64 current_ns;

static inline u32 bpf_get_smp_processor_id(void) { return current_cpu; }

static inline u64 bpf_ktime_get_ns(void) { return current_ns; }

/* A tick every 8 ns. */
static inline u64 bpf_jiffies64(void) { return current_ns / 8; }

/* As BCC has it; the tracepoints' arguments. */
struct bpf_raw_tracepoint_args {
	u64 args[6];
};

static inline u64 bpf_get_current_pid_tgid(void)
{
	return (u64)current->tgid << 32 | current->pid;
}

static inline long bpf_get_current_comm(void *to, u32 size)
{
	memcpy(to, current->comm, size);
	return 0;
}

static inline long bpf_probe_read_kernel(void *to, u32 size, const void *from)
{
	memcpy(to, from, size);
	return 0;
}

static inline long bpf_probe_read_user(void *to, u32 size, const void *from)
{
	struct iovec here = { to, size }, there = { (void *)from, size };

	/* fails, as in the kernel, where nothing is mapped */
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == size ? 0 : -14;
}

#define OFFSET_TASK_PID offsetof(struct fake_task, pid)
#define OFFSET_TASK_TGID offsetof(struct fake_task, tgid)
#define OFFSET_TASK_FLAGS offsetof(struct fake_task, flags)
#define OFFSET_TASK_IOWAIT offsetof(struct fake_task, io_wait)
#define TASK_IOWAIT 4
#define OFFSET_TASK_THROTTLED offsetof(struct fake_task, throttled)
#define OFFSET_TASK_COMPAT offsetof(struct fake_task, status)
#define TASK_COMPAT 2
#define OFFSET_REGS_CX 64
#define OFFSET_REGS_IP 72
#define OFFSET_TASK_PRIO offsetof(struct fake_task, prio)
#define OFFSET_TASK_RUNTIME offsetof(struct fake_task, runtime)
#define OFFSET_TASK_POLICY offsetof(struct fake_task, policy)
#define OFFSET_TASK_SIGNAL offsetof(struct fake_task, signal)
#define OFFSET_SIGNAL_FLAGS 0
#define OFFSET_REGS_FIRST 0
#define OFFSET_REGS_CALL 48
#define OFFSET_TASK_STACK offsetof(struct fake_task, stack)
#define OFFSET_REGS_SECOND 8
#define OFFSET_REGS_THIRD 16
#define OFFSET_REGS_FOURTH 24
#define OFFSET_REGS_FIFTH 32
#define OFFSET_REGS_SIXTH 40
#define OFFSET_REGS_STACK 56
