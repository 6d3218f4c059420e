/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The raw tracepoints: take the arguments out of the kernel's structs, call the state machine.
 * One program per tracepoint, whatever the number of probes. Offsets come from BTF (-D).
 */

int tp_sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	u64 prev = ctx->args[SWITCH_PREV], next = ctx->args[SWITCH_PREV + 1];
#ifdef SWITCH_PREV_STATE /* an argument since 5.18; its place from BTF */
	u64 prev_state = (u32)ctx->args[SWITCH_PREV_STATE];
#else
	u64 prev_state = task_u32(prev, OFFSET_TASK_STATE);
#endif
	u64 prev_id = bpf_get_current_pid_tgid(); /* prev is the current task; cheaper than reads */
	u32 next_tid = typed_u32(next, OFFSET_TASK_PID);

	if (!between_strangers(CPU, prev_id, prev, next_tid, next))
		on_switch(CPU, NOW, (u32)ctx->args[0] & 1, prev_id, prev, prev_state, next_tid, next);
	return 0;
}

int tp_sched_waking(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = ctx->args[0];
	u32 tid = typed_u32(task, OFFSET_TASK_PID);

	if (!is_strangers_wakeup(tid))
		on_waking(CPU, NOW, current_tid(), tid, task);
	return 0;
}

int tp_sched_wakeup_new(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = ctx->args[0];

	on_new_thread(CPU, NOW, current_tid(), task_u32(task, OFFSET_TASK_PID),
		      task_u32(task, OFFSET_TASK_TGID), task, task_u32(task, OFFSET_TASK_CPU));
	return 0;
}

int tp_sched_process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	on_exec(CPU, NOW, current_tid(), (u32)ctx->args[1]);
	return 0;
}

int tp_sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();

	on_exit(CPU, NOW, (u32)id, id >> 32);
	return 0;
}

int tp_sched_migrate_task(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = ctx->args[0];

	on_migrate(CPU, NOW, task_u32(task, OFFSET_TASK_PID), task, (u32)ctx->args[1]);
	return 0;
}

#ifndef LIGHT
/* Since Linux 7.2 these two can be preempted; meanwhile the kernel drops the event of each other
 * call on this CPU. `volatile`: it is sched_switch that reads the marks. */
int tp_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(CPU);

	if (!c || !k)
		return 0;
	*(volatile u64 *)&k->entering = ctx->args[0];
	if (!is_strangers_call(c, k, ctx->args[0]) &&
	    !is_unseen_entry(c, k, (u32)ctx->args[1], ctx->args[0]))
		on_call_enter(CPU, NOW, (u32)ctx->args[1], ctx->args[0]);
	*(volatile u64 *)&k->entering = 0;
	return 0;
}

int tp_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);
	struct cpu *k = cpu_at(CPU);

	if (!c || !k)
		return 0;
	*(volatile u64 *)&k->returning = ctx->args[0];
	if (!is_strangers_call(c, k, ctx->args[0]) && !is_unseen(c, k, ctx->args[0]))
		on_call_exit(CPU, NOW, ctx->args[0], (s64)ctx->args[1]);
	*(volatile u64 *)&k->returning = 0;
	return 0;
}
#endif

/* Interrupt depth. Only sched_waking reads it, so these touch nothing but the CPU's own line. */
static inline void depth(u32 which, s32 step)
{
	struct cpu *k = cpu_at(CPU);
	u32 *level;

	if (!k)
		return;
	level = which ? &k->timer : &k->hard;
	if (step > 0)
		(*level)++;
	else if (*level)
		(*level)--;
}

#define ENTRY_AND_EXIT(name, suffix_in, suffix_out, which)                      \
	int tp_##name##suffix_in(struct bpf_raw_tracepoint_args *ctx)           \
	{                                                                       \
		depth(which, 1);                                                \
		return 0;                                                       \
	}                                                                       \
	int tp_##name##suffix_out(struct bpf_raw_tracepoint_args *ctx)          \
	{                                                                       \
		depth(which, -1);                                               \
		return 0;                                                       \
	}

ENTRY_AND_EXIT(irq_handler, _entry, _exit, 0)
ENTRY_AND_EXIT(local_timer, _entry, _exit, 0)
ENTRY_AND_EXIT(irq_work, _entry, _exit, 0)
ENTRY_AND_EXIT(ipi, _entry, _exit, 0)
ENTRY_AND_EXIT(hrtimer_expire, _entry, _exit, 1)
ENTRY_AND_EXIT(timer_expire, _entry, _exit, 1)

/* Functions that another CPU has called here: also steered packets (RPS). */
#define CALLED(name)                                                   \
	int tp_##name##_entry(struct bpf_raw_tracepoint_args *ctx)     \
	{                                                              \
		on_called(CPU);                                        \
		return 0;                                              \
	}                                                              \
	int tp_##name##_exit(struct bpf_raw_tracepoint_args *ctx)      \
	{                                                              \
		depth(0, -1);                                          \
		return 0;                                              \
	}

CALLED(call_function)
CALLED(call_function_single)

int tp_softirq_entry(struct bpf_raw_tracepoint_args *ctx)
{
	struct cpu *k = cpu_at(CPU);

	if (k)
		k->soft = 1 + (u32)ctx->args[0];
	return 0;
}

int tp_softirq_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct cpu *k = cpu_at(CPU);

	if (k)
		k->soft = k->raised = 0;
	return 0;
}

int tp_softirq_raise(struct bpf_raw_tracepoint_args *ctx)
{
	struct cpu *k = cpu_at(CPU);

	if (k && !k->hard && !k->timer && !k->soft)
		k->raised = 1;
	return 0;
}
