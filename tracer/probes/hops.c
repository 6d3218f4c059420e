/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Probe hops: how long it takes from the entry of the call that wakes a thread to the return of the
 * woken thread's call (docs/hops.md), for conditions that end a recording.
 */

struct hops_cpu {
	struct hist ns;
};

/* One thread: when the call began that woke it in its own call; 0: none did. */
struct hops_thread {
	u64 began_ns;
};

BPF_F_TABLE("array", u32, struct hops_cpu, hops_cpus, MAX_CPUS, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, struct hops_thread, hops_threads, MAX_THREADS, BPF_F_MMAPABLE);

static inline struct hops_cpu *hops_at(u32 i) { return hops_cpus.lookup(&i); }
static inline struct hops_thread *hops_thread_at(u32 i) { return hops_threads.lookup(&i); }

/* Nothing has woken `slot` in a call that it may begin now. */
static inline void hops_none(u32 slot)
{
	struct hops_thread *h = hops_thread_at(slot);

	if (h)
		h->began_ns = 0;
}

static inline void hops_created(u32 cpu, struct thread *t, u32 slot, u32 parent_slot, u64 now)
{
	hops_none(slot);
}

static inline void hops_entered(u32 cpu, u32 slot, u32 nr, u64 regs, u64 now)
{
	hops_none(slot);
}

/* Of several wake-ups in one call the last that ended a sleep counts; without one, the first that
 * came before the thread slept. */
static inline void hops_woken(u32 cpu, u32 slot, u32 waker_slot, u32 source, u64 did, u64 now)
{
	struct hops_thread *h = hops_thread_at(slot);
	struct thread *t = thread_at(slot), *waker = waker_slot ? thread_at(waker_slot) : 0;
	u32 outcome = did & 0xff;
	u64 began_ns = 0;

	if (!h || !t || !in_call(t) || outcome == WAKEUP_ON_ITS_WAY)
		return;
	if (waker && waker != t && source == SOURCE_PROCESS && in_call(waker))
		began_ns = waker->call_start_ns;
	if (outcome == WAKEUP_ENDED_SLEEP || !h->began_ns)
		h->began_ns = began_ns;
}

static inline void hops_returned(u32 cpu, struct thread *t, u32 slot, s64 result, u64 now)
{
	struct hops_thread *h = hops_thread_at(slot);
	struct hops_cpu *k = hops_at(cpu);
	struct ctl *c = ctl_at(0);
	u64 began_ns;

	if (!h || !k || !c)
		return;
	began_ns = h->began_ns;
	h->began_ns = 0;
	if (began_ns && c->phase == PHASE_OPEN && began_ns >= c->start_ns)
		hist_add(&k->ns, since(now, began_ns));
}
