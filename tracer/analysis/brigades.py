"""The whole experiment as one answer: every brigade, its floor, and the original's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.run import document as doc
from tracer.analysis.statistics.intervals import Interval
from tracer.model.trial import Outcome
from tracer.model.words import LINES

PINNED = " pinned"
FLOOR = "one-thread-brigade"
THREADS, ASYNC = "thread-brigade", "async-brigade"
SINGLE = "async-brigade current-thread"
URING = "uring-brigade"
MEM_THREADS, MEM_ASYNC = "thread-mem-brigade", "async-mem-brigade"
NEW_THREAD, NEW_TASK = "thread-creation", "async-creation"


@dataclass(frozen=True)
class Row:
    """One brigade in one placement; times in ns per hop, counts per hop; None when not traced.

    `above` is its time less that of the floor in the same placement, block by block.
    """

    label: str
    unit: str
    ns: Interval
    above: Interval | None
    cpu_ns: float
    switches: float
    calls: float | None
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Cell:
    """A cell of the original experiment's table: `here` in ns (or bytes, or a number of tasks) or
    `why` it is missing; `published` is the figure of the original author's machine, as text;
    `kernel` is the kernel's share of memory, beside that of the program."""

    here: Interval | None
    why: str
    published: str
    kernel: Interval | None = None


@dataclass(frozen=True)
class Contestant:
    """Threads or async tasks: bytes per idle task, in the program and in the kernel, and the most
    tasks that this host allows; None where `why` says so."""

    user_bytes: Interval | None
    kernel_bytes: Interval | None
    most: int | None
    why: str = ""


@dataclass(frozen=True)
class Line:
    """One line of that table: what, its kind (`us`: times, in ns here; `bytes`; `tasks`), and its
    three cells."""

    what: str
    kind: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Answer:
    """A question of the experiment and what this run says, in words."""

    question: str
    text: str


@dataclass(frozen=True)
class Brigades:
    """Everything `tracer brigades` reports."""

    rows: Sequence[Row]
    table: Sequence[Line]
    answers: Sequence[Answer]
    missing: Mapping[str, str]


def _row(blocks: Blocks, label: str, unit: str) -> Row:
    outcomes, documents = blocks.outcomes(label), blocks.documents(label)
    ns = blocks.interval(label)
    assert ns is not None
    floor = FLOOR + (PINNED if label.endswith(PINNED) else "")
    usages = [(o.result["rusage"], float(o.result["units"])) for o in outcomes]
    parts: dict[str, float] = {}
    calls = None
    if documents:
        lines = [doc.wall_lines(d) for d in documents]
        parts = {name: float(np.mean([line[name] for line in lines])) for name in LINES}
        counted = [doc.counts(d)["system calls"] for d in documents]
        known = [c for c in counted if c is not None]
        calls = float(np.median(known)) if known else None
    return Row(
        label=label,
        unit=unit,
        ns=ns,
        above=blocks.combined(label, floor, lambda a, b: a - b) if unit == "hop" else None,
        cpu_ns=float(np.median([(u["user_ns"] + u["system_ns"]) / n for u, n in usages])),
        switches=float(np.median([(u["voluntary"] + u["involuntary"]) / n for u, n in usages])),
        calls=calls,
        parts=parts,
    )


def _memory(of: Contestant | None, published: str) -> Cell:
    if of is None:
        return Cell(None, "", published)
    return Cell(of.user_bytes, of.why, published, of.kernel_bytes)


def _most(of: Contestant | None, published: str) -> Cell:
    if of is None or of.most is None:
        return Cell(None, "no limit binds" if of else "", published)
    return Cell(Interval(of.most, of.most, of.most), "", published)


def _table(
    blocks: Blocks, missing: Mapping[str, str], sizes: Mapping[str, Contestant]
) -> list[Line]:
    tasks, threads = sizes.get("async"), sizes.get("threads")

    def why(label: str) -> str:
        return "left out, see above" if label in missing else ""

    def cell(label: str, published: str) -> Cell:
        return Cell(blocks.interval(label), why(label), published)

    def above(label: str, floor: str, published: str) -> Cell:
        return Cell(
            blocks.combined(label, floor, lambda a, b: a - b),
            why(label) or why(floor),
            published,
        )

    pinned_threads, pinned_floor = THREADS + PINNED, FLOOR + PINNED
    return [
        Line("one hop of the brigade, us", "us", [
            cell(ASYNC, "3.6"), cell(THREADS, "5.3"), cell(pinned_threads, "3.4")]),
        Line("a switch alone, in memory, us", "us", [
            cell(MEM_ASYNC, "0.2"), cell(MEM_THREADS, "1.7"),
            cell(MEM_THREADS + PINNED, "")]),
        Line("a switch caused by I/O, us", "us", [
            above(ASYNC, FLOOR, "1.7"), above(THREADS, FLOOR, "1.7"),
            above(pinned_threads, pinned_floor, "")]),
        Line("creating a task, us", "us", [
            cell(NEW_TASK, "0.3"), cell(NEW_THREAD, "17"), None]),
        Line("memory per idle task", "bytes", [
            _memory(tasks, "0.4 KiB"), _memory(threads, "9.5 + 10 KiB kernel"), None]),
        Line("most tasks that could be run", "tasks", [
            _most(tasks, "250,000"), _most(threads, "80,000"), None]),
    ]  # fmt: skip


def brigades(
    outcomes: Sequence[Outcome],
    units: Mapping[str, str],
    missing: Mapping[str, str],
    answers: Callable[[Blocks], Sequence[Answer]],
    sizes: Mapping[str, Contestant],
) -> Brigades:
    """All of it, from the outcomes of complete or broken-off rounds.

    `units` gives each label's unit of work, `missing` the labels that were left out and why;
    `sizes` has `async` and `threads`.
    """
    blocks = Blocks(outcomes)
    ordered = [label for label in units if label in blocks.labels]
    return Brigades(
        rows=[_row(blocks, label, units[label]) for label in ordered],
        table=_table(blocks, missing, sizes),
        answers=answers(blocks),
        missing=missing,
    )
