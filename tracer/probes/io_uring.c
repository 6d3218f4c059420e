/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe io_uring: operations by opcode, how they completed, and how long they took.
 * Settings (-D) come from io_uring.py: the place of an argument differs between kernels.
 *
 * A submission and its completion are matched by the address of the kernel's request, kept in a
 * table of fixed size: the address may lie in any place of the bucket that it hashes to, so one
 * look-up finds it, and taking one out leaves no gap behind. A bucket is one cache line.
 *
 * What needs no event of its own has none: an operation begins when the call that submits it is
 * entered, whose time is known, and its request says itself whether it was polled (URING_FLAGS,
 * where the kernel keeps that to the end).
 */

/* Of a request's key: the thread that submitted it; */
#define URING_SLOT ((1 << SLOT_BITS) - 1)
#define URING_WORKER (1 << SLOT_BITS) /* a worker thread of the kernel does it; */
#define URING_POLLED (2 << SLOT_BITS) /* it waited for its file to be ready; */
/* above: its address, a multiple of 64 (SLAB_HWCACHE_ALIGN), up to bit 49. */
#define URING_KEY_BITS (SLOT_BITS + 3)
#define URING_KEY(req) ((req) >> 6 << URING_KEY_BITS)
#define URING_PLACES 4

struct io_uring_request {
	u64 req;             /* its key; 0: free */
	u64 submit_ns;
};

struct io_uring_bucket {
	struct io_uring_request at[URING_PLACES];
};

/* One CPU and opcode. */
struct io_uring_row {
	u64 submitted;
	u64 completed[N_URING_WAYS];
	u64 failed;
	struct hist ns;      /* submission to completion, inside the window */
};

struct io_uring_cpu {
	u64 enters, submitted; /* calls returned, and what they said they had submitted */
	u64 waits;             /* times one waited for completions */
	u64 task_runs, task_items;
	u64 local_runs, local_items;
	u64 more;              /* completions beyond the first of a submission, and messages */
	u64 overflows;
	u64 table_full;
};

BPF_F_TABLE("array", u32, struct io_uring_bucket, io_uring_buckets, URING_BUCKETS,
	    BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct io_uring_row, io_uring_rows, MAX_CPUS * N_URING_OPS,
	    BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct io_uring_cpu, io_uring_cpus, MAX_CPUS, BPF_F_MMAPABLE);
/* When each thread last left the call, or began the one in which it waited for completions: what
 * it submitted up to then did not complete at once. */
BPF_F_TABLE("array", u32, u64, io_uring_left, MAX_THREADS, BPF_F_MMAPABLE);

static inline struct io_uring_bucket *io_uring_bucket_at(u32 i)
{
	return io_uring_buckets.lookup(&i);
}
static inline struct io_uring_row *io_uring_row_at(u32 i) { return io_uring_rows.lookup(&i); }
static inline struct io_uring_cpu *io_uring_cpu_at(u32 i) { return io_uring_cpus.lookup(&i); }
static inline u64 *io_uring_left_at(u32 i) { return io_uring_left.lookup(&i); }

static inline struct io_uring_row *io_uring_row_of(u32 op)
{
	return io_uring_row_at(CPU * N_URING_OPS + (op < N_URING_OPS ? op : N_URING_OPS - 1));
}

static inline struct io_uring_bucket *io_uring_bucket_of(u64 req)
{
	return io_uring_bucket_at((u32)(req * 0x9e3779b97f4a7c15ULL >> 40) % URING_BUCKETS);
}

static inline struct io_uring_request *io_uring_find(struct io_uring_bucket *b, u64 req)
{
	if (!b)
		return 0;
#pragma clang loop unroll(full)
	for (int n = 0; n < URING_PLACES; n++)
		if ((b->at[n].req ^ URING_KEY(req)) >> URING_KEY_BITS == 0)
			return &b->at[n];
	return 0;
}

/* A free place for `key`, which is then taken. */
static inline struct io_uring_request *io_uring_take(struct io_uring_bucket *b, u64 key)
{
	if (!b)
		return 0;
#pragma clang loop unroll(full)
	for (int n = 0; n < URING_PLACES; n++)
		if (!b->at[n].req && __sync_val_compare_and_swap(&b->at[n].req, 0, key) == 0)
			return &b->at[n];
	return 0;
}

