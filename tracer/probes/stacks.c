/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe stacks: where on the critical path. Each thread carries the number of the last node of its
 * path; a node is made where the path has been sampled, and a woken thread takes over its waker's
 * number with the path. Walked back from the thread that ends the window, the nodes are a sample of the
 * critical path. While the path is on a CPU it is sampled by a clock of that CPU; while it waits, at the
 * points of a grid of time, as far apart as the clock ticks. User stacks are copied and unwound later.
 *
 * With NO_STACKS none is copied and no clock runs: what a thread does on a CPU is sampled at the
 * points of the grid too. Then a node tells thread, part and call only, which the state machine knows.
 *
 * TAKEN_*, how a stack was taken: by the clock while the thread ran; of a thread that has waited, as
 * it came in again, or later, at its next call or tick of the clock (kernels without sched_exit_tp, where
 * COMES_IN is not defined; after a preemption it may have gone on meanwhile).
 * OF_*, whose time a node is: of its thread and of the path that it is on, or of one of the two.
 */

struct path_node {
	u64 number;    /* of this node, from 1 on; written last */
	u64 parent;    /* number of the node before it, 0 at the window's start */
	u64 owing;     /* the next one of its thread's nodes without a stack */
	u64 settled;   /* there is nothing more to come; written behind that */
	u64 at_ns;     /* when it was made; of a wait, the last point of the grid that it stands for */
	u64 points;    /* samples that it stands for */
	u64 handovers; /* of its path so far */
	u64 first;     /* where the stacks are: on `cpu`, `stacks` of them from this number on */
	u32 cpu, stacks;
	u32 part;
	u32 call;      /* the system call's number, of parts inside one */
	u32 slot;      /* whose time it was, */
	u32 life;      /* and which of the threads that have had this row */
	u32 whose;
	u32 awaited;   /* what a sleep waited for that nobody of the target ended: AWAITED_* */
};

/* User registers and the stack from `sp` on; and what tells which task of a runtime it was: the
 * thread-local variables of the program, which lie below the thread pointer, and the goroutine's
 * record, to which the last of them points in a Go program. */
struct user_stack {
	u64 number; /* on its CPU, from 1 on; written last */
	u64 at_ns;
	u32 tgid, slot;
	u32 taken;
	u32 bytes;
	u64 ip, sp, bp, lr;
	u64 first;  /* argument of the system call, of a thread in one */
	u32 local_bytes, has_goroutine;
	char local[LOCAL_BYTES]; /* the last `local_bytes` of it */
	char goroutine[GOROUTINE_BYTES];
	u32 kernel_bytes, pad;
	u32 task_bytes, task_is_int; /* the name of an asyncio task: an int, or an object of another type */
	char task[TASK_BYTES];
	u64 kernel[KERNEL_FRAMES]; /* addresses in the kernel, where these are wanted */
	char data[STACK_BYTES];
};

/* Where a Python process has the dictionary {event loop: the task that it runs}, and the types of
 * dictionaries and integers, and where a task has its name; found by user space. */
struct event_loop {
	u32 tgid, name_at;
	u64 tasks, dict_type, int_type;
};

/* What such a dictionary begins with, and what its table begins with: indices and entries follow
 * (CPython 3.11 and later: cpython/dictobject.h, pycore_dict.h). */
struct python_dict {
	u64 references, type, used, version, keys;
};

struct python_keys {
	u64 references;
	u8 log2_size, log2_index_bytes, kind, unused;
	u32 version;
	u64 usable, entries;
};

struct python_entry {
	u64 hash, key, value;
};

/* User space sets the grid, empties what it has read and doubles the grid where memory gets short. */
struct sampling {
	u64 grid_ns;
	u64 read;   /* nodes that user space has read */
	u64 every;  /* how many ticks of a CPU's clock make one: the clock does not slow down with the grid */
	u64 pad[5]; /* what follows changes often */
	u64 made;   /* nodes */
	u64 lost;   /* points of the grid whose node found no room */
	u64 pad_made[6];
};

struct stack_ring {
	u64 taken; /* stacks so far */
	u64 lost;
	u64 read;
	u64 owing; /* the thread that comes in has nodes without a stack */
	u64 ticks; /* of this CPU's clock in the target's threads */
	u64 pad[3];
};

BPF_F_TABLE("array", u32, struct sampling, sampling, 1, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct path_node, path_nodes, PATH_NODES, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct stack_ring, stack_rings, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct user_stack, user_stacks, STACKS_OF_ALL_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct event_loop, event_loops, EVENT_LOOPS, BPF_F_MMAPABLE);

