"""Parity: our workloads against the published reference programs, on one CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import workloads
from benchmarks import reference
from benchmarks.blocks import Blocks, Condition, Ratio, Run, as_json, measure
from benchmarks.reference import HOW_TO_GET, REFERENCES, Reference
from benchmarks.result import Options, Result, interval
from benchmarks.subject import Subject, run_of, scaled
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.units import duration

NAME = "parity"
OURS, THEIRS = "ours", "reference"
GOAL = 0.05
#: A run of a program with fixed sizes takes many seconds: fewer blocks of them do.
_FIXED_BLOCKS = 5


def _rounds(row: Reference, options: Options) -> int:
    return options.rounds if row.flags else min(options.rounds, _FIXED_BLOCKS)


def _sizes(row: Reference, run_ns: float) -> Subject:
    """The same sizes for both; a reference without options dictates them."""
    if not row.flags:
        return Subject(row.workload, row.iterations, row.tasks, row.warmups)
    return scaled(row.workload, run_ns, row.tasks)


def _blocks(row: Reference, directory: Path, options: Options, subject: Subject) -> Blocks:
    sizes = {
        "tasks": subject.tasks or row.tasks,
        "iters": subject.iterations,
        "warmups": subject.warmups,
    }

    def ours() -> Run:
        return run_of(run_untraced(subject.spec()))

    conditions = [
        Condition(OURS, ours),
        Condition(THEIRS, functools.partial(reference.run, row, directory, sizes)),
    ]
    return measure(
        conditions, _rounds(row, options), lambda text: options.progress(f"{row.workload}, {text}")
    )


def _verdict(ratio: Ratio) -> str:
    if abs(ratio.median - 1) <= GOAL:
        return "within 0.95-1.05"
    return "no difference seen" if ratio.low <= 1 <= ratio.high else "apart"


def _row(name: str, blocks: Blocks, subject: Subject) -> list[str]:
    sizes = f"{subject.tasks} x {subject.iterations}"
    if blocks.errors:
        return [name, sizes, "-", "-", "-", "-", next(iter(blocks.errors.values()))[:40]]
    ratio = blocks.ratio(OURS, THEIRS)
    return [
        name,
        sizes,
        str(len(blocks.runs[OURS])),
        duration(blocks.ns_per_unit(OURS)),
        duration(blocks.ns_per_unit(THEIRS)),
        interval(ratio),
        _verdict(ratio),
    ]


def run(options: Options) -> list[Result]:
    """One table; TracerError when there is no reference."""
    if options.reference is None:
        raise TracerError(f"{NAME} {HOW_TO_GET}")
    rows, data = [], {}
    for row in REFERENCES:
        if row.workload not in workloads.available():
            continue
        subject = _sizes(row, options.run_ns)
        blocks = _blocks(row, options.reference, options, subject)
        rows.append(_row(reference.title(row, options.reference), blocks, subject))
        data[row.workload] = as_json(blocks)
    columns = ["program", "tasks x iterations", "blocks", "ours", "reference", "ratio", "goal"]
    note = (
        "Per unit of work, pinned to one CPU, medians over the blocks; ratio with"
        " its 95 % interval. Reference: github.com/jimblandy/context-switch at"
        f" {reference.COMMIT[:12]}, built with the compiler of the workloads. Where both sides run"
        " on different runtimes they are named, and the row compares these, not the programs."
    )
    return [Result(NAME, note, columns, rows, {"programs": data}, left=2)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
