"""The kernel's part of a stack, without what tracer's own programs put on top of it."""

from __future__ import annotations

import pytest

from tracer.host import kernel_symbols


@pytest.mark.parametrize(
    ("stack", "left"),
    [
        (("bpf_trace_run2", "__bpf_trace_sched_exit_tp", "__schedule", "do_wait"),
         ["__schedule", "do_wait"]),
        (("bpf_trace_run2", "__traceiter_sched_exit_tp", "__schedule"), ["__schedule"]),
        (("perf_swevent_hrtimer", "asm_sysvec_apic_timer", "vfs_read"), ["vfs_read"]),
        (("perf_swevent_hrtimer", "gic_handle_irq", "el1h_64_irq", "vfs_read"), ["vfs_read"]),
        (("perf_swevent_hrtimer", "gic_handle_irq", "el0t_64_irq"), []),
        ((), []),
    ],
)  # fmt: skip
def test_frames_of_the_program_that_took_it_are_left_out(
    monkeypatch: pytest.MonkeyPatch, stack: tuple[str, ...], left: list[str]
) -> None:
    starts = [16 * (1 + row) for row in range(len(stack))]
    monkeypatch.setattr(kernel_symbols, "_symbols", lambda: (starts, list(stack)))
    frames = kernel_symbols.kernel_frames([at + 4 for at in starts])
    assert [frame.function for frame in frames] == left
