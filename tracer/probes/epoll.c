/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe epoll: what each call that waits for file descriptors gave and cost, and how many receives
 * found nothing.
 */

#define POLL_FOREVER (~0ULL)

/* The rows are POLL_<CALL>, N_POLL_CALLS of them, from epoll.py. */
struct poll_call {
	u64 empty, empty_ns; /* asked with time-out 0, got 0 events */
	u64 timed_out;
	u64 interrupted;
	u64 failed;
	u64 for_nothing;     /* wake-ups after which the call slept again or gave 0 events */
	struct hist at_once; /* ns of calls that did not sleep; */
	struct hist blocked; /* of those that did */
	struct hist ready;   /* events per return, where there were any */
};

struct poll_receives {
	u64 calls, again;
};

BPF_F_TABLE("array", u32, struct poll_call, poll_calls, MAX_CPUS * N_POLL_CALLS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct poll_receives, poll_receives, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, u64, poll_timeouts, MAX_THREADS, BPF_F_MMAPABLE); /* of the open call */

static inline struct poll_call *poll_call_at(u32 i) { return poll_calls.lookup(&i); }
static inline struct poll_receives *poll_receives_at(u32 i) { return poll_receives.lookup(&i); }
static inline u64 *poll_timeout_at(u32 slot) { return poll_timeouts.lookup(&slot); }

/* No switch: it could become a jump table, which BPF has not. */
static inline u32 poll_row(u32 nr)
{
	return nr == NR_EPOLL_WAIT ? POLL_EPOLL_WAIT :
	       nr == NR_EPOLL_PWAIT ? POLL_EPOLL_PWAIT :
	       nr == NR_EPOLL_PWAIT2 ? POLL_EPOLL_PWAIT2 :
	       nr == NR_EPOLL_WAIT_OLD ? POLL_EPOLL_WAIT_OLD :
	       nr == NR_POLL ? POLL_POLL :
	       nr == NR_PPOLL ? POLL_PPOLL :
	       nr == NR_SELECT ? POLL_SELECT :
	       nr == NR_PSELECT6 ? POLL_PSELECT6 : N_POLL_CALLS;
}

static inline u64 poll_timeout_ns(u32 row, u64 regs)
{
	u64 given = row == POLL_POLL || row == POLL_PPOLL ? argument(regs, OFFSET_REGS_THIRD) :
		    row >= POLL_SELECT ? argument(regs, OFFSET_REGS_FIFTH) :
					 argument(regs, OFFSET_REGS_FOURTH);
	s64 time[2]; /* struct timespec; struct timeval for select */

	if (row == POLL_EPOLL_PWAIT2 || row >= POLL_PPOLL) {
		if (!given)
			return POLL_FOREVER;
		if (bpf_probe_read_user(time, sizeof(time), (void *)given))
			return 1; /* not in memory yet; it is seldom 0 */
		return time[0] * 1000000000 + (row == POLL_SELECT ? time[1] * 1000 : time[1]);
	}
	return (s32)given < 0 ? POLL_FOREVER : (u64)(u32)given * 1000000;
}

static inline void epoll_call_entered(struct ctl *c, struct thread *t, u32 slot, u64 regs)
{
	u64 *timeout;
	u32 row;

	if (t->on_cpu_part != PART_SYSCALL_POLL)
		return;
	row = poll_row(t->call_nr);
	timeout = poll_timeout_at(slot);
	if (timeout && row < N_POLL_CALLS)
		*timeout = poll_timeout_ns(row, regs);
}

static inline void poll_received(u32 cpu, u32 nr, s64 result)
{
	struct poll_receives *r = poll_receives_at(cpu);

	if (!r || (nr != NR_READ && nr != NR_READV && nr != NR_RECVFROM && nr != NR_RECVMSG &&
		   nr != NR_RECVMMSG))
		return;
	r->calls++;
	r->again += result == -11; /* EAGAIN */
}

static inline void epoll_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				    s64 result, u64 ns, u64 now)
{
	struct poll_call *p;
	u64 *timeout;
	u32 row;

	if (t->on_cpu_part == PART_SYSCALL_IO)
		poll_received(cpu, t->call_nr, result);
	if (t->on_cpu_part != PART_SYSCALL_POLL)
		return;
	row = poll_row(t->call_nr);
	if (row >= N_POLL_CALLS)
		return;
	p = poll_call_at(cpu * N_POLL_CALLS + row);
	timeout = poll_timeout_at(slot);
	if (!p || !timeout)
		return;
	if (t->sleeps) {
		hist_add(&p->blocked, ns);
		p->for_nothing += t->sleeps - 1;
	} else {
		hist_add(&p->at_once, ns);
	}
	if (result > 0) {
		hist_add(&p->ready, result);
	} else if (result == 0) {
		if (!*timeout) {
			p->empty++;
			p->empty_ns += ns;
		} else if (since(now, t->call_start_ns) >= *timeout) {
			p->timed_out++;
		} else {
			p->for_nothing++;
		}
	} else if (result == -4 || (result <= -512 && result >= -516)) { /* EINTR, ERESTART* */
		p->interrupted++;
	} else {
		p->failed++;
	}
}
