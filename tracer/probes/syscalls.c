/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe syscalls: per system call, how often, how long, how it failed. A call that is seen early
 * gets a row for each CPU, as long as there are such rows: one for every number would take 6.6 MB
 * per CPU. The others count in one row for each number, which all CPUs share.
 */

struct call_stat {
	u64 off_ns;                /* of hist.sum: time not on a CPU */
	u64 results;               /* sum of those above 0: bytes that were moved, ready events, ... */
	u64 errors[ERRNO_BUCKETS]; /* by errno; ERESTARTSYS and kin in the last ones */
	struct hist ns;
};

BPF_F_TABLE("array", u32, struct call_stat, call_stats, STAT_CPUS * MAX_CALL_ROWS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct call_stat, shared_call_stats, MAX_CALLS, BPF_F_MMAPABLE);

static inline struct call_stat *call_stat_at(u32 i) { return call_stats.lookup(&i); }
static inline struct call_stat *shared_call_stat_at(u32 nr) { return shared_call_stats.lookup(&nr); }

/* The bucket of an errno; ERRNO_BUCKETS: the call did not fail. */
static inline u32 call_error(s64 result)
{
	u32 error = (u32)-result;

	if (result >= 0 || result < -4095)
		return ERRNO_BUCKETS;
	if (error >= 512) /* ERESTARTSYS 512 .. ERESTART_RESTARTBLOCK 516 */
		error = error - 512 + ERRNO_BUCKETS - 8;
	return error < ERRNO_BUCKETS ? error : ERRNO_BUCKETS - 1;
}

/* The row of the call that `info` is of, on each CPU; MAX_CALL_ROWS: it has a shared one. */
static inline u64 call_row(struct ctl *c, u64 *info)
{
	u64 known = *info, row = known >> CALL_ROW_SHIFT;

	if (row)
		return row;
	row = fetch_and_add(&c->next_call, 1) + 1;
	if (row > MAX_CALL_ROWS)
		row = MAX_CALL_ROWS;
	if (__sync_val_compare_and_swap(info, known, known | row << CALL_ROW_SHIFT) != known)
		row = *info >> CALL_ROW_SHIFT; /* another CPU saw it first; our row stays empty */
	return row;
}

static inline void shared_call_ended(u32 nr, s64 result, u64 ns, u64 off_ns)
{
	u64 error = call_error(result);
	struct call_stat *s = shared_call_stat_at(nr);

	if (!s)
		return;
	hist_add_shared(&s->ns, ns);
	__sync_fetch_and_add(&s->off_ns, off_ns);
	if (result > 0)
		__sync_fetch_and_add(&s->results, result);
	asm volatile("" : "+r"(error)); /* the verifier wants the bound right before its use */
	if (error < ERRNO_BUCKETS)
		__sync_fetch_and_add(&s->errors[error], 1);
}

static inline void syscalls_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t,
				       u32 slot, s64 result, u64 ns, u64 now)
{
	u64 *info = call_info_at(t->call_nr);
	u64 error = call_error(result);
	struct call_stat *s;
	u64 row;

	if (!info)
		return;
	row = call_row(c, info);
	if (row >= MAX_CALL_ROWS) {
		shared_call_ended(t->call_nr, result, ns, t->call_off_ns);
		return;
	}
	s = call_stat_at(STAT_SET(cpu) * MAX_CALL_ROWS + (u32)row);
	if (!s)
		return;
	hist_add(&s->ns, ns);
	COUNT(s->off_ns, t->call_off_ns);
	if (result > 0)
		COUNT(s->results, result);
	asm volatile("" : "+r"(error)); /* the verifier wants the bound right before its use */
	if (error < ERRNO_BUCKETS)
		COUNT(s->errors[error], 1);
}