/* Makes a record visible, by its number, behind what was written into it: user space reads it at any
 * time, and arm64 lets other CPUs see stores in another order. BPF has a store that releases from Linux
 * 6.15 on only; an exchange is a full barrier on every kernel and machine. */
static inline void publish(u64 *at, u64 number)
{
	__sync_lock_test_and_set(at, number);
}

static inline struct sampling *sampling_at(u32 i) { return sampling.lookup(&i); }
static inline struct path_node *node_at(u32 i) { return path_nodes.lookup(&i); }
static inline struct stack_ring *ring_at(u32 i) { return stack_rings.lookup(&i); }
static inline struct user_stack *user_stack_at(u32 i) { return user_stacks.lookup(&i); }
static inline struct event_loop *event_loop_at(u32 i) { return event_loops.lookup(&i); }

#ifndef NO_STACKS
/* As much of the user stack as is in memory: all, or page by page. */
static inline u32 copy_stack(struct user_stack *s)
{
	u32 room = PAGE_BYTES - ((u32)s->sp & (PAGE_BYTES - 1)), done;

	if (!bpf_probe_read_user(s->data, STACK_BYTES, (void *)s->sp))
		return STACK_BYTES;
	asm volatile("" : "+r"(room));
	if (room > PAGE_BYTES || bpf_probe_read_user(s->data, room, (void *)s->sp))
		return 0;
	done = room;
#pragma unroll
	for (int i = 1; i < STACK_BYTES / PAGE_BYTES; i++) {
		asm volatile("" : "+r"(done)); /* as the verifier wants the bound: right before its use */
		if (done > STACK_BYTES - PAGE_BYTES ||
		    bpf_probe_read_user(s->data + done, PAGE_BYTES, (void *)(s->sp + done)))
			break;
		done += PAGE_BYTES;
	}
	return done;
}

/* x86-64 keeps the thread pointer of a thread in its task; a program's own block of variables ends
 * there. */
static inline void copy_locals(struct user_stack *s, u64 task)
{
#ifdef OFFSET_TASK_THREAD_POINTER
	u64 end = argument(task, OFFSET_TASK_THREAD_POINTER), goroutine = 0;

	s->local_bytes = s->has_goroutine = 0;
	if (!end)
		return;
	if (!bpf_probe_read_user(s->local, LOCAL_BYTES, (void *)(end - LOCAL_BYTES)))
		s->local_bytes = LOCAL_BYTES;
	else if (!bpf_probe_read_user(s->local + LOCAL_BYTES - FEW_LOCAL_BYTES, FEW_LOCAL_BYTES,
				      (void *)(end - FEW_LOCAL_BYTES)))
		s->local_bytes = FEW_LOCAL_BYTES;
	bpf_probe_read_user(&goroutine, sizeof(goroutine), (void *)(end - sizeof(goroutine)));
	s->has_goroutine = goroutine &&
			   !bpf_probe_read_user(s->goroutine, GOROUTINE_BYTES, (void *)goroutine);
#endif
}

/* The name of the asyncio task that the current thread, which polls, may be running: that of the
 * only event loop of its process that runs one. */
static inline void copy_task(struct user_stack *s, struct thread *t)
{
	struct event_loop *l = event_loop_at(s->tgid % EVENT_LOOPS);
	struct python_dict tasks = {};
	struct python_keys keys = {};
	struct python_entry last = {};
	u64 name = 0, entry;

	s->task_bytes = 0;
	if (!l || l->tgid != s->tgid || !t->polls)
		return;
	if (bpf_probe_read_user(&tasks, sizeof(tasks), (void *)l->tasks) ||
	    tasks.type != l->dict_type || tasks.used != 1)
		return;
	if (bpf_probe_read_user(&keys, sizeof(keys), (void *)tasks.keys) || keys.kind ||
	    !keys.entries)
		return;
	entry = tasks.keys + sizeof(keys) + (1ULL << (keys.log2_index_bytes & 31)) +
		(keys.entries - 1) * sizeof(last);
	if (bpf_probe_read_user(&last, sizeof(last), (void *)entry) || !last.value ||
	    bpf_probe_read_user(&name, sizeof(name), (void *)(last.value + l->name_at)))
		return;
	if (!bpf_probe_read_user(s->task, TASK_BYTES, (void *)name))
		s->task_bytes = TASK_BYTES;
	else if (!bpf_probe_read_user(s->task, FEW_TASK_BYTES, (void *)name))
		s->task_bytes = FEW_TASK_BYTES;
	s->task_is_int = *(u64 *)(s->task + 8) == l->int_type;
}

