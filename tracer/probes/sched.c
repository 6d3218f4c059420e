/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe sched: how long threads waited for a CPU and how long they kept it.
 */

struct sched_cpu {
	struct hist waited[N_WAITS];
	struct hist slice;
};

BPF_F_TABLE("array", u32, struct sched_cpu, sched_cpus, MAX_CPUS, BPF_F_MMAPABLE);

static inline struct sched_cpu *sched_at(u32 i) { return sched_cpus.lookup(&i); }

static inline void sched_waited(u32 cpu, struct thread *t, u32 wait, u64 ns)
{
	struct sched_cpu *s = sched_at(cpu);

	if (s && wait < N_WAITS)
		hist_add(&s->waited[wait], ns);
}

static inline void sched_ran(u32 cpu, struct thread *t, u64 ns)
{
	struct sched_cpu *s = sched_at(cpu);

	if (s)
		hist_add(&s->slice, ns);
}
