/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The floor: programs that do nothing, on the raw tracepoints that tracer uses. They cost what the
 * kernel needs to call a program at all; no tracer of the same events can cost less. Those that read
 * the clock cost what no tracer that times the same events can cost less than.
 */

#define EMPTY(name) \
	int tp_##name(struct bpf_raw_tracepoint_args *ctx) { return 0; }

#define CLOCK(name) \
	int tp_##name(struct bpf_raw_tracepoint_args *ctx) { return !bpf_ktime_get_ns(); }

EMPTIES
