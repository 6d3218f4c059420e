/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The state machine: pure functions on the structs of core.h. It is compiled twice: into the BPF
 * programs (entry.c calls it) and into a user-space library on which the unit tests replay
 * hand-written events. Rules and their reasons: docs/time-accounting.md.
 *
 * Vectors and times of a thread are written only by the owner of its state: by the CPU it runs
 * on, or, while it sleeps, by its waker (wakers are serialised by the wakee's pi_lock). The one
 * real race is a wake-up against the switch-out that puts its thread to sleep; `state` decides it.
 */

#define TASK_STATE_INTERRUPTIBLE 1
#define TASK_STATE_STOPPED 0x0c /* __TASK_STOPPED | __TASK_TRACED */
#define TASK_STATE_DEAD 0x80    /* TASK_DEAD */

/* A thread's path continues another one's. */
static inline void take_path(struct thread *t, struct thread *from)
{
	__builtin_memcpy(t->path, from->path, sizeof(t->path));
	__builtin_memcpy(t->path_behind, from->path_behind, sizeof(t->path_behind));
	__builtin_memcpy(t->path_awaited, from->path_awaited, sizeof(t->path_awaited));
	__builtin_memcpy(t->resumed, from->resumed, sizeof(t->resumed));
#ifdef SAMPLED
	t->path_unsplit_ns = from->path_unsplit_ns;
#endif
	hook_path_taken(t, from);
}

/* A call of this number, as a part. */
static inline u32 part_of_number(u32 nr)
{
	u64 *info = call_info_at(nr);

	return PART_SYSCALL_IO + (info ? *info & CALL_CLASS : N_CLASSES - 1);
}

/* Adds the time since the last event to one part of both vectors. Signed in effect: clocks of two
 * CPUs, read before a race was decided, may differ by some ns, and time must not run backwards. */
static inline void charge(struct thread *t, u32 part, u64 now)
{
	u64 ns;

	if (now <= t->last_ns)
		return;
	ns = now - t->last_ns;
	t->last_ns = now;
	if (part < N_PATH) {
		t->path[part] += ns;
		t->own[part] += ns;
	}
	if (is_unsplit(part)) {
		t->path_unsplit_ns += ns;
		t->own_unsplit_ns += ns;
	}
#ifdef SAMPLED
	if (t->sample && part < PART_WAKEUP_IDLE)
		sample_ran(t, part, ns);
#endif
	hook_path_grew(t, part, now);
}

/* How long a thread that comes in now was off the CPU inside its present call and the window. */
static inline u64 off_cpu_ns(struct ctl *c, struct thread *t, u64 now)
{
	u64 from = t->out_ns > t->call_start_ns ? t->out_ns : t->call_start_ns;

	return since(now, from > c->start_ns ? from : c->start_ns);
}

static inline void charge_own(struct thread *t, u32 part, u64 now)
{
	if (now > t->last_ns && part < N_OWN)
		t->own[part] += now - t->last_ns;
}

#ifdef FOLLOWED
/* User space reads the rows of a window after its end, while the next one goes on: what has changed
 * by then it reads as it was kept here, before the row's epoch says that it has changed. */
static inline void keep_thread(struct thread *t, u64 state)
{
	struct thread *kept = thread_before_at(t->slot);

	if (!kept)
		return;
	__builtin_memcpy(kept, t, sizeof(*kept));
	kept->state = state;
	asm volatile("" : : : "memory");
}

static inline void keep_cpu(struct cpu *k)
{
	struct cpu *kept = cpu_before_at((u32)k->number);

	if (!kept)
		return;
	__builtin_memcpy(kept, k, sizeof(*kept));
	asm volatile("" : : : "memory");
}
#endif

/* A row begins at the window's start. */
static inline void begin_row(struct ctl *c, struct thread *t)
{
	t->epoch = c->epoch;
	t->last_ns = c->start_ns;
	t->call_off_ns = 0;
	t->voluntary = t->involuntary = t->migrations = t->yielded = 0;
	__builtin_memset(t->resumed, 0, sizeof(t->resumed));
	__builtin_memset(t->path_behind, 0, sizeof(t->path_behind));
	__builtin_memset(t->path_awaited, 0, sizeof(t->path_awaited));
	__builtin_memset(t->own_behind, 0, sizeof(t->own_behind));
	__builtin_memset(t->path, 0, sizeof(t->path));
	__builtin_memset(t->own, 0, sizeof(t->own));
#ifdef SAMPLED
	t->path_unsplit_ns = t->own_unsplit_ns = 0;
	t->piece = t->sample = 0;
	if (t->on_cpu_part < PART_KERNEL_WORKERS) { /* what began before the window is not seen */
		t->asleep_part = t->on_cpu_part;
		t->on_cpu_part = PART_UNSPLIT;
	}
#endif
	hook_path_begins(c, t);
}

/* First touch in a new window: the state stays, all sums start at the window's start. Nobody
 * empties maps from user space, which would race with the programs. `state` is that before the
 * event at `now`. */
static inline void renew_from(struct ctl *c, struct thread *t, u64 state, u64 now)
{
	if (t->epoch == c->epoch)
		return;
#ifdef FOLLOWED
	keep_thread(t, state);
#endif
	hook_row_begins(t, state, now);
	begin_row(c, t);
}

static inline void renew(struct ctl *c, struct thread *t, u64 now)
{
	renew_from(c, t, t->state, now);
}

static inline void renew_cpu(struct ctl *c, struct cpu *k)
{
	if (k->epoch == c->epoch)
		return;
#ifdef FOLLOWED
	keep_cpu(k);
#endif
	k->epoch = c->epoch;
	k->idle_ns = k->other_ns = 0;
	k->since_ns = c->start_ns;
	k->early = 0;
	k->recycled = k->recycled_life_ns = 0;
	k->recycled_voluntary = k->recycled_involuntary = k->recycled_migrations = 0;
	k->recycled_yielded = k->inferred_ns = k->unseen_ns = k->blind = 0;
	k->recycled_unsplit_ns = k->unseen_calls = 0;
	__builtin_memset(k->recycled_behind, 0, sizeof(k->recycled_behind));
	__builtin_memset(k->recycled_own, 0, sizeof(k->recycled_own));
	__builtin_memset(k->sources, 0, sizeof(k->sources));
	__builtin_memset(k->repairs, 0, sizeof(k->repairs));
	__builtin_memset(k->unnamed_ns, 0, sizeof(k->unnamed_ns));
}

static inline void charge_cpu(struct ctl *c, struct cpu *k, u64 now)
{
	renew_cpu(c, k);
	if (!k->seen) {
		k->unseen_ns += since(now, k->since_ns);
	} else if (!k->slot && now > k->since_ns) {
		if (k->tid)
			k->other_ns += now - k->since_ns;
		else
			k->idle_ns += now - k->since_ns;
	}
	k->since_ns = now;
}

/* Linux exchanges the pids of a thread that calls execve and of its group's leader some time
 * before sched_process_exec says so; meanwhile the task pointers tell the two apart. */
static inline u32 resolve(u32 tid, u64 task)
{
	u32 slot = slot_of(tid), other;
	struct thread *t = slot ? thread_at(slot) : 0, *leader;

	if (!t || !t->task || t->task == task)
		return slot;
	if (t->exec_slot)
		return t->exec_slot;
	other = slot_of(t->tgid);
	leader = other ? thread_at(other) : 0;
	return leader && leader->exec_slot == slot ? other : slot;
}

/* The registers of the call in which `task` is, or of the interrupt of its own code. */
static inline u64 registers_of(struct ctl *c, u64 task)
{
	return argument(task, OFFSET_TASK_STACK) + c->regs_offset;
}

/* What the thread of `task`, of which no event has told it, does on its CPU: the registers that
 * it had when it entered the kernel name its system call, and none after an interrupt. */
static inline u32 part_of_registers(struct ctl *c, struct thread *t, u64 task)
{
	s32 nr;

	if (!c->regs_offset)
		return PART_UNKNOWN;
	nr = (s32)argument(registers_of(c, task), OFFSET_REGS_CALL);
	if (nr < 0)
		return PART_USER;
	t->call_nr = table_number(nr, first_number(task));
	t->call_start_ns = t->call_off_ns = 0;
	return part_of_number(t->call_nr);
}

/* The same as the part of the time from now on. */
static inline u32 part_found(struct ctl *c, struct thread *t, u64 task)
{
	u32 part = part_of_registers(c, t, task);

#ifdef SAMPLED
	if (c->phase == PHASE_OPEN) {
		t->asleep_part = part;
		return PART_UNSPLIT;
	}
#endif
	return part;
}

#ifdef SAMPLED
/* The current thread, whose calls are not seen, goes off its CPU by itself: its registers tell in which call. What
 * locks.c knows from a call's entry it learns here. */
static inline u32 part_left(struct ctl *c, struct thread *t, u32 slot)
{
	u64 task = current_typed_task(), regs = typed_u64(task, OFFSET_TASK_STACK) + c->regs_offset;
	s32 number = (s32)argument(regs, OFFSET_REGS_CALL);
	u32 nr, part;

	t->word = t->waits = 0;
	if (!c->regs_offset || number < 0)
		return t->asleep_part = PART_USER;
	nr = table_number(number, first_number_of_typed(task));
	part = part_of_number(nr);
	if (IS_CALL(nr, RESTART_SYSCALL))
		part = IS_CALL(t->call_nr, RESTART_SYSCALL) ? t->call_part : part_of_number(t->call_nr);
	t->call_nr = nr;
	t->asleep_part = t->call_part = part;
	if (part == PART_SYSCALL_FUTEX && nr < CALLS_OF_COMPAT)
		futex_begins(t, slot, regs);
	return part;
}

/* `t` has come onto this CPU. In its own code it goes over to its present piece. */
static inline void sample_at_switch(struct ctl *c, struct cpu *k, struct thread *t, u32 slot, u64 task)
{
	if (c->phase == PHASE_OPEN && c->regs_offset &&
	    (t->on_cpu_part == PART_USER || t->on_cpu_part == PART_UNSPLIT) &&
	    t->piece != (bpf_jiffies64() >> SAMPLE_SHIFT) + 1 &&
	    (s32)argument(registers_of(c, task), OFFSET_REGS_CALL) < 0 && sample_next_piece(t)) {
		t->sample = sample_of_piece(t, slot);
		t->on_cpu_part = t->sample ? PART_USER : PART_UNSPLIT;
	}
	k->unseen_until = sample_unseen_until(t);
}
#endif

/* A thread that nobody saw come in runs here: its wait ends now. */
static inline void found_running(struct ctl *c, struct cpu *k, struct thread *t, u32 cpu, u64 task,
				 u64 now)
{
	u64 was;

	renew(c, t, now);
	was = __sync_lock_test_and_set(&t->state, THREAD_RUNNING);
	if (was == THREAD_RUNNING || was == THREAD_RUNNING_EARLY)
		return;
	t->call_off_ns += off_cpu_ns(c, t, now);
	if (was == THREAD_BLOCKED)
		k->unnamed_ns[REPAIR_SWITCH_NOT_SEEN] += since(now, t->last_ns);
	charge(t, was == THREAD_PREEMPTED ? PART_PREEMPTED : was == THREAD_YIELDED ? PART_YIELDED :
		  was == THREAD_BLOCKED ? PART_UNKNOWN : PART_WAKEUP_QUEUED, now);
	if (t->on_cpu_part == PART_UNKNOWN)
		t->on_cpu_part = part_found(c, t, task);
	t->in_ns = now;
	t->wait = N_WAITS;
	t->task = task;
	t->cpu = cpu;
}

/* The slot of the thread that runs here. A switch can go unseen: some virtual machines' own
 * tasks leave the CPU without firing sched_switch (1 in 1000 switches here, always away from
 * them). Then an event by the current thread is the first proof that it runs. */
static inline u32 running_slot(struct ctl *c, struct cpu *k, u32 cpu, u32 tid, u64 now)
{
	struct thread *t;
	u64 task;
	u32 slot;

	if (k->tid == tid && k->seen)
		return k->slot;
	task = current_task();
	t = k->slot ? thread_at(k->slot) : 0;
	if (t && t->task == task) { /* execve gave it another pid */
		k->tid = tid;
		return k->slot;
	}
	slot = tid ? resolve(tid, task) : 0;
	charge_cpu(c, k, now);
	k->regs = k->runtime_in = 0;
#ifdef SAMPLED
	k->unseen_until = 0;
#endif
	if (k->seen) {
		k->repairs[REPAIR_SWITCH_NOT_SEEN]++;
		if (t && t->cpu == cpu) { /* otherwise it was seen to come in elsewhere */
			renew(c, t, now);
			k->unnamed_ns[REPAIR_SWITCH_NOT_SEEN] += since(now, t->last_ns);
			charge(t, PART_UNKNOWN, now);
			__sync_lock_test_and_set(&t->state, THREAD_BLOCKED);
		}
	}
	k->seen = 1;
	k->tid = tid;
	k->slot = slot;
	if (slot && (t = thread_at(slot)))
		found_running(c, k, t, cpu, task, now);
	return slot;
}

/* The same for system calls. The registers of a call lie at one place of its thread's own stack:
 * a call that has them where the last one on this CPU had them, with no switch in between, is by
 * the same thread, and needs no helper to say which. */
static inline u32 calling_slot(struct ctl *c, struct cpu *k, u32 cpu, u64 regs, u64 now)
{
	u32 slot;

	if (k->regs == regs)
		return k->slot;
	slot = running_slot(c, k, cpu, current_tid(), now);
	k->regs = regs;
	if (!c->regs_offset) /* at sys_enter `regs` is a typed pointer, with which BPF cannot count */
		c->regs_offset = *(volatile u64 *)&k->regs -
				 argument(current_task(), OFFSET_TASK_STACK);
	return slot;
}

/* Whether it is known, before the clock is read, that no thread of the target makes this call: the
 * state machine has nothing to do for it. What other programs on the host pay for tracer is this. */
static inline u32 is_strangers_call(struct ctl *c, struct cpu *k, u64 regs)
{
	if (k->slot || !c->regs_offset)
		return 0;
	if (k->regs == regs)
		return 1;
	if (!k->seen || k->tid != current_tid())
		return 0;
	k->regs = regs;
	return 1;
}

/* The same without the repair, for rare events that follow a system call's entry: each copy of
 * the repair costs start-up time. */
static inline u32 known_slot(struct cpu *k, u32 tid)
{
	return k->seen && k->tid == tid ? k->slot : slot_of(tid);
}

/* ---- the window ---- */

static inline void open_window(struct ctl *c, struct thread *t, u64 now)
{
	c->start_ns = now;
	__sync_fetch_and_add(&c->epoch, 1);
	c->armed_tid = 0;
	c->window_tgid = t->tgid;
	c->phase = PHASE_OPEN;
	hook_window_edge(t->slot, 1, now);
	renew(c, t, now);
}

#ifdef FOLLOWED
/* The window ends and the next one begins, at an event: no program runs between reading the clock
 * and the change. */
static inline void next_window(struct ctl *c, u64 now)
{
	if (__sync_val_compare_and_swap(&c->next_wanted, 1, 0) != 1)
		return;
	c->start_ns = now;
	__sync_fetch_and_add(&c->epoch, 1);
}
#endif

static inline void close_window(struct ctl *c, struct thread *t, u32 slot, u64 now)
{
	if (__sync_val_compare_and_swap(&c->end_slot, 0, slot))
		return;
	charge(t, t->on_cpu_part, now);
	hook_window_edge(slot, 0, now);
	c->end_ns = now;
	c->phase = PHASE_CLOSED;
}

/* The last thread of the command's process has left its CPU for good: a command's window ends
 * here, when its parent is told, on every kernel (memory is given back before sched_process_exit
 * on some and after it on others). The path is that of the thread that ended the process, and
 * what the exit took from that thread's last switch on. */
static inline void end_at_exit(struct ctl *c, u32 last_slot, u64 now)
{
	u32 slot = c->exit_slot ? c->exit_slot : last_slot;
	struct thread *t = thread_at(slot);

	if (!t || __sync_val_compare_and_swap(&c->end_slot, 0, slot))
		return;
	if (now > t->last_ns) {
#ifdef SAMPLED
		t->path_unsplit_ns += now - t->last_ns;
#else
		t->path[PART_SYSCALL_PROCESS] += now - t->last_ns;
#endif
		t->last_ns = now;
		hook_path_filled(t, t, PART_SYSCALL_PROCESS, now);
	}
	hook_window_edge(slot, 0, now);
	c->end_ns = now;
	c->phase = PHASE_CLOSED;
}

/* ---- the table of threads ---- */

static inline u32 new_slot(struct ctl *c, struct cpu *k)
{
	u64 slot, head;

	if (c->next_slot < MAX_THREADS) {
		slot = fetch_and_add(&c->next_slot, 1);
		if (slot < MAX_THREADS)
			return (u32)slot;
	}
	head = c->free_head;
	if (c->free_tail - head > FREE_RESERVE &&
	    __sync_val_compare_and_swap(&c->free_head, head, head + 1) == head) {
		u32 *free = free_at(head % MAX_THREADS);
		struct thread *dead;

		/* not dead: user space has given that row to a thread it found */
		if (free && (dead = thread_at(*free)) && dead->state == THREAD_DEAD) {
			renew_cpu(c, k);
			if (dead->epoch == c->epoch) {
				k->recycled++;
				k->recycled_life_ns += since(dead->death_ns,
					dead->birth_ns > c->start_ns ? dead->birth_ns : c->start_ns);
				k->recycled_voluntary += dead->voluntary;
				k->recycled_involuntary += dead->involuntary;
				k->recycled_migrations += dead->migrations;
				k->recycled_yielded += dead->yielded;
				k->recycled_unsplit_ns += dead->own_unsplit_ns;
#pragma clang loop unroll(disable)
				for (int i = 0; i < N_OWN; i++)
					k->recycled_own[i] += dead->own[i];
				for (int i = 0; i < N_BEHIND; i++)
					k->recycled_behind[i] += dead->own_behind[i];
			}
			return *free;
		}
	}
	k->losses[LOSS_THREAD_TABLE_FULL]++;
	return 0;
}

/* sched_waking does not fire for a new thread: it begins here, woken by its creator. A worker of
 * the kernel makes no calls and has a part of its own; its path is nobody's, since a poller that
 * spins would never let go of it. */
static inline void create(struct ctl *c, struct thread *t, struct thread *parent, u32 cpu, u64 now,
			  u32 tid, u32 tgid, u64 task, u32 queue_cpu)
{
	renew(c, parent, now);
	renew(c, t, now); /* of the thread that had the row */
	begin_row(c, t);
	t->is_worker = is_kernels_worker(task) != 0;
	t->on_cpu_part = t->is_worker ? PART_KERNEL_WORKERS : PART_USER;
	t->blocked_part = PART_BLOCKED_OTHER;
	t->call_nr = 0;
	t->woken_ns = t->in_ns = t->out_ns = t->birth_ns = now;
	t->death_ns = 0;
	t->waking_cpu = cpu;
	t->source = SOURCE_PROCESS;
	t->tid = tid;
	t->tgid = tgid;
	t->fresh = 1;
	t->reads_control = t->exec_slot = 0;
	t->word = 0;
	t->prio = 0;
	t->affinity = parent->affinity;
	t->task = task;
	t->comm[0] = 0;
#ifdef SAMPLED
	t->sample = t->piece = 0;
	if (c->phase == PHASE_OPEN && !t->is_worker) {
		sample_next_piece(t);
		t->sample = sample_of_piece(t, t->slot);
		t->on_cpu_part = t->sample ? PART_USER : PART_UNSPLIT;
		t->asleep_part = PART_USER;
	}
#endif
	charge(parent, parent->on_cpu_part, now);
	t->last_ns = parent->last_ns; /* now, or later where clocks differ */
	take_path(t, parent);
	queue_begins(c, t, queue_cpu, now);
}

/* `queue_cpu`: the kernel has put it on that CPU's queue, and says so in no event of its own. */
static inline void on_new_thread(u32 cpu, u64 now, u32 parent_tid, u32 tid, u32 tgid, u64 task,
				 u32 queue_cpu)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *parent, *t;
	u32 parent_slot, slot, *entry;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
	parent_slot = known_slot(k, parent_tid);
	if (!parent_slot || !(parent = thread_at(parent_slot)))
		return;
	if (!c->follow && tgid != parent->tgid)
		return;
	slot = new_slot(c, k);
	t = slot ? thread_at(slot) : 0;
	entry = slot_entry(tid);
	if (!t || !entry)
		return;
	if (tgid == c->first_tgid)
		__sync_fetch_and_add(&c->first_threads, 1);
	t->slot = slot;
	create(c, t, parent, cpu, now, tid, tgid, task, queue_cpu);
	hook_created(cpu, t, slot, parent_slot, now);
	t->state = THREAD_WAKING;
	*entry = slot;
}

