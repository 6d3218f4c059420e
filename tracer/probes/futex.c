/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe futex: every operation by name, what it gave, how long its waits slept, and which thread
 * waited and woke at which address.
 */

/* Rows are FUTEX_OP_<NAME>, from futex.py: the operations of futex(2) by number, one for the
 * unknown ones, then the later calls. FUTEX_WAIT_ROWS has a bit for each row that waits. */

#define FUTEX_TRIES 8

struct futex_op {
	u64 calls;
	u64 slept;
	u64 again, timed_out, interrupted, failed;
	u64 woke_none, woke_one, woke_more, woken;
	struct hist asleep;   /* ns of each sleep, */
	struct hist delivery; /* and from its wake-up to running */
};

/* The open call of a thread. */
struct futex_call {
	u64 address;
	u64 op;
	u64 sleeps; /* of the call, up to the last wake-up */
	u64 asleep_ns;
};

/* One thread at one address. Only that thread writes it, so nothing but the claim is atomic. */
struct futex_place {
	u64 key; /* address / 4, slot; 52-bit addresses, which programs must ask for, lose bits */
	u64 waits, slept, asleep_ns;
	u64 wakes, woken;
	u64 birth_ns; /* of the thread: its slot may be another's by the end */
	/* at the end of its first call there: when, where its stack was, how it was called */
	u64 first_ns, stack;
	u32 tgid, pad;
	char comm[COMM_LENGTH];
};

BPF_F_TABLE("array", u32, struct futex_op, futex_ops, MAX_CPUS * N_FUTEX_OPS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct futex_call, futex_calls, MAX_THREADS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct futex_place, futex_places, 1 << FUTEX_PLACE_BITS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, u64, futex_unplaced, MAX_CPUS, BPF_F_MMAPABLE); /* table full there */

static inline struct futex_op *futex_op_at(u32 i) { return futex_ops.lookup(&i); }
static inline struct futex_call *futex_call_at(u32 slot) { return futex_calls.lookup(&slot); }
static inline struct futex_place *futex_place_at(u32 i) { return futex_places.lookup(&i); }
static inline u64 *futex_unplaced_at(u32 i) { return futex_unplaced.lookup(&i); }

/* The first of the waiters that futex_waitv and futex_requeue are given. */
static inline u64 futex_first_waiter(u64 waiters)
{
	u64 address = 0;

	bpf_probe_read_user(&address, sizeof(address), (void *)(waiters + 8)); /* .uaddr */
	return address;
}

/* Address and operation: the first two arguments, in one read where they lie side by side. */
static inline void futex_arguments(u64 regs, u64 *address, u64 *op)
{
#if OFFSET_REGS_FIRST == OFFSET_REGS_SECOND + 8 /* x86_64 */
	u64 pair[2] = {};

	bpf_probe_read_kernel(pair, sizeof(pair), (void *)(regs + OFFSET_REGS_SECOND));
	*op = pair[0];
	*address = pair[1];
#else
	*address = argument(regs, OFFSET_REGS_FIRST);
	*op = argument(regs, OFFSET_REGS_SECOND);
#endif
}

static inline void futex_call_entered(struct ctl *c, struct thread *t, u32 slot, u64 regs)
{
	struct futex_call *f;
	u32 nr = t->call_nr;

	if (t->on_cpu_part != PART_SYSCALL_FUTEX)
		return;
	f = futex_call_at(slot);
	if (!f)
		return;
	f->sleeps = f->asleep_ns = 0;
	f->address = 0;
	f->op = FUTEX_OP_UNKNOWN;
	if (nr >= CALLS_OF_COMPAT) /* its arguments are elsewhere */
		return;
	futex_arguments(regs, &f->address, &f->op);
	if (nr == NR_FUTEX) {
		f->op = (u32)f->op & ~FUTEX_FLAGS;
		if (f->op > FUTEX_OP_UNKNOWN)
			f->op = FUTEX_OP_UNKNOWN;
	} else {
		f->op = nr == NR_FUTEX_WAITV ? FUTEX_OP_FUTEX_WAITV :
			nr == NR_FUTEX_WAIT ? FUTEX_OP_FUTEX_WAIT :
			nr == NR_FUTEX_WAKE ? FUTEX_OP_FUTEX_WAKE :
			nr == NR_FUTEX_REQUEUE ? FUTEX_OP_FUTEX_REQUEUE : FUTEX_OP_UNKNOWN;
		if (f->op == FUTEX_OP_FUTEX_WAITV || f->op == FUTEX_OP_FUTEX_REQUEUE)
			f->address = futex_first_waiter(f->address);
	}
}

