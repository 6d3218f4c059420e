"""Names of the kernel's functions, from /proc/kallsyms."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tracer.host.files import text_of
from tracer.model.stacks import Frame

#: What a BPF program's own call leaves on top of a stack, up to the last of these.
_OWN = (
    *("bpf_trace_run", "__bpf_trace_", "__traceiter_", "perf_swevent_hrtimer"),
    *("__hrtimer_run_queues", "hrtimer_interrupt"),
    *("__sysvec_apic_timer", "sysvec_apic_timer", "asm_sysvec_apic_timer"),
    *("el1h_64_irq", "el0t_64_irq", "el1_irq", "el0_irq"),  # of aarch64
)


@cache
def _symbols() -> tuple[list[int], list[str]]:
    """Addresses and names; empty where the kernel hides the addresses (kernel.kptr_restrict)."""
    rows = [line.split() for line in text_of(Path("/proc/kallsyms")).splitlines()]
    found = sorted((int(row[0], 16), row[2]) for row in rows if len(row) > 2 and row[1] in "tTwW")
    return [at for at, _name in found if at], [name for at, name in found if at]


def kernel_frames(addresses: Sequence[int]) -> tuple[Frame, ...]:
    """The frames of a stack's kernel part, innermost first, without those of the BPF program that
    took it."""
    if not addresses:
        return ()
    starts, names = _symbols()
    frames: list[Frame] = []
    for address in addresses:
        row = bisect.bisect_right(starts, address) - 1
        name = names[row] if row >= 0 else ""
        if name.startswith(_OWN):
            frames.clear()
            continue
        frames.append(Frame(name, "[kernel]", "", None, False, "kernel" if name else "unknown",
                            address))  # fmt: skip
    return tuple(frames)