/* At the last switch-out, not at sched_process_exit: an exiting thread still wakes its joiner. */
static inline void retire(struct ctl *c, struct thread *t, u32 slot, u64 now)
{
	u32 *entry = slot_entry(t->tid);
	u32 *free = free_at(fetch_and_add(&c->free_tail, 1) % MAX_THREADS);
	struct thread *leader;

	if (entry && *entry == slot && !t->exec_slot)
		*entry = 0;
	if (t->tid != t->tgid && (entry = slot_entry(t->tgid)) &&
	    (leader = thread_at(*entry)) && leader->exec_slot == slot) { /* killed in execve */
		leader->exec_slot = 0;
		if (leader->state == THREAD_DEAD)
			*entry = 0;
	}
	if (free)
		*free = slot == c->exit_slot ? 0 : slot; /* its path is kept for the window's end */
	t->death_ns = now;
	current_comm(t->comm);
	t->state = THREAD_DEAD;
	if (c->first_tgid && t->tgid == c->first_tgid &&
	    fetch_and_add(&c->first_threads, -1) == 1 && c->phase == PHASE_OPEN &&
	    c->command_tgid)
		end_at_exit(c, slot, now);
}

static inline void on_exec(u32 cpu, u64 now, u32 tid, u32 old_tid)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t, *leader;
	u32 slot, leader_slot, *entry, *old_entry;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
	slot = slot_of(old_tid);
	t = slot ? thread_at(slot) : 0;
	if (!t)
		return;
	if (c->phase == PHASE_BEFORE && c->command_tgid && t->tgid == c->command_tgid)
		open_window(c, t, now);
	hook_executed(cpu, t, slot, tid, old_tid, now);
	if (tid == old_tid)
		return;
	entry = slot_entry(tid);
	old_entry = slot_entry(old_tid);
	if (!entry || !old_entry)
		return;
	leader_slot = *entry;
	leader = leader_slot ? thread_at(leader_slot) : 0;
	*entry = slot;
	*old_entry = 0;
	t->tid = tid;
	if (leader) {
		leader->exec_slot = 0;
		if (leader->state != THREAD_DEAD) { /* its last switch-out is still to come */
			leader->tid = old_tid;
			*old_entry = leader_slot;
		}
	}
}

