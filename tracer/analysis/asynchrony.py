"""Async against threads in numbers: what each pays per hop, and where it stops to matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.run import document as doc
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval
from tracer.model.trial import Outcome
from tracer.units import duration

THREADS, ASYNC, FLOOR = "threads", "async", "one thread"
MEM_THREADS, MEM_ASYNC = "threads, no I/O", "async, no I/O"
#: A choice that changes the time by less than this does not matter.
MATTERS = 0.05
_LITTLE = f"the time by less than {100 * MATTERS:.0f} %"


def with_tokens(label: str, tokens: int) -> str:
    return f"{label}, {tokens} tokens"


def with_work(label: str, steps: int) -> str:
    return f"{label}, {steps} steps"


@dataclass(frozen=True)
class Tax:
    """One thing that a hop pays beyond its read and write, ns, over traced runs."""

    what: str
    ns: Interval


@dataclass(frozen=True)
class Point:
    """Threads against async at one number of tokens or of steps; `work_ns` is one hop's work."""

    value: int
    work_ns: float
    threads_ns: float
    async_ns: float
    ratio: Ratio


@dataclass(frozen=True)
class AsyncExplanation:
    """Everything `tracer explain async` says."""

    answer: Sequence[str]
    async_tax: Sequence[Tax]
    thread_tax: Sequence[Tax]
    tokens: Sequence[Point]
    work: Sequence[Point]
    missing: Mapping[str, str]


def _over(documents: Sequence[Document], of: Callable[[Document], float]) -> Interval | None:
    if not documents:
        return None
    found = median_interval([of(document) for document in documents])
    return Interval(found.median, max(found.low, 0.0), found.high)  # none of these can be negative


def _call_ns(document: Document, cls: str, error: str = "") -> float:
    """On-CPU ns per unit of calls of a class; with `error`, of those that failed so, at the mean
    of all calls of that name."""
    total = 0.0
    for call in document["syscalls"] or ():
        if call["class"] != cls:
            continue
        if error:
            failed = call["errors"].get(error, 0)
            total += call["on_cpu_ns"] / max(call["calls"], 1) * failed
        else:
            total += call["on_cpu_ns"]
    return total / doc.units(document)


def _wall(*names: str) -> Callable[[Document], float]:
    return lambda document: sum(doc.wall_lines(document)[name] for name in names)


def _taxes(rows: Sequence[tuple[str, Interval | None]]) -> list[Tax]:
    return [Tax(what, ns) for what, ns in rows if ns is not None]


def _minus(a: Interval | None, b: Interval | None) -> Interval | None:
    """The difference of two medians, with the widest interval that they allow."""
    if a is None or b is None:
        return None
    return Interval(a.median - b.median, a.low - b.high, a.high - b.low)


def _points(blocks: Blocks, values: Sequence[int], name: Callable[[str, int], str]) -> list[Point]:
    found = []
    for value in values:
        threads, tasks = name(THREADS, value), name(ASYNC, value)
        ratio = blocks.ratio(threads, tasks)
        a, b = blocks.interval(threads), blocks.interval(tasks)
        if ratio is None or a is None or b is None:
            continue
        extras = [o.result.get("extra", {}) for o in blocks.outcomes(threads)]
        work = [float(extra["work_ns"]) for extra in extras if "work_ns" in extra]
        found.append(
            Point(value, float(np.median(work)) if work else 0.0, a.median, b.median, ratio)
        )
    return found


def _equal_from(points: Sequence[Point]) -> str:
    """From how much work per hop on the choice changes the time by less than 5 %."""
    sure = _from(points, lambda r: r.low > 1 / (1 + MATTERS) and r.high < 1 + MATTERS)
    if sure is not None:
        return f"From {duration(sure.work_ns)} of work per hop on the choice changes {_LITTLE}."
    close = _from(points, lambda r: 1 / (1 + MATTERS) < r.median < 1 + MATTERS)
    if close is not None:
        return (
            f"From {duration(close.work_ns)} of work per hop on the choice changes {_LITTLE} by the"
            " medians; the intervals are wider."
        )
    most = points[-1]
    return (
        f"Even with {duration(most.work_ns)} of work per hop the choice changes the time:"
        f" {most.ratio.median:.2f}x [{most.ratio.low:.2f}, {most.ratio.high:.2f}]."
    )


