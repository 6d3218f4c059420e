/* SPDX-License-Identifier: GPL-2.0-only
 *
 * --sample 1/N: which calls are seen one by one. The kernel's ticks (jiffies) are cut into pieces of
 * 1 << SAMPLE_SHIFT, and of each SAMPLE_N pieces in a row a thread is seen in one, chosen by a hash of
 * its row and of where these pieces are. What is seen are whole cycles: a call that begins in such a piece, and what follows up to the
 * next call. So a cycle is as likely to be seen as any other, however long it takes. A thread that comes
 * onto a CPU in its own code changes over there too, else one without calls never would.
 *
 * In the window a thread is either seen (`sample` is 1 + the group that its piece is in) or its time on
 * a CPU is PART_UNSPLIT. Groups are there for the error: how much a number differs between them.
 */

struct sample_group {
	u64 ns[PART_WAKEUP_IDLE]; /* seen on a CPU, by part */
	u64 calls[MAX_CALLS];     /* seen, by number */
};

BPF_F_TABLE("array", u32, struct sample_group, sample_groups, SAMPLE_ROWS, BPF_F_MMAPABLE);

#ifdef SAMPLED
static inline struct sample_group *sample_group_of(struct thread *t)
{
	u32 i = STAT_SET(CPU) * SAMPLE_GROUPS + t->sample - 1;

	return sample_groups.lookup(&i);
}

/* The current thread, which is seen, was on a CPU for `ns`. */
static inline void sample_ran(struct thread *t, u64 part, u64 ns)
{
	struct sample_group *g = sample_group_of(t);

	asm volatile("" : "+r"(part)); /* the verifier wants the bound right before its use */
	if (g && part < PART_WAKEUP_IDLE)
		COUNT(g->ns[part], ns);
}

/* A call of it has ended. */
static inline void sample_called(struct thread *t)
{
	struct sample_group *g = sample_group_of(t);
	u64 nr = t->call_nr;

	asm volatile("" : "+r"(nr));
	if (g && nr < MAX_CALLS)
		COUNT(g->calls[nr], 1);
}

/* Brings the thread's piece up to now; 1: it is another one. */
static inline u32 sample_next_piece(struct thread *t)
{
	u64 piece = bpf_jiffies64() >> SAMPLE_SHIFT;

	if (t->piece == piece + 1)
		return 0;
	t->piece = piece + 1;
	return 1;
}

/* 1 + the group that the thread's present piece is in, 0: it is not seen there. */
static inline u32 sample_of_piece(struct thread *t, u32 slot)
{
	u64 piece = t->piece - 1, block = piece / SAMPLE_N;
	u64 hash = (block << SLOT_BITS | slot) * 0x9e3779b97f4a7c15ULL;

	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ULL;
	hash ^= hash >> 32;
	if ((u32)hash % SAMPLE_N != piece % SAMPLE_N)
		return 0;
	return 1 + (u32)(block + slot * 7) % SAMPLE_GROUPS;
}

/* Until which tick the calls of `t`, which runs here, are not seen; 0: they are, or that is not known. */
static inline u64 sample_unseen_until(struct thread *t)
{
	return t->on_cpu_part == PART_UNSPLIT ? t->piece << SAMPLE_SHIFT : 0;
}

/* Whether nothing is to be done for a call of the current thread, before the clock is read. */
static inline u32 is_unseen(struct ctl *c, struct cpu *k, u64 regs)
{
	if (!k->unseen_until || c->phase != PHASE_OPEN || k->epoch != c->epoch)
		return 0;
	if (k->regs != regs) {
		if (!k->seen || k->tid != current_tid())
			return 0;
		k->regs = regs;
	}
	return 1;
}

/* The same of one that it enters: those that end a program or a window are seen always. The numbers of
 * 32-bit programs are other calls' of the machine, which only take longer then. */
static inline u32 is_unseen_entry(struct ctl *c, struct cpu *k, u32 nr, u64 regs)
{
	if (!is_unseen(c, k, regs) || bpf_jiffies64() >= k->unseen_until)
		return 0;
	if (nr == NR_EXECVE || nr == NR_EXECVEAT || nr == NR_EXIT_GROUP ||
	    nr == NR_COMPAT_EXECVE - CALLS_OF_COMPAT || nr == NR_COMPAT_EXECVEAT - CALLS_OF_COMPAT ||
	    nr == NR_COMPAT_EXIT_GROUP - CALLS_OF_COMPAT)
		return 0;
	if (nr == c->control_nr && c->control_fd >= 0 &&
	    (s32)typed_u64(regs, OFFSET_REGS_FIRST) == c->control_fd)
		return 0;
	k->unseen_calls++;
	k->events += 2; /* its return is not seen either */
	return 1;
}
#else
static inline u32 is_unseen(struct ctl *c, struct cpu *k, u64 regs) { return 0; }
static inline u32 is_unseen_entry(struct ctl *c, struct cpu *k, u32 nr, u64 regs) { return 0; }
#endif

/* Time on a CPU while calls were not seen: no part of the vectors. */
static inline u32 is_unsplit(u32 part)
{
#ifdef SAMPLED
	return part == PART_UNSPLIT;
#else
	return 0;
#endif
}

/* The part of the call in which a thread sleeps. */
static inline u32 part_asleep(struct thread *t)
{
	return is_unsplit(t->on_cpu_part) ? t->asleep_part : t->on_cpu_part;
}