/* ---- switches ---- */

/* The state that it leaves the thread in. */
static inline u32 switch_out(struct ctl *c, struct cpu *k, u32 cpu, struct thread *t, u32 slot,
			     u64 now, u32 preempt, u64 prev_state)
{
	u32 part;

	renew(c, t, now);
	charge(t, t->on_cpu_part, now);
	part = t->on_cpu_part;
#ifdef SAMPLED
	if (part == PART_UNSPLIT && !preempt && !(prev_state & TASK_STATE_DEAD))
		part = part_left(c, t, slot);
#endif
	if (c->phase == PHASE_OPEN)
		hook_switched_out(cpu, t, slot, since(now, t->in_ns > c->start_ns ? t->in_ns : c->start_ns),
				  !(prev_state & TASK_STATE_DEAD) && (preempt || !prev_state));
	t->out_ns = now;
	if (prev_state & TASK_STATE_DEAD) {
		/* as getrusage counts: a thread is summed up before its last switch, the first thread
		 * of a process after it */
		t->voluntary += t->tid == t->tgid;
		retire(c, t, slot, now);
		return THREAD_DEAD;
	} else if (preempt || prev_state == 0) {
		t->involuntary++;
		queue_begins(c, t, cpu, now);
		t->is_throttled = is_throttled(current_task());
		t->prio = current_prio();
		if (!preempt && part == PART_SYSCALL_PROCESS &&
		    IS_CALL(t->call_nr, SCHED_YIELD)) {
			t->yielded++;
			__sync_lock_test_and_set(&t->state, THREAD_YIELDED);
			return THREAD_YIELDED;
		}
		__sync_lock_test_and_set(&t->state, THREAD_PREEMPTED);
		return THREAD_PREEMPTED;
	} else {
		t->voluntary++;
		t->sleeps += prev_state & TASK_STATE_INTERRUPTIBLE;
		t->for_blocks = waits_for_blocks(current_task(), prev_state);
		t->blocked_part = prev_state & TASK_STATE_STOPPED ? PART_BLOCKED_STOPPED :
			   part == PART_UNKNOWN ? PART_UNKNOWN :
			   part && !t->is_worker ? PART_BLOCKED_IO + part - 1 : PART_BLOCKED_OTHER;
		if (__sync_val_compare_and_swap(&t->state, THREAD_RUNNING, THREAD_BLOCKED) !=
		    THREAD_RUNNING) {
			/* woken between its decision to sleep and this switch */
			t->woken_ns = now;
			queue_begins(c, t, cpu, now);
			__sync_lock_test_and_set(&t->state, THREAD_WAKING_EARLY);
			return THREAD_WAKING_EARLY;
		}
		return THREAD_BLOCKED;
	}
}

