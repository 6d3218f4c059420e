"""The tasks on the path, and how long event loops were kept from polling."""

from __future__ import annotations

from collections import defaultdict

from tracer.analysis.where.profile import Where
from tracer.analysis.where.tasks import TaskShare
from tracer.model.profile import Task
from tracer.report.layout import cut, table
from tracer.report.names import short_name
from tracer.units import count, counted, duration, percent, plain

#: Rows of the table, and lines about event loops.
_MOST, _MOST_LOOPS = 5, 3
#: Shorter times without a poll keep nobody waiting that would notice.
_LONG_NS = 1_000_000
_ROOM, _LABEL_ROOM = 60, 30


def tasks(found: Where, width: int) -> list[str]:
    """The table and the lines; nothing for a program without tasks."""
    return [*_tasks(found, width), *event_loops(found)]


def _tasks(found: Where, width: int) -> list[str]:
    """Tasks by what they began with; descriptors only where no runtime's task was seen."""
    window_ns = max(found.window_ns, 1)
    groups: dict[tuple[str, str], list[TaskShare]] = defaultdict(list)
    for share in found.tasks:
        if share.runtime != "fd":
            groups[share.runtime, share.name].append(share)
    if not groups:
        return []
    ordered = sorted(groups.items(), key=lambda item: -sum(share.ns for share in item[1]))
    rows = [
        [
            f"{runtime}: {cut(short_name(plain(name)) or 'name not known', _ROOM)}",
            count(known) if (known := sum(bool(_which(share)) for share in shares)) else "",
            percent(sum(share.ns for share in shares) / window_ns),
            f"{percent(shares[0].ns / window_ns)}{_in_brackets(shares[0])}",
        ]
        for (runtime, name), shares in ordered[:_MOST]
    ]
    known_ns = sum(share.ns for shares in groups.values() for share in shares)
    rows.append(["in no task", "", percent((found.window_ns - known_ns) / window_ns), ""])
    heading = ["task on the path, by its first function", "tasks", "share", "of one at most"]
    return ["", *table(rows, heading, 1, width)]


def _which(task: TaskShare | Task) -> str:
    """Its number, or what the program named it; empty where neither is known."""
    if task.number is None:
        return cut(plain(task.label), _LABEL_ROOM)
    return str(task.number)


def _in_brackets(task: TaskShare | Task, others: int = 0) -> str:
    """`others`: so many more ran in that time."""
    which = _which(task)
    more = f", and {counted(others, 'other')} before or after it" if others > 0 else ""
    return f" (task {which}{more})" if which else ""


def event_loops(found: Where) -> list[str]:
    """The longest times without a poll."""
    lines = []
    for loop in [loop for loop in found.loops if loop.ns >= _LONG_NS][:_MOST_LOOPS]:
        where = f" in {short_name(plain(loop.place.function))}" if loop.place else ""
        if loop.place and not loop.place.is_own and loop.task_name:
            where += f" for {short_name(plain(loop.task_name))}"
        where += f", now in the system call {loop.call}" if loop.call else ""
        task = _in_brackets(loop.task, loop.tasks - 1) if loop.task else ""
        for_ns = f"did not poll for {duration(loop.ns)}"
        if loop.is_open:
            for_ns = f"had not polled for {duration(loop.ns)} when the window ended"
        lines.append(f"{plain(loop.thread)} ({loop.tid}) {for_ns}{where}{task}")
    if lines:
        lines[0] = f"Event loops: the longest times without a poll. {lines[0]}"
    return lines


def by_each_task(found: Where, most: int, width: int) -> list[str]:
    """Each task or descriptor with its share, most first."""
    window_ns = max(found.window_ns, 1)
    rows = [
        [
            share.runtime,
            _which(share),
            cut(short_name(plain(share.name)), _ROOM),
            percent(share.ns / window_ns),
            count(share.samples),
        ]
        for share in found.tasks[:most]
    ]
    rest = found.tasks[most:]
    if rest:
        rest_ns, samples = sum(s.ns for s in rest), sum(s.samples for s in rest)
        rows.append(["others", count(len(rest)), "", percent(rest_ns / window_ns),
                     count(samples)])  # fmt: skip
    none_ns = found.window_ns - sum(share.ns for share in found.tasks)
    rows.append(["none", "", "", percent(none_ns / window_ns), ""])
    return table(rows, ["runtime", "task", "name", "share", "samples"], 3, width)
