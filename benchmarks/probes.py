"""What each probe adds to `sched,syscalls`, on the workloads that it concerns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import workloads
from benchmarks.blocks import Blocks, Condition, Ratio, Run, as_json, measure
from benchmarks.floor import Floor
from benchmarks.result import Options, Result, interval
from benchmarks.subject import Subject, rescaled, run_of
from tracer import probes
from tracer.capture.workload import run_traced, run_untraced
from tracer.kernel.engine import Engine

NAME = "probes"
UNTRACED, BASE = "untraced", ",".join(probes.DEFAULT)
FLOOR = "empty"  #: BASE, and empty programs on the probe's own tracepoints
GOAL = 0.30
#: Differences of some 100 ns are looked for: many short blocks find them, few long ones do not.
_MORE_BLOCKS = 3


@dataclass(frozen=True)
class Case:
    """A workload, and the probes whose cost on it is of interest; `all` for all of them."""

    workload: str
    probes: tuple[str, ...]
    further: Mapping[str, int | str | None] = field(default_factory=dict)
    pinned: bool = True

    @property
    def title(self) -> str:
        """For a row: the workload, its options, where it runs."""
        given = " ".join(str(value) for value in self.further.values())
        return ", ".join(filter(None, [self.workload, given, "" if self.pinned else "not pinned"]))


CASES = (
    Case("async-brigade", ("epoll", "futex"), {"flavor": "multi-thread"}),
    Case("thread-mem-brigade", ("futex",)),
    Case("thread-brigade", ("idle", "all")),
    Case("thread-brigade", ("idle",), pinned=False),
    Case("uring-brigade", ("io_uring",), {"mode": "per-hop"}),
    Case("uring-brigade", ("io_uring",), {"mode": "chain"}),
)


def _untraced(subject: Subject) -> Run:
    return run_of(run_untraced(subject.spec()))


def _traced(engine: Engine, subject: Subject) -> Run:
    return run_of(run_traced(engine, subject.spec()).result)


def _above(engine: Engine, floor: Floor, subject: Subject) -> Run:
    with floor:
        return _traced(engine, subject)


def _names(probe: str) -> tuple[str, ...]:
    """The probes of an engine with `probe` as well, in their order."""
    wanted = set(probes.available()) if probe == "all" else {probe, *probes.DEFAULT}
    return tuple(name for name in probes.available() if name in wanted)


def _conditions(
    case: Case, subject: Subject, options: Options, stack: ExitStack
) -> list[Condition]:
    def made(names: Sequence[str]) -> Engine:
        options.progress(f"{case.title}: compiling {', '.join(names)}")
        engine = Engine(names)
        stack.callback(engine.close)
        return engine

    base = made(_names(probes.DEFAULT[0]))
    found = [
        Condition(UNTRACED, functools.partial(_untraced, subject)),
        Condition(BASE, functools.partial(_traced, base, subject)),
    ]
    for probe in case.probes:
        engine = made(_names(probe))
        found.append(Condition(probe, functools.partial(_traced, engine, subject)))
        own = [name for name in engine.tracepoints if name not in base.tracepoints]
        if own:
            floor = Floor(own)
            stack.callback(floor.close)
            found.append(
                Condition(f"{probe}, {FLOOR}", functools.partial(_above, base, floor, subject))
            )
    return found


def _percent(share: Ratio) -> str:
    """`18 % [12, 25]`."""
    return f"{100 * share.median:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def _verdict(share: Ratio) -> str:
    if share.high <= GOAL:
        return "met"
    return "above" if share.low > GOAL else "not clear"


def _ns(added: Ratio) -> str:
    """`509 [460, 540]`."""
    return f"{added.median:,.0f} [{added.low:,.0f}, {added.high:,.0f}]"


def _rows(case: Case, blocks: Blocks) -> list[list[str]]:
    rows = []
    for probe in case.probes:
        row = [probe, case.title]
        if failed := [blocks.errors[n] for n in (UNTRACED, BASE, probe) if n in blocks.errors]:
            rows.append([*row, "-", "-", "-", "-", "-", "-", failed[0][:40]])
            continue
        # a share of what cannot be told from nothing would say nothing
        known = blocks.added_ns(BASE, UNTRACED).low > 0
        share = blocks.further_share(probe, BASE, UNTRACED)
        floor = f"{probe}, {FLOOR}"
        least = blocks.further_share(floor, BASE, UNTRACED) if floor in blocks.runs else None
        rows.append(
            [
                *row,
                f"{blocks.ns_per_unit(UNTRACED):,.0f}",
                interval(blocks.ratio(BASE, UNTRACED)),
                interval(blocks.ratio(probe, UNTRACED)),
                _ns(blocks.added_ns(probe, BASE)),
                _percent(share) if known else "-",
                _percent(least) if least and known else "-",
                _verdict(share) if known and probe != "all" else "-",
            ]
        )
    return rows


def _case(case: Case, options: Options) -> Blocks:
    first = Subject(case.workload, 20, None, 20, case.further, case.pinned)
    subject = rescaled(first, options.run_ns / _MORE_BLOCKS)
    with ExitStack() as stack:
        conditions = _conditions(case, subject, options, stack)
        return measure(
            conditions,
            options.rounds * _MORE_BLOCKS,
            lambda text: options.progress(f"{case.title}, {text}"),
        )


def run(options: Options) -> list[Result]:
    """One table."""
    rows, data = [], {}
    for case in CASES:
        if case.workload not in workloads.available():
            continue
        if options.subjects and case.workload not in options.subjects:
            continue
        blocks = _case(case, options)
        rows += _rows(case, blocks)
        data[case.title] = as_json(blocks)
    return [_result(rows, {"cases": data}, f"{options.rounds * _MORE_BLOCKS} blocks")]


def _result(rows: Sequence[Sequence[str]], data: Mapping[str, object], blocks: str) -> Result:
    goal = f"goal: {100 * GOAL:.0f} %"
    columns = ["probe", "workload", "untraced, ns", BASE, "with it"]
    columns += ["adds, ns", "adds, share", "empty", goal]
    note = (
        f"{blocks}; pinned to one CPU where nothing else is said. `{BASE}` and `with it` are"
        " slowdowns against untraced. `adds` is what the probe adds to a unit of work, and that as"
        f" a share of what {BASE} adds, where these add something that can be told from nothing;"
        " `empty` is the share for empty programs on the probe's own tracepoints, so no probe with"
        " these can be cheaper. Medians with 95 % intervals; `not clear`: the goal is inside."
    )
    return Result(NAME, note, columns, rows, data, left=2)


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
