"""Async against threads in numbers: what each pays per hop, and from where on the choice does not
matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.quiet import BUSY
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval
from tracer.analysis.statistics.wording import ratio_text
from tracer.model.trial import Outcome
from tracer.units import counted, duration

THREADS, ASYNC, FLOOR = "threads", "async", "one thread"
MEM_THREADS, MEM_ASYNC = "threads, no I/O", "async, no I/O"
#: A choice that changes the time by less than this share does not matter.
MATTERS = 0.05
_LITTLE = f"the time by less than {100 * MATTERS:.0f} %"


def with_tokens(label: str, tokens: int) -> str:
    """The label of the same brigade with so many bytes in flight."""
    return f"{label}, {tokens} tokens"


def with_work(label: str, steps: int) -> str:
    """The label of the same brigade with so many steps of work at each hop."""
    return f"{label}, {steps} steps"


@dataclass(frozen=True)
class Tax:
    """One thing that a hop pays for beyond its read and write, ns, over traced runs."""

    what: str
    ns: Interval


@dataclass(frozen=True)
class ChoicePoint:
    """Threads against async at one number of tokens or of steps; `work_ns` is one hop's work."""

    value: int
    work_ns: float
    threads_ns: float
    async_ns: float
    ratio: Ratio


@dataclass(frozen=True)
class AsyncExplanation:
    """Everything that `tracer explain async` reports; intervals are over at least `blocks`."""

    blocks: int
    answer: Sequence[str]
    async_tax: Sequence[Tax]
    thread_tax: Sequence[Tax]
    tokens: Sequence[ChoicePoint]
    work: Sequence[ChoicePoint]
    missing: Mapping[str, str]
    in_python: bool = False


def explain(
    outcomes: Sequence[Outcome],
    tokens: Sequence[int],
    steps: Sequence[int],
    missing: Mapping[str, str],
    *,
    in_python: bool = False,
    judged: bool = True,
) -> AsyncExplanation:
    """All of it, from the outcomes of complete or interrupted blocks.

    `tokens` and `steps` are the numbers that were tried; `missing` is what could not be run, and
    why; `in_python` says that the brigades were those in Python. Where it is not to be `judged`,
    since the host was busy, the figures are there without sentences.
    """
    blocks = Blocks(outcomes)
    async_tax, thread_tax = _async_tax(blocks), _thread_tax(blocks)
    token_points = _points(blocks, tokens, with_tokens)
    work_points = _points(blocks, steps, with_work)
    sentences = (
        _hop(blocks, in_python),
        _beyond_the_floor(thread_tax, async_tax) if blocks.documents(FLOOR) else None,
        _switch_against_receive(blocks),
        _without_io(blocks),
        _in_flight(token_points),
        equal_from(work_points),
    )
    answer = [sentence for sentence in sentences if sentence is not None]
    if not judged:
        answer = [f"No verdict: {BUSY}."]
    return AsyncExplanation(
        blocks.fewest, answer, async_tax, thread_tax, token_points, work_points, missing, in_python
    )


# ---- what a hop pays ----


# Time in which other programs had the CPU is in no row and in no price: of the waits for a CPU only
# those behind threads of the program's own count, and untraced costs are CPU time.
_BEHIND_OWN = "ready, behind threads of its own"
_CPU_ASLEEP = "woken, but the CPU was asleep"


def _async_tax(blocks: Blocks) -> list[Tax]:
    runs = blocks.documents(ASYNC)
    floor_user = _over(blocks.documents(FLOOR), _wall("user"))
    return _taxes(
        {
            "the runtime's own code, beyond the floor": _less(
                _over(runs, _wall("user")), floor_user
            ),
            "~ the receive that finds nothing (EAGAIN)": _over(runs, _empty_receives),
            "its share of epoll_wait": _over(runs, _epoll),
            _CPU_ASLEEP: _over(runs, _wall("wakeup:idle")),
            _BEHIND_OWN: _over(runs, reader.path_behind_own_ns),
        }
    )


def _thread_tax(blocks: Blocks) -> list[Tax]:
    runs = blocks.documents(THREADS)
    floor_io = _over(blocks.documents(FLOOR), _wall("io"))
    return _taxes(
        {
            _CPU_ASLEEP: _over(runs, _wall("wakeup:idle")),
            _BEHIND_OWN: _over(runs, reader.path_behind_own_ns),
            "~ the switch itself (estimate)": _over(runs, _wall("switch")),
            "blocking and waking in the calls, beyond the floor": _less(
                _over(runs, _wall("io")), floor_io
            ),
        }
    )


def _taxes(rows: Mapping[str, Interval | None]) -> list[Tax]:
    """The rows that are known and that hold anything."""
    return [Tax(what, ns) for what, ns in rows.items() if ns is not None and (ns.low or ns.high)]


def _over(documents: Sequence[Document], of: Callable[[Document], float | None]) -> Interval | None:
    """`of` over traced runs; none of what is asked for can be negative."""
    values = [value for document in documents if (value := of(document)) is not None]
    if not values:
        return None
    interval = median_interval(values)
    return Interval(interval.median, max(interval.low, 0.0), interval.high)


def _wall(*names: str) -> Callable[[Document], float]:
    """Lines of the wall ledger, summed, ns per unit."""

    def total_ns(document: Document) -> float:
        lines = reader.wall_lines(document)
        return sum(lines[name] for name in names)

    return total_ns


