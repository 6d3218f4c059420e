/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Behind whom a ready thread waited for its CPU: behind threads of the target, behind other
 * programs, or behind nobody: its group had used up its quota (throttled), or the CPU was idle
 * meanwhile (held). Taken from what the CPU did from the wait's begin to its end;
 * and the programs outside the target that ran, by name.
 */

struct other {
	u64 ns;
	u32 tgid;
	u32 pad;
	char comm[COMM_LENGTH];
};

BPF_F_TABLE("array", u32, struct other, others, MAX_CPUS * CPU_OTHERS, BPF_F_MMAPABLE);

static inline struct other *other_at(u32 i) { return others.lookup(&i); }

/* How long the CPU was idle and ran others, from the window's start until now. */
static inline void ran_until(struct ctl *c, struct cpu *k, u64 now, u64 *idle_ns, u64 *other_ns)
{
	u32 is_new = k->epoch != c->epoch;
	u64 rest = since(now, is_new ? c->start_ns : k->since_ns);

	*idle_ns = is_new ? 0 : k->idle_ns;
	*other_ns = is_new ? 0 : k->other_ns;
	if (!k->seen || k->slot)
		return;
	if (k->tid)
		*other_ns += rest;
	else
		*idle_ns += rest;
}

/* The task may not run, though it could: its control group has used up its quota. */
static inline u32 is_throttled(u64 task)
{
#ifdef OFFSET_TASK_THROTTLED
	return task_u32(task, OFFSET_TASK_THROTTLED) & 1;
#elif defined(OFFSET_TASK_CFS_RQ)
	u64 queue = argument(task, OFFSET_TASK_CFS_RQ);

	return queue && task_u32(queue, OFFSET_CFS_RQ_THROTTLES);
#else
	return 0;
#endif
}

/* `t` is put on the queue of `cpu`. */
static inline void queue_begins(struct ctl *c, struct thread *t, u32 cpu, u64 now)
{
	struct cpu *k = cpu_at(cpu);

	t->queue_cpu = cpu;
	t->queue_ns = now;
	t->queue_epoch = c->epoch;
	t->queued_held_ns = t->queued_other_ns = 0;
	t->is_throttled = 0;
	if (k)
		ran_until(c, k, now, &t->queue_idle_ns, &t->queue_other_ns);
}

/* It has been on that queue until now. */
static inline void queue_goes_on(struct ctl *c, struct thread *t, u64 now)
{
	struct cpu *k = cpu_at(t->queue_cpu);
	u64 idle_ns, other_ns, most;

	if (!k)
		return;
	if (t->queue_epoch != c->epoch) { /* from before the window */
		t->queue_ns = c->start_ns;
		t->queue_epoch = c->epoch;
		t->queue_idle_ns = t->queue_other_ns = 0;
		t->queued_held_ns = t->queued_other_ns = 0;
	}
	ran_until(c, k, now, &idle_ns, &other_ns);
	most = since(now, t->queue_ns);
	idle_ns = since(idle_ns, t->queue_idle_ns);
	idle_ns = idle_ns < most ? idle_ns : most;
	most -= idle_ns;
	other_ns = since(other_ns, t->queue_other_ns);
	t->queued_held_ns += idle_ns;
	t->queued_other_ns += other_ns < most ? other_ns : most;
}

/* It is moved to another CPU's queue. */
static inline void move_queue(struct ctl *c, struct thread *t, u32 cpu, u64 now)
{
	struct cpu *k = cpu_at(cpu);

	queue_goes_on(c, t, now);
	t->queue_cpu = cpu;
	t->queue_ns = now;
	if (k)
		ran_until(c, k, now, &t->queue_idle_ns, &t->queue_other_ns);
}

/* It comes onto `cpu` now, and the wait since `last_ns` counts as a wait in a queue. */
static inline void queue_ends(struct ctl *c, struct thread *t, u64 now)
{
	u64 most = since(now, t->last_ns), throttled, held, other;

	queue_goes_on(c, t, now);
	throttled = t->is_throttled ? most : 0;
	most -= throttled;
	held = t->queued_held_ns < most ? t->queued_held_ns : most;
	most -= held;
	other = t->queued_other_ns < most ? t->queued_other_ns : most;
	most -= other;
	t->path_behind[BEHIND_THROTTLED] += throttled;
	t->path_behind[BEHIND_HELD] += held;
	t->path_behind[BEHIND_OTHER] += other;
	t->path_behind[BEHIND_OWN] += most;
	t->own_behind[BEHIND_THROTTLED] += throttled;
	t->own_behind[BEHIND_HELD] += held;
	t->own_behind[BEHIND_OTHER] += other;
	t->own_behind[BEHIND_OWN] += most;
}

/* The current task, of the process `tgid`, none of the target's, leaves its CPU after `ns` in the
 * window. Tables are small: what finds no row has no name. */
static inline void other_ran(u32 cpu, u32 tgid, u64 ns)
{
	struct other *o;

#pragma unroll
	for (u32 i = 0; i < 4; i++) {
		o = other_at(cpu * CPU_OTHERS + (tgid * 0x9e3779b1u + i) % CPU_OTHERS);
		if (!o)
			return;
		if (!o->tgid) {
			o->tgid = tgid;
			current_comm(o->comm);
		}
		if (o->tgid == tgid) {
			o->ns += ns;
			return;
		}
	}
}