/* What a thread that comes in had waited for (KIND_*, WAIT_PREEMPTED, N_WAITS: not known) and the
 * part that its wait counts under; `was` is the state that it leaves. */
static inline u32 wait_kind(struct ctl *c, struct cpu *k, u32 cpu, struct thread *t, u64 was,
			    u32 *part, u64 now)
{
	u64 was_idle;
	u32 repair;

	if (was == THREAD_WAKING || was == THREAD_WAKING_EARLY) {
		/* idle when woken: its idle task had come in before and had not left */
		was_idle = k->idle_in_ns && k->idle_in_ns <= t->woken_ns &&
			   (k->idle_out_ns < k->idle_in_ns || k->idle_out_ns >= t->woken_ns);
		*part = was_idle ? PART_WAKEUP_IDLE : PART_WAKEUP_QUEUED;
		return t->source != SOURCE_PROCESS && t->source < SOURCE_KERNEL_THREAD
			? KIND_INTERRUPT
			: t->waking_cpu == cpu ? KIND_SAME_CPU
			: was_idle ? KIND_CROSS_CPU_IDLE : KIND_CROSS_CPU_BUSY;
	}
	if (was == THREAD_PREEMPTED) {
		*part = PART_PREEMPTED;
		return WAIT_PREEMPTED;
	}
	if (was == THREAD_YIELDED) {
		*part = PART_YIELDED;
		return WAIT_YIELDED;
	}
	if (t->task) { /* otherwise the first thread, seeded by user space */
		renew_cpu(c, k);
		repair = was == THREAD_BLOCKED ? REPAIR_SWITCHED_IN_WHILE_BLOCKED
					       : REPAIR_SWITCHED_IN_WHILE_RUNNING;
		k->repairs[repair]++;
		k->unnamed_ns[repair] += since(now, t->last_ns);
	}
	*part = PART_UNKNOWN;
	return N_WAITS;
}

