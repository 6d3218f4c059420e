"""Memory of a workload paused at its full size: set up, warmed up, and waiting for `go`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tracer.capture.child import Target
from tracer.capture.workload import BEGIN_TIMEOUT_S
from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.surroundings import Watch
from tracer.host import cgroups, limits
from tracer.host.files import fields_of
from tracer.host.processes import descendants
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress

#: The kernel's own memory for threads and processes, in /proc/meminfo. Slab as a whole also has
#: what the kernel keeps of files, which comes and goes with what else is running.
_KERNEL = {"kernel_stack": "KernelStack", "page_tables": "PageTables", "slab": "SUnreclaim"}
_SETTLED_BYTES = 256 << 10
_SETTLE_S = 0.1
_NEAR_BYTES = 2 << 20
_SETTLE_AT_MOST_S = 5.0


def kernel_memory() -> dict[str, int | None]:
    """The kernel's memory now, bytes: the whole system's, and this control group's."""
    meminfo = limits.meminfo()
    return {
        **{name: meminfo.get(key) for name, key in _KERNEL.items()},
        "group_kernel": cgroups.kernel_bytes(),
    }


def settled(floor: int | None = None) -> dict[str, int | None]:
    """The same once the memory of ended threads is freed.

    That is: unchanged for 0.1 s and, with `floor`, this group's kernel memory not far above it;
    after 5 s in any case.
    """
    deadline = time.monotonic() + _SETTLE_AT_MOST_S
    now = kernel_memory()
    while time.monotonic() < deadline:
        time.sleep(_SETTLE_S)
        before, now = now, kernel_memory()
        still = all(abs((now[k] or 0) - (before[k] or 0)) < _SETTLED_BYTES for k in now)
        if still and (floor is None or (now["group_kernel"] or 0) <= floor + _NEAR_BYTES):
            break
    return now


def _sizes(path: Path, names: Sequence[str]) -> list[int]:
    """The values of these names in a file of `Name:  value kB` lines, bytes."""
    fields = fields_of(path)
    try:
        return [int(fields[name].split()[0]) << 10 for name in names]
    except (KeyError, IndexError, ValueError):
        raise TracerError(
            f"cannot read the workload's memory: {path} does not say {names[0]}",
            "smaps_rollup exists since Linux 4.14 and can be read by the workload's own user",
        ) from None


def user_memory(pid: int) -> dict[str, int]:
    """Virtual, resident and proportional memory of a process and all that it started, bytes.

    TracerError when it cannot be read.
    """
    total = dict.fromkeys(("virtual", "resident", "proportional"), 0)
    for member in descendants([pid]):
        base = Path(f"/proc/{member}")
        (virtual,) = _sizes(base / "status", ["VmSize"])
        resident, proportional = _sizes(base / "smaps_rollup", ["Rss", "Pss"])
        total["virtual"] += virtual
        total["resident"] += resident
        total["proportional"] += proportional
    return total


class Holder:
    """Runs one trial at a time, as far as its full size, and takes its memory there."""

    def __init__(self, conditions: Sequence[Condition], progress: Progress) -> None:
        self._conditions = {condition.label: condition for condition in conditions}
        self._progress = progress
        self._floor: int | None = None

    def run(self, trial: Trial) -> Outcome:
        """Outcome.result: bytes by name, kernel memory as the change by this run; TracerError
        when the workload fails."""
        condition = self._conditions[trial.condition]
        watch = Watch()
        with Target(condition.spec()) as target:
            empty = self._settled_floor()
            target.open_gate()
            target.expect("begin", BEGIN_TIMEOUT_S, self._progress)
            full = settled()
            memory: dict[str, int | None] = dict(user_memory(target.pid))
            for name, size in full.items():
                was = empty[name]
                memory[name] = None if size is None or was is None else size - was
            # to its own end: a killed one would leave processes of its own behind for a while
            target.go()
            target.expect("end", None, self._progress)
            target.go()
            target.wait()
        result = {"tasks": condition.values["tasks"], "memory": memory}
        return Outcome(trial, result, watch.ended(spin=False), at_s=time.time())

    def _settled_floor(self) -> dict[str, int | None]:
        """The kernel's memory before the target has started anything."""
        empty = settled(self._floor)
        left = empty["group_kernel"]
        if left is not None:
            self._floor = left if self._floor is None else min(left, self._floor)
        return empty