/* Takes the current thread's stack: its number, from 1 on; 0 where there is no room, or its registers
 * are not known. */
static inline u64 take_stack(struct ctl *c, struct stack_ring *r, struct thread *t, u32 cpu,
			     u32 taken)
{
	struct user_stack *s;
	u64 task = current_task(), number, regs;
#ifdef KERNEL_STACKS
	long length;
#endif

	if (!c->regs_offset || t->is_worker)
		return 0;
	if (r->taken - r->read >= STACKS_OF_CPU) {
		r->lost++;
		return 0;
	}
	number = fetch_and_add(&r->taken, 1);
	s = user_stack_at(cpu * STACKS_OF_CPU + (u32)number % STACKS_OF_CPU);
	if (!s)
		return 0;
	regs = argument(task, OFFSET_TASK_STACK) + c->regs_offset;
	s->at_ns = NOW;
	s->slot = t->slot;
	s->tgid = t->tgid;
	s->taken = taken;
	s->ip = argument(regs, OFFSET_REGS_IP_USER);
	s->sp = argument(regs, OFFSET_REGS_SP);
	s->bp = argument(regs, OFFSET_REGS_BP);
#ifdef OFFSET_REGS_LR
	s->lr = argument(regs, OFFSET_REGS_LR);
#endif
	s->first = argument(regs, OFFSET_REGS_FIRST);
	s->bytes = copy_stack(s);
	copy_locals(s, task);
	copy_task(s, t);
#ifdef KERNEL_STACKS
	length = bpf_get_task_stack(bpf_get_current_task_btf(), s->kernel, sizeof(s->kernel), 0);
	s->kernel_bytes = length > 0 ? length : 0;
#endif
	publish(&s->number, number + 1);
	return number + 1;
}
#endif

static inline void stacks_path_begins(struct ctl *c, struct thread *t)
{
	struct sampling *s = sampling_at(0);

	t->grid_ns = c->start_ns + (s ? s->grid_ns : 0);
	t->node = t->owing = t->handovers = 0;
	t->polls_before = t->polls;
	t->stretch_ns = t->stretch_end_ns = 0;
}

/* The row was another thread's, or nobody's. */
static inline void stacks_created(u32 cpu, struct thread *t, u32 slot, u32 parent_slot, u64 now)
{
	t->life++;
	t->used_ticks = t->ticks;
	t->polls = t->polls_before = t->polled_ns = 0;
	t->only_polls = 0;
}

/* Samples of a wait up to `now`: the points of the grid since the path's last one; of a time on the CPU
 * they do not count. */
static inline u64 grid_points(struct ctl *c, struct sampling *s, struct thread *t, u64 now)
{
	u64 points;

	if (t->grid_ns <= c->start_ns) /* entered by user space, in the window */
		t->grid_ns = c->start_ns + s->grid_ns;
	if (now < t->grid_ns)
		return 0;
	points = (now - t->grid_ns) / s->grid_ns + 1;
	t->grid_ns += points * s->grid_ns;
	return points;
}

/* A node for the time of the thread `by` on the path of `t`, its number not written yet; 0 where there
 * is no room. */
static inline struct path_node *new_node(struct sampling *s, struct thread *t, struct thread *by,
					 u32 part, u64 points, u64 at_ns, u64 *number)
{
	struct path_node *n;

	if (s->made - s->read >= PATH_NODES) {
		__sync_fetch_and_add(&s->lost, points);
		return 0;
	}
	*number = fetch_and_add(&s->made, 1) + 1;
	n = node_at((u32)*number % PATH_NODES);
	if (!n)
		return 0;
	publish(&n->number, 0); /* user space may be reading the one that was here */
	n->parent = t->node;
	n->at_ns = at_ns;
	n->points = points;
	n->part = part;
	n->call = by->on_cpu_part >= PART_SYSCALL_IO && by->on_cpu_part < PART_KERNEL_WORKERS
		  ? by->call_nr : NO_CALL;
	n->slot = by->slot;
	n->life = by->life;
	n->handovers = t->handovers - (by != t); /* of the time before `t` took the path over */
	n->awaited = part >= PART_SLEEP && part <= PART_EXTERNAL ? by->awaited : N_AWAITED;
	n->owing = n->stacks = 0;
	n->settled = 1;
	n->whose = OF_BOTH;
	return n;
}

