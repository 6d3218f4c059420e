/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Which CPUs threads have allowed themselves, by sched_setaffinity: the first calls of a run, each
 * with the mask as the program gave it. A new thread has its creator's.
 */

BPF_F_TABLE("array", u32, struct affinity, affinities, MAX_AFFINITIES, BPF_F_MMAPABLE);

static inline struct affinity *affinity_at(u32 i) { return affinities.lookup(&i); }

/* The call of `t` has succeeded; of another thread than itself only where that is the
 * target's. Row 0 stands for no call; where all rows are taken the last one for any. */
static inline void affinity_set(struct ctl *c, struct thread *t, u64 regs, u64 now)
{
	u32 tid = (u32)argument(regs, OFFSET_REGS_FIRST), slot;
	u64 size = argument(regs, OFFSET_REGS_SECOND), row;
	struct affinity *a;

	if (tid && tid != t->tid) {
		slot = slot_of(tid);
		if (!slot || !(t = thread_at(slot)) || t->tid != tid)
			return;
	}
	row = fetch_and_add(&c->affinities, 1) + 1;
	if (row >= MAX_AFFINITIES - 1) {
		t->affinity = MAX_AFFINITIES - 1;
		return;
	}
	a = affinity_at((u32)row);
	if (!a)
		return;
	a->ns = now;
	if (size > sizeof(a->mask))
		size = sizeof(a->mask);
	if (size)
		bpf_probe_read_user(a->mask, (u32)size,
				    (void *)argument(regs, OFFSET_REGS_THIRD));
	t->affinity = (u32)row;
}
