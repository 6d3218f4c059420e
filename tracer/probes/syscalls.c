/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe syscalls: per system call, how often, how long, how it failed. A row is handed out when a
 * call is first seen: a row per possible number would cost 3.3 MB per CPU.
 */

struct call_stat {
	u64 off_ns;                /* of hist.sum: time not on a CPU */
	u64 errors[ERRNO_BUCKETS]; /* by errno; ERESTARTSYS and kin in the last ones */
	struct hist ns;
};

BPF_F_TABLE("array", u32, struct call_stat, call_stats, MAX_CPUS * MAX_CALL_ROWS, BPF_F_MMAPABLE);

static inline struct call_stat *call_stat_at(u32 i) { return call_stats.lookup(&i); }

static inline void syscalls_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t,
				       u32 slot, s64 result, u64 ns, u64 now)
{
	u64 *info = call_info_at(t->call_nr < MAX_CALLS ? t->call_nr : MAX_CALLS - 1);
	struct call_stat *s;
	u64 row, known;
	u32 error;

	if (!info)
		return;
	known = *info;
	row = known >> CALL_ROW_SHIFT;
	if (!row) {
		row = __sync_fetch_and_add(&c->next_call, 1) + 1;
		if (row >= MAX_CALL_ROWS) {
			k->losses[LOSS_SYSCALL_TABLE_FULL]++;
			return;
		}
		if (__sync_val_compare_and_swap(info, known, known | row << CALL_ROW_SHIFT) != known)
			row = *info >> CALL_ROW_SHIFT; /* another CPU saw it first; our row stays empty */
	}
	s = call_stat_at(cpu * MAX_CALL_ROWS + (u32)row);
	if (!s)
		return;
	hist_add(&s->ns, ns);
	s->off_ns += t->call_off_ns;
	if (result < 0 && result >= -4095) {
		error = (u32)-result;
		if (error >= 512) /* ERESTARTSYS 512 .. ERESTART_RESTARTBLOCK 516 */
			error = error - 512 + ERRNO_BUCKETS - 8;
		if (error < ERRNO_BUCKETS)
			s->errors[error]++;
	}
}
