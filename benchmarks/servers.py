"""What tracer costs real servers under load generators: throughput, CPU per operation."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping

from benchmarks.bystanders import attached_to
from benchmarks.conditions import Measured, RunResult, measure
from benchmarks.floor import Floor
from benchmarks.peers import PEERS
from benchmarks.result import Options, Result, with_interval
from benchmarks.served import SERVERS, Served, served
from tracer import probes
from tracer.analysis.statistics.intervals import Ratio, paired_ratio
from tracer.analysis.statistics.wording import interval_name
from tracer.errors import TracerError
from tracer.kernel.engine import Engine

NAME = "servers"
UNTRACED, FLOOR, TRACED, LIGHT = "untraced", "empty programs", "tracer", "tracer, --light"
SAMPLED = "tracer, --sample 1/8"
OTHERS = ("bpftrace", "perf sched record -a")
#: To empty programs on the same tracepoints: CPU per operation at most, throughput at least.
MOST_CPU, LEAST_THROUGHPUT = 1.10, 0.95


def _in(
    condition: contextlib.AbstractContextManager[None], run: Callable[[], RunResult]
) -> RunResult:
    with condition:
        return run()


def _measured(
    server: Served, engines: Mapping[str, Engine], floor: Floor, options: Options
) -> Measured:
    conditions: dict[str, Callable[[], RunResult]] = {
        UNTRACED: server.run,
        FLOOR: lambda: _in(floor, server.run),
    }
    for label, engine in engines.items():
        conditions[label] = functools.partial(
            lambda engine: _in(attached_to(engine, server.pid), server.run), engine
        )
    for peer in PEERS:
        if peer.name in OTHERS and not peer.missing():
            conditions[peer.name] = functools.partial(
                lambda peer: _in(peer.running(), server.run), peer
            )
    return measure(conditions, options.rounds, options.progress)


def _ratio(measured: Measured, label: str, base: str, key: str) -> Ratio | None:
    pairs = measured.blocks.paired(label, base)
    ours, theirs = ([float(pair[side].result[key]) for pair in pairs] for side in (0, 1))
    return paired_ratio(ours, theirs) if pairs else None


def _throughput(measured: Measured, label: str, base: str) -> Ratio | None:
    """Of one to that of the other: the times of an operation the other way round."""
    return _ratio(measured, base, label, "ns_per_unit")


def _verdict(throughput: Ratio | None, cpu: Ratio | None) -> str:
    if throughput is None or cpu is None:
        return "-"
    if throughput.low >= LEAST_THROUGHPUT and cpu.high <= MOST_CPU:
        return "met"
    missed = throughput.high < LEAST_THROUGHPUT or cpu.low > MOST_CPU
    return "missed" if missed else "not clear"


def _rows(title: str, measured: Measured) -> Iterator[list[str]]:
    for label in (UNTRACED, FLOOR, TRACED, SAMPLED, LIGHT, *OTHERS):
        if label not in measured.labels:
            continue
        first = [title if label == UNTRACED else "", label]
        if label == UNTRACED:
            yield [*first, f"{1e9 / measured.ns_per_unit(label):,.0f} a second", "1", "", "", "-"]
            continue
        cells = [
            with_interval(_throughput(measured, label, UNTRACED)),
            with_interval(_ratio(measured, label, UNTRACED, "cpu_ns")),
        ]
        if label == FLOOR:
            yield [*first, *cells, "", "", "-"]
            continue
        throughput = _throughput(measured, label, FLOOR)
        cpu = _ratio(measured, label, FLOOR, "cpu_ns")
        verdict = _verdict(throughput, cpu)
        yield [*first, *cells, with_interval(throughput), with_interval(cpu), verdict]


def run(options: Options) -> list[Result]:
    """One table."""
    rows: list[list[str]] = []
    data, below = {}, []
    seconds = max(options.run_ns / 1e9, 1.0) * 2
    with contextlib.ExitStack() as stack:
        options.progress.say(f"{NAME}: compiling")
        engines = {
            label: stack.enter_context(contextlib.closing(Engine(probes.DEFAULT, light, one_in=n)))
            for label, light, n in ((TRACED, False, 1), (SAMPLED, False, 8), (LIGHT, True, 1))
        }
        floor = stack.enter_context(contextlib.closing(Floor(engines[TRACED].tracepoints)))
        for title in SERVERS:
            try:
                with served(title, seconds) as server:
                    measured = _measured(server, engines, floor, options)
            except TracerError as error:
                below.append(f"{title}: not measured: {error.message}")
                continue
            rows += _rows(title, measured)
            data[title] = measured.as_json()
    note = (
        f"The server is pinned to one CPU, its generator free to move; {options.rounds} blocks of"
        f" about {seconds:.0f} s runs; default probes, attached to the server alone. Medians;"
        f" ratios within each block [{interval_name(options.rounds)}]. The goal, to the floor:"
        f" throughput at least {LEAST_THROUGHPUT:.2f}, CPU time per operation at most"
        f" {MOST_CPU:.2f}."
    )
    columns = ["server", "condition", "throughput", "CPU per operation", "throughput to the floor",
               "CPU to the floor", "goal"]  # fmt: skip
    return [Result(NAME, note, columns, rows, {"servers": data}, left=2, below=below)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
