/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe waits: the system calls that slept, by thread, call, file descriptor, what ended the sleep and
 * how the call ended; and how often each thread has asked epoll, whether it slept or not. Another call
 * that did not sleep costs two comparisons. Indices, sizes and the offsets of files and sockets come
 * from waits.py.
 */

#define WAIT_TRIES 8
#define IS_OPEN(nr) ((nr) == NR_OPEN || (nr) == NR_OPENAT || (nr) == NR_OPENAT2)

/* One thread in one kind of wait. Only that thread writes it, so nothing but the claim is atomic. */
struct wait_place {
	u64 key;      /* slot, call, what woke it, how the call ended, descriptor + 1 */
	u64 birth_ns; /* of the thread: its slot may be another's by the end */
	u64 calls, ns; /* that slept, and for how long, wake-ups included */
	u64 max, least; /* ns of one, in this window */
	u64 bytes;    /* the sum of the results above 0 */
	u64 first_ns, last_ns; /* when the first of these sleeps began, and the last call ended */
	/* calls by how long they slept, in octaves; the first one is all below WAIT_FIRST_OCTAVE */
	u64 band_calls[N_WAIT_BANDS], band_ns[N_WAIT_BANDS];
	/* what the descriptor was at the first of these calls; 0 where it had none */
	u64 inode;
	u32 mode, family, protocol, own_port, peer_port, peer_pid;
	u32 peer[4];
	u32 tgid, epoch; /* the window that `least` and `first_ns` are of */
	char comm[COMM_LENGTH];
	char file[WAIT_NAME_LENGTH];
};

BPF_F_TABLE("array", u32, struct wait_place, wait_places, 1 << WAIT_PLACE_BITS, BPF_F_MMAPABLE);
/* Calls of epoll by the thread of that row: an event loop that is kept busy never sleeps in them. */
BPF_F_TABLE("array", u32, u64, wait_polls, MAX_THREADS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, u64, wait_unplaced, MAX_CPUS, BPF_F_MMAPABLE); /* table full there */

static inline struct wait_place *wait_place_at(u32 i) { return wait_places.lookup(&i); }
static inline u64 *wait_polls_at(u32 slot) { return wait_polls.lookup(&slot); }
static inline u64 *wait_unplaced_at(u32 i) { return wait_unplaced.lookup(&i); }

static inline u32 wait_outcome(struct thread *t, s64 result)
{
	if (result == -110 || result == -62 || /* ETIMEDOUT, ETIME */
	    (result == -11 && t->source == SOURCE_TIMER) || /* EAGAIN after SO_RCVTIMEO */
	    (!result && t->on_cpu_part == PART_SYSCALL_POLL))
		return WAIT_TIMED_OUT;
	if (result == -4 || (result <= -512 && result >= -516)) /* EINTR, ERESTART* */
		return WAIT_INTERRUPTED;
	return result < 0 && result >= -4095 ? WAIT_FAILED : WAIT_DONE;
}

/* The descriptor that the call waits for; -1 where it has none, or several. */
static inline s32 wait_descriptor(struct thread *t, u64 regs)
{
	u64 *info = call_info_at(t->call_nr);
	s32 fd = -1;

	if (t->call_nr >= CALLS_OF_COMPAT) /* its arguments are elsewhere */
		return -1;
	if (info && *info & CALL_ON_DESCRIPTOR)
		return first_argument(regs);
	if ((t->call_nr == NR_POLL || t->call_nr == NR_PPOLL) &&
	    (u32)argument(regs, OFFSET_REGS_SECOND) == 1 &&
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)argument(regs, OFFSET_REGS_FIRST)))
		return -1;
	return fd;
}

#ifdef OFFSET_TASK_FILES
static inline u32 wait_u16(u64 at, u32 offset)
{
	return task_u32(at, offset) & 0xffff;
}

static inline u32 wait_port(u64 sock)
{
	u32 port = wait_u16(sock, OFFSET_SOCK_PEER_PORT); /* in the network's order */

	return port >> 8 | (port & 0xff) << 8;
}

static inline void wait_socket(struct wait_place *p, u64 file)
{
	u64 sock = argument(argument(file, OFFSET_FILE_PRIVATE), OFFSET_SOCKET_SOCK);

	p->family = wait_u16(sock, OFFSET_SOCK_FAMILY);
	p->protocol = wait_u16(sock, OFFSET_SOCK_PROTOCOL);
	if (p->family == 1) { /* AF_UNIX */
		p->peer_pid = task_u32(argument(sock, OFFSET_SOCK_PEER_PID), OFFSET_PID_NUMBER);
		return;
	}
	p->own_port = wait_u16(sock, OFFSET_SOCK_OWN_PORT);
	p->peer_port = wait_port(sock);
	if (p->family == 2) /* AF_INET */
		p->peer[0] = task_u32(sock, OFFSET_SOCK_PEER);
	else if (p->family == 10) /* AF_INET6 */
		bpf_probe_read_kernel(p->peer, sizeof(p->peer), (void *)(sock + OFFSET_SOCK_PEER6));
}