static inline void switch_in(struct ctl *c, struct cpu *k, u32 cpu, struct thread *t, u32 slot,
			     u64 now)
{
	u32 kind, part;

	renew(c, t, now);
	kind = wait_kind(c, k, cpu, t, __sync_lock_test_and_set(&t->state, THREAD_RUNNING), &part, now);
	hook_switched_in(cpu, c, t, slot, kind, part, now);
	if (part == PART_WAKEUP_QUEUED || part == PART_PREEMPTED || part == PART_YIELDED)
		queue_ends(c, t, now);
	charge(t, part, now);
	t->call_off_ns += off_cpu_ns(c, t, now);
	t->resumed[t->on_cpu_part == PART_USER || is_unsplit(t->on_cpu_part) ? RESUMED_USER :
		   t->on_cpu_part == PART_SYSCALL_IO || t->on_cpu_part == PART_SYSCALL_POLL ||
		   t->on_cpu_part == PART_SYSCALL_IO_URING ? RESUMED_IO : RESUMED_SYSTEM]++;
	t->in_ns = now;
	t->cpu = cpu;
	t->wait = kind;
}

/* Whether no event can tell a call of the thread of `task`, which comes in. One that comes back to end
 * its own program ends it before it makes another call. */
static inline u32 is_blind(struct ctl *c, struct cpu *k, u64 task)
{
	u64 regs;

	if (!k->entering || !k->returning)
		return 0;
	regs = registers_of(c, task);
	return regs != k->entering && regs != k->returning;
}

/* How long `task`, which leaves this CPU and is none of the target's, had it, as the scheduler counts. */
static inline u64 ran_ns(struct cpu *k, u64 task)
{
	return typed_u64(task, OFFSET_TASK_RUNTIME) - k->runtime_in;
}

/* An interrupt's exit can be missed, a switch inside one cannot happen. */
static inline void current_changed(struct cpu *k, u32 next_tid, u32 next_slot, u64 next_task)
{
	k->hard = k->timer = k->soft = k->raised = 0;
	k->tid = next_tid;
	k->slot = next_slot;
	k->regs = 0;
	k->runtime_in = typed_u64(next_task, OFFSET_TASK_RUNTIME);
}

/* A switch from one task of other programs to another one, which changes nothing but who has the
 * CPU: it is done here, without the clock. 0: it is none, or not known to be one, or its time is asked for. */
static inline u32 between_strangers(u32 cpu, u64 prev_id, u64 prev_task, u32 next_tid, u64 next_task)
{
#ifdef TIMES_ALL_SWITCHES
	return 0;
#else
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);

	if (!c || !k || c->phase != PHASE_OPEN || c->next_wanted || k->epoch != c->epoch)
		return 0;
	if (!k->seen || k->slot || k->tid != (u32)prev_id || !k->tid || !k->runtime_in)
		return 0;
	if (!next_tid || slot_of(next_tid))
		return 0;
	other_ran(cpu, prev_id >> 32, ran_ns(k, prev_task));
	current_changed(k, next_tid, 0, next_task);
	k->untimed = 1;
	return 1;
#endif
}

static inline void on_switch(u32 cpu, u64 now, u32 preempt, u64 prev_id, u64 prev_task,
			     u64 prev_state, u32 next_tid, u64 next_task)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t;
	u32 prev_tid = (u32)prev_id, slot, next, left = 0;
	u64 ns, most;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
#ifdef FOLLOWED
	if (c->next_wanted)
		next_window(c, now);
#endif
	slot = running_slot(c, k, cpu, prev_tid, now);
	if (!slot && prev_tid && c->phase == PHASE_OPEN) {
		ns = ran_ns(k, prev_task);
		most = since(now, k->since_ns > c->start_ns ? k->since_ns : c->start_ns);
		other_ran(cpu, prev_id >> 32, ns < most ? ns : most);
	}
	charge_cpu(c, k, now);
	hook_cpu_event(cpu, now);
	if (slot && (t = thread_at(slot)))
		left = switch_out(c, k, cpu, t, slot, now, preempt, prev_state);
	next = 0;
#ifdef SAMPLED
	k->unseen_until = 0;
#endif
	if (!prev_tid)
		k->idle_out_ns = now;
	if (!next_tid)
		k->idle_in_ns = now;
	else if ((next = resolve(next_tid, next_task)) && (t = thread_at(next))) {
		k->blind += is_blind(c, k, next_task);
		switch_in(c, k, cpu, t, next, now);
		t->task = next_task;
		if (t->on_cpu_part == PART_UNKNOWN)
			t->on_cpu_part = part_found(c, t, next_task);
#ifdef SAMPLED
		sample_at_switch(c, k, t, next, next_task);
#endif
#ifdef LIGHT
		if (c->armed_tid && c->armed_tid == next_tid)
			open_window(c, t, now);
#endif
	}
	if (slot || next)
		k->events++;
	hook_switched(cpu, slot, next, next_tid, preempt, prev_state, left, now);
	current_changed(k, next_tid, next, next_task);
	k->untimed = 0;
}

/* ---- wake-ups ---- */

/* Who is waking? A softirq at the end of an interrupt sees depth 0 like one that the current
 * task raised itself (loopback), in a call or in work that the kernel deferred to the return from
 * one: `raised` tells them apart, whichever process the task belongs to. */
static inline u32 wake_source(struct cpu *k, struct thread *waker, u32 waker_tid)
{
	if (k->timer)
		return SOURCE_TIMER;
	if (k->hard)
		return SOURCE_HARD_IRQ;
	if (k->soft && !k->raised)
		return SOURCE_SOFTIRQ;
	if (waker)
		return waker->is_worker ? SOURCE_KERNEL_WORKER : SOURCE_PROCESS;
	if (!waker_tid)
		return SOURCE_HARD_IRQ;
	return current_is_kernel_thread() ? SOURCE_KERNEL_THREAD : SOURCE_OTHER_PROCESS;
}

