/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe sched: how long threads waited for a CPU and how long they kept it. N_RUNNABLE and the
 * offsets of run queues come from sched.py.
 */

struct sched_cpu {
	struct hist waited[N_WAITS];
	struct hist ran[N_WAITS + 1]; /* the last one: after what is not known */
	u64 ran_io_ns[N_WAITS], ran_user_ns[N_WAITS]; /* of it: calls for I/O, own code */
	struct hist handed[N_WAITS];
	u64 pulled;
	/* Threads that come in here, woken by one of the target on this CPU or on another, by how many
	 * could run on the waker's: of the target, and of all tasks. */
	u64 woke[N_RUNNABLE], woke_away[N_RUNNABLE];
	u64 woke_by_queue[N_RUNNABLE], woke_away_by_queue[N_RUNNABLE];
};

/* One thread: how many could run where it was woken from (0: that does not count), the CPU, plus
 * one, that it was pushed off and waits for, and what it had run when it came in. */
struct sched_thread {
	u32 runnable, queued, waits_for;
	u32 epoch;                 /* the window that these are of */
	u64 io_ns, user_ns;
};

BPF_F_TABLE("array", u32, struct sched_cpu, sched_cpus, STAT_CPUS, BPF_F_MMAPABLE);
/* Threads of the target that a CPU was taken from, and that wait for it. */
BPF_F_TABLE("array", u32, u64, sched_pushed_off, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct sched_thread, sched_threads, MAX_THREADS, BPF_F_MMAPABLE);

static inline struct sched_cpu *sched_at(u32 cpu)
{
	u32 i = STAT_SET(cpu);

	return sched_cpus.lookup(&i);
}

static inline u64 *sched_pushed_off_at(u32 cpu) { return sched_pushed_off.lookup(&cpu); }
static inline struct sched_thread *sched_thread_at(u32 i) { return sched_threads.lookup(&i); }

/* The tasks that can run on this CPU, as placement counts them: the current one, which is the
 * target's, and those queued here, of all programs. 0 where that cannot be read. The current task
 * has a type that the verifier knows, and so has what it points to: three helpers would take 0.1 us. */
static inline u32 sched_queued(void)
{
#ifdef OFFSET_RQ_RUNNING
	u64 queue = typed_u64(current_typed_task(), OFFSET_TASK_RQ_OF_GROUP);
	u32 n;

	if (queue)
		queue = typed_u64(queue, OFFSET_RQ_OF_GROUP_RQ);
	if (!queue)
		return 0;
	n = typed_u32(queue, OFFSET_RQ_RUNNING);
#ifdef OFFSET_RQ_QUEUED /* tasks that sleep already and are still on the queue */
	n -= typed_u32(queue, OFFSET_RQ_QUEUED) - typed_u32(queue, OFFSET_RQ_RUNNABLE);
#endif
	return n < N_RUNNABLE ? n : N_RUNNABLE;
#else
	return 0;
#endif
}

/* A thread of the target wakes `t`: it runs, and the threads that were pushed off its CPU could. */
static inline void sched_waking(u32 cpu, struct thread *t, u32 slot, u32 waker_slot)
{
	struct sched_thread *own = sched_thread_at(slot);
	u64 *others = sched_pushed_off_at(cpu);

	if (!others || !own)
		return;
	own->runnable = own->queued = 0;
	if (!waker_slot || t->source != SOURCE_PROCESS)
		return;
	own->runnable = *others < N_RUNNABLE - 1 ? (u32)*others + 1 : N_RUNNABLE;
	own->queued = sched_queued();
}

/* It waits for its CPU no longer. */
static inline void sched_waited(struct sched_thread *own)
{
	u64 *others = own->waits_for ? sched_pushed_off_at(own->waits_for - 1) : 0;

	own->waits_for = 0;
	if (others && *others)
		__sync_fetch_and_add(others, (u64)-1);
}

/* It was woken by a thread on `t->waking_cpu`, and comes in here. */
static inline void sched_placed(struct sched_cpu *s, struct sched_thread *own, u32 is_same)
{
	/* 64 bits: as the verifier wants the bounds */
	u64 n = (u64)own->runnable - 1, queued = (u64)own->queued - 1;

	own->runnable = 0;
	if (n < N_RUNNABLE) {
		if (is_same)
			COUNT(s->woke[n], 1);
		else
			COUNT(s->woke_away[n], 1);
	}
	if (queued < N_RUNNABLE) {
		if (is_same)
			COUNT(s->woke_by_queue[queued], 1);
		else
			COUNT(s->woke_away_by_queue[queued], 1);
	}
}

static inline void sched_switched_in(u32 cpu, struct ctl *c, struct thread *t, u32 slot, u32 kind,
				     u32 part, u64 now)
{
	struct sched_cpu *s = sched_at(cpu);
	struct sched_thread *own = sched_thread_at(slot);

	if (own && own->waits_for)
		sched_waited(own);
	if (!s || c->phase != PHASE_OPEN)
		return;
	if (kind < N_WAITS)
		hist_add(&s->waited[kind], since(now, t->last_ns));
	if (!own)
		return;
	if (own->runnable)
		sched_placed(s, own, t->waking_cpu == cpu);
	own->epoch = t->epoch;
	own->io_ns = own_io_ns(t);
	own->user_ns = t->own[PART_USER];
}

/* Of a stay on a CPU, what were calls for I/O and what own code; the rest is other calls. In a
 * later window than that in which it began, the thread's times are of that window alone. */
static inline void sched_split(struct sched_cpu *s, struct sched_thread *own, struct thread *t,
			       u32 wait)
{
	u32 began_here = own->epoch == t->epoch;

	COUNT(s->ran_io_ns[wait], own_io_ns(t) - (began_here ? own->io_ns : 0));
	COUNT(s->ran_user_ns[wait], t->own[PART_USER] - (began_here ? own->user_ns : 0));
}

static inline void sched_switched_out(u32 cpu, struct thread *t, u32 slot, u64 ns, u32 runnable)
{
	struct sched_cpu *s = sched_at(cpu);
	struct sched_thread *own = sched_thread_at(slot);
	u32 wait = t->wait;
	u64 *others;

	if (!s)
		return;
	hist_add(&s->ran[wait < N_WAITS ? wait : N_WAITS], ns);
	if (own && wait < N_WAITS)
		sched_split(s, own, t, wait);
	others = sched_pushed_off_at(cpu);
	if (own && others && runnable) {
		own->waits_for = cpu + 1;
		__sync_fetch_and_add(others, 1);
	}
}

/* From coming in to waking another thread: what a hand-over takes on a CPU, by what came before.
 * After a wake-up from another CPU it is longer: caches are cold, the CPU has just woken. */
static inline void sched_woke_next(u32 cpu, struct thread *waker, u64 ns)
{
	struct sched_cpu *s = sched_at(cpu);
	u32 wait = waker->wait;

	if (s && wait < N_WAITS)
		hist_add(&s->handed[wait], ns);
}

/* A preempted thread that changes its CPU was not placed by a wake-up: another CPU's balancing
 * pulled it. A crossing wake-up cannot tell, since a thread may wake where it last ran. */
static inline void sched_migrated(u32 cpu, struct thread *t)
{
	struct sched_cpu *s = sched_at(cpu);

	if (s && t->state == THREAD_PREEMPTED)
		COUNT(s->pulled, 1);
}
