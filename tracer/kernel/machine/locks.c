/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Who has a lock: for each futex word the threads that took or released it lately. A wait that ends
 * by its time-out hands nothing over, yet what it waited for was what the lock's holder did: it
 * takes over that thread's path as if the holder had woken it. Without that, a thread that gives up
 * waiting and then takes a free lock carries its sleep along and hands it to everybody after it.
 */

#define FUTEX_FLAGS (128 | 256) /* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME */
#define FUTEX_WAIT 0
#define FUTEX_LOCK_PI 6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_LOCK_PI2 13
#define FUTEX_TID_MASK 0x3fffffff

struct word {
	u64 key;
	u32 last; /* the slot of the thread that touched it last */
	u32 next; /* where the next one is written, over the oldest */
	u32 slots[WORD_THREADS];
};

BPF_F_TABLE("array", u32, struct word, words, MAX_WORDS, BPF_F_MMAPABLE);

static inline struct word *word_at(u32 i) { return words.lookup(&i); }

/* Never 0: that is a thread that waits for no word. glibc's condition variables use two words beside
 * each other in turn. */
static inline u64 word_key(struct thread *t, u64 address)
{
	return ((address & ~7ULL) ^ (u64)t->tgid << 44) | 1;
}

static inline struct word *word_of(u64 key)
{
	return word_at((key * 0x9e3779b97f4a7c15ULL >> 40) % MAX_WORDS);
}

static inline u32 waits_for_word(u32 operation)
{
	operation &= ~FUTEX_FLAGS;
	return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
	       operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2 ||
	       operation == FUTEX_WAIT_REQUEUE_PI;
}

static inline void touch(struct thread *t, u32 slot)
{
	struct word *w = word_of(t->word);
	u64 is_known = 0;
	u32 at;

	if (!w || !t->word)
		return;
	if (w->key != t->word) {
		w->key = t->word;
		w->next = 0;
		w->last = 0;
		__builtin_memset(w->slots, 0, sizeof(w->slots));
	}
	if (w->last == slot)
		return;
	w->last = slot;
#pragma unroll
	for (int i = 0; i < WORD_THREADS; i++) /* without branches, which the verifier would follow */
		is_known |= (u64)(w->slots[i] ^ slot) - 1;
	if (is_known >> 63)
		return;
	at = w->next;
	if (at >= WORD_THREADS)
		at = 0;
	w->slots[at] = slot;
	w->next = at + 1;
}

/* A futex call begins. Issuing a wake is a release. glibc keeps the owner of a mutex behind its
 * word, and a word of a robust or priority-inheriting lock is the owner's number. */
static inline void futex_begins(struct thread *t, u32 slot, u64 regs)
{
	u64 address = argument(regs, OFFSET_REGS_FIRST);
	u32 lock[3];

	t->word = word_key(t, address);
	t->owner = 0;
	t->waits = waits_for_word((u32)argument(regs, OFFSET_REGS_SECOND));
	if (!t->waits)
		touch(t, slot);
	else if (argument(regs, OFFSET_REGS_FOURTH) &&
		 !bpf_probe_read_user(lock, sizeof(lock), (void *)address))
		t->owner = slot_of(lock[2]) ? lock[2] : lock[0] & FUTEX_TID_MASK;
}

/* A wait that was woken has what it waited for. */
static inline void futex_ends(struct thread *t, u32 slot, s64 result)
{
	if (t->waits && result == 0)
		touch(t, slot);
	t->word = 0;
}

static inline u32 is_ready(struct thread *t)
{
	return t->state == THREAD_RUNNING || t->state == THREAD_RUNNING_EARLY ||
	       t->state == THREAD_PREEMPTED;
}

/* A thread other than `t`, of its process, that runs or could: a sleeper's wait has an end that
 * somebody else decides. */
static inline struct thread *ready_thread(struct thread *t, u32 slot)
{
	struct thread *other = slot ? thread_at(slot) : 0;

	return other && other != t && other->tgid == t->tgid && is_ready(other) ? other : 0;
}

/* The thread that has what `t`, whose wait has timed out, waited for; 0 where nothing tells. */
static inline struct thread *holder(struct thread *t)
{
	struct word *w = word_of(t->word);
	struct thread *found;

	if (!t->word || !t->waits)
		return 0;
	if (t->owner && (found = ready_thread(t, slot_of(t->owner))))
		return found;
	if (!w || w->key != t->word)
		return 0;
	if ((found = ready_thread(t, w->last)))
		return found;
#pragma clang loop unroll(disable)
	for (int i = 0; i < WORD_THREADS; i++)
		if ((found = ready_thread(t, w->slots[i])))
			return found;
	return 0;
}