def _empty_receives(document: Document) -> float | None:
    return reader.failed_calls_ns(document, "io", "EAGAIN")


def _epoll(document: Document) -> float | None:
    return reader.call_class_ns(document, "poll")


def _less(a: Interval | None, b: Interval | None) -> Interval | None:
    """The difference of two medians, with the widest interval that theirs allow; it is a cost, and
    so not below zero."""
    if a is None or b is None:
        return None
    return Interval(*(max(ns, 0.0) for ns in (a.median - b.median, a.low - b.high, a.high - b.low)))


# ---- where the choice matters ----


def _points(
    blocks: Blocks, values: Sequence[int], label_of: Callable[[str, int], str]
) -> list[ChoicePoint]:
    points = []
    for value in values:
        threads, tasks = label_of(THREADS, value), label_of(ASYNC, value)
        ratio = blocks.ratio(threads, tasks)
        threads_ns, async_ns = blocks.interval(threads), blocks.interval(tasks)
        if ratio is None or threads_ns is None or async_ns is None:
            continue
        extras = [o.result.get("extra", {}) for o in blocks.untraced(threads).values()]
        work_ns = [float(extra["work_ns"]) for extra in extras if "work_ns" in extra]
        points.append(
            ChoicePoint(
                value=value,
                work_ns=float(np.median(work_ns)) if work_ns else 0.0,
                threads_ns=threads_ns.median,
                async_ns=async_ns.median,
                ratio=ratio,
            )
        )
    return points


def _first_from(
    points: Sequence[ChoicePoint], holds: Callable[[Ratio], bool]
) -> ChoicePoint | None:
    """The first point from which on it holds at all points."""
    first = None
    for point in reversed(points):
        if not holds(point.ratio):
            break
        first = point
    return first


# ---- the answer ----


def _hop(blocks: Blocks, in_python: bool) -> str | None:
    ratio = blocks.ratio(THREADS, ASYNC)
    threads, tasks = blocks.interval(THREADS), blocks.interval(ASYNC)
    if ratio is None or threads is None or tasks is None:
        return None
    return (
        f"On one CPU a hop takes {duration(threads.median)} with threads and"
        f" {duration(tasks.median)} with async{', both in Python' if in_python else ''}:"
        f" {ratio_text(ratio)},"
        f" {counted(ratio.blocks, 'block')}."
    )


def _beyond_the_floor(thread_tax: Sequence[Tax], async_tax: Sequence[Tax]) -> str | None:
    if not thread_tax or not async_tax:
        return None
    threads_ns, async_ns = (sum(tax.ns.median for tax in side) for side in (thread_tax, async_tax))
    return (
        f"Beyond the read and the write a hop pays {duration(threads_ns)} with threads (block,"
        f" wake, switch) and {duration(async_ns)} with async (runtime, empty receive, epoll);"
        " both traced."
    )


def _switch_against_receive(blocks: Blocks) -> str | None:
    def receive_and_epoll(document: Document) -> float | None:
        receive_ns, epoll_ns = _empty_receives(document), _epoll(document)
        return None if receive_ns is None or epoll_ns is None else receive_ns + epoll_ns

    receive = _over(blocks.documents(ASYNC), receive_and_epoll)
    switch = blocks.on_cpu_difference(THREADS, FLOOR)
    if receive is None or switch is None:
        return None
    if switch.median <= 0:
        return (
            "What block, wake and switch cost is unknown: with them no more CPU time was measured"
            " than without them."
        )
    return (
        f"Block, wake and switch cost {duration(switch.median)} per hop (CPU time, untraced,"
        f" less the floor), an empty receive and the share of epoll_wait {duration(receive.median)}"
        f" (traced): {switch.median / max(receive.median, 1):.1f} times."
    )


def _without_io(blocks: Blocks) -> str | None:
    ratio = blocks.ratio(MEM_THREADS, MEM_ASYNC)
    threads, tasks = blocks.interval(MEM_THREADS), blocks.interval(MEM_ASYNC)
    if ratio is None or threads is None or tasks is None:
        return None
    return (
        f"Without I/O {duration(threads.median)} are left with threads and"
        f" {duration(tasks.median)} with async: {ratio.median:.0f} times."
    )


def _in_flight(points: Sequence[ChoicePoint]) -> str | None:
    """How the ratio changes with the number of tokens."""
    if not points:
        return None
    ratios = ", ".join(f"with {point.value} {ratio_text(point.ratio)}" for point in points)
    return f"More bytes in flight (tokens) change the ratio of threads to async: {ratios}."


def equal_from(points: Sequence[ChoicePoint]) -> str | None:
    """From how much work per hop on the choice changes the time by less than 5 %."""
    if not points:
        return None
    least, most = 1 / (1 + MATTERS), 1 + MATTERS
    point = _first_from(points, lambda ratio: ratio.low > least and ratio.high < most)
    if point is not None:
        return f"From {duration(point.work_ns)} of work per hop on the choice changes {_LITTLE}."
    point = _first_from(points, lambda ratio: least < ratio.median < most)
    if point is not None:
        return (
            f"From {duration(point.work_ns)} of work per hop on the choice changes {_LITTLE} by the"
            " medians; the intervals are wider."
        )
    return (
        f"Even with {duration(points[-1].work_ns)} of work per hop the choice changes the time:"
        f" {ratio_text(points[-1].ratio)}."
    )
