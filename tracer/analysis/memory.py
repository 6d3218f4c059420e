"""Memory per task: a line through the sizes, for each kind of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.statistics.regression import Slope, fit
from tracer.model.trial import Outcome

#: Kinds of memory as a holding run names them.
USER = ("virtual", "resident", "proportional")
KERNEL = ("kernel_stack", "page_tables", "slab")
#: Kernel memory as the control group's counter has it, where the host has one.
GROUP = "group_kernel"


@dataclass(frozen=True)
class Memory:
    """One workload line.

    `sizes` (tasks) and each of `series` (bytes by kind) have one entry a run, in order of size;
    `slopes` are bytes per task, by kind, with `kernel` for the sum of `KERNEL`. A kind that this
    host does not report is left out. `sockets` is the line of the same brigade with a single
    thread: the sockets between its tasks without the tasks.
    """

    line: str
    sizes: Sequence[int]
    series: Mapping[str, Sequence[int]]
    slopes: Mapping[str, Slope]
    sockets: Memory | None = None
    in_python: bool = False

    @property
    def kernel(self) -> str:
        """The kind that stands for the kernel's memory: the control group's counter, or the sum."""
        return GROUP if GROUP in self.slopes else "kernel"

    @property
    def sockets_kernel(self) -> Slope | None:
        """Bytes of kernel memory per task that are the sockets'; None where it was not measured."""
        return None if self.sockets is None else self.sockets.slopes.get(self.kernel)

    @property
    def tasks_kernel(self) -> Slope | None:
        """Bytes of kernel memory per task without its sockets; None where it was not measured."""
        both, sockets = self.slopes.get(self.kernel), self.sockets_kernel
        return None if both is None or sockets is None else both.minus(sockets)


def memory(
    line: str,
    outcomes: Sequence[Outcome],
    sockets: Memory | None = None,
    *,
    in_python: bool = False,
) -> Memory:
    """From the holding runs of one line; ValueError with fewer than 6 of them."""
    runs = sorted(
        ((int(o.result["tasks"]), o.result["memory"]) for o in outcomes), key=lambda run: run[0]
    )
    sizes = [tasks for tasks, _ in runs]
    series: dict[str, Sequence[int]] = {}
    for kind in (*USER, *KERNEL, GROUP):
        values = [by_kind[kind] for _, by_kind in runs]
        if None not in values:
            series[kind] = values
    if all(kind in series for kind in KERNEL):
        series["kernel"] = [sum(parts) for parts in zip(*(series[k] for k in KERNEL), strict=True)]
    slopes = {kind: fit(sizes, values) for kind, values in series.items()}
    return Memory(line, sizes, series, slopes, sockets, in_python)
