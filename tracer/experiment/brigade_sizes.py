"""Memory per task and the most tasks that fit, of threads and of async tasks: two lines of the
original experiment's table. The same measurement as `tracer memory`, over fewer sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.brigades import Contestant
from tracer.analysis.memory import memory
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.regression import Slope
from tracer.errors import TracerError
from tracer.experiment.holder import Holder
from tracer.experiment.line import WorkloadLine, parse_line
from tracer.host import limits
from tracer.host.user import target_uid
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress

_WARMUPS = 2
#: Label in the table -> workload and sizes.
_LINES = {
    "async": ("async-mem-brigade", range(5_000, 40_001, 5_000)),
    "threads": ("thread-brigade", range(500, 4_001, 500)),
}


def contestants(progress: Progress, *, in_python: bool = False) -> dict[str, Contestant]:
    """`async` and `threads`, native or `in_python`; one that cannot be measured has the reason."""
    try:
        return {
            name: _contestant(parse_line(text), sizes, progress, in_python)
            for name, (text, sizes) in _LINES.items()
        }
    finally:
        progress.clear()


def sizes_data(sizes: Mapping[str, Contestant]) -> dict[str, Any]:
    """As JSON data."""
    return {name: asdict(one) for name, one in sizes.items()}


def sizes_from(data: Mapping[str, Any]) -> dict[str, Contestant]:
    """From what `sizes_data` gave."""

    def interval(found: Mapping[str, float] | None) -> Interval | None:
        return None if found is None else Interval(**found)

    return {
        name: Contestant(
            interval(one["user_bytes"]), interval(one["kernel_bytes"]), one["most"], one["why"]
        )
        for name, one in data.items()
    }


def _contestant(
    line: WorkloadLine, sizes: range, progress: Progress, in_python: bool
) -> Contestant:
    if in_python:
        try:
            line = line.in_python()
        except TracerError:
            return Contestant(None, None, None, "not in Python")
    needs = line.workload.needs(line.all_values)
    binding = limits.binding(needs, limits.limits(target_uid()))
    most = binding[0] if binding else None
    try:
        measured = memory(line.text, _outcomes(line, sizes, progress))
    except TracerError as error:
        return Contestant(None, None, most, error.message)
    slopes = measured.slopes
    return Contestant(
        _interval(slopes.get("proportional")), _interval(slopes.get(measured.kernel)), most
    )


def _outcomes(line: WorkloadLine, sizes: range, progress: Progress) -> list[Outcome]:
    conditions = []
    for tasks in sizes:
        sized = line.with_values({"tasks": tasks, "iters": 1, "warmups": _WARMUPS})
        conditions.append(sized.condition(str(tasks)))
        conditions[-1].require_fit()
    holder = Holder(conditions, progress)
    outcomes = []
    for number, condition in enumerate(conditions):
        progress.say(f"memory of {line.text}: {condition.label} tasks")
        outcomes.append(holder.run(Trial(condition.label, False, number)))
    return outcomes


def _interval(slope: Slope | None) -> Interval | None:
    return None if slope is None else Interval(slope.slope, slope.low, slope.high)
