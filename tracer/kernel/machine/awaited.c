/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What a sleep waited for that nobody of the target ended: AWAITED_*. It splits the path's `sleep`,
 * `timed_wait` and `external`; and by call and waker the sleeps of all threads, not of the path alone.
 */

#define TASK_STATE_UNINTERRUPTIBLE 2
#define NET_TX_SOFTIRQ 2
#define NET_RX_SOFTIRQ 3
#define AWAITED_TRIES 8

struct outside_wait {
	u64 ns;
	u64 times;
	u32 key;  /* 1 + what was awaited, and above AWAITED_SHIFT the call, or NO_CALL_KEY; 0: free */
	u32 tgid; /* the waker's, where that was a process or a kernel thread */
	char comm[COMM_LENGTH];
};

BPF_F_TABLE("array", u32, struct outside_wait, outside_waits, MAX_CPUS * CPU_OUTSIDE_WAITS, BPF_F_MMAPABLE);

static inline struct outside_wait *outside_wait_at(u32 i) { return outside_waits.lookup(&i); }

/* The current task goes to sleep for a block device (task_struct->in_iowait). */
static inline u32 waits_for_blocks(u64 task, u64 state)
{
#ifdef OFFSET_TASK_IOWAIT
	return state & TASK_STATE_UNINTERRUPTIBLE && task_u32(task, OFFSET_TASK_IOWAIT) & TASK_IOWAIT;
#else
	return 0;
#endif
}

static inline u32 in_call(struct thread *t)
{
	u32 part = part_asleep(t);

	return part >= PART_SYSCALL_IO && part < PART_KERNEL_WORKERS;
}

/* A call that returns when something is on the disk waits for the disk, whoever says that it is. */
static inline u32 is_for_disk(struct thread *t)
{
	u64 *info;

	if (t->for_blocks)
		return 1;
	info = part_asleep(t) == PART_SYSCALL_IO ? call_info_at(t->call_nr) : 0;
	return info && *info & CALL_SYNCS;
}

/* `mode`: the part of the path that the sleep is. */
static inline u32 awaited(struct cpu *k, struct thread *t, u32 mode)
{
	if (is_for_disk(t))
		return AWAITED_DISK;
	if (mode == PART_TIMED_WAIT)
		return AWAITED_TIMED_WAIT;
	if (t->source == SOURCE_TIMER)
		return AWAITED_TIMER;
	if (k->soft == 1 + NET_RX_SOFTIRQ || k->soft == 1 + NET_TX_SOFTIRQ)
		return AWAITED_NETWORK;
	return t->source == SOURCE_OTHER_PROCESS ? AWAITED_PROCESS :
	       t->source == SOURCE_KERNEL_THREAD ? AWAITED_KERNEL_THREAD : AWAITED_OTHER;
}

/* `t` has slept for `ns`, and the current task, or an interrupt on this CPU, ends that. Tables are
 * small: what finds no row is known by what was awaited only. */
static inline void waited(struct ctl *c, struct cpu *k, struct thread *t, u32 mode, u64 ns)
{
	u32 what = awaited(k, t, mode), tgid = 0, key;
	struct outside_wait *w;

	t->awaited = what;
	if (what < N_AWAITED)
		t->path_awaited[what] += ns;
	if (c->phase != PHASE_OPEN)
		return;
	key = 1 + what + ((in_call(t) ? t->call_nr : NO_CALL_KEY) << AWAITED_SHIFT);
	if (t->source == SOURCE_OTHER_PROCESS || t->source == SOURCE_KERNEL_THREAD)
		tgid = bpf_get_current_pid_tgid() >> 32;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < AWAITED_TRIES; i++) {
		w = outside_wait_at((u32)k->number * CPU_OUTSIDE_WAITS +
			    ((key ^ tgid) * 0x9e3779b1u + i) % CPU_OUTSIDE_WAITS);
		if (!w)
			return;
		if (!w->key) {
			w->key = key;
			w->tgid = tgid;
			if (tgid)
				current_comm(w->comm);
		}
		if (w->key == key && w->tgid == tgid) {
			w->ns += ns;
			w->times++;
			return;
		}
	}
}
