/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe sched: how long threads waited for a CPU and how long they kept it. N_RUNNABLE comes from
 * sched.py.
 */

struct sched_cpu {
	struct hist waited[N_WAITS];
	struct hist ran[N_WAITS + 1]; /* the last one: after what is not known */
	struct hist handed[N_WAITS];
	u64 pulled;
	u64 pushed_off;            /* threads of the target that this CPU was taken from, and wait */
	u64 woke[N_RUNNABLE];      /* by threads of the target here: onto this CPU, */
	u64 woke_away[N_RUNNABLE]; /* and onto another; by how many were runnable here */
};

/* One thread: how many were runnable where it was woken from, and the CPU, plus one, that it was
 * pushed off and waits for. */
struct sched_thread {
	u32 runnable, waits_for;
};

BPF_F_TABLE("array", u32, struct sched_cpu, sched_cpus, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct sched_thread, sched_threads, MAX_THREADS, BPF_F_MMAPABLE);

static inline struct sched_cpu *sched_at(u32 i) { return sched_cpus.lookup(&i); }
static inline struct sched_thread *sched_thread_at(u32 i) { return sched_threads.lookup(&i); }

/* A thread of the target wakes `t`: it runs, and the threads that were pushed off its CPU could. */
static inline void sched_waking(u32 cpu, struct thread *t, u32 slot, u32 waker_slot)
{
	struct sched_cpu *s = sched_at(cpu);
	struct sched_thread *own = sched_thread_at(slot);
	u64 others;

	if (!s || !own)
		return;
	own->runnable = 0;
	if (!waker_slot || t->source != SOURCE_PROCESS)
		return;
	others = s->pushed_off;
	own->runnable = others < N_RUNNABLE - 1 ? (u32)others + 1 : N_RUNNABLE;
}

/* It waits for its CPU no longer. */
static inline void sched_waited(struct sched_thread *own)
{
	struct sched_cpu *s = own->waits_for ? sched_at(own->waits_for - 1) : 0;

	own->waits_for = 0;
	if (s && s->pushed_off)
		__sync_fetch_and_add(&s->pushed_off, (u64)-1);
}

/* It was woken by a thread on `t->waking_cpu`, and comes in. */
static inline void sched_placed(struct sched_thread *own, struct thread *t, u32 cpu)
{
	struct sched_cpu *s = sched_at(t->waking_cpu);
	u32 n = own->runnable - 1;

	own->runnable = 0;
	if (!s || n >= N_RUNNABLE)
		return;
	if (t->waking_cpu == cpu)
		__sync_fetch_and_add(&s->woke[n], 1);
	else
		__sync_fetch_and_add(&s->woke_away[n], 1);
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
	if (own && own->runnable)
		sched_placed(own, t, cpu);
}

static inline void sched_switched_out(u32 cpu, struct thread *t, u32 slot, u64 ns, u32 runnable)
{
	struct sched_cpu *s = sched_at(cpu);
	struct sched_thread *own = sched_thread_at(slot);
	u32 wait = t->wait;

	if (!s)
		return;
	hist_add(&s->ran[wait < N_WAITS ? wait : N_WAITS], ns);
	if (own && runnable) {
		own->waits_for = cpu + 1;
		__sync_fetch_and_add(&s->pushed_off, 1);
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
		s->pulled++;
}
