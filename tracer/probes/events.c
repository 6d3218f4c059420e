/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Events: every event as a record of 24 bytes, in a ring for each CPU that user space empties
 * (kernel/event_reader.py). Fields by kind (EVENT_*): docs/recordings.md, tracer/model/events.py.
 */

/* `when`: kind:8 | CLOCK_MONOTONIC ns:55 | lap:1, written last. The lowest bit is 1 in the ring's first
 * lap, 0 in the second one, and so on: a record whose bit is that of its lap has been written. So
 * user space empties nothing, and a program that another one interrupts leaves no gap unnoticed. */
struct record {
	u64 when;
	u32 thread, extra;
	u64 what;
};

struct record_ring {
	u64 made; /* records so far */
	u64 lost;
	u64 pad[6];
	u64 read; /* by user space */
	u64 pad_read[7];
};

/* Records that found no room, in one second of CLOCK_MONOTONIC. */
struct record_loss {
	u64 second, count;
};

BPF_F_TABLE("array", u32, struct record_ring, record_rings, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct record, records, RECORDS_OF_CPU * MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct record_loss, record_losses, LOSS_SECONDS * MAX_CPUS,
	    BPF_F_MMAPABLE);

static inline struct record_ring *record_ring_at(u32 i) { return record_rings.lookup(&i); }
static inline struct record *record_at(u32 i) { return records.lookup(&i); }
static inline struct record_loss *record_loss_at(u32 i) { return record_losses.lookup(&i); }

static inline void lose_record(struct record_ring *r, u32 cpu, u64 now)
{
	u64 second = now / 1000000000;
	struct record_loss *l = record_loss_at(cpu * LOSS_SECONDS + (u32)(second % LOSS_SECONDS));

	__sync_fetch_and_add(&r->lost, 1);
	if (!l)
		return;
	if (l->second != second) {
		l->second = second;
		l->count = 0;
	}
	__sync_fetch_and_add(&l->count, 1);
}

static inline void keep(u32 cpu, u64 now, u64 kind, u32 thread, u32 extra, u64 what)
{
	struct record_ring *r = record_ring_at(cpu);
	struct record *e;
	u64 at, when;

	if (!r)
		return;
	/* as many programs as can interrupt each other may come by here at the same time */
	if (r->made - r->read >= RECORDS_OF_CPU - NESTED) {
		lose_record(r, cpu, now);
		return;
	}
	at = fetch_and_add(&r->made, 1);
	e = record_at(cpu * RECORDS_OF_CPU + (u32)at % RECORDS_OF_CPU);
	if (!e)
		return;
	e->thread = thread;
	e->extra = extra;
	e->what = what;
	when = kind << 56 | now << 9 >> 8 | !(at / RECORDS_OF_CPU & 1);
#ifdef STORES_IN_ORDER /* other CPUs see the stores of one in the order of the program */
	*(volatile u64 *)&e->when = when;
#else
	__sync_lock_test_and_set(&e->when, when);
#endif
}

static inline void events_switched(u32 cpu, u32 slot, u32 next, u32 next_tid, u32 preempt,
				   u64 prev_state, u32 left, u64 now)
{
	struct thread *t = slot ? thread_at(slot) : 0;
	/* of states above 8 bits it is enough that they are none in which a task can run */
	u64 what = next | ((prev_state & 0xff) | (prev_state >> 8 ? TASK_STATE_UNINTERRUPTIBLE : 0)) << 32 |
		   (u64)(preempt & 1) << 40;

	if (!slot)
		what |= (u64)!current_tid() << 44;
	if (t) {
		what |= (u64)(left == THREAD_WAKING_EARLY) << 41 | (u64)(left == THREAD_YIELDED) << 42;
		if (left == THREAD_PREEMPTED || left == THREAD_YIELDED)
			what |= (u64)(t->is_throttled != 0) << 43;
	}
	keep(cpu, now, EVENT_SWITCH, slot, next_tid, what);
}

