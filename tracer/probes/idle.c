/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe idle: the idle state that a wake-up met, and the parts of its latency. Every index (IDLE_*,
 * SENT_*) comes from idle.py.
 */

/* One CPU. A stay is the time between two cpu_idle events of one CPU. */
struct idle_cpu {
	u64 enter_ns, exit_ns;      /* the latest stay; exit_ns < enter_ns while it lasts */
	u64 before_enter_ns, before_exit_ns; /* the one before */
	u32 state, before_state;
	u32 waking;                 /* slot of the thread that this CPU is waking just now */
	u32 sent;                   /* how the wake-up in `sent_ns` was sent */
	u64 sent_ns;                /* 0, or when this CPU sent it and has had no event since */
	u64 reschedule, call_function; /* interrupts taken */
	struct hist held[N_SENT];   /* from sending to the sender's next event */
};

/* One CPU in one idle state: its stays there, and wake-ups from other CPUs that met it there. */
struct idle_row {
	u64 entries, residency_ns;
	u64 sent[N_SENT];
	u64 not_enqueued;           /* sched_wakeup was not seen */
	struct hist parts[N_IDLE_PARTS];
	struct hist whole;
};

/* Wake-ups that met one CPU asleep, by how long it had slept: an octave each; and the woken threads'
 * stays on that CPU. */
struct idle_sleep {
	struct hist delivery;
	u64 stays, ran_ns, ran_io_ns, ran_user_ns;
};

/* One thread's present wake-up, and the parts of `wakeup:idle` along its path. */
struct idle_thread {
	u64 enqueued_ns;
	u32 sent, sent_cpu;
	u64 epoch;                  /* the window that `path` is of; `path_before` is of an earlier one */
	u64 path[N_IDLE_PARTS];
	u64 before_epoch;
	u64 path_before[N_IDLE_PARTS];
	u64 in_ns;                  /* when it came onto a CPU that had slept, and the rest: then */
	u64 octave, io_ns, user_ns;
};

BPF_F_TABLE("array", u32, struct idle_cpu, idle_cpus, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct idle_row, idle_rows, MAX_CPUS * N_IDLE_STATES, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct idle_sleep, idle_sleeps, MAX_CPUS * N_IDLE_SLEEPS,
	    BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct idle_thread, idle_threads, MAX_THREADS, BPF_F_MMAPABLE);

static inline struct idle_cpu *idle_cpu_at(u32 i) { return idle_cpus.lookup(&i); }
static inline struct idle_row *idle_row_at(u32 i) { return idle_rows.lookup(&i); }
static inline struct idle_sleep *idle_sleep_at(u32 i) { return idle_sleeps.lookup(&i); }
static inline struct idle_thread *idle_thread_at(u32 i) { return idle_threads.lookup(&i); }

/* ---- hooks of the state machine ---- */

/* An event of this CPU: whatever it had sent, it has come back from. An interrupt that sends
 * may return into a long sleep, so only what a thread sent is timed. */
static inline void idle_cpu_event(u32 cpu, u64 now)
{
	struct idle_cpu *s = idle_cpu_at(cpu);

	if (!s || !s->sent_ns)
		return;
	if (s->sent < N_SENT)
		hist_add(&s->held[s->sent], since(now, s->sent_ns));
	s->sent_ns = 0;
}

/* First touch in a new window, as renew in core.c. */
static inline void idle_renew(struct idle_thread *i, u32 epoch)
{
	if (i->epoch == epoch)
		return;
	i->before_epoch = i->epoch;
	__builtin_memcpy(i->path_before, i->path, sizeof(i->path));
	asm volatile("" : : : "memory");
	i->epoch = epoch;
	__builtin_memset(i->path, 0, sizeof(i->path));
}

/* The wakee takes over its waker's path, so the parts of its idle time too. */
static inline void idle_waking(u32 cpu, struct thread *t, u32 slot, u32 waker_slot)
{
	struct idle_cpu *s = idle_cpu_at(cpu);
	struct idle_thread *i = idle_thread_at(slot), *waker;

	if (!s || !i)
		return;
	i->enqueued_ns = 0;
	i->sent = SENT_NOTHING;
	s->waking = slot;
	idle_renew(i, t->epoch);
	if (t->source == SOURCE_PROCESS && (waker = idle_thread_at(waker_slot))) {
		idle_renew(waker, t->epoch);
		__builtin_memcpy(i->path, waker->path, sizeof(i->path));
	}
}

/* sched_wakeup_new follows the enqueueing of the new thread. */
static inline void idle_created(u32 cpu, struct thread *t, u32 slot, u32 parent_slot, u64 now)
{
	struct idle_thread *i = idle_thread_at(slot);

	idle_waking(cpu, t, slot, parent_slot);
	if (i)
		i->enqueued_ns = now;
}

/* The state that the CPU was in at `then`: in one of its two latest stays (an interrupt may end
 * one without work for the CPU), or between two. */