/* The current thread's slot; for the kernel's own threads in the target's processes, which submit
 * for it and work for it, that of the process's first thread. 0: another process. */
static inline u32 io_uring_who(struct cpu *k)
{
	u64 id;
	u32 slot;

	if (k && k->slot) /* a switch away from the target's threads is never missed */
		return k->slot;
	id = bpf_get_current_pid_tgid();
	slot = slot_of((u32)id);
	return slot ? slot : slot_of(id >> 32);
}

/* When the call of io_uring_enter began that this thread is in; 0 where it is in none: with
 * --light, and in the kernel's own threads. */
static inline u64 io_uring_call_ns(struct cpu *k)
{
	struct thread *t = k && k->slot ? thread_at(k->slot) : 0;

	return t && t->on_cpu_part == PART_SYSCALL_IO_URING ? t->call_start_ns : 0;
}

/* The counters of this CPU when the current thread is the target's and the window is open. */
static inline struct io_uring_cpu *io_uring_own(void)
{
	struct ctl *c = ctl_at(0);

	if (!c || c->phase != PHASE_OPEN || !io_uring_who(cpu_at(CPU)))
		return 0;
	return io_uring_cpu_at(CPU);
}

static inline void io_uring_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t,
				       u32 slot, s64 result, u64 ns, u64 now)
{
	struct io_uring_cpu *s;
	u64 *left;

	if (t->call_nr != NR_IO_URING_ENTER || !(s = io_uring_cpu_at(cpu)))
		return;
	s->enters++;
	if (result > 0)
		s->submitted += result;
	left = io_uring_left_at(slot);
	if (left)
		*left = now;
}

/* Keeps a submission until its completion; 0 where the table is full. An entry that is there
 * already is of an earlier request at the same address, whose completion was not seen (none was
 * asked for, or the ring overflowed). */
static inline struct io_uring_request *io_uring_keep(u64 req, struct cpu *k, u32 slot)
{
	struct io_uring_bucket *b = io_uring_bucket_of(req);
	struct io_uring_request *r = io_uring_find(b, req);
	u64 key = URING_KEY(req) | (slot & URING_SLOT), began_ns;

	if (!slot) { /* of another process */
		if (r)
			r->req = 0;
		return 0;
	}
	if (r)
		r->req = key;
	else
		r = io_uring_take(b, key);
	if (r) {
		began_ns = io_uring_call_ns(k);
		r->submit_ns = began_ns ? began_ns : NOW;
	}
	return r;
}

static inline int io_uring_submitted(u64 req)
{
	struct ctl *c = ctl_at(0);
	struct io_uring_request *r;
	struct io_uring_row *row;
	struct io_uring_cpu *s;
	struct cpu *k = cpu_at(CPU);
	u32 slot;
	u8 op = 0;

	if (!c || c->phase == PHASE_CLOSED)
		return 0;
	slot = io_uring_who(k);
	r = io_uring_keep(req, k, slot);
	if (!slot || c->phase != PHASE_OPEN)
		return 0;
	if (!r && (s = io_uring_cpu_at(CPU)))
		s->table_full++;
	bpf_probe_read_kernel(&op, sizeof(op), (void *)(req + OFFSET_REQ_OPCODE));
	row = io_uring_row_of(op);
	if (row)
		row->submitted++;
	return 0;
}

int tp_io_uring_submit_req(struct bpf_raw_tracepoint_args *ctx)
{
	return io_uring_submitted(ctx->args[URING_SUBMIT_REQ]);
}

/* Its name before Linux 6.4. */
int tp_io_uring_submit_sqe(struct bpf_raw_tracepoint_args *ctx)
{
	return io_uring_submitted(ctx->args[URING_SUBMIT_REQ]);
}

/* What the tracepoint does not say of a request that completes. */
struct io_uring_end {
	u32 op;
	u32 polled;
	s32 result;
};

static inline void io_uring_end_of(struct bpf_raw_tracepoint_args *ctx, u64 req, u64 key,
				   struct io_uring_end *end)
{
#ifdef URING_FLAGS /* all in one read */
	u64 head[URING_HEAD_WORDS] = {};
	u8 *at = (u8 *)head;

