"""The whole experiment as one result: every brigade, its floor, and the original's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.quiet import BUSY
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval
from tracer.model.trial import Outcome
from tracer.model.words import LINES

#: The end of a label whose runs are pinned to one CPU; the others are free to move.
PINNED = " pinned"
#: The same reads and writes by a single thread, which never switches.
FLOOR = "one-thread-brigade"
THREADS, ASYNC = "thread-brigade", "async-brigade"
SINGLE = "async-brigade current-thread"
URING = "uring-brigade"
MEM_THREADS, MEM_ASYNC = "thread-mem-brigade", "async-mem-brigade"
NEW_THREAD, NEW_TASK = "thread-creation", "async-creation"


@dataclass(frozen=True)
class BrigadeRow:
    """One brigade in one placement; times in ns per unit, counts per unit; None when not traced.

    `above` is its time less that of the floor in the same placement, block by block. `parts` are
    the lines of the wall ledger, means over traced runs; empty when not traced.
    """

    label: str
    unit: str
    ns: Interval
    above: Interval | None
    cpu_ns: float
    switches: float
    calls: float | None
    parts: Mapping[str, float]
    in_python: bool = False


@dataclass(frozen=True)
class TableCell:
    """A cell of the original experiment's table: `here` in ns (or bytes, or a number of tasks) or
    `why` it is missing; `published` is the figure of the original author's machine, as text;
    `kernel` is the kernel's share of memory, beside that of the program."""

    here: Interval | None
    why: str
    published: str
    kernel: Interval | None = None


@dataclass(frozen=True)
class TableLine:
    """One line of that table: what, its kind (`us`: times, in ns here; `bytes`; `tasks`), and its
    cells for async, threads and pinned threads."""

    what: str
    kind: str
    cells: Sequence[TableCell | None]


@dataclass(frozen=True)
class Contestant:
    """Threads or async tasks: bytes per idle task, in the program and in the kernel, and the most
    tasks that this host allows; None where `why` gives the reason."""

    user_bytes: Interval | None
    kernel_bytes: Interval | None
    most: int | None
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """A question of the experiment and its answer from this run, in words."""

    question: str
    text: str


@dataclass(frozen=True)
class Brigades:
    """Everything that `tracer brigades` reports."""

    rows: Sequence[BrigadeRow]
    table: Sequence[TableLine]
    answers: Sequence[Answer]
    missing: Mapping[str, str]
    in_python: bool = False


def brigades(
    outcomes: Sequence[Outcome],
    units: Mapping[str, str],
    missing: Mapping[str, str],
    answers: Callable[[Blocks], Sequence[Answer]],
    sizes: Mapping[str, Contestant],
    *,
    in_python: bool = False,
    judged: bool = True,
) -> Brigades:
    """All of it, from the outcomes of complete or interrupted rounds.

    `units` gives each label's unit of work, `missing` the labels that were left out and why;
    `sizes` has `async` and `threads`. Brigades `in_python` are not set beside published figures,
    which are those of native programs. Where they are not to be `judged`, since the host was busy,
    no question is answered.
    """
    blocks = Blocks(outcomes)
    rows = [
        replace(_row(blocks, label, unit, ns), in_python=in_python)
        for label, unit in units.items()
        if (ns := blocks.interval(label)) is not None
    ]
    table = _table(blocks, missing, sizes)
    if in_python:
        table = [_unpublished(line) for line in table]
    answered = answers(blocks)
    if not judged:
        answered = [Answer(answer.question, f"no verdict: {BUSY}.") for answer in answered]
    return Brigades(rows, table, answered, missing, in_python)


def _unpublished(line: TableLine) -> TableLine:
    """The line without the published figures."""
    return replace(line, cells=[cell and replace(cell, published="") for cell in line.cells])


def _row(blocks: Blocks, label: str, unit: str, ns: Interval) -> BrigadeRow:
    results = [outcome.result for outcome in blocks.untraced(label).values()]
    usages = [(result["rusage"], float(result["units"])) for result in results]
    documents = blocks.documents(label)
    lines = [reader.wall_lines(document) for document in documents]
    calls = [c for d in documents if (c := reader.counts(d)["system calls"]) is not None]
    floor = FLOOR + (PINNED if label.endswith(PINNED) else "")
    return BrigadeRow(
        label=label,
        unit=unit,
        ns=ns,
        above=blocks.saved(label, floor) if unit == "hop" else None,
        cpu_ns=float(np.median([(u["user_ns"] + u["system_ns"]) / n for u, n in usages])),
        switches=float(np.median([(u["voluntary"] + u["involuntary"]) / n for u, n in usages])),
        calls=float(np.median(calls)) if calls else None,
        parts={name: float(np.mean([line[name] for line in lines])) for name in LINES}
        if lines
        else {},
    )


# ---- the original experiment's table ----


def _table(
    blocks: Blocks, missing: Mapping[str, str], sizes: Mapping[str, Contestant]
) -> list[TableLine]:
    tasks, threads = sizes.get("async"), sizes.get("threads")

    def why(label: str) -> str:
        return "left out, see above" if label in missing else ""

    def cell(label: str, published: str) -> TableCell:
        return TableCell(blocks.interval(label), why(label), published)

    def above(label: str, floor: str, published: str) -> TableCell:
        return TableCell(blocks.saved(label, floor), why(label) or why(floor), published)

    pinned_threads, pinned_floor = THREADS + PINNED, FLOOR + PINNED
    return [
        TableLine("one hop of the brigade, us", "us", [
            cell(ASYNC, "3.6"), cell(THREADS, "5.3"), cell(pinned_threads, "3.4")]),
        TableLine("a switch alone, in memory, us", "us", [
            cell(MEM_ASYNC, "0.2"), cell(MEM_THREADS, "1.7"),
            cell(MEM_THREADS + PINNED, "")]),
        TableLine("a switch caused by I/O, us", "us", [
            above(ASYNC, FLOOR, "1.7"), above(THREADS, FLOOR, "1.7"),
            above(pinned_threads, pinned_floor, "")]),
        TableLine("creating a task, us", "us", [
            cell(NEW_TASK, "0.3"), cell(NEW_THREAD, "17"), None]),
        TableLine("memory per idle task", "bytes", [
            _memory(tasks, "0.4 KiB"), _memory(threads, "9.5 + 10 KiB kernel"), None]),
        TableLine("most tasks that could be run", "tasks", [
            _most(tasks, "250,000"), _most(threads, "80,000"), None]),
    ]  # fmt: skip


def _memory(contestant: Contestant | None, published: str) -> TableCell:
    if contestant is None:
        return TableCell(None, "", published)
    return TableCell(contestant.user_bytes, contestant.why, published, contestant.kernel_bytes)


def _most(contestant: Contestant | None, published: str) -> TableCell:
    if contestant is None or contestant.most is None:
        return TableCell(
            None, (contestant.why or "no limit binds") if contestant else "", published
        )
    most = contestant.most
    return TableCell(Interval(most, most, most), "", published)
