"""What each probe adds to `sched,syscalls`, on the workloads that it is about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import workloads
from benchmarks.conditions import Conditions, Measured, RunResult, measure
from benchmarks.floor import Floor
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import Subject, rescaled
from tracer import probes
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.workload import run_traced, run_untraced
from tracer.kernel.engine import Engine

NAME = "probes"
UNTRACED, BASE = "untraced", ",".join(probes.COMPARED)
FLOOR = "empty"  #: BASE, and empty programs on the probe's own tracepoints
GOAL = 0.30
#: Differences of some 100 ns are measured: many short blocks show them, few long ones do not.
_MORE_BLOCKS = 3


@dataclass(frozen=True)
class Case:
    """A workload and the probes whose cost is measured on it; `all` for all of them."""

    workload: str
    probes: tuple[str, ...]
    further: Mapping[str, int | str | None] = field(default_factory=dict)
    pinned: bool = True

    @property
    def title(self) -> str:
        """The workload, its options, and where it runs."""
        given = " ".join(str(value) for value in self.further.values())
        return ", ".join(filter(None, [self.workload, given, "" if self.pinned else "not pinned"]))


CASES = (
    Case("async-brigade", ("epoll", "futex"), {"flavor": "multi-thread"}),
    Case("thread-mem-brigade", ("futex",)),
    Case("thread-brigade", ("idle", "stacks", "all")),
    Case("thread-brigade", ("idle",), pinned=False),
    Case("uring-brigade", ("io_uring",), {"mode": "per-hop"}),
    Case("uring-brigade", ("io_uring",), {"mode": "chain"}),
)


def _untraced(subject: Subject) -> RunResult:
    return run_untraced(subject.spec())


def _traced(engine: Engine, subject: Subject) -> RunResult:
    return run_traced(engine, subject.spec()).result


def _with_floor(engine: Engine, floor: Floor, subject: Subject) -> RunResult:
    with floor:
        return _traced(engine, subject)


def _names(probe: str) -> tuple[str, ...]:
    """The probes of an engine with `probe` as well, in their order."""
    every = probes.names()
    return tuple(name for name in every if probe in (name, "all") or name in probes.COMPARED)


def _conditions(case: Case, subject: Subject, options: Options, stack: ExitStack) -> Conditions:
    def engine_with(names: Sequence[str]) -> Engine:
        options.progress.say(f"{case.title}: compiling {', '.join(names)}")
        engine = Engine(names)
        stack.callback(engine.close)
        return engine

    base = engine_with(probes.COMPARED)
    conditions: dict[str, Callable[[], RunResult]] = {
        UNTRACED: functools.partial(_untraced, subject),
        BASE: functools.partial(_traced, base, subject),
    }
    for probe in case.probes:
        engine = engine_with(_names(probe))
        conditions[probe] = functools.partial(_traced, engine, subject)
        own = [name for name in engine.tracepoints if name not in base.tracepoints]
        if own:
            floor = Floor(own)
            stack.callback(floor.close)
            at_floor = functools.partial(_with_floor, base, floor, subject)
            conditions[f"{probe}, {FLOOR}"] = at_floor
    return conditions


def _percent(share: Interval | None) -> str:
    """`18 % [12, 25]`."""
    return with_interval(share, 100, 0).replace(" ", " % ", 1)


def _verdict(share: Interval) -> str:
    if share.high <= GOAL:
        return "met"
    return "above" if share.low > GOAL else "not clear"


def _rows(case: Case, measured: Measured) -> list[list[str]]:
    rows = []
    blocks, errors = measured.blocks, measured.errors
    for probe in case.probes:
        row = [probe, case.title]
        if failed := [errors[label] for label in (UNTRACED, BASE, probe) if label in errors]:
            rows.append([*row, "-", "-", "-", "-", "-", "-", failed[0][:40]])
            continue
        added_by_base = blocks.difference(BASE, UNTRACED)
        share = floor = None
        # a share of a difference that may be zero has no meaning
        if added_by_base is not None and added_by_base.low > 0:
            share = blocks.share((probe, BASE), (BASE, UNTRACED))
            floor = blocks.share((f"{probe}, {FLOOR}", BASE), (BASE, UNTRACED))
        rows.append(
            [
                *row,
                f"{measured.ns_per_unit(UNTRACED):,.0f}",
                with_interval(blocks.ratio(BASE, UNTRACED)),
                with_interval(blocks.ratio(probe, UNTRACED)),
                with_interval(blocks.difference(probe, BASE), digits=0),
                _percent(share),
                _percent(floor),
                _verdict(share) if share and probe != "all" else "-",
            ]
        )
    return rows


def _case(case: Case, options: Options) -> Measured:
    first = Subject(case.workload, 20, None, 20, case.further, case.pinned)
    subject = rescaled(first, options.run_ns / _MORE_BLOCKS)
    with ExitStack() as stack:
        conditions = _conditions(case, subject, options, stack)
        return measure(conditions, options.rounds * _MORE_BLOCKS, options.progress)


def run(options: Options) -> list[Result]:
    """One table."""
    rows, data = [], {}
    for case in CASES:
        if case.workload not in workloads.available():
            continue
        if options.subjects and case.workload not in options.subjects:
            continue
        measured = _case(case, options)
        rows += _rows(case, measured)
        data[case.title] = measured.as_json()
    return [_result(rows, {"cases": data}, options.rounds * _MORE_BLOCKS)]


def _result(rows: Sequence[Sequence[str]], data: Mapping[str, object], blocks: int) -> Result:
    columns = ["probe", "workload", "untraced, ns", BASE, "with it"]
    columns += ["adds, ns", "adds, share", "empty", f"goal: {100 * GOAL:.0f} %"]
    note = (
        f"{blocks} blocks; pinned to one CPU unless the row says otherwise. `{BASE}` and `with it`"
        " are slowdowns against untraced. `adds` is what the probe adds to a unit of work, in ns"
        f" and as a share of what {BASE} add; no share where their cost does not differ from zero."
        " `empty` is the share for empty programs on the probe's own tracepoints, so no probe with"
        f" these can be cheaper. Medians [{interval_name(blocks)}]; `not clear`: the goal is in it."
    )
    return Result(NAME, note, columns, rows, data, left=2)


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
