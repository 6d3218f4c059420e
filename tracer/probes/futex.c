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
	/* who had what it waits for when the wait began, how long that thread had been ready without a
	 * CPU and on one by then, and how long it was during this call's sleeps */
	u32 holder, waker; /* and the thread of the target that ended the last sleep */
	u64 holder_birth_ns, had_been_ready_ns, had_run_ns, ready_ns, ran_ns;
	/* its word; that which a wait was last woken for, no lock's, and what the thread had done then */
	u64 word, back_word, back_user_ns, back_calls_ns;
	u32 is_owned, is_in_vain;
};

/* One thread at one address. Only that thread writes it, so nothing but the claim is atomic. */
struct futex_place {
	u64 key; /* address / 4, slot; 52-bit addresses, which programs must ask for, lose bits */
	u64 waits, slept, asleep_ns;
	u64 wakes, woken;
	u64 woke_more, woken_more; /* of these, by wakes of more than one thread */
	u64 timed_out, timed_ns;   /* waits that ended by their time-out, and how long they slept */
	u64 in_vain;    /* waits soon after it was woken here, with hardly any work between */
	u64 owned;      /* waits at whose begin the word's own memory named the holder */
	u64 held_ns, ready_ns, ran_ns; /* asleep while somebody had it: who was ready, who ran */
	/* who had it most of that time: the majority vote of Boyer and Moore, with its weight */
	u64 holder_ns, holder_birth_ns;
	u32 holder;
	u32 prio;       /* of the thread, as `prio` of struct thread, when it waited first */
	u64 expected;   /* the value it first waited with */
	u64 birth_ns; /* of the thread: its slot may be another's by the end */
	/* at the end of its first call there: when, where its stack was, how it was called */
	u64 first_ns, stack;
	u32 tgid, pad;
	char comm[COMM_LENGTH];
};

BPF_F_TABLE("array", u32, struct futex_op, futex_ops, STAT_CPUS * N_FUTEX_OPS, BPF_F_MMAPABLE);
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

/* How long a thread has been ready without a CPU, and on one, in the window up to `now`. Another CPU
 * may be adding to these sums. */
static inline void futex_progress(struct ctl *c, struct thread *h, u64 now, u64 *ready, u64 *ran)
{
	u32 is_new = h->epoch != c->epoch;
	u64 rest = since(now, is_new ? c->start_ns : h->last_ns), state = h->state;

	*ready = is_new ? 0 : h->own[PART_WAKEUP_IDLE] + h->own[PART_WAKEUP_QUEUED] +
			      h->own[PART_PREEMPTED] + h->own[PART_YIELDED];
	*ran = 0;
#pragma unroll
	for (int i = 0; i < PART_WAKEUP_IDLE; i++) /* the parts on a CPU */
		*ran += is_new ? 0 : h->own[i];
	if (state == THREAD_RUNNING || state == THREAD_RUNNING_EARLY)
		*ran += rest;
	else if (state != THREAD_BLOCKED && state != THREAD_DEAD)
		*ready += rest;
}

/* Time on a CPU in calls other than those on futexes. */
static inline u64 futex_other_calls_ns(struct thread *t)
{
	u64 ns = 0;

#pragma unroll
	for (int i = PART_USER + 1; i < PART_WAKEUP_IDLE; i++)
		ns += i == PART_SYSCALL_FUTEX ? 0 : t->own[i];
	return ns;
}

/* Another thread of the process of `t`; 0 for none. */
static inline u32 futex_fellow(struct thread *t, u32 slot, u32 other)
{
	struct thread *h = other && other != slot ? thread_at(other) : 0;

	return h && h->tgid == t->tgid ? other : 0;
}

/* A wait begins: who has what it is for? The word's memory tells (glibc keeps the owner of a mutex
 * behind it, a word of musl's or of a priority-inheriting lock is the owner's number), else it is the
 * thread that released the word, or was woken for it, last, or a ready one that lately did. */
static inline void futex_wait_begins(struct ctl *c, struct thread *t, u32 slot, struct futex_call *f)
{
	struct word *w = word_of(t->word);
	struct thread *h;
	u32 lock[3], who = 0;

	f->holder = f->waker = f->is_owned = 0;
	f->ready_ns = f->ran_ns = 0;
	f->word = t->word;
	f->is_in_vain = f->back_word == t->word && f->back_calls_ns == futex_other_calls_ns(t) &&
			t->own[PART_USER] - f->back_user_ns < FUTEX_HARDLY_NS;
	if (!bpf_probe_read_user(lock, sizeof(lock), (void *)f->address)) {
		who = futex_fellow(t, slot, slot_of(lock[2]));
		if (!who)
			who = futex_fellow(t, slot, slot_of(lock[0] & FUTEX_TID_MASK));
		f->is_owned = who != 0;
	}
	if (!who && w && w->key == t->word)
		who = futex_fellow(t, slot, w->last);
	h = who ? thread_at(who) : holder(t);
	if (!h)
		return;
	f->holder = h->slot;
	f->holder_birth_ns = h->birth_ns;
	futex_progress(c, h, t->last_ns, &f->had_been_ready_ns, &f->had_run_ns);
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
	if (FUTEX_WAIT_ROWS >> f->op & 1)
		futex_wait_begins(c, t, slot, f);
}