static inline void futex_switched_in(u32 cpu, struct ctl *c, struct thread *t, u32 slot, u32 kind,
				     u32 part, u64 now)
{
	struct futex_call *f;
	struct futex_op *s;
	u64 from, ns;

	if (t->on_cpu_part != PART_SYSCALL_FUTEX || c->phase != PHASE_OPEN || kind >= WAIT_PREEMPTED)
		return;
	f = futex_call_at(slot);
	if (!f || f->op >= N_FUTEX_OPS || f->sleeps == t->sleeps)
		return; /* it slept for a page or a lock of the kernel's */
	f->sleeps = t->sleeps;
	s = futex_op_at(cpu * N_FUTEX_OPS + (u32)f->op);
	if (!s)
		return;
	from = t->out_ns > c->start_ns ? t->out_ns : c->start_ns;
	ns = since(t->woken_ns, from);
	f->asleep_ns += ns;
	hist_add(&s->asleep, ns);
	hist_add(&s->delivery, since(now, t->woken_ns > from ? t->woken_ns : from));
}

static inline struct futex_place *futex_place_of(struct cpu *k, struct thread *t, u64 key, u64 now)
{
	u64 at = key * 0x9e3779b97f4a7c15ULL >> (64 - FUTEX_PLACE_BITS);
	struct futex_place *p;

#pragma clang loop unroll(disable)
	for (int i = 0; i < FUTEX_TRIES; i++) {
		p = futex_place_at((u32)(at + i) % (1 << FUTEX_PLACE_BITS));
		if (!p)
			return 0;
		if (p->key == key && p->birth_ns == t->birth_ns)
			return p;
		if (!p->key && !__sync_val_compare_and_swap(&p->key, 0, key)) {
			p->birth_ns = t->birth_ns;
			p->first_ns = now;
			p->stack = argument(k->regs, OFFSET_REGS_STACK);
			p->tgid = t->tgid;
			current_comm(p->comm);
			return p;
		}
	}
	return 0;
}

static inline void futex_result(struct futex_op *s, u32 op, s64 result)
{
	if (result == -11) { /* EAGAIN */
		s->again++;
	} else if (result == -110) { /* ETIMEDOUT */
		s->timed_out++;
	} else if (result == -4 || (result <= -512 && result >= -516)) { /* EINTR, ERESTART* */
		s->interrupted++;
	} else if (result < 0) {
		s->failed++;
	} else if (!(FUTEX_WAIT_ROWS >> op & 1) && op != FUTEX_OP_UNLOCK_PI && op != FUTEX_OP_UNKNOWN) {
		s->woken += result;
		if (result > 1)
			s->woke_more++;
		else if (result)
			s->woke_one++;
		else
			s->woke_none++;
	}
}

static inline void futex_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				    s64 result, u64 ns, u64 now)
{
	struct futex_call *f;
	struct futex_place *p;
	struct futex_op *s;
	u64 *unplaced;
	u32 op;

	if (t->on_cpu_part != PART_SYSCALL_FUTEX)
		return;
	f = futex_call_at(slot);
	if (!f || f->op >= N_FUTEX_OPS)
		return;
	op = (u32)f->op;
	s = futex_op_at(cpu * N_FUTEX_OPS + op);
	if (!s)
		return;
	s->calls++;
	s->slept += t->sleeps != 0;
	futex_result(s, op, result);
	if (t->call_nr >= CALLS_OF_COMPAT)
		return;
	p = futex_place_of(k, t, f->address >> 2 << SLOT_BITS | slot, now);
	if (!p) {
		unplaced = futex_unplaced_at(cpu);
		if (unplaced)
			(*unplaced)++;
	} else if (FUTEX_WAIT_ROWS >> op & 1) {
		p->waits++;
		p->slept += t->sleeps != 0;
		p->asleep_ns += f->asleep_ns;
	} else {
		p->wakes++;
		if (result > 0)
			p->woken += result;
	}
}
