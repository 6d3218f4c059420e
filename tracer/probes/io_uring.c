/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe io_uring: operations by opcode, how they came to their end, and how long they took.
 * Settings (-D) come from io_uring.py: the place of an argument differs between kernels.
 *
 * A submission and its completion are matched by the address of the kernel's request, kept in a
 * table of fixed size: the address may lie in any place of the bucket that it hashes to, so one
 * look-up finds it, and taking one out leaves no gap behind.
 */

#define URING_POLLED 1 /* flags: it waited for its file to be ready; */
#define URING_WORKER 2 /* a worker thread of the kernel does it; */
#define URING_OP_SHIFT 8 /* above: the opcode */
#define URING_PLACES 4

struct io_uring_request {
	u64 req;             /* 0: free */
	u64 submit_ns;
	u32 slot;            /* the thread that submitted it */
	u32 flags;
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
	u64 without_calls;     /* --light: calls are not seen */
};

BPF_F_TABLE("array", u32, struct io_uring_bucket, io_uring_buckets, URING_BUCKETS,
	    BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct io_uring_row, io_uring_rows, MAX_CPUS * N_URING_OPS,
	    BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct io_uring_cpu, io_uring_cpus, MAX_CPUS, BPF_F_MMAPABLE);
/* When each thread last waited for completions or left the call: what it submitted before that
 * did not complete at once. */
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
		if (b->at[n].req == req)
			return &b->at[n];
	return 0;
}

/* A free place for `req`, which is then taken. */
static inline struct io_uring_request *io_uring_take(struct io_uring_bucket *b, u64 req)
{
	if (!b)
		return 0;
#pragma clang loop unroll(full)
	for (int n = 0; n < URING_PLACES; n++)
		if (!b->at[n].req && __sync_val_compare_and_swap(&b->at[n].req, 0, req) == 0)
			return &b->at[n];
	return 0;
}

/* The current thread's slot; for the kernel's own threads in the target's processes, which submit
 * for it and work for it, that of the process's first thread. 0: another process. */
static inline u32 io_uring_who(void)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 slot = slot_of((u32)id);

	return slot ? slot : slot_of(id >> 32);
}

/* The counters of this CPU when the current thread is the target's and the window is open. */
static inline struct io_uring_cpu *io_uring_own(void)
{
	struct ctl *c = ctl_at(0);

	if (!c || c->phase != PHASE_OPEN || !io_uring_who())
		return 0;
	return io_uring_cpu_at(CPU);
}

static inline void io_uring_call(u32 cpu, struct ctl *c, struct cpu *k, u32 nr, s64 result,
				 u64 ns, u64 off_ns)
{
	struct io_uring_cpu *s;
	u64 *left;

	if (nr != NR_IO_URING_ENTER || !(s = io_uring_cpu_at(cpu)))
		return;
	s->enters++;
	if (result > 0)
		s->submitted += result;
	left = io_uring_left_at(k->slot);
	if (left)
		*left = NOW;
}

int tp_io_uring_submit_req(struct bpf_raw_tracepoint_args *ctx)
{
	u64 req = ctx->args[URING_SUBMIT_REQ];
	struct ctl *c = ctl_at(0);
	struct io_uring_bucket *b;
	struct io_uring_request *r;
	struct io_uring_row *row;
	struct io_uring_cpu *s;
	u32 slot;
	u8 op = 0;

	if (!c || c->phase == PHASE_CLOSED)
		return 0;
	/* no completion was seen of what this request was before (none was asked for, or the
	 * ring overflowed) */
	b = io_uring_bucket_of(req);
	r = io_uring_find(b, req);
	slot = io_uring_who();
	if (!slot) {
		if (r)
			r->req = 0;
		return 0;
	}
	bpf_probe_read_kernel(&op, sizeof(op), (void *)(req + OFFSET_REQ_OPCODE));
	row = io_uring_row_of(op);
	s = io_uring_cpu_at(CPU);
	if (!row || !s)
		return 0;
#ifdef LIGHT
	s->without_calls = 1;
#endif
	if (c->phase == PHASE_OPEN)
		row->submitted++;
	if (!r && !(r = io_uring_take(b, req))) {
		if (c->phase == PHASE_OPEN)
			s->table_full++;
		return 0;
	}
	r->submit_ns = NOW;
	r->slot = slot;
	r->flags = (u32)op << URING_OP_SHIFT;
	return 0;
}

static inline u32 io_uring_way(struct ctl *c, struct io_uring_request *r)
{
	u64 *left;

	if (r->flags & URING_WORKER)
		return URING_BY_WORKER;
	if (r->flags & URING_POLLED)
		return URING_BY_POLL;
	left = io_uring_left_at(r->slot);
	if (left && *left < r->submit_ns && r->submit_ns >= c->start_ns &&
	    io_uring_who() == r->slot)
		return URING_INLINE;
	/* a poll by its opcode does not fire io_uring_poll_arm */
	return r->flags >> URING_OP_SHIFT == URING_OP_POLL_ADD ? URING_BY_POLL : URING_LATER;
}

int tp_io_uring_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);
	struct io_uring_request *r;
	struct io_uring_row *row;
	struct io_uring_cpu *s;
	u64 req = 0, from;
	s32 result = 0;
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
	row = io_uring_row_of(r->flags >> URING_OP_SHIFT);
	if (row && c->phase == PHASE_OPEN) {
#ifdef URING_COMPLETE_CQE
		bpf_probe_read_kernel(&result, sizeof(result),
				      (void *)(ctx->args[URING_COMPLETE_CQE] + OFFSET_CQE_RES));
#else
		result = (s32)ctx->args[URING_COMPLETE_RES];
#endif
		way = io_uring_way(c, r);
		if (way < N_URING_WAYS)
			row->completed[way]++;
		if (result < 0)
			row->failed++;
		from = r->submit_ns > c->start_ns ? r->submit_ns : c->start_ns;
		hist_add(&row->ns, since(NOW, from));
	}
	r->req = 0;
	return 0;
}

static inline void io_uring_mark(u64 req, u32 flag)
{
	struct io_uring_request *r = io_uring_find(io_uring_bucket_of(req), req);

	if (r)
		r->flags |= flag;
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
	u64 *left;

	if (!s)
		return 0;
	s->waits++;
	left = io_uring_left_at(io_uring_who());
	if (left)
		*left = NOW;
	return 0;
}

int tp_io_uring_cqe_overflow(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cpu *s = io_uring_own();

	if (s)
		s->overflows++;
	return 0;
}