/* Its sleep ends: what the thread that had the word did meanwhile. */
static inline void futex_waking(u32 cpu, struct thread *t, u32 slot, u32 waker_slot)
{
	struct ctl *c = ctl_at(0);
	struct futex_call *f;
	struct thread *h;
	u64 ready, ran;

	if (t->on_cpu_part != PART_SYSCALL_FUTEX)
		return;
	f = futex_call_at(slot);
	if (!c || !f || c->phase != PHASE_OPEN)
		return;
	f->waker = t->source == SOURCE_PROCESS ? waker_slot : 0;
	h = f->holder ? thread_at(f->holder) : 0;
	if (!h || h->birth_ns != f->holder_birth_ns)
		return;
	futex_progress(c, h, t->woken_ns, &ready, &ran);
	f->ready_ns += since(ready, f->had_been_ready_ns);
	f->ran_ns += since(ran, f->had_run_ns);
	f->had_been_ready_ns = ready;
	f->had_run_ns = ran;
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
	s = futex_op_at(STAT_SET(cpu) * N_FUTEX_OPS + (u32)f->op);
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
		COUNT(s->again, 1);
	} else if (result == -110) { /* ETIMEDOUT */
		COUNT(s->timed_out, 1);
	} else if (result == -4 || (result <= -512 && result >= -516)) { /* EINTR, ERESTART* */
		COUNT(s->interrupted, 1);
	} else if (result < 0) {
		COUNT(s->failed, 1);
	} else if (!(FUTEX_WAIT_ROWS >> op & 1) && op != FUTEX_OP_UNLOCK_PI && op != FUTEX_OP_UNKNOWN) {
		COUNT(s->woken, result);
		if (result > 1)
			COUNT(s->woke_more, 1);
		else if (result)
			COUNT(s->woke_one, 1);
		else
			COUNT(s->woke_none, 1);
	}
}

/* A wait has ended. */
static inline void futex_wait_ended(struct cpu *k, struct thread *t, struct futex_call *f,
				    struct futex_place *p, s64 result)
{
	struct thread *h = f->waker ? thread_at(f->waker) : 0;
	u32 holder = h ? f->waker : f->holder;
	u64 birth_ns = h ? h->birth_ns : f->holder_birth_ns, ns = f->asleep_ns;

	if (!p->waits++) {
		p->expected = (u32)argument(k->regs, OFFSET_REGS_THIRD);
		p->prio = current_prio();
	}
	p->slept += t->sleeps != 0;
	p->asleep_ns += ns;
	p->owned += f->is_owned;
	p->in_vain += f->is_in_vain;
	if (result == -110) { /* ETIMEDOUT */
		p->timed_out++;
		p->timed_ns += ns;
	} else if (!result && p->expected != FUTEX_CONTENDED) {
		f->back_word = f->word;
		f->back_user_ns = t->own[PART_USER];
		f->back_calls_ns = futex_other_calls_ns(t);
	}
	if (!holder || !ns)
		return;
	p->held_ns += ns;
	p->ready_ns += f->ready_ns < ns ? f->ready_ns : ns;
	p->ran_ns += f->ran_ns < ns ? f->ran_ns : ns;
	if (p->holder == holder && p->holder_birth_ns == birth_ns) {
		p->holder_ns += ns;
	} else if (p->holder_ns > ns) {
		p->holder_ns -= ns;
	} else {
		p->holder = holder;
		p->holder_birth_ns = birth_ns;
		p->holder_ns = ns - p->holder_ns;
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
	s = futex_op_at(STAT_SET(cpu) * N_FUTEX_OPS + op);
	if (!s)
		return;
	COUNT(s->calls, 1);
	COUNT(s->slept, t->sleeps != 0);
	futex_result(s, op, result);
	if (t->call_nr >= CALLS_OF_COMPAT)
		return;
	p = futex_place_of(k, t, f->address >> 2 << SLOT_BITS | slot, now);
	if (!p) {
		unplaced = futex_unplaced_at(cpu);
		if (unplaced)
			(*unplaced)++;
	} else if (FUTEX_WAIT_ROWS >> op & 1) {
		futex_wait_ended(k, t, f, p, result);
	} else {
		p->wakes++;
		if (result > 0)
			p->woken += result;
		if (result > 1) {
			p->woke_more++;
			p->woken_more += result;
		}
	}
}