/* The same for a wait up to `now`, if it holds points of the grid. */
static inline struct path_node *wait_node(struct thread *t, struct thread *by, u32 part, u64 now,
					  u64 *number)
{
	struct ctl *c = ctl_at(0);
	struct sampling *s = sampling_at(0);
	u64 points;

	if (!c || !s || !s->grid_ns || c->phase != PHASE_OPEN)
		return 0;
	points = grid_points(c, s, t, now);
	return points ? new_node(s, t, by, part, points, t->grid_ns - s->grid_ns, number) : 0;
}

/* The stack of a node whose thread does not run is taken when it does. */
static inline void owe(struct thread *t, struct path_node *n, u64 number)
{
#ifndef NO_STACKS
	if (!t->is_worker) {
		n->settled = 0;
		n->owing = t->owing;
		t->owing = number;
	}
#endif
	publish(&n->number, number);
}

static inline void sample_wait(struct thread *t, u32 part, u64 now)
{
	u64 number = 0;
	struct path_node *n = wait_node(t, t, part, now, &number);

	if (!n)
		return;
	t->node = number;
	owe(t, n, number);
}

/* Tells tp_sched_exit_tp, which runs at each switch, that there is something to do. */
static inline void owes_here(struct thread *t)
{
#ifndef NO_STACKS
	struct stack_ring *r = t->owing ? ring_at(CPU) : 0;

	if (r)
		r->owing = 1;
#endif
}

#ifdef ALL_THREADS
static inline void stacks_slept(struct thread *t, u64 now)
{
	struct path_node *n;
	u64 number = 0;

	if (now < t->grid_ns || !(n = wait_node(t, t, t->blocked_part, now, &number)))
		return;
	n->whose = OF_THREAD;
	owe(t, n, number);
}
#else
static inline void stacks_slept(struct thread *t, u64 now) {}
#endif

#ifdef NO_STACKS
static inline void ran(struct thread *t, u32 part, u64 now)
{
	if (now >= t->grid_ns)
		sample_wait(t, part, now);
}
#else
/* The ticks of the clock since the last node, with the stacks that they took on this CPU. */
static inline void sample_ticks(struct thread *t, u32 part, u64 now)
{
	struct ctl *c = ctl_at(0);
	struct sampling *s = sampling_at(0);
	u32 cpu = CPU, ticks = t->ticks - t->used_ticks;
	u64 number = 0;
	struct stack_ring *r = ring_at(cpu);
	struct path_node *n;

	t->used_ticks = t->ticks;
	if (!c || !s || !r || c->phase != PHASE_OPEN ||
	    !(n = new_node(s, t, t, part, ticks, now, &number)))
		return;
	t->node = number;
	n->cpu = cpu;
	n->first = t->first_stack;
	/* ticks can be left over from a CPU that no event said it had left: those stacks are not here */
	n->stacks = t->first_cpu == cpu ? r->taken - t->first_stack : 0;
	publish(&n->number, number);
}

/* The grid goes on behind a time on the CPU. */
static inline void skip_points(struct thread *t, u64 now)
{
	struct ctl *c = ctl_at(0);
	struct sampling *s = sampling_at(0);

	if (c && s && s->grid_ns && c->phase == PHASE_OPEN)
		grid_points(c, s, t, now);
}

static inline void ran(struct thread *t, u32 part, u64 now)
{
	if (t->ticks != t->used_ticks)
		sample_ticks(t, part, now);
	if (now >= t->grid_ns)
		skip_points(t, now);
}
#endif

#ifdef NO_STACKS
static inline void stacks_path_grew(struct thread *t, u32 part, u64 now)
{
	ran(t, part, now);
}
#else
static inline void stacks_path_grew(struct thread *t, u32 part, u64 now)
{
	if (part < PART_WAKEUP_IDLE) {
		ran(t, part, now);
	} else if (now >= t->grid_ns) {
		sample_wait(t, part, now);
		owes_here(t);
	}
}
#endif

static inline void stacks_switched_in(u32 cpu, struct ctl *c, struct thread *t, u32 slot, u32 kind,
				      u32 part, u64 now)
{
	owes_here(t);
}

static inline void stacks_path_slept(struct thread *t, u32 part, u64 now)
{
	if (now >= t->grid_ns)
		sample_wait(t, part, now);
}

static inline void stacks_path_filled(struct thread *t, struct thread *by, u32 part, u64 now)
{
	struct path_node *n;
	u64 number = 0;

	if (by != t && !t->handovers)
		t->handovers = 1; /* of a path that no event of the window has been on */
	if (now < t->grid_ns || !(n = wait_node(t, by, part, now, &number)))
		return;
	t->node = number;
	n->whose = OF_PATH;
	publish(&n->number, number);
}

static inline void stacks_path_given(struct thread *waker, u64 now)
{
	ran(waker, waker->on_cpu_part, now);
}

