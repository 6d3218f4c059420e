"""Parity: our workloads against the published reference programs, on one CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import workloads
from benchmarks import reference
from benchmarks.conditions import Conditions, Measured, measure
from benchmarks.reference import HOW_TO_GET, REFERENCES, Reference
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import Subject, scaled
from tracer.analysis.statistics.intervals import Ratio
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.units import duration

NAME = "parity"
OURS, THEIRS = "ours", "reference"
GOAL = 0.05
#: A run of a program with fixed sizes takes many seconds, so it gets fewer blocks.
_FIXED_BLOCKS = 5


def _rounds(row: Reference, options: Options) -> int:
    return options.rounds if row.flags else min(options.rounds, _FIXED_BLOCKS)


def _sizes(row: Reference, run_ns: float) -> Subject:
    """The same sizes for both; those of a reference without options are fixed."""
    if not row.flags:
        return Subject(row.workload, row.iterations, row.tasks, row.warmups)
    return scaled(row.workload, run_ns, row.tasks)


def _measured(row: Reference, directory: Path, options: Options, subject: Subject) -> Measured:
    sizes = {
        "tasks": subject.tasks or row.tasks,
        "iters": subject.iterations,
        "warmups": subject.warmups,
    }
    conditions: Conditions = {
        OURS: lambda: run_untraced(subject.spec()),
        THEIRS: functools.partial(reference.run, row, directory, sizes),
    }
    return measure(conditions, _rounds(row, options), options.progress)


def _verdict(ratio: Ratio) -> str:
    if abs(ratio.median - 1) <= GOAL:
        return "within 0.95-1.05"
    return "no difference seen" if ratio.low <= 1 <= ratio.high else "apart"


def _row(name: str, measured: Measured, subject: Subject) -> list[str]:
    sizes = f"{subject.tasks} x {subject.iterations}"
    ratio = measured.blocks.ratio(OURS, THEIRS)
    if measured.errors or ratio is None:
        return [name, sizes, "-", "-", "-", "-", next(iter(measured.errors.values()))[:40]]
    return [
        name,
        sizes,
        str(ratio.blocks),
        duration(measured.ns_per_unit(OURS)),
        duration(measured.ns_per_unit(THEIRS)),
        with_interval(ratio),
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
        measured = _measured(row, options.reference, options, subject)
        rows.append(_row(reference.title(row, options.reference), measured, subject))
        data[row.workload] = measured.as_json()
    columns = ["program", "tasks x iterations", "blocks", "ours", "reference", "ratio", "goal"]
    note = (
        "Per unit of work, pinned to one CPU, medians over the blocks; ratio"
        f" [{interval_name(options.rounds)}]. Reference: github.com/jimblandy/context-switch at"
        f" {reference.COMMIT[:12]}, built with the compiler of the workloads. Where both sides run"
        " on different runtimes they are named, and the row compares these, not the programs."
    )
    return [Result(NAME, note, columns, rows, {"programs": data}, left=2)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
