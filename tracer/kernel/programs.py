"""The C programs: which files are joined, which tracepoints they attach to, which hooks exist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tracer import probes
from tracer.errors import TracerError
from tracer.model.probe import KernelTypes

MACHINE = Path(__file__).parent / "machine"
_HOOKS_FILE = MACHINE / "hooks.h"
#: In C, how many rows an array has that has one per thread.
_A_ROW_PER_THREAD = "MAX_THREADS"
#: Hooks of the state machine that a probe may implement, from where they are documented.
HOOKS = tuple(re.findall(r"^#define hook_(\w+)\(", _HOOKS_FILE.read_text(), re.M))

#: Tracepoints with one program for all probes that list them.
SHARED = frozenset(re.findall(r"^int tp_(\w+)\(", (MACHINE / "shared.c").read_text(), re.M))

#: Tracer cannot do without these.
CORE = (
    "sched_switch",
    "sched_waking",
    "sched_wakeup_new",
    "sched_process_exec",
    "sched_process_exit",
    "sched_migrate_task",
)
#: Left out with --light.
CALLS = ("sys_exit", "sys_enter")
#: Programs that read what their arguments point to without a helper.
TYPED = ("sys_enter", "sched_switch", "sched_waking")
#: Those for which the verifier takes longest, in this order: 107, 73, 64 and 28 ms of CPU time. The
#: order of their lengths is another one.
SLOW_TO_LOAD = ("sched_waking", "sys_exit", "sched_switch", "sys_enter")
#: Exits first: an entry seen without its exit would leave the depth above zero.
INTERRUPTS = (
    "irq_handler_exit",
    "local_timer_exit",
    "call_function_exit",  # of other CPUs: they steer received packets (RPS) and wake-ups
    "call_function_single_exit",
    "irq_work_exit",
    "ipi_exit",  # the same on aarch64
    "hrtimer_expire_exit",
    "timer_expire_exit",
    "softirq_exit",
    "irq_handler_entry",
    "local_timer_entry",
    "call_function_entry",
    "call_function_single_entry",
    "irq_work_entry",
    "ipi_entry",
    "hrtimer_expire_entry",
    "timer_expire_entry",
    "softirq_entry",
    "softirq_raise",
)
#: Tracepoints of one architecture alone.
_MACHINE_OF = {
    f"{name}_{edge}": machine
    for machine, names in {
        "x86_64": (
            *("local_timer", "call_function", "call_function_single", "irq_work", "reschedule"),
        ),
        "aarch64": ("ipi",),
    }.items()
    for name in names
    for edge in ("entry", "exit")
}


def headers() -> list[Path]:
    """Files that the sources include."""
    return sorted(MACHINE.glob("*.h"))


def sources(names: Sequence[str]) -> list[Path]:
    """The C files to join for these probes, in this order.

    TracerError where a probe's C and its declaration differ.
    """
    for name in names:
        _check(name, (probes.DIRECTORY / f"{name}.c").read_text())
    machine = {file.stem: file for file in MACHINE.glob("*.c")}
    first = ("maps", "hist", "locks", "queues", "sample", "awaited", "affinity")
    last = ("core", "shared", "entry", "calibrate")
    return [
        *(machine[stem] for stem in first),
        *(probes.DIRECTORY / f"{name}.c" for name in names),
        *(machine[stem] for stem in last),
    ]


def _tables(text: str) -> dict[str, str]:
    """The arrays that this C defines, each with the number of its rows as it stands there."""
    found = re.findall(r'^BPF_F_TABLE\("array", u32, [\w ]+, (\w+),\s+([^,]+),', text, re.M)
    return dict(found)


def arrays_by_slot(names: Sequence[str]) -> frozenset[str]:
    """Arrays of these probes with a row per thread, that of the thread in the table of threads."""
    tables = [_tables((probes.DIRECTORY / f"{name}.c").read_text()) for name in names]
    return frozenset(a for t in tables for a, rows in t.items() if rows == _A_ROW_PER_THREAD)


def _check(name: str, text: str) -> None:
    """TracerError where C and declaration differ: a hook that is implemented and not declared
    would silently never run, an array would keep the counts of the run before. Arrays with a row
    per thread need not be declared: the C sets a row before it reads it."""
    declared = probes.available()[name]
    wrong = [hook for hook in declared.hooks if hook not in HOOKS]
    if wrong:
        raise TracerError(
            f"the probe {name} declares a hook that does not exist: {wrong[0]}",
            f"the hooks are: {', '.join(HOOKS)} (tracer/kernel/machine/hooks.h)",
        )
    defined = set(re.findall(rf"^static inline void {name}_(\w+)\(", text, re.M))
    programs = set(re.findall(r"^int tp_(\w+)\(", text, re.M))
    tables = _tables(text)
    arrays = {array for array, rows in tables.items() if rows != _A_ROW_PER_THREAD}
    arrays |= {array for array in tables if array in declared.arrays}
    for what, given, there in (
        ("hook", set(declared.hooks), defined & set(HOOKS)),
        ("tracepoint", set(declared.tracepoints) - SHARED, programs),
        ("array", set(declared.arrays), arrays),
    ):
        if given != there:
            where = f"declared in {name}.py and not in" if given - there else "in"
            other = f"{name}.c" if given - there else f"{name}.c and not declared in {name}.py"
            which = min(given - there or there - given)
            raise TracerError(f"the probe {name}: {what} {which} is {where} {other}")


def tracepoints(
    names: Sequence[str], types: KernelTypes, light: bool, machine: str
) -> tuple[str, ...]:
    """The raw tracepoints wanted on this kernel, in the order of attaching, each once."""
    own = dict.fromkeys(t for name in names for t in _own(name, types, machine))
    interrupts = [name for name in INTERRUPTS if _is_of(name, machine)]
    return (*interrupts, *own, *CORE, *(() if light else CALLS))


def _is_of(tracepoint: str, machine: str) -> bool:
    return _MACHINE_OF.get(tracepoint, machine) == machine


def _own(name: str, types: KernelTypes, machine: str) -> list[str]:
    """The tracepoints that a probe wants on this kernel besides those of the state machine."""
    probe = probes.available()[name]
    skip = probe.unneeded(types)
    return [t for t in probe.tracepoints if t not in skip and _is_of(t, machine)]


def lacking(known: frozenset[str], types: KernelTypes, machine: str) -> dict[str, tuple[str, ...]]:
    """By probe: the tracepoints of its own that this kernel does not have, and what they tell is
    unknown; none that lacks nothing."""
    found = {
        name: tuple(t for t in _own(name, types, machine) if t not in known)
        for name in probes.available()
    }
    return {name: gone for name, gone in found.items() if gone}


def require(known: frozenset[str]) -> None:
    """TracerError when the kernel lacks a tracepoint that tracer cannot do without."""
    missing = [name for name in (*CORE, *CALLS) if name not in known]
    if missing:
        raise TracerError(
            f"this kernel has no tracepoint {', '.join(missing)}",
            "tracer needs a kernel built with tracepoints (CONFIG_TRACEPOINTS)",
        )
