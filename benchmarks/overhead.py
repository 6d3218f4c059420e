"""Overhead: one workload untraced, at the floor, under tracer, and under other tools."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import workloads
from benchmarks.blocks import Blocks, Condition, Run, as_json, measure
from benchmarks.floor import Floor
from benchmarks.peers import PEERS, Peer
from benchmarks.result import Options, Result, interval
from benchmarks.subject import Subject, run_of, scaled
from tracer import probes
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import TracerError
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording

NAME = "overhead"
UNTRACED, ALL, BPFTRACE = "untraced", "tracer, all probes", "bpftrace"
FLOOR, LIGHT_FLOOR = "empty programs", "empty programs, --light"
#: The goals, printed beside what was measured.
GOAL, LIMIT, BPFTRACE_SHARE = 1.15, 1.25, 0.25

#: The thread brigade is what tracer is for; one thread making nearly empty calls is the worst case.
SUBJECTS = ("thread-brigade", "one-thread-brigade")
#: Ours: probes, --light, and the floor with the same tracepoints.
OURS: Mapping[str, tuple[tuple[str, ...], bool, str]] = {
    "tracer, --light": (probes.DEFAULT, True, LIGHT_FLOOR),
    "tracer, --probe sched": (("sched",), False, FLOOR),
    ALL: (tuple(probes.available()), False, FLOOR),
}
TELLS = {
    FLOOR: "nothing: the price of being called",
    LIGHT_FLOOR: "nothing, on the tracepoints that --light uses",
    "tracer, --light": "the path, three ledgers, switches, wake-ups; time on a CPU is not split",
    "tracer, --probe sched": "the same, I/O split from the rest; no detail per call",
    ALL: "the path, three ledgers, switches, wake-ups, each call; steps of 1/16 octave",
}


def _untraced(subject: Subject) -> Run:
    return run_of(run_untraced(subject.spec()))


def _at_floor(floor: Floor, subject: Subject) -> Run:
    with floor:
        return _untraced(subject)


def _traced(engine: Engine, subject: Subject) -> Run:
    return run_of(run_traced(engine, subject.spec()).result)


def _under(peer: Peer, subject: Subject) -> Run:
    fewer = max(5, int(subject.iterations * peer.share))
    return peer.run(dataclasses.replace(subject, iterations=fewer))


def events_per_unit(recording: Recording) -> float:
    """Hits of the four hot tracepoints: two a call, one a switch and one a wake-up."""
    calls = sum(call.times.count for call in recording.probes["syscalls"])
    sched = recording.probes["sched"]
    woken = sum(times.count for times in sched.woke.values())
    return float(2 * calls + sched.slice.count + woken) / max(int(recording.result["units"]), 1)


def _row(blocks: Blocks, name: str, base: str | None, events: float, error: str) -> list[str]:
    if error:
        return [name, "-", "-", "-", "-"]
    added = blocks.ns_per_unit(name) - blocks.ns_per_unit(UNTRACED)
    slowdown = "1" if name == UNTRACED else interval(blocks.ratio(name, UNTRACED))
    return [
        name,
        f"{blocks.ns_per_unit(name):,.0f}",
        slowdown,
        "-" if name == UNTRACED else f"{added / events:,.0f}",
        interval(blocks.ratio(name, base)) if base else "-",
    ]


def _goals(blocks: Blocks) -> list[str]:
    floor = blocks.ratio(ALL, FLOOR)
    lines = [
        f"All probes {interval(floor)} of the floor; goal at most {GOAL:.2f}, never above"
        f" {LIMIT:.2f}"
    ]
    if BPFTRACE in blocks.runs:
        share = blocks.added_share(ALL, BPFTRACE, FLOOR)
        lines.append(
            f"Above the floor all probes add {interval(share)} of what bpftrace adds above it;"
            f" goal at most {BPFTRACE_SHARE:.2f}"
        )
    return lines


def _subject(name: str, options: Options) -> Result:
    subject = scaled(name, options.run_ns)
    with ExitStack() as stack:
        conditions = [Condition(UNTRACED, functools.partial(_untraced, subject))]
        engines: dict[str, Engine] = {}
        for ours, (names, light, floor_name) in OURS.items():
            options.progress(f"{name}: compiling {ours}")
            engine = engines[ours] = Engine(names, light)
            stack.callback(engine.close)
            conditions.append(Condition(ours, functools.partial(_traced, engine, subject)))
            if floor_name not in [condition.name for condition in conditions]:
                floor = Floor(engine.tracepoints)
                stack.callback(floor.close)
                conditions.append(
                    Condition(floor_name, functools.partial(_at_floor, floor, subject))
                )
        events = events_per_unit(run_traced(engines[ALL], subject.spec()))
        missing = {peer.name: reason for peer in PEERS if (reason := peer.missing())}
        conditions += [
            Condition(peer.name, functools.partial(_under, peer, subject))
            for peer in PEERS
            if peer.name not in missing
        ]
        blocks = measure(
            conditions, options.rounds, lambda text: options.progress(f"{name}, {text}")
        )
    return _result(name, subject, options, events, blocks, missing)


def _result(
    name: str,
    subject: Subject,
    options: Options,
    events: float,
    blocks: Blocks,
    missing: Mapping[str, str],
) -> Result:
    errors = {**missing, **blocks.errors}
    bases: dict[str, str | None] = {UNTRACED: None, FLOOR: None, LIGHT_FLOOR: None}
    bases |= {ours: floor for ours, (_names, _light, floor) in OURS.items()}
    bases |= {peer.name: FLOOR for peer in PEERS}
    tells = {**TELLS, **{peer.name: peer.tells for peer in PEERS}}
    rows = [_row(blocks, n, base, events, errors.get(n, "")) for n, base in bases.items()]
    lines = [f"{n}: {tells[n]}" for n in bases if n in tells and n not in errors]
    lines += [f"{n}: did not run here: {text}" for n, text in errors.items()]
    note = (
        f"{name}, pinned to one CPU, {subject.iterations} iterations, {options.rounds} blocks;"
        f" {events:.2f} events per unit of work. Medians; ratios within each block, with their"
        " 95 % interval."
    )
    columns = ["condition", "ns per unit", "slowdown", "ns per event", "to the floor"]
    data = {"events_per_unit": events, "iterations": subject.iterations, **as_json(blocks)}
    data["errors"] = errors
    return Result(f"{NAME}-{name}", note, columns, rows, data, below=[*_goals(blocks), *lines])


def run(options: Options) -> list[Result]:
    """A table per subject."""
    wanted = [name for name in SUBJECTS if name in (options.subjects or SUBJECTS)]
    chosen = [name for name in wanted if name in workloads.available()]
    if not chosen:
        raise TracerError(f"there is no workload {', '.join(options.subjects)}")
    return [_subject(name, options) for name in chosen]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