/* The part of the path that a sleep is which nobody of the target ended. */
static inline u32 slept_part(struct thread *t)
{
	u32 part = part_asleep(t);

	if (t->source == SOURCE_KERNEL_WORKER)
		return PART_KERNEL_WORKERS;
	if (t->source != SOURCE_TIMER)
		return PART_EXTERNAL;
	return part == PART_SYSCALL_FUTEX || part == PART_SYSCALL_POLL ||
	       part == PART_SYSCALL_IO_URING ? PART_TIMED_WAIT : PART_SLEEP;
}

/* `t` takes over the path of a thread on another CPU, or on none, up to `at` or to that thread's last
 * event, if that is later: the instant is returned. That thread may be changing its path meanwhile:
 * what the copy lacks is what it does at present. */
static inline u64 take_path_of_holder(struct ctl *c, struct thread *t, struct thread *from, u64 at)
{
	u32 part = from->state == THREAD_PREEMPTED ? PART_PREEMPTED : from->on_cpu_part;
	u64 sum = 0;

	if (from->epoch == c->epoch) {
		take_path(t, from);
	} else {
		__builtin_memset(t->path, 0, sizeof(t->path));
		__builtin_memset(t->path_behind, 0, sizeof(t->path_behind));
		__builtin_memset(t->path_awaited, 0, sizeof(t->path_awaited));
		__builtin_memset(t->resumed, 0, sizeof(t->resumed));
#ifdef SAMPLED
		t->path_unsplit_ns = 0;
#endif
		hook_path_begins(c, t);
	}
#ifdef SAMPLED
	sum = t->path_unsplit_ns;
#endif
#pragma unroll
	for (int i = 0; i < N_PATH; i++)
		sum += t->path[i];
	if (at < c->start_ns + sum)
		return c->start_ns + sum;
	if (is_unsplit(part))
		t->path_unsplit_ns += at - c->start_ns - sum;
	asm volatile("" : "+r"(part)); /* as the verifier wants the bound: right before its use */
	if (part < N_PATH)
		t->path[part] += at - c->start_ns - sum;
	hook_path_filled(t, from, part, at);
	return at;
}

/* The woken thread takes over its waker's path: what it slept through was work of the waker's
 * chain. From a timer or from outside there is no chain to take: the sleep itself is the path,
 * unless it was a wait for a lock (locks.c): then the slot of the lock's holder is returned, else 0. */
static inline u32 hand_over(struct ctl *c, struct cpu *k, struct thread *t, struct thread *waker,
			    u64 now)
{
	u64 at = now > t->last_ns ? now : t->last_ns;
	struct thread *from;
	u32 mode, held_by = 0;

	if (t->source == SOURCE_PROCESS) {
		renew(c, waker, now);
		if (waker->last_ns > at)
			at = waker->last_ns; /* its vector is already that far */
		charge_own(t, t->blocked_part, at);
		hook_slept(t, at);
		hook_path_given(waker, at);
		take_path(t, waker);
		mode = waker->on_cpu_part;
		if (mode < N_PATH && at > waker->last_ns)
			t->path[mode] += at - waker->last_ns;
		if (is_unsplit(mode) && at > waker->last_ns)
			t->path_unsplit_ns += at - waker->last_ns;
#ifdef SAMPLED
		if (t->waits) { /* one had what the other waited for, which has it now */
			touch(t, waker->slot);
			touch(t, t->slot);
		}
#endif
	} else {
		from = t->source == SOURCE_TIMER ? holder(t) : 0;
		asm volatile("" : "+r"(from)); /* the verifier needs the check below, where it is */
		if (from) {
			hook_slept(t, at);
			held_by = from->slot;
			at = take_path_of_holder(c, t, from, at);
		} else {
			mode = slept_part(t);
			t->path[mode] += at - t->last_ns;
			if (mode != PART_KERNEL_WORKERS)
				waited(c, k, t, mode, at - t->last_ns);
			hook_path_slept(t, mode, at);
		}
		charge_own(t, t->blocked_part, at);
		k->sources[t->source < N_SOURCES ? t->source : 0]++;
	}
	t->last_ns = at;
	t->woken_ns = at;
	queue_begins(c, t, t->cpu, at);
	return held_by;
}

#ifdef LIGHT
/* Without system calls, the wake-up of tracer by the write of `end` tells that the window ends. */
static inline void on_waking_tracer(struct ctl *c, struct cpu *k, u32 cpu, u64 now, u32 waker_tid)
{
	u32 slot = running_slot(c, k, cpu, waker_tid, now);
	struct thread *waker = slot ? thread_at(slot) : 0;

	if (waker && waker->tgid == c->window_tgid && !k->hard && !k->soft) {
		renew(c, waker, now);
		close_window(c, waker, slot, now);
	}
}
#endif

/* Ends the sleep of `t`. A wake-up that meets the thread still running is noted (`early`); one
 * that finds it on its way already makes no second edge. Returned is what it did (WAKEUP_*), and above
 * 8 bits the holder of the lock that the thread waited for. */
static inline u64 wake(struct ctl *c, struct cpu *k, u32 cpu, struct thread *t, u32 slot,
		       struct thread *waker, u32 waker_slot, u32 source, u64 now)
{
	u64 seen, old, held_by;

	seen = t->state;
#pragma clang loop unroll(disable)
	for (int attempt = 0; attempt < 3; attempt++) {
		if (seen == THREAD_RUNNING) {
			t->waking_cpu = cpu;
			t->source = source;
			old = __sync_val_compare_and_swap(&t->state, THREAD_RUNNING, THREAD_RUNNING_EARLY);
			if (old == THREAD_RUNNING) {
				k->early++;
				return WAKEUP_EARLY;
			}
		} else if (seen == THREAD_BLOCKED || seen == THREAD_WAKING_EARLY) {
			/* a wake-up that meets WAKING_EARLY proves that the early one was stale:
			 * the thread had found nothing and gone to sleep again */
			old = __sync_val_compare_and_swap(&t->state, seen, THREAD_WAKING);
			if (old == seen) {
				renew_from(c, t, seen, now);
				t->waking_cpu = cpu;
				t->source = source;
				held_by = hand_over(c, k, t, waker, now);
				hook_waking(cpu, t, slot, waker_slot);
				if (source == SOURCE_PROCESS && c->phase == PHASE_OPEN)
					hook_woke_next(cpu, waker, since(now, waker->in_ns > c->start_ns
									 ? waker->in_ns : c->start_ns));
				return WAKEUP_ENDED_SLEEP | held_by << 8;
			}
		} else {
			return WAKEUP_ON_ITS_WAY;
		}
		seen = old;
	}
	k->losses[LOSS_STATE_RACE]++;
	return WAKEUP_ON_ITS_WAY;
}

