"""Memory per task and the most tasks that fit, of threads and of async tasks: two lines of the
original experiment's table. The same measurement as `tracer memory`, over fewer sizes."""

from __future__ import annotations

from tracer.analysis.brigades import Contestant
from tracer.analysis.memory import memory
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.regression import Slope
from tracer.errors import TracerError
from tracer.experiment.holder import Holder
from tracer.experiment.line import condition
from tracer.host import limits
from tracer.host.user import target_uid
from tracer.model.trial import Trial
from tracer.progress import Progress
from workloads import available

_WARMUPS = 2
#: Label in the table -> workload and sizes.
_LINES = {
    "async": ("async-mem-brigade", range(5_000, 40_001, 5_000)),
    "threads": ("thread-brigade", range(500, 4_001, 500)),
}


def contestants(progress: Progress) -> dict[str, Contestant]:
    """`async` and `threads`; one that cannot be measured here has the reason."""
    try:
        return {name: _measured(*_LINES[name], progress) for name in _LINES}
    finally:
        progress.clear()


def _measured(name: str, sizes: range, progress: Progress) -> Contestant:
    workload = available()[name]
    values = {option.name: option.default for option in workload.options}
    bound = limits.binding(workload.needs(values), limits.limits(target_uid()))
    most = bound[0] if bound else None
    try:
        conditions = [
            condition(f"{name} --tasks {n} --iters 1 --warmups {_WARMUPS}", str(n)) for n in sizes
        ]
        holder = Holder(conditions, progress)
        outcomes = []
        for number, item in enumerate(conditions):
            progress.say(f"memory of {name}: {item.label} tasks")
            outcomes.append(holder.run(Trial(item.label, False, number)))
    except TracerError as error:
        return Contestant(None, None, most, error.message)
    found = memory(name, outcomes)

    def interval(slope: Slope | None) -> Interval | None:
        return None if slope is None else Interval(slope.slope, slope.low, slope.high)

    return Contestant(
        interval(found.slopes.get("proportional")), interval(found.slopes.get(found.kernel)), most
    )