	bpf_probe_read_kernel(head, sizeof(head), (void *)(req + URING_HEAD));
	end->op = at[OFFSET_REQ_OPCODE - URING_HEAD];
	end->polled = *(u32 *)(at + URING_FLAGS - URING_HEAD) >> URING_POLLED_BIT & 1;
	end->result = *(s32 *)(at + URING_RESULT - URING_HEAD);
#else
	u8 op = 0;

	bpf_probe_read_kernel(&op, sizeof(op), (void *)(req + OFFSET_REQ_OPCODE));
	end->op = op;
	end->polled = !!(key & URING_POLLED);
	end->result = 0;
#ifdef URING_COMPLETE_CQE
	bpf_probe_read_kernel(&end->result, sizeof(end->result),
			      (void *)(ctx->args[URING_COMPLETE_CQE] + OFFSET_CQE_RES));
#endif
#endif
#ifndef URING_COMPLETE_CQE
	end->result = (s32)ctx->args[URING_COMPLETE_RES];
#endif
}

static inline u32 io_uring_way(struct ctl *c, u64 key, u64 submit_ns, struct io_uring_end *end)
{
	u32 slot = key & URING_SLOT;
	u64 *left;

	if (key & URING_WORKER)
		return URING_BY_WORKER;
	if (end->polled)
		return URING_BY_POLL;
	left = io_uring_left_at(slot);
	if (left && *left < submit_ns && submit_ns >= c->start_ns &&
	    io_uring_who(cpu_at(CPU)) == slot)
		return URING_INLINE;
	/* a poll by its opcode is not marked as one */
	return end->op == URING_OP_POLL_ADD ? URING_BY_POLL : URING_LATER;
}

int tp_io_uring_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);
	struct io_uring_request *r;
	struct io_uring_row *row;
	struct io_uring_cpu *s;
	struct io_uring_end end;
	u64 req = 0, key, from;
	u32 way;

	if (!c || c->phase == PHASE_CLOSED)
		return 0;
#ifdef URING_COMPLETE_REQ
	req = ctx->args[URING_COMPLETE_REQ];
#endif
	if (!req) { /* one of several of a multishot operation, or a message */
		if ((s = io_uring_own()))
			s->more++;
		return 0;
	}
	r = io_uring_find(io_uring_bucket_of(req), req);
	if (!r)
		return 0;
	key = r->req;
	from = r->submit_ns;
	r->req = 0;
	if (c->phase != PHASE_OPEN)
		return 0;
	io_uring_end_of(ctx, req, key, &end);
	row = io_uring_row_of(end.op);
	if (!row)
		return 0;
	way = io_uring_way(c, key, from, &end);
	if (way < N_URING_WAYS)
		row->completed[way]++;
	if (end.result < 0)
		row->failed++;
	hist_add(&row->ns, since(NOW, from > c->start_ns ? from : c->start_ns));
	return 0;
}

static inline void io_uring_mark(u64 req, u32 flag)
{
	struct io_uring_request *r = io_uring_find(io_uring_bucket_of(req), req);

	if (r)
		r->req |= flag;
}

int tp_io_uring_poll_arm(struct bpf_raw_tracepoint_args *ctx)
{
	io_uring_mark(ctx->args[URING_POLL_REQ], URING_POLLED);
	return 0;
}

int tp_io_uring_queue_async_work(struct bpf_raw_tracepoint_args *ctx)
{
	io_uring_mark(ctx->args[URING_ASYNC_REQ], URING_WORKER);
	return 0;
}

int tp_io_uring_task_work_run(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cpu *s = io_uring_own();

	if (s) {
		s->task_runs++;
		s->task_items += (u32)ctx->args[1];
	}
	return 0;
}

int tp_io_uring_local_work_run(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cpu *s = io_uring_own();

	if (s) {
		s->local_runs++;
		s->local_items += (u32)ctx->args[1];
	}
	return 0;
}

int tp_io_uring_cqring_wait(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cpu *s = io_uring_own();
	struct cpu *k = cpu_at(CPU);
	u64 *left, began_ns;

	if (!s)
		return 0;
	s->waits++;
	left = io_uring_left_at(io_uring_who(k));
	if (left) {
		began_ns = io_uring_call_ns(k);
		*left = began_ns ? began_ns : NOW;
	}
	return 0;
}

int tp_io_uring_cqe_overflow(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cpu *s = io_uring_own();

	if (s)
		s->overflows++;
	return 0;
}