/* Whether a wake-up of this thread has nothing to tell, before the clock is read. */
static inline u32 is_strangers_wakeup(u32 tid)
{
#ifdef LIGHT
	struct ctl *c = ctl_at(0);

	if (c && tid == c->tracer_tid)
		return 0;
#endif
	return !slot_of(tid);
}

static inline void on_waking(u32 cpu, u64 now, u32 waker_tid, u32 tid, u64 task)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t, *waker;
	u32 slot, waker_slot, source;
	u64 did;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
#ifdef LIGHT
	if (tid == c->tracer_tid && c->phase == PHASE_OPEN) {
		on_waking_tracer(c, k, cpu, now, waker_tid);
		return;
	}
#endif
	slot = resolve(tid, task);
	if (!slot || !(t = thread_at(slot)))
		return;
	waker_slot = running_slot(c, k, cpu, waker_tid, now);
	waker = waker_slot ? thread_at(waker_slot) : 0;
	source = wake_source(k, waker, waker_tid);
	renew_cpu(c, k);
	k->events++;
	hook_cpu_event(cpu, now);
	did = wake(c, k, cpu, t, slot, waker, waker_slot, source, now);
	hook_woken(cpu, slot, waker_slot, source, did, now);
}

static inline void on_migrate(u32 cpu, u64 now, u32 tid, u64 task, u32 to_cpu)
{
	struct ctl *c = ctl_at(0);
	struct thread *t;
	u32 slot;

	if (!c || c->phase != PHASE_OPEN)
		return;
	slot = resolve(tid, task);
	if (!slot || !(t = thread_at(slot)))
		return;
	hook_moved(cpu, slot, to_cpu, now);
#ifdef FOLLOWED /* its row is this CPU's: it waits in a queue that is locked here */
	renew(c, t, now);
#endif
	if (t->epoch == c->epoch) {
		t->migrations++;
		hook_migrated(cpu, t);
		move_queue(c, t, to_cpu, now);
	}
}

/* A function that another CPU has called begins here, in an interrupt. */
static inline void on_called(u32 cpu)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);

	if (!c || !k)
		return;
	k->hard++;
	hook_called(c, cpu);
}

/* ---- system calls ---- */

/* A thread other than its group's leader is about to call execve, which will give it the leader's
 * pid, or that call has failed (`slot` 0). */
static inline void note_exec(struct thread *t, u32 own_slot, u32 slot)
{
	struct thread *leader;
	u32 leader_slot;

	if ((!IS_CALL(t->call_nr, EXECVE) && !IS_CALL(t->call_nr, EXECVEAT)) || t->tid == t->tgid)
		return;
	leader_slot = slot_of(t->tgid);
	leader = leader_slot ? thread_at(leader_slot) : 0;
	if (leader && (slot || leader->exec_slot == own_slot))
		leader->exec_slot = slot;
}

/* The process of this thread ends by what the thread does: the first one counts. */
static inline void note_exit(struct ctl *c, struct thread *t, u32 slot)
{
	if (!c->exit_slot && c->command_tgid && t->tgid == c->command_tgid &&
	    c->phase == PHASE_OPEN)
		c->exit_slot = slot;
}

/* Calls on the control socket edge the window: the write of `end` closes it (true); before that the
 * first write is that of `begin`, and a read is that of `go`. */
static inline u32 is_end_of_window(struct ctl *c, struct thread *t, u32 nr, u32 part, u64 *info,
				   u64 regs)
{
	if (c->phase == PHASE_OPEN)
		return nr == c->control_nr && t->tgid == c->window_tgid && c->control_fd >= 0 &&
		       first_argument(regs) == c->control_fd;
	if (c->control_fd >= 0 && part == PART_SYSCALL_IO &&
	    first_argument(regs) == c->control_fd) {
		t->reads_control = !(info && *info & CALL_WRITES);
		if (!t->reads_control && !c->control_nr)
			c->control_nr = nr;
	}
	return 0;
}

/* The class of a call as a part; its number, which the registers have, in `t`. */
static inline u32 part_of_call(struct thread *t, u64 regs)
{
	u32 nr = table_number(argument(regs, OFFSET_REGS_CALL), first_number(current_task()));

	t->call_nr = nr;
	return part_of_number(nr);
}

/* A call returns whose entry was not seen: it was refused before that (seccomp), or the kernel could
 * not run the program at its entry. It counts as a call that took no time. 0: none did. */
static inline u32 infer_entry(struct ctl *c, struct cpu *k, struct thread *t, u64 now, u64 regs)
{
	if (t->fresh || c->phase != PHASE_OPEN)
		return 0;
	if ((s32)argument(regs, OFFSET_REGS_CALL) < 0) {
		k->losses[LOSS_UNMATCHED_EXIT]++;
		return 0;
	}
	renew_cpu(c, k);
	k->repairs[REPAIR_CALL_ENTRY_NOT_SEEN]++;
	k->inferred_ns += since(now, t->last_ns);
	charge(t, PART_USER, now);
	t->on_cpu_part = part_of_call(t, regs);
	t->call_start_ns = now;
	t->call_off_ns = 0;
	t->sleeps = 0;
	t->waits = t->word = 0;
	return 1;
}

/* A call begins inside another one, whose return was not seen: the time since the thread's last
 * event was partly that call's. Its result is not known. */
static inline void end_unseen_call(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t,
				   u32 slot, u64 now)
{
	u64 from = t->call_start_ns > c->start_ns ? t->call_start_ns : c->start_ns;

	if (c->phase != PHASE_OPEN)
		return;
#ifdef SAMPLED
	sample_called(t);
#endif
	renew_cpu(c, k);
	k->repairs[REPAIR_CALL_RETURN_NOT_SEEN]++;
	k->inferred_ns += since(now, t->last_ns);
	charge(t, t->on_cpu_part, now);
	hook_call_ended(cpu, c, k, t, slot, 0, since(now, from), now);
}

#ifdef SAMPLED
/* The thread goes over to its present piece with the call `nr`, which it enters. 1: that is all there is
 * to do, since the call is not seen. */