static inline u32 idle_state_at(struct idle_cpu *s, u64 then)
{
	if (s->enter_ns && then >= s->enter_ns && (s->exit_ns < s->enter_ns || then < s->exit_ns))
		return s->state;
	if (s->before_enter_ns && then >= s->before_enter_ns && then < s->before_exit_ns)
		return s->before_state;
	return IDLE_BETWEEN;
}

/* How long the CPU had been in that state at `then`; 0 between two stays. */
static inline u64 idle_slept_ns(struct idle_cpu *s, u64 then)
{
	if (s->enter_ns && then >= s->enter_ns && (s->exit_ns < s->enter_ns || then < s->exit_ns))
		return then - s->enter_ns;
	if (s->before_enter_ns && then >= s->before_enter_ns && then < s->before_exit_ns)
		return then - s->before_enter_ns;
	return 0;
}

/* The octave of a sleep, counted from 2^IDLE_SLEEP_FIRST ns; the first holds the shorter ones, the
 * last the longer. */
static inline u32 idle_octave(u64 ns)
{
	u32 octave = 0;

	ns >>= IDLE_SLEEP_FIRST;
#pragma clang loop unroll(full)
	for (int n = 1; n < N_IDLE_SLEEPS; n++)
		octave += (ns >> n) != 0;
	return octave;
}

/* The longer a CPU has slept, the longer it may take to wake, and the slower it may be then. What
 * a flag reached was polling. */
static inline void idle_woke_up(u32 cpu, struct idle_cpu *s, struct idle_thread *i,
				struct thread *t, u32 sent, u64 delivery, u64 now)
{
	u64 slept = idle_slept_ns(s, t->woken_ns);
	u32 octave = idle_octave(slept);
	struct idle_sleep *row;

	if (!slept || sent == SENT_FLAG || octave >= N_IDLE_SLEEPS)
		return;
	row = idle_sleep_at(cpu * N_IDLE_SLEEPS + octave);
	if (!row)
		return;
	hist_add(&row->delivery, delivery);
	i->in_ns = now;
	i->octave = octave;
	i->io_ns = own_io_ns(t);
	i->user_ns = t->own[PART_USER];
}

/* Splits the wake-up of a thread that comes in now at the moments when it was enqueued
 * (`seen_ns`, 0: not seen) and when its CPU left its idle state. */
static inline void idle_split(struct idle_cpu *s, u64 from, u64 seen_ns, u64 now, u64 *ns)
{
	/* not seen counts as late: nothing is known of what followed the wake-up */
	u64 enqueued = seen_ns && seen_ns < now ? seen_ns : now, out;

	if (enqueued < from)
		enqueued = from;
	/* a polling CPU leaves idle first, then enqueues */
	out = s->exit_ns < now ? s->exit_ns : now;
	if (out < enqueued)
		out = enqueued;
	ns[IDLE_DELIVERY] = enqueued - from;
	ns[IDLE_LEAVING_IDLE] = out - enqueued;
	ns[IDLE_SWITCH_IN] = now - out;
}

/* A woken thread comes in; `t->last_ns` is when it was woken, or the start of the window. A path
 * counts from the first event in the window on (renew in core.c), `epoch` tells; so do its parts
 * here, and they sum to its `wakeup:idle`. */
static inline void idle_switched_in(u32 cpu, struct ctl *c, struct thread *t, u32 slot, u32 kind,
				    u32 part, u64 now)
{
	struct idle_cpu *s;
	struct idle_thread *i;
	struct idle_row *w;
	u64 from = t->last_ns, seen_ns, ns[N_IDLE_PARTS];
	u32 sent;

	if (part != PART_WAKEUP_IDLE || !t->epoch || now <= from)
		return;
	s = idle_cpu_at(cpu);
	i = idle_thread_at(slot);
	if (!s || !i)
		return;
	seen_ns = i->enqueued_ns;
	sent = i->sent_cpu == cpu ? i->sent : SENT_NOTHING; /* else it moved on to here */
	i->enqueued_ns = 0; /* a wake-up that meets its thread running resets nothing */
	i->sent = SENT_NOTHING;
	idle_split(s, from, seen_ns, now, ns);
	idle_renew(i, t->epoch);
#pragma clang loop unroll(disable)
	for (int n = 0; n < N_IDLE_PARTS; n++)
		i->path[n] += ns[n];
	if (kind != KIND_CROSS_CPU_IDLE || c->phase != PHASE_OPEN)
		return;
	w = idle_row_at(cpu * N_IDLE_STATES + idle_state_at(s, t->woken_ns));
	if (!w)
		return;
	if (sent < N_SENT)
		w->sent[sent]++;
	w->not_enqueued += !seen_ns;
#pragma clang loop unroll(disable)
	for (int n = 0; n < N_IDLE_PARTS; n++)
		hist_add(&w->parts[n], ns[n]);
	hist_add(&w->whole, now - from);
	if (seen_ns) /* else all of it counts as delivery */
		idle_woke_up(cpu, s, i, t, sent, ns[IDLE_DELIVERY], now);
}

