/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Raw tracepoints that more than one probe needs: one program each, which calls the hooks of those that
 * are chosen.
 */

int tp_cpu_idle(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);

	if (c && c->phase != PHASE_CLOSED)
		hook_idle_changed(c, (u32)ctx->args[1], (u32)ctx->args[0], NOW);
	return 0;
}

int tp_ipi_send_cpu(struct bpf_raw_tracepoint_args *ctx)
{
	struct ctl *c = ctl_at(0);

	if (c && c->phase != PHASE_CLOSED)
		hook_interrupt_sent(CPU, (u32)ctx->args[0], ctx->args[2], NOW);
	return 0;
}