static inline void events_woken(u32 cpu, u32 slot, u32 waker_slot, u32 source, u64 did, u64 now)
{
	u32 outcome = did & 0xff, held_by = (u32)(did >> 8);
	struct thread *t = thread_at(slot);
	u64 more = 0;

	if (t && held_by) /* how far the holder's path was ahead of this CPU's clock */
		more = since(t->last_ns, now) & 0xffff;
	else if (t && outcome == WAKEUP_ENDED_SLEEP && source != SOURCE_PROCESS &&
		 source != SOURCE_KERNEL_WORKER)
		more = 1 + t->awaited;
	keep(cpu, now, EVENT_WAKING, waker_slot, held_by,
	     slot | (u64)source << 32 | (u64)outcome << 40 | more << 48);
}

static inline void events_entered(u32 cpu, u32 slot, u32 nr, u64 regs, u64 now)
{
	keep(cpu, now, EVENT_ENTER, slot, (u32)typed_u64(regs, OFFSET_REGS_FIRST), nr);
}

static inline void events_returned(u32 cpu, struct thread *t, u32 slot, s64 result, u64 now)
{
	keep(cpu, now, EVENT_EXIT, slot, t->call_nr, (u64)result);
}

static inline void events_created(u32 cpu, struct thread *t, u32 slot, u32 parent_slot, u64 now)
{
	keep(cpu, now, EVENT_NEW, parent_slot, t->tid,
	     slot | (u64)(t->is_worker != 0) << 31 | (u64)t->tgid << 32);
	if (t->queue_cpu != cpu)
		keep(cpu, now, EVENT_MIGRATE, slot, t->queue_cpu, 1);
}

static inline void keep_name(u32 cpu, u32 slot, u64 *comm, u64 now)
{
	keep(cpu, now, EVENT_NAME, slot, 0, comm[0]);
	keep(cpu, now, EVENT_NAME, slot, 1, comm[1]);
}

static inline void events_executed(u32 cpu, struct thread *t, u32 slot, u32 tid, u32 old_tid,
				   u64 now)
{
	u64 comm[COMM_LENGTH / sizeof(u64)] = {};

	keep(cpu, now, EVENT_EXEC, slot, tid, old_tid | (u64)t->tgid << 32);
	current_comm((char *)comm);
	keep_name(cpu, slot, comm, now);
}

static inline void events_dying(u32 cpu, struct thread *t, u32 slot, u64 now)
{
	keep(cpu, now, EVENT_DYING, slot, 0, 0);
	keep_name(cpu, slot, (u64 *)t->comm, now);
}

static inline void events_row_begins(struct thread *t, u64 state, u64 now)
{
	if (t->tid && state != THREAD_DEAD)
		keep(CPU, now, EVENT_BEGIN, t->slot,
		     t->on_cpu_part | t->blocked_part << 8 | t->source << 16 |
			     (u32)(t->is_worker != 0) << 24,
		     state | (u64)t->tid << 8 | (u64)t->call_nr << 40);
}

static inline void events_moved(u32 cpu, u32 slot, u32 to_cpu, u64 now)
{
	keep(cpu, now, EVENT_MIGRATE, slot, to_cpu, 0);
}

static inline void events_window_edge(u32 slot, u32 opens, u64 now)
{
	keep(CPU, now, EVENT_WINDOW, slot, opens ? 1 : 2, 0);
}

static inline void events_idle_changed(struct ctl *c, u32 cpu, u32 state, u64 now)
{
	keep(cpu, now, EVENT_IDLE, 0, state, 0);
}

static inline void events_interrupt_sent(u32 cpu, u32 to_cpu, u64 callback, u64 now)
{
	struct cpu *k = cpu_at(cpu);

	keep(cpu, now, EVENT_IPI, k ? k->slot : 0, to_cpu, callback != 0);
}
