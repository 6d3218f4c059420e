/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe sched: how long threads waited for a CPU and how long they kept it.
 */

struct sched_cpu {
	struct hist waited[N_WAITS];
	struct hist slice;
	struct hist handed[N_WAITS];
	u64 pulled;
};

BPF_F_TABLE("array", u32, struct sched_cpu, sched_cpus, MAX_CPUS, BPF_F_MMAPABLE);

static inline struct sched_cpu *sched_at(u32 i) { return sched_cpus.lookup(&i); }

static inline void sched_switched_in(u32 cpu, struct ctl *c, struct thread *t, u32 slot, u32 kind,
				     u32 part, u64 now)
{
	struct sched_cpu *s = sched_at(cpu);

	if (s && c->phase == PHASE_OPEN && kind < N_WAITS)
		hist_add(&s->waited[kind], since(now, t->last_ns));
}

static inline void sched_switched_out(u32 cpu, struct thread *t, u64 ns)
{
	struct sched_cpu *s = sched_at(cpu);

	if (s)
		hist_add(&s->slice, ns);
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
