"""What keeping every event costs: the thread brigade, recorded and not, with the same probes."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.conditions import Conditions, Measured, RunResult, measure
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import Subject, rescaled
from tracer import probes
from tracer.analysis.statistics.intervals import Ratio
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.workload import run_traced, run_untraced
from tracer.experiment.recorded import recorded
from tracer.host import parquet_events
from tracer.host.recorder import Recorder
from tracer.host.spool import spooled
from tracer.kernel.engine import Engine
from tracer.units import count

NAME = "recordings"
UNTRACED, TRACED, RECORDED = "untraced", "traced", "recorded"
#: A recorded run is to take no longer than this, against a traced one.
GOAL = 1.06
#: Blocks, and those after which the verdict is `undecided`.
BLOCKS, MOST_BLOCKS = 20, 40
SUBJECTS = {"pinned to one CPU": True, "free to move": False}
_MARKER = "thread-brigade"


class _Recorded:
    """Runs of which every event is kept, each in a directory of its own that is removed again.

    `events`, `lost`, and `bytes_each` on the disk, are over all of them.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self.events = self.lost = self.bytes = self.span_ns = 0

    def run(self, subject: Subject) -> RunResult:
        at = self._folder / "r"
        spec = subject.spec()
        with Recorder(str(at)) as recorder:
            with recorded(self._engine, recorder, spec.argv) as keep:
                recording = keep(run_traced(self._engine, spec))
            kept = recording.probes[probes.RECORDED]
            # not while a run is measured, and outside of its time
            files, _ = parquet_events.write(parquet_events.merged(spooled(at)), recorder.fd)
        self.events += kept.events
        self.lost += kept.lost
        self.span_ns += recording.window_ns
        self.bytes += sum((at / name).stat().st_size for name in files)
        shutil.rmtree(at)
        return recording.result


@contextlib.contextmanager
def _engine(names: tuple[str, ...], options: Options) -> Iterator[Engine]:
    options.progress.say(f"{NAME}: compiling {', '.join(names)}")
    with contextlib.closing(Engine(names)) as engine:
        yield engine


def _verdict(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    if ratio.high <= GOAL:
        return "met"
    return "above" if ratio.low > GOAL else "undecided"


def _measured(subject: Subject, options: Options, blocks: int) -> tuple[Measured, _Recorded]:
    with ExitStack() as stack:
        traced = stack.enter_context(_engine(probes.DEFAULT, options))
        kept = stack.enter_context(_engine((*probes.DEFAULT, probes.RECORDED), options))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recorded_runs = _Recorded(kept, folder)
        conditions: Conditions = {
            UNTRACED: lambda: run_untraced(subject.spec()),
            TRACED: lambda: run_traced(traced, subject.spec()).result,
            RECORDED: functools.partial(recorded_runs.run, subject),
        }
        return measure(conditions, blocks, options.progress), recorded_runs


def run(options: Options) -> list[Result]:
    """One table; with fewer rounds than the default one of so many blocks."""
    rows, data = [], {}
    for title, pinned in SUBJECTS.items():
        subject = rescaled(Subject(_MARKER, 20, None, 20, pinned=pinned), options.run_ns)
        for blocks in (BLOCKS, MOST_BLOCKS):
            blocks = min(blocks, 2 * options.rounds)
            measured, kept = _measured(subject, options, blocks)
            ratio = measured.blocks.ratio(RECORDED, TRACED)
            if _verdict(ratio) != "undecided" or blocks < BLOCKS:
                break
        rows.append([
            title,
            str(blocks),
            f"{measured.ns_per_unit(UNTRACED):,.0f}",
            with_interval(measured.blocks.ratio(TRACED, UNTRACED)),
            with_interval(ratio, digits=3),
            with_interval(measured.blocks.difference(RECORDED, TRACED), digits=0),
            _verdict(ratio),
            count(kept.events),
            count(1e9 * kept.events / max(kept.span_ns, 1)),
            count(kept.lost),
            f"{kept.bytes / max(kept.events, 1):.2f}",
        ])  # fmt: skip
        data[title] = {**measured.as_json(), "events": kept.events, "lost": kept.lost,
                       "bytes": kept.bytes, "window_ns": kept.span_ns}  # fmt: skip
    return [_result(rows, {"subjects": data})]


def _result(rows: list[list[str]], data: dict[str, Any]) -> Result:
    columns = ["thread-brigade", "blocks", "untraced, ns", "traced", "recorded", "adds, ns",
               f"goal: {100 * (GOAL - 1):.0f} %", "events", "a second", "lost",
               "bytes each"]  # fmt: skip
    note = (
        f"Default probes; `traced` against untraced, `recorded` (`--record`) against traced, which"
        " is the cost of keeping every event, and what it adds to a hop. `bytes each`: of an event"
        f" on the disk, afterwards. Medians [{interval_name(BLOCKS)}]."
    )
    return Result(NAME, note, columns, rows, data)


SECTION = (NAME, run)
