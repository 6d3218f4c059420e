/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The floor: programs that do nothing, on the raw tracepoints that tracer uses. What they cost is
 * the kernel's price of being called at all; no tracer of the same events can be cheaper.
 */

#define EMPTY(name) \
	int tp_##name(struct bpf_raw_tracepoint_args *ctx) { return 0; }

EMPTIES