/* The stay of a thread that a wake-up had brought onto a sleeping CPU ends, in the same window. */
static inline void idle_switched_out(u32 cpu, struct thread *t, u32 slot, u64 ns, u32 runnable)
{
	struct idle_thread *i = idle_thread_at(slot);
	struct idle_sleep *row;

	if (!i || i->in_ns != t->in_ns || i->epoch != t->epoch || i->octave >= N_IDLE_SLEEPS)
		return;
	row = idle_sleep_at(cpu * N_IDLE_SLEEPS + (u32)i->octave);
	if (!row)
		return;
	row->stays++;
	row->ran_ns += ns;
	row->ran_io_ns += own_io_ns(t) - i->io_ns;
	row->ran_user_ns += t->own[PART_USER] - i->user_ns;
}

/* ---- tracepoints of its own ---- */

static inline void idle_idle_changed(struct ctl *c, u32 cpu, u32 state, u64 now)
{
	struct idle_cpu *s = idle_cpu_at(cpu);
	struct idle_row *r;

	if (!s)
		return;
	if (state == (u32)-1) { /* PWR_EVENT_EXIT */
		s->exit_ns = now;
		r = idle_row_at(cpu * N_IDLE_STATES + s->state);
		if (r && c->phase == PHASE_OPEN && s->enter_ns)
			r->residency_ns +=
				since(now, s->enter_ns > c->start_ns ? s->enter_ns : c->start_ns);
		return;
	}
	idle_cpu_event(cpu, now);
	s->before_enter_ns = s->enter_ns;
	s->before_exit_ns = s->exit_ns;
	s->before_state = s->state;
	s->state = state < IDLE_OTHER ? state : IDLE_OTHER;
	s->enter_ns = now;
	r = idle_row_at(cpu * N_IDLE_STATES + s->state);
	if (r && c->phase == PHASE_OPEN)
		r->entries++;
}

/* The thread is on the queue of the CPU it will run on. */
int tp_sched_wakeup(struct bpf_raw_tracepoint_args *ctx)
{
	u32 cpu = CPU, slot;
	struct idle_cpu *s = idle_cpu_at(cpu);
	struct cpu *k = cpu_at(cpu);
	struct idle_thread *i;
	struct thread *t;

	if (!s || !k)
		return 0;
	t = s->waking ? thread_at(s->waking) : 0;
	if (t && t->task == ctx->args[0]) { /* enqueued here, without a word to another CPU */
		slot = s->waking;
		s->waking = 0;
		/* At once, behind the thread that wakes it, or on a CPU that was told before. The
		 * clock would add what enqueueing takes, and cost as much as all of this. */
		if (k->slot) {
			i = idle_thread_at(slot);
			if (i)
				i->enqueued_ns = t->woken_ns;
			return 0;
		}
	} else {
		/* While execve exchanges two pids this may find the other thread: then the parts of
		 * one wake-up are not told apart. Following them (resolve in core.c) costs two
		 * look-ups each. */
		slot = slot_of(task_u32(ctx->args[0], OFFSET_TASK_PID));
	}
	i = slot ? idle_thread_at(slot) : 0;
	if (i)
		i->enqueued_ns = NOW;
	return 0;
}

/* What the waker's CPU sends right after sched_waking is for the thread that it wakes. */
static inline void idle_sent(u32 how, u32 to)
{
	struct ctl *c = ctl_at(0);
	struct idle_cpu *s = idle_cpu_at(CPU);
	struct idle_thread *i;
	struct thread *t;

	if (!c || !s || !s->waking || c->phase != PHASE_OPEN)
		return;
	i = idle_thread_at(s->waking);
	t = thread_at(s->waking);
	s->waking = 0;
	if (!i || !t || (t->state != THREAD_WAKING && t->state != THREAD_WAKING_EARLY))
		return; /* it came in meanwhile: this is for something else */
	i->sent = how;
	i->sent_cpu = to;
#ifndef LIGHT /* without system calls the next event may be far away */
	if (t->source == SOURCE_PROCESS) {
		s->sent = how;
		s->sent_ns = NOW;
	}
#endif
}

static inline void idle_interrupt_sent(u32 cpu, u32 to_cpu, u64 callback, u64 now)
{
	/* smp_send_reschedule() has no callback */
	idle_sent(callback ? SENT_CALL_FUNCTION : SENT_RESCHEDULE, to_cpu);
}

int tp_sched_wake_idle_without_ipi(struct bpf_raw_tracepoint_args *ctx)
{
	idle_sent(SENT_FLAG, (u32)ctx->args[0]);
	return 0;
}

int tp_reschedule_entry(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);
	struct idle_cpu *s = idle_cpu_at(CPU);

	if (c && s && c->phase == PHASE_OPEN)
		s->reschedule++;
	return 0;
}

static inline void idle_called(struct ctl *c, u32 cpu)
{
	struct idle_cpu *s = idle_cpu_at(cpu);

	if (s && c->phase == PHASE_OPEN)
		s->call_function++;
}
