/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The tracepoints as plain functions: `by` is the current task, as in entry.c.
 */

/* Whether entry.c leaves the clock alone. */
u32 ev_switch(u32 cpu, u64 now, struct fake_task *by, u32 preempt, u64 state,
	      struct fake_task *next)
{
	static u64 in_ns[MAX_CPUS];
	u64 id = (u64)by->tgid << 32 | by->pid;

	current_cpu = cpu;
	current_ns = now;
	current = by;
	by->runtime += since(now, in_ns[cpu]);
	in_ns[cpu] = now;
	if (between_strangers(cpu, id, (u64)by, next->pid, (u64)next))
		return 1;
	on_switch(cpu, now, preempt, id, (u64)by, state, next->pid, (u64)next);
	return 0;
}

void ev_waking(u32 cpu, u64 now, struct fake_task *by, struct fake_task *wakee)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	if (!is_strangers_wakeup(wakee->pid))
		on_waking(cpu, now, by->pid, wakee->pid, (u64)wakee);
}

void ev_new_thread(u32 cpu, u64 now, struct fake_task *by, struct fake_task *child, u32 queue_cpu)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	on_new_thread(cpu, now, by->pid, child->pid, child->tgid, (u64)child, queue_cpu);
}

void ev_exec(u32 cpu, u64 now, struct fake_task *by, u32 old_pid)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	on_exec(cpu, now, by->pid, old_pid);
}

void ev_exit(u32 cpu, u64 now, struct fake_task *by)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	on_exit(cpu, now, by->pid, by->tgid);
}

void ev_migrate(u32 cpu, u64 now, struct fake_task *by, struct fake_task *task, u32 to_cpu)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	on_migrate(cpu, now, task->pid, (u64)task, to_cpu);
}

void ev_called(u32 cpu, u64 now, struct fake_task *by)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	on_called(cpu);
}

#ifndef LIGHT
/* Whether entry.c leaves the call alone, before it reads the clock. */
u32 ev_call_is_strangers(u32 cpu, u64 now, struct fake_task *by)
{
	current_cpu = cpu;
	current_ns = now;
	current = by;
	return is_strangers_call(ctl_at(0), cpu_at(cpu), (u64)by->registers);
}

void ev_call_enter(u32 cpu, u64 now, struct fake_task *by, u32 nr, u64 *arguments)
{
	current_cpu = cpu;
	current = by;
	if (arguments)
		memcpy(by->registers, arguments, 6 * sizeof(u64));
	by->registers[6] = nr;
	if (!ev_call_is_strangers(cpu, now, by) &&
	    !is_unseen_entry(ctl_at(0), cpu_at(cpu), nr, (u64)by->registers))
		on_call_enter(cpu, now, nr, (u64)by->registers);
}

void ev_call_exit(u32 cpu, u64 now, struct fake_task *by, s64 result)
{
	current_cpu = cpu;
	current = by;
	if (!ev_call_is_strangers(cpu, now, by) &&
	    !is_unseen(ctl_at(0), cpu_at(cpu), (u64)by->registers))
		on_call_exit(cpu, now, (u64)by->registers, result);
}
#endif

/* Where a probe's own tracepoint program, called next, finds itself. */
void ev_place(u32 cpu, u64 now, struct fake_task *by)
{
	current = by;
	current_cpu = cpu;
	current_ns = now;
}

u32 ev_hist_bucket(u64 ns) { return hist_bucket(ns); }

void ev_hist_add(struct hist *h, u64 ns) { hist_add(h, ns); }

void ev_clear(void *array, u64 size) { memset(array, 0, size); }