/* What the descriptor `fd` of the current task is. */
static inline void wait_file(struct wait_place *p, s32 fd)
{
	u64 table = argument(argument(current_task(), OFFSET_TASK_FILES), OFFSET_FILES_TABLE);
	u64 file, inode, entry;

	if (fd < 0 || (u32)fd >= task_u32(table, OFFSET_TABLE_SIZE))
		return;
	file = argument(argument(table, OFFSET_TABLE_FILES), (u32)fd * 8);
	inode = argument(file, OFFSET_FILE_INODE);
	entry = argument(file, OFFSET_FILE_ENTRY);
	p->inode = argument(inode, OFFSET_INODE_NUMBER);
	p->mode = wait_u16(inode, OFFSET_INODE_MODE);
	bpf_probe_read_kernel_str(p->file, sizeof(p->file), (void *)argument(entry, OFFSET_ENTRY_NAME));
	if ((p->mode & 0170000) == 0140000) /* S_IFSOCK */
		wait_socket(p, file);
}
#else
static inline void wait_file(struct wait_place *p, s32 fd) {}
#endif

static inline struct wait_place *wait_place_of(struct thread *t, u64 key, s32 fd)
{
	u64 at = key * 0x9e3779b97f4a7c15ULL >> (64 - WAIT_PLACE_BITS);
	struct wait_place *p;

#pragma clang loop unroll(disable)
	for (int i = 0; i < WAIT_TRIES; i++) {
		p = wait_place_at((u32)(at + i) % (1 << WAIT_PLACE_BITS));
		if (!p)
			return 0;
		if (p->key == key && p->birth_ns == t->birth_ns)
			return p;
		if (!p->key && !__sync_val_compare_and_swap(&p->key, 0, key)) {
			p->birth_ns = t->birth_ns;
			p->tgid = t->tgid;
			current_comm(p->comm);
			wait_file(p, fd);
			return p;
		}
	}
	return 0;
}

static inline u32 wait_band(u64 ns)
{
	u32 octave = hist_bucket(ns) / 16 + 3;

	return octave < WAIT_FIRST_OCTAVE ? 0 :
	       octave - WAIT_FIRST_OCTAVE < N_WAIT_BANDS - 1 ? octave - WAIT_FIRST_OCTAVE + 1 :
							       N_WAIT_BANDS - 1;
}

static inline void wait_polled(struct thread *t, u32 slot)
{
	u64 *polls;

	if (t->call_nr != NR_EPOLL_WAIT && t->call_nr != NR_EPOLL_PWAIT &&
	    t->call_nr != NR_EPOLL_PWAIT2)
		return;
	polls = wait_polls_at(slot);
	if (polls)
		(*polls)++;
}

static inline void waits_call_ended(u32 cpu, struct ctl *c, struct cpu *k, struct thread *t, u32 slot,
				    s64 result, u64 ns, u64 now)
{
	struct wait_place *p;
	u64 key, slept = t->call_off_ns, *unplaced;
	s32 fd;
	u32 band;

	if (t->on_cpu_part == PART_SYSCALL_POLL)
		wait_polled(t, slot);
	/* off the CPU, and not only since it was pushed off: `sleeps` has those for an event alone */
	if (!slept || (!t->sleeps && (t->wait >= WAIT_PREEMPTED || t->in_ns <= t->call_start_ns)))
		return;
	fd = wait_descriptor(t, k->regs);
	key = slot | (u64)(t->call_nr & (MAX_CALLS - 1)) << SLOT_BITS;
	key |= (u64)(t->source << WAIT_OUTCOME_BITS | wait_outcome(t, result)) << WAIT_ENDED_SHIFT;
	key |= (u64)(u32)(fd + 1) << WAIT_DESCRIPTOR_SHIFT;
	/* a file that is being opened has no number yet */
	p = wait_place_of(t, key, fd < 0 && IS_OPEN(t->call_nr) ? (s32)result : fd);
	if (!p) {
		unplaced = wait_unplaced_at(cpu);
		if (unplaced)
			(*unplaced)++;
		return;
	}
	if (p->epoch != c->epoch || !p->calls) {
		p->epoch = c->epoch;
		p->least = ~0ULL;
		p->first_ns = t->call_start_ns > c->start_ns ? t->call_start_ns : c->start_ns;
	}
	p->calls++;
	p->ns += slept;
	p->last_ns = now;
	if (slept > p->max)
		p->max = slept;
	if (slept < p->least)
		p->least = slept;
	if (result > 0)
		p->bytes += result;
	band = wait_band(slept);
	if (band < N_WAIT_BANDS) {
		p->band_calls[band]++;
		p->band_ns[band] += slept;
	}
}
