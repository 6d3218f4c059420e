/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The direct cost of a switch: from sched_switch to sched_exit_tp, where the kernel has it, over
 * switches between tracer's own threads. Attached for some milliseconds before or after the run only.
 */

struct calibration {
	u64 switched_ns;
	struct hist ns;
};

BPF_F_TABLE("array", u32, struct calibration, calibrations, MAX_CPUS, BPF_F_MMAPABLE);

int calibrate_sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct calibration *at = calibrations.lookup(&cpu);
	struct ctl *c = ctl_at(0);

	if (!c || !at)
		return 0;
	at->switched_ns = 0;
	if (bpf_get_current_pid_tgid() >> 32 == c->tracer_tid &&
	    task_u32(ctx->args[SWITCH_PREV + 1], OFFSET_TASK_TGID) == c->tracer_tid)
		at->switched_ns = bpf_ktime_get_ns();
	return 0;
}

int calibrate_sched_exit_tp(struct bpf_raw_tracepoint_args *ctx)
{
	u64 now = bpf_ktime_get_ns();
	u32 cpu = bpf_get_smp_processor_id();
	struct calibration *at = calibrations.lookup(&cpu);

	if (at && at->switched_ns) {
		hist_add(&at->ns, now - at->switched_ns);
		at->switched_ns = 0;
	}
	return 0;
}

/* What it costs to be called at all, and what the kernel's own timing of a program counts of
 * itself: programs that do nothing. */
#define EMPTY(name) \
	int empty_##name(struct bpf_raw_tracepoint_args *ctx) { return 0; }

EMPTY(sys_enter)
EMPTY(sys_exit)
EMPTY(sched_switch)
EMPTY(sched_waking)
