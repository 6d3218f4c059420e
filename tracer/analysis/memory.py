"""Memory per task: a line through the sizes, for each kind of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.statistics.regression import Slope, fit
from tracer.model.trial import Outcome

#: Kinds of memory as a holding run names them.
USER = ("virtual", "resident", "proportional")
KERNEL = ("kernel_stack", "page_tables", "slab")
GROUP = "group_kernel"


@dataclass(frozen=True)
class Memory:
    """One workload line.

    `sizes` and each of `series` (bytes by kind) have one entry a run, in order of size; `slopes`
    are bytes per task, by kind, with `kernel` for the sum of `KERNEL`. A kind that this host does
    not tell is left out. `sockets` is the line of a row of the same joints without tasks.
    """

    line: str
    sizes: Sequence[int]
    series: dict[str, Sequence[int]]
    slopes: dict[str, Slope]
    sockets: Memory | None = None

    @property
    def kernel(self) -> str:
        """The kind to take for the kernel's share: the control group's counter where it is."""
        return GROUP if GROUP in self.slopes else "kernel"


def memory(line: str, outcomes: Sequence[Outcome], sockets: Memory | None = None) -> Memory:
    """What these holding runs of one line say; ValueError with fewer than 6 of them."""
    runs = sorted(
        ((int(o.result["tasks"]), o.result["memory"]) for o in outcomes), key=lambda run: run[0]
    )
    sizes = [size for size, _ in runs]
    series: dict[str, Sequence[int]] = {}
    for kind in (*USER, *KERNEL, GROUP):
        values = [found[kind] for _, found in runs]
        if None not in values:
            series[kind] = values
    if all(kind in series for kind in KERNEL):
        series["kernel"] = [sum(parts) for parts in zip(*(series[k] for k in KERNEL), strict=True)]
    slopes = {kind: fit(sizes, values) for kind, values in series.items()}
    return Memory(line, sizes, series, slopes, sockets)