def _from(points: Sequence[Point], of: Callable[[Ratio], bool]) -> Point | None:
    """The first point from which on all that were tried are so."""
    found = None
    for point in reversed(points):
        if not of(point.ratio):
            break
        found = point
    return found


def _in_flight(points: Sequence[Point]) -> str:
    """How the ratio changes with the number of tokens."""
    said = ", ".join(
        f"with {p.value} {p.ratio.median:.2f}x [{p.ratio.low:.2f}, {p.ratio.high:.2f}]"
        for p in points
    )
    return f"More bytes in flight (tokens) change the ratio of threads to async: {said}."


def explain(
    outcomes: Sequence[Outcome], tokens: Sequence[int], steps: Sequence[int],
    missing: Mapping[str, str],
) -> AsyncExplanation:  # fmt: skip
    """All of it, from the outcomes of complete or broken-off blocks."""
    blocks = Blocks(outcomes)
    on_tasks, on_threads = blocks.documents(ASYNC), blocks.documents(THREADS)
    floor = blocks.documents(FLOOR)
    user_floor = _over(floor, _wall("user"))
    async_tax = _taxes(
        [
            ("the runtime's own code, beyond the floor",
             _minus(_over(on_tasks, _wall("user")), user_floor)),
            ("~ the receive that finds nothing (EAGAIN)",
             _over(on_tasks, lambda d: _call_ns(d, "io", "EAGAIN"))),
            ("its share of epoll_wait", _over(on_tasks, lambda d: _call_ns(d, "poll"))),
            ("waking and switching worker threads",
             _over(on_tasks, _wall("wakeup:idle", "wakeup:queued", "preempted", "switch"))),
        ]
    )  # fmt: skip
    thread_tax = _taxes(
        [
            ("waiting for a CPU after the wake-up",
             _over(on_threads, _wall("wakeup:idle", "wakeup:queued"))),
            ("pushed off the CPU", _over(on_threads, _wall("preempted"))),
            ("~ the switch itself (estimate)", _over(on_threads, _wall("switch"))),
            ("blocking and waking in the calls, beyond the floor",
             _minus(_over(on_threads, _wall("io")), _over(floor, _wall("io")))),
        ]
    )  # fmt: skip
    token_points = _points(blocks, tokens, with_tokens)
    work_points = _points(blocks, steps, with_work)
    answer = []
    ratio = blocks.ratio(THREADS, ASYNC)
    if ratio is not None:
        a, b = blocks.interval(THREADS), blocks.interval(ASYNC)
        assert a is not None and b is not None
        answer.append(
            f"On one CPU a hop takes {duration(a.median)} with threads and {duration(b.median)}"
            f" with async: {ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}],"
            f" {ratio.blocks} blocks."
        )
    taxes = [sum(tax.ns.median for tax in side) for side in (thread_tax, async_tax)]
    if thread_tax and async_tax:
        answer.append(
            f"Beyond the read and the write a hop pays {duration(taxes[0])} with threads (block,"
            f" wake, switch) and {duration(taxes[1])} with async (runtime, empty receive, epoll);"
            " both traced."
        )
    empty = _over(on_tasks, lambda d: _call_ns(d, "io", "EAGAIN") + _call_ns(d, "poll"))
    switch = blocks.combined(THREADS, FLOOR, lambda x, y: x - y)
    if empty is not None and switch is not None:
        answer.append(
            f"Block, wake and switch cost {duration(switch.median)} per hop (untraced, less the"
            f" floor), an empty receive and the share of epoll_wait {duration(empty.median)}"
            " (traced):"
            f" {switch.median / max(empty.median, 1):.1f} times."
        )
    memory = blocks.ratio(MEM_THREADS, MEM_ASYNC)
    left = blocks.interval(MEM_THREADS), blocks.interval(MEM_ASYNC)
    if memory is not None and left[0] and left[1]:
        answer.append(
            f"Without I/O {duration(left[0].median)} are left with threads and"
            f" {duration(left[1].median)} with async: {memory.median:.0f} times."
        )
    if token_points:
        answer.append(_in_flight(token_points))
    if work_points:
        answer.append(_equal_from(work_points))
    return AsyncExplanation(answer, async_tax, thread_tax, token_points, work_points, missing)