static inline u32 sample_enters(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				u32 nr, u64 now)
{
	u32 sample = sample_next_piece(t) ? sample_of_piece(t, slot) : t->sample;

	renew_cpu(c, k);
	if (t->on_cpu_part == PART_USER)
		charge(t, PART_USER, now);
	else if (t->on_cpu_part < PART_KERNEL_WORKERS)
		end_unseen_call(cpu, c, k, t, slot, now);
	else
		charge(t, PART_UNSPLIT, now);
	t->sample = sample;
	if (sample) {
		t->on_cpu_part = PART_USER;
		k->unseen_until = 0;
		return 0;
	}
	t->on_cpu_part = PART_UNSPLIT;
	t->call_nr = nr;
	t->fresh = 0;
	t->sleeps = 0;
	k->unseen_calls++;
	k->unseen_until = sample_unseen_until(t);
	note_exec(t, k->slot, k->slot);
	if (IS_CALL(nr, EXECVE) || IS_CALL(nr, EXECVEAT))
		k->unseen_until = 0; /* it may fail */
	if (IS_CALL(nr, EXIT_GROUP))
		note_exit(c, t, slot);
	return 1;
}

/* A call that is not seen returns. */
static inline void sample_leaves(struct cpu *k, struct thread *t, u64 now)
{
	if (t->on_cpu_part == PART_UNKNOWN)
		charge(t, PART_UNSPLIT, now);
	t->on_cpu_part = PART_UNSPLIT;
	note_exec(t, k->slot, 0);
	t->fresh = 0;
	k->unseen_until = sample_unseen_until(t);
}
#endif

static inline void on_call_enter(u32 cpu, u64 now, u32 nr, u64 regs)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t;
	u32 slot, part;
	u64 *info;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
	slot = calling_slot(c, k, cpu, regs, now);
	if (!slot || !(t = thread_at(slot)))
		return;
	k->events++;
	renew(c, t, now);
	hook_cpu_event(cpu, now);
	nr = entered_number(nr, regs);
	info = call_info_at(nr);
	part = PART_SYSCALL_IO + (info ? *info & CALL_CLASS : N_CLASSES - 1);
	if (IS_CALL(nr, RESTART_SYSCALL)) /* goes on with the call that a signal or a stop interrupted */
		part = IS_CALL(t->call_nr, RESTART_SYSCALL) ? t->call_part : part_of_number(t->call_nr);
	if (is_end_of_window(c, t, nr, part, info, regs)) {
		close_window(c, t, slot, now);
		return;
	}
	hook_entered(cpu, slot, nr, regs, now);
#ifdef SAMPLED
	if (c->phase == PHASE_OPEN && sample_enters(cpu, c, k, t, slot, nr, now))
		return;
#endif
	if (t->on_cpu_part != PART_USER && t->on_cpu_part != PART_UNKNOWN)
		end_unseen_call(cpu, c, k, t, slot, now);
	charge(t, PART_USER, now); /* also where the thread was found running: no return was seen */
	t->on_cpu_part = t->call_part = part;
	t->call_nr = nr;
	t->call_start_ns = now;
	t->call_off_ns = 0;
	t->sleeps = 0;
	t->fresh = 0;
	if (part == PART_SYSCALL_FUTEX && nr < CALLS_OF_COMPAT) /* else its arguments are elsewhere */
		futex_begins(t, k->slot, regs);
	hook_call_entered(c, t, k->slot, regs);
	note_exec(t, k->slot, k->slot);
	if (IS_CALL(nr, EXIT_GROUP))
		note_exit(c, t, slot);
}

static inline void on_call_exit(u32 cpu, u64 now, u64 regs, s64 result)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t;
	u32 slot;
	u64 from;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
	slot = calling_slot(c, k, cpu, regs, now);
	if (!slot || !(t = thread_at(slot)))
		return;
	k->events++;
	renew(c, t, now);
	hook_cpu_event(cpu, now);
	if (c->armed_tid && c->armed_tid == t->tid && t->reads_control && result > 0) {
		open_window(c, t, now);
#ifdef SAMPLED
	} else if (c->phase == PHASE_OPEN && !t->sample && !t->is_worker) {
		sample_leaves(k, t, now);
#endif
	} else if (t->on_cpu_part != PART_USER || infer_entry(c, k, t, now, regs)) {
		if (t->on_cpu_part == PART_UNKNOWN)
			t->on_cpu_part = part_of_call(t, regs);
		charge(t, t->on_cpu_part, now);
		if (t->on_cpu_part == PART_SYSCALL_FUTEX && t->call_nr < CALLS_OF_COMPAT)
			futex_ends(t, slot, result);
		else if (t->on_cpu_part == PART_SYSCALL_PROCESS &&
			 t->call_nr == NR_SCHED_SETAFFINITY && !result)
			affinity_set(c, t, regs, now);
		if (c->phase == PHASE_OPEN && t->on_cpu_part != PART_UNKNOWN) {
#ifdef SAMPLED
			sample_called(t);
#endif
			from = t->call_start_ns > c->start_ns ? t->call_start_ns : c->start_ns;
			hook_call_ended(cpu, c, k, t, slot, result, since(now, from), now);
		}
		note_exec(t, k->slot, 0);
	}
	hook_returned(cpu, t, slot, result, now);
	t->on_cpu_part = PART_USER;
#ifdef SAMPLED
	if (c->phase == PHASE_OPEN && !t->sample)
		t->on_cpu_part = PART_UNSPLIT;
#endif
	t->fresh = 0;
	t->reads_control = 0;
	if (t->state == THREAD_RUNNING_EARLY)
		__sync_val_compare_and_swap(&t->state, THREAD_RUNNING_EARLY, THREAD_RUNNING);
}

#ifdef SAMPLED
/* The present thread ends in a call, which does not return: of those that are seen none counts that
 * does not. */
static inline void sample_ends(struct ctl *c, struct cpu *k, struct thread *t)
{
	if (c->phase != PHASE_OPEN || !t->piece || t->on_cpu_part != PART_UNSPLIT ||
	    (s32)argument(registers_of(c, current_task()), OFFSET_REGS_CALL) < 0)
		return;
	renew_cpu(c, k);
	k->unseen_calls--;
}
#endif

/* A thread ends. Where its whole process does and no thread was seen to ask for that, a signal
 * ended it (or --light hides the call): the first one to go is the one that took it. */
static inline void on_exit(u32 cpu, u64 now, u32 tid, u32 tgid)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct thread *t;
	u32 slot;

	if (!c || !k || c->phase == PHASE_CLOSED)
		return;
	slot = known_slot(k, tid);
	if (!slot || !(t = thread_at(slot)))
		return;
	current_comm(t->comm); /* its last switch-out may come after the window's end */
	renew(c, t, now);
	hook_dying(cpu, t, slot, now);
	charge(t, t->on_cpu_part, now);
#ifndef LIGHT
	if (!t->is_worker && !is_unsplit(t->on_cpu_part))
		t->on_cpu_part = PART_SYSCALL_PROCESS;
#endif
#ifdef SAMPLED
	sample_ends(c, k, t);
#endif
	if (!c->exit_slot && !t->is_worker && group_is_ending())
		note_exit(c, t, slot);
}