static inline void stacks_path_taken(struct thread *t, struct thread *from)
{
	t->node = from->node;
	t->grid_ns = from->grid_ns;
	t->handovers = from->handovers + 1;
}

#ifdef NO_STACKS
static inline void stacks_call_entered(struct ctl *c, struct thread *t, u32 slot, u64 regs) {}
static inline void stacks_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				     s64 result, u64 ns, u64 now) {}
#else
/* The current thread gives its nodes the stack that it waited with. */
static inline void settle(struct ctl *c, struct thread *t, u32 cpu, u32 taken)
{
	struct stack_ring *r = ring_at(cpu);
	struct path_node *n;
	u64 number = t->owing, found;

	if (!r)
		return;
	found = take_stack(c, r, t, cpu, taken);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4 && number; i++) {
		n = node_at((u32)number % PATH_NODES);
		if (!n || n->number != number)
			break;
		number = n->owing;
		n->cpu = cpu;
		n->first = found - 1; /* not the ring's last one: the clock may have taken one since */
		n->stacks = found != 0;
		publish(&n->settled, 1);
	}
	t->owing = 0;
}

static inline u32 is_poll(struct thread *t)
{
	return t->on_cpu_part == PART_SYSCALL_POLL && t->call_nr != NR_EPOLL_CTL &&
	       t->call_nr != NR_EPOLL_CREATE1;
}

/* Whether the thread is in a call in which an event loop waits: a poll, or a wait for a word of the
 * runtime's that another of its threads wakes it by. Where the runtime has no such words, a wait for
 * one is a wait for a lock or a compiler, and keeps the loop from polling. */
static inline u32 is_idle_call(struct thread *t)
{
	return is_poll(t) ||
	       (t->on_cpu_part == PART_SYSCALL_FUTEX && t->waits && !t->only_polls);
}

static inline void stacks_call_entered(struct ctl *c, struct thread *t, u32 slot, u64 regs)
{
	u64 ns;

	if (t->owing)
		settle(c, t, CPU, TAKEN_NEXT_EVENT);
	if (!is_idle_call(t) || t->polls < FEWEST_POLLS)
		return;
	ns = since(t->call_start_ns, t->polled_ns);
	if (ns > t->stretch_ns) {
		t->stretch_ns = ns;
		t->stretch_end_ns = t->call_start_ns;
	}
}

static inline void stacks_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				     s64 result, u64 ns, u64 now)
{
	struct sampling *s = sampling_at(0);
	struct stack_ring *r = ring_at(cpu);

	if (t->owing) {
		settle(c, t, cpu, TAKEN_NEXT_EVENT);
	} else if (t->polls && s && r && ns >= s->grid_ns && !is_idle_call(t)) {
		take_stack(c, r, t, cpu, TAKEN_NEXT_EVENT); /* an event loop was in it for long */
	}
	if (is_idle_call(t)) {
		t->polls += is_poll(t);
		t->polled_ns = now;
	}
}

/* The thread that has come in, in its own context, before it goes on. */
int tp_sched_exit_tp(struct bpf_raw_tracepoint_args *ctx)
{
	u32 cpu = CPU;
	struct stack_ring *r = ring_at(cpu);
	struct ctl *c;
	struct cpu *k;
	struct thread *t;

	if (!r || !r->owing)
		return 0;
	r->owing = 0;
	c = ctl_at(0);
	k = cpu_at(cpu);
	if (c && k && k->slot && (t = thread_at(k->slot)) && t->owing && k->tid == current_tid())
		settle(c, t, cpu, TAKEN_CAME_IN);
	return 0;
}

/* It may interrupt any of the other programs: it copies a stack and changes nothing of the path. */
int clock_stacks(void *ctx)
{
	u32 cpu = CPU;
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(cpu);
	struct stack_ring *r = ring_at(cpu);
	struct sampling *s = sampling_at(0);
	struct thread *t;

	if (!c || !k || !r || !s || c->phase != PHASE_OPEN || !k->slot || k->tid != current_tid() ||
	    !(t = thread_at(k->slot)))
		return 0;
#ifndef COMES_IN
	if (t->owing) /* it has waited, and may make no call for long */
		settle(c, t, cpu, TAKEN_NEXT_EVENT);
#endif
	r->ticks++;
	if (s->every > 1 && r->ticks % s->every)
		return 0;
	if (t->ticks == t->used_ticks) {
		t->first_stack = r->taken;
		t->first_cpu = cpu;
	}
	take_stack(c, r, t, cpu, TAKEN_BY_CLOCK);
	t->ticks++;
	return 0;
}
#endif
