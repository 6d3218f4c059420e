/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The hooks of the state machine: what a probe can have called, when, and what holds then.
 *
 * A probe that declares the hook `migrated` implements `static inline void <probe>_migrated(...)`
 * with the arguments below; tracer/kernel/programs.py passes, as `-D`, a definition that calls
 * the chosen probes. A hook that none of them implements is the empty one here and costs nothing.
 *
 * Common to all: `cpu` is this CPU, `c` the settings and the window, `k` this CPU's row, `t` the
 * thread's row and `slot` its number, never 0; `now` is CLOCK_MONOTONIC ns of the event. All of
 * them run in every phase up to PHASE_CLOSED unless said otherwise: a probe that counts asks
 * for `c->phase == PHASE_OPEN`.
 */

/* A probe with the first hook below, or one that keeps every switch, wants the time of switches
 * between threads of other programs too. */
#if defined(hook_cpu_event) || defined(hook_switched)
#define TIMES_ALL_SWITCHES
#endif

/* An event on this CPU of a kind that only a thread can cause: a system call or a switch; before
 * any state has changed. */
#ifndef hook_cpu_event
#define hook_cpu_event(cpu, now) ((void)0)
#endif

/* A new thread `t`, woken by its creator; its row is complete, it has not run yet. */
#ifndef hook_created
#define hook_created(cpu, t, slot, parent_slot, now) ((void)0)
#endif

/* `t` is being woken from its sleep: `t->source` says by whom, `t->waking_cpu` where; its path has
 * been taken over from the waker already. `waker_slot` is 0 unless a thread of the target runs. */
#ifndef hook_waking
#define hook_waking(cpu, t, slot, waker_slot) ((void)0)
#endif

/* Window open: thread `waker` woke another one, `ns` after it came onto its CPU (or after the
 * window opened). `waker->wait` says what it had waited for before. */
#ifndef hook_woke_next
#define hook_woke_next(cpu, waker, ns) ((void)0)
#endif

/* `t` comes onto this CPU. `kind`: KIND_* after a wake-up, WAIT_PREEMPTED, or N_WAITS where that
 * is not known; `part`: what the wait is about to be charged to; `t->last_ns`: its beginning. */
#ifndef hook_switched_in
#define hook_switched_in(cpu, c, t, slot, kind, part, now) ((void)0)
#endif

/* Window open: `t` leaves this CPU after `ns` on it (inside the window); `runnable`: it was pushed
 * off or yielded, and waits there. */
#ifndef hook_switched_out
#define hook_switched_out(cpu, t, slot, ns, runnable) ((void)0)
#endif

/* Window open: the kernel assigned `t` to another CPU. */
#ifndef hook_migrated
#define hook_migrated(cpu, t) ((void)0)
#endif

/* A function that another CPU has called begins on this CPU, in an interrupt. In every phase. */
#ifndef hook_called
#define hook_called(c, cpu) ((void)0)
#endif

/* `t` has entered the system call `t->call_nr`, of the class that `t->on_cpu_part` tells; its
 * arguments are in `regs`. */
#ifndef hook_call_entered
#define hook_call_entered(c, t, slot, regs) ((void)0)
#endif

/* Window open: `t` returns from the call `t->call_nr` with `result`, after `ns` (inside the
 * window), of which `t->call_off_ns` were off a CPU. */
#ifndef hook_call_ended
#define hook_call_ended(cpu, c, k, t, slot, result, ns, now) ((void)0)
#endif

/* ---- the critical path, for a probe that samples it. These change `t`, or are told of it, whether
 * or not the window is open. ---- */

/* The path of `t` begins anew: with the window, or with the thread. */
#ifndef hook_path_begins
#define hook_path_begins(c, t) ((void)0)
#endif

/* The path of `t` has grown by time in `part` up to `now`. If that is a part on a CPU, `t` is the
 * current thread. */
#ifndef hook_path_grew
#define hook_path_grew(t, part, now) ((void)0)
#endif

/* The same where `t` slept until `now`. */
#ifndef hook_path_slept
#define hook_path_slept(t, part, now) ((void)0)
#endif

/* The same where it was the thread `by` that spent the time, which is not the current one. */
#ifndef hook_path_filled
#define hook_path_filled(t, by, part, now) ((void)0)
#endif

/* `t` slept until `now`, and its path is about to become another thread's. */
#ifndef hook_slept
#define hook_slept(t, now) ((void)0)
#endif

/* The current thread `waker` is about to hand over its path, up to `now`. */
#ifndef hook_path_given
#define hook_path_given(waker, now) ((void)0)
#endif

/* The path of `t` is now a copy of that of `from`. */
#ifndef hook_path_taken
#define hook_path_taken(t, from) ((void)0)
#endif

/* ---- every event, for a probe that keeps them one by one: in every phase up to PHASE_CLOSED ---- */

/* The first event of `t` in a window, at `now`; its row is still that of before, in `state`. */
#ifndef hook_row_begins
#define hook_row_begins(t, state, now) ((void)0)
#endif

/* The window opens (`opens`) or closes, at an event of the thread `slot`. */
#ifndef hook_window_edge
#define hook_window_edge(slot, opens, now) ((void)0)
#endif

/* This CPU has gone from the thread `slot` to `next` (0: not the target's), whose tid is `next_tid`
 * (0: idle). `left`: the state that the first one is in now, if it is the target's. */
#ifndef hook_switched
#define hook_switched(cpu, slot, next, next_tid, preempt, prev_state, left, now) ((void)(left))
#endif

/* A wake-up of `slot`; `did`: see wake(). */
#ifndef hook_woken
#define hook_woken(cpu, slot, waker_slot, source, did, now) ((void)(did))
#endif

/* The current thread has entered the call `nr`; `regs` is a typed pointer. */
#ifndef hook_entered
#define hook_entered(cpu, slot, nr, regs, now) ((void)0)
#endif

/* It returns from the call `t->call_nr`. */
#ifndef hook_returned
#define hook_returned(cpu, t, slot, result, now) ((void)0)
#endif

/* It has called execve; its pid was `old_tid`. */
#ifndef hook_executed
#define hook_executed(cpu, t, slot, tid, old_tid, now) ((void)0)
#endif

/* It ends; `t->comm` is its name. */
#ifndef hook_dying
#define hook_dying(cpu, t, slot, now) ((void)0)
#endif

/* Window open: the kernel assigns `slot` to another CPU. */
#ifndef hook_moved
#define hook_moved(cpu, slot, to_cpu, now) ((void)0)
#endif

/* ---- tracepoints that more than one probe needs (shared.c) ---- */

/* This CPU enters an idle state, or leaves it (`state` 0xffffffff). */
#ifndef hook_idle_changed
#define hook_idle_changed(c, cpu, state, now) ((void)0)
#endif

/* This CPU sends an interrupt to another one; `callback`: it calls a function there. */
#ifndef hook_interrupt_sent
#define hook_interrupt_sent(cpu, to_cpu, callback, now) ((void)0)
#endif
