"""Overhead: one workload untraced, at the floor, under tracer, and under other tools."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import workloads
from benchmarks.conditions import Measured, RunResult, measure
from benchmarks.floor import TIMED, Floor
from benchmarks.peers import PEERS, Peer
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import Subject, scaled
from tracer import probes
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import TracerError
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording

NAME = "overhead"
UNTRACED, DEFAULT, ALL, BPFTRACE = (
    "untraced", "tracer, default probes", "tracer, all probes", "bpftrace"
)  # fmt: skip
FLOOR, LIGHT_FLOOR = "empty programs", "empty programs, --light"
SAMPLED = "tracer, --sample 1/8"
CLOCK = "programs that read the clock"
#: The goals, printed beside what was measured: of the default probes to CLOCK, and of bpftrace.
GOAL, BPFTRACE_SHARE = 1.10, 0.25

#: The thread brigade is what tracer is for; one thread making nearly empty calls is the worst case.
SUBJECTS = ("thread-brigade", "one-thread-brigade")
#: tracer's own conditions: probes, --light, N of --sample 1/N, and the floor with the same
#: tracepoints.
OURS: Mapping[str, tuple[tuple[str, ...], bool, int, str]] = {
    "tracer, --light": (probes.DEFAULT, True, 1, LIGHT_FLOOR),
    SAMPLED: (probes.DEFAULT, False, 8, FLOOR),
    "tracer, --probe sched": (("sched",), False, 1, FLOOR),
    DEFAULT: (probes.DEFAULT, False, 1, FLOOR),
    ALL: (tuple(probes.names()), False, 1, FLOOR),
}
#: What each condition reports to its user.
REPORTS = {
    FLOOR: "nothing: the cost of being called",
    CLOCK: "nothing: the cost of being called, and of the time of each event",
    LIGHT_FLOOR: "nothing, on the tracepoints that --light uses",
    "tracer, --light": "the path, three ledgers, switches, wake-ups; time on a CPU is not split",
    SAMPLED: "the same; time on a CPU is split, and calls are counted, from an eighth of the time",
    "tracer, --probe sched": "the same, I/O split from the rest; no detail per call",
    DEFAULT: "the path, three ledgers, switches, wake-ups, each call; steps of 1/16 octave",
    ALL: "the same; stacks, idle CPUs, epoll, io_uring",
}


def _untraced(subject: Subject) -> RunResult:
    return run_untraced(subject.spec())


def at_floor(floor: Floor, subject: Subject) -> RunResult:
    """A run while these programs are attached."""
    with floor:
        return _untraced(subject)


def _traced(engine: Engine, subject: Subject) -> RunResult:
    return run_traced(engine, subject.spec()).result


def _under(peer: Peer, subject: Subject) -> RunResult:
    fewer = max(5, int(subject.iterations * peer.share))
    return peer.run(dataclasses.replace(subject, iterations=fewer))


def events_per_unit(recording: Recording) -> float:
    """Hits of the four hot tracepoints: two a call, one a switch and one a wake-up."""
    calls = sum(call.times.count for call in recording.probes["syscalls"])
    sched = recording.probes["sched"]
    woken = sum(times.count for times in sched.woke.values())
    return float(2 * calls + sched.slice.count + woken) / max(int(recording.result["units"]), 1)


def _row(measured: Measured, label: str, base: str | None, events: float) -> list[str]:
    if label not in measured.labels:
        return [label, "-", "-", "-", "-"]
    blocks, ns = measured.blocks, measured.ns_per_unit(label)
    if label == UNTRACED:
        return [label, f"{ns:,.0f}", "1", "-", "-"]
    return [
        label,
        f"{ns:,.0f}",
        with_interval(blocks.ratio(label, UNTRACED)),
        f"{(ns - measured.ns_per_unit(UNTRACED)) / events:,.0f}",
        with_interval(blocks.ratio(label, base)) if base else "-",
    ]


def _goals(measured: Measured) -> Iterator[str]:
    blocks = measured.blocks
    yield (
        f"The default probes {with_interval(blocks.ratio(DEFAULT, CLOCK))} of {CLOCK}; goal at"
        f" most {GOAL:.2f}. {CLOCK.capitalize()}:"
        f" {with_interval(blocks.ratio(CLOCK, FLOOR))} of the floor"
    )
    if BPFTRACE in measured.labels:
        share = blocks.share((DEFAULT, FLOOR), (BPFTRACE, FLOOR))
        yield (
            f"Above the floor the default probes add {with_interval(share)} of what bpftrace adds"
            f" above it; goal at most {BPFTRACE_SHARE:.2f}"
        )


def _subject(name: str, options: Options) -> Result:
    subject = scaled(name, options.run_ns)
    missing = {peer.name: reason for peer in PEERS if (reason := peer.missing())}
    with ExitStack() as stack:
        conditions: dict[str, Callable[[], RunResult]] = {
            UNTRACED: functools.partial(_untraced, subject)
        }
        engines: dict[str, Engine] = {}
        for label, (names, light, one_in, floor_name) in OURS.items():
            options.progress.say(f"{name}: compiling {label}")
            engine = engines[label] = Engine(names, light, one_in=one_in)
            stack.callback(engine.close)
            conditions[label] = functools.partial(_traced, engine, subject)
            if floor_name not in conditions:
                floor = Floor(engine.tracepoints)
                stack.callback(floor.close)
                conditions[floor_name] = functools.partial(at_floor, floor, subject)
        clock = stack.enter_context(contextlib.closing(Floor(engines[DEFAULT].tracepoints, TIMED)))
        conditions[CLOCK] = functools.partial(at_floor, clock, subject)
        events = events_per_unit(run_traced(engines[ALL], subject.spec()))
        for peer in PEERS:
            if peer.name not in missing:
                conditions[peer.name] = functools.partial(_under, peer, subject)
        measured = measure(conditions, options.rounds, options.progress)
    complete = Measured(measured.blocks, {**missing, **measured.errors})
    return _result(subject, options, events, complete)


def _result(subject: Subject, options: Options, events: float, measured: Measured) -> Result:
    bases: dict[str, str | None] = {UNTRACED: None, FLOOR: None, CLOCK: FLOOR, LIGHT_FLOOR: None}
    bases |= {label: floor for label, (_names, _light, _one_in, floor) in OURS.items()}
    bases |= {peer.name: FLOOR for peer in PEERS}
    reports = {**REPORTS, **{peer.name: peer.reports for peer in PEERS}}
    rows = [_row(measured, label, base, events) for label, base in bases.items()]
    below = [
        *_goals(measured),
        *(f"{x}: {reports[x]}" for x in bases if x in reports and x not in measured.errors),
        *(f"{label}: did not run here: {text}" for label, text in measured.errors.items()),
    ]
    note = (
        f"{subject.name}, pinned to one CPU, {subject.iterations} iterations, {options.rounds}"
        f" blocks; {events:.2f} events per unit of work. Medians; ratios within each block"
        f" [{interval_name(options.rounds)}]."
    )
    columns = ["condition", "ns per unit", "slowdown", "ns per event", "to the floor"]
    data = {
        "events_per_unit": events, "iterations": subject.iterations, **measured.as_json()
    }  # fmt: skip
    return Result(f"{NAME}-{subject.name}", note, columns, rows, data, below=below)


def run(options: Options) -> list[Result]:
    """A table per subject."""
    chosen = [name for name in SUBJECTS if name in (options.subjects or SUBJECTS)]
    chosen = [name for name in chosen if name in workloads.available()]
    if not chosen:
        raise TracerError(f"there is no workload {', '.join(options.subjects)}")
    return [_subject(name, options) for name in chosen]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
