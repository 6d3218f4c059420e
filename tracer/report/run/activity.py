"""What all threads did: context switches, wake-ups and system calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tracer.analysis.run.counts import Switches, on_cpu_ns
from tracer.analysis.run.summary import Summary
from tracer.model.histogram import Histogram
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord
from tracer.report.layout import table
from tracer.units import count, counted, duration, in_one_unit, rate

#: Rows of less of the window are summed, unless all are asked for.
LEAST_ROW = 0.001
#: So many kinds of errors are named.
_MOST_ERRORS = 10
#: A longer name of the unit would make the tables too wide.
_LONGEST_UNIT = 8
#: What each kind of wake-up is called, and the two other latencies.
WOKEN = {
    "same_cpu": "woken on the same CPU",
    "cross_cpu_idle": "woken to another CPU, idle",
    "cross_cpu_busy": "woken to another CPU, busy",
    "interrupt": "woken by an interrupt or timer",
}
PREEMPTED, KEPT = "preempted, until it ran again", "kept its CPU for"


def scheduler(run: Summary, width: int) -> list[str]:
    """Context switches; with the probe sched, latencies by kind of wake-up."""
    switches = run.switches
    lines = [
        f"Context switches  {count(switches.total)}{_per_unit(run, switches.total)}:"
        f" {count(switches.voluntary)} voluntary, {count(switches.involuntary)} involuntary"
        f"{_yielded(switches)}; {counted(switches.migrations, 'migration')}"
    ]
    if run.sched is None or run.wakeups is None:
        return lines
    lines += _latencies(run, run.sched, width)
    if run.wakeups["pending"]:
        lines.append(f"woken and not yet running at the end: {count(run.wakeups['pending'])}")
    outside = [f"{count(n)} by {k.replace('_', ' ')}" for k, n in run.outside_wakers.items() if n]
    if outside:
        lines.append(f"Wake-ups from outside the program: {', '.join(outside)}")
    return lines


def _yielded(switches: Switches) -> str:
    """What the involuntary ones are, where a thread gave its CPU up."""
    if not switches.yielded:
        return ""
    preempted = switches.involuntary - switches.yielded
    return f" ({count(switches.yielded)} yielded, {count(preempted)} pushed off)"


def _latencies(run: Summary, record: SchedRecord, width: int) -> list[str]:
    histograms: dict[str, Histogram] = {
        WOKEN[kind]: histogram for kind, histogram in record.woke.items()
    }
    histograms[PREEMPTED] = record.preempted
    histograms[KEPT] = record.slice
    seen = {label: times for label, times in histograms.items() if times.count}
    if not seen:
        return []
    figures: dict[str, list[int | None]] = {
        f"p{q}": [times.percentile_ns(q) for times in seen.values()] for q in (50, 90, 99)
    }
    heads, cells = columns_of({}, {**figures, "max": [times.max_ns for times in seen.values()]})
    rows = [
        [label, count(times.count), *_rate(run, times.count), *row]
        for (label, times), row in zip(seen.items(), cells, strict=True)
    ]
    return ["", *table(rows, ["threads", "times", *_rate_heading(run), *heads], 1, width)]


def calls(run: Summary, width: int, *, all_rows: bool = False) -> list[str]:
    """The table of system calls; nothing without the probe syscalls, or without a call."""
    if not run.syscalls:
        return []
    least_ns = 0 if all_rows else LEAST_ROW * run.window_ns
    rows = [call for call in run.syscalls if call.times.sum_ns >= least_ns] or run.syscalls[:1]
    if len(run.syscalls) == len(rows) + 1:
        rows = list(run.syscalls)  # a line for one call is no shorter than its row
    heads, cells = columns_of(*call_times_ns(rows))
    lines = [
        "System calls (all threads; total includes sleeping in the call)",
        *table(
            [
                [call.name, count(call.times.count), *_rate(run, call.times.count), *times]
                for call, times in zip(rows, cells, strict=True)
            ],
            ["call", "calls", *_rate_heading(run), *heads],
            1,
            width,
            answer=["calls", *heads[:2]],
        ),
    ]
    rest = [call for call in run.syscalls if call not in rows]
    if rest:
        rest_ns = sum(call.times.sum_ns for call in rest)
        lines.append(f"{counted(len(rest), 'more call')}, {duration(rest_ns)} in all (--all-rows)")
    return [*lines, *_errors(run.syscalls), *_open_calls(run)]


def call_times_ns(
    rows: Sequence[CallRecord],
) -> tuple[dict[str, list[int | None]], dict[str, list[int | None]]]:
    """The columns of times of a table of calls, by their heads: of all calls, and of one call."""
    sums: dict[str, list[int | None]] = {
        "total": [call.times.sum_ns for call in rows],
        "on CPU": [on_cpu_ns(call) for call in rows],
    }
    return sums, {
        "p50": [call.times.percentile_ns(50) for call in rows],
        "p99": [call.times.percentile_ns(99) for call in rows],
        "max": [call.times.max_ns for call in rows],
    }


def columns_of(
    sums: Mapping[str, Sequence[int | None]],
    each: Mapping[str, Sequence[int | None]] = MappingProxyType({}),
) -> tuple[list[str], list[list[str]]]:
    """Columns of sums of times, and of times of one event each: the heads, and the rows. Both are
    in one unit, which each head names."""
    heads: list[str] = []
    columns: list[Sequence[str]] = []
    for figures in (sums, each):
        every = [ns for times_ns in figures.values() for ns in times_ns]
        unit, cells = in_one_unit(every, are_sums=figures is sums)
        heads += [f"{head}, {unit}" for head in figures]
        number = len(cells) // max(len(figures), 1)
        columns += [cells[n * number : (n + 1) * number] for n in range(len(figures))]
    return heads, [list(row) for row in zip(*columns, strict=True)]


def _errors(calls: Sequence[CallRecord]) -> list[str]:
    """The most frequent errors of all calls, in one line."""
    every = [
        (times, f"{call.name} {count(times)} {_error(name)}")
        for call in calls
        for name, times in call.errors.items()
    ]
    every.sort(key=lambda one: -one[0])
    if not every:
        return []
    more = len(every) - _MOST_ERRORS
    rest = f", and {more} more kinds (--json has them)" if more > 0 else ""
    return [f"errors: {', '.join(text for _n, text in every[:_MOST_ERRORS])}{rest}"]


def _error(name: str) -> str:
    """The kernel's own ERESTART... never reach a program."""
    return "interrupted, restarted" if name.startswith("ERESTART") else name


def _open_calls(run: Summary) -> list[str]:
    if not run.open_calls:
        return []
    text = ", ".join(f"{count(n)} {name}" for name, n in run.open_calls.items())
    return [f"still open at the end: {text}"]


def _rate_heading(run: Summary) -> list[str]:
    """The head of a column of rates; none where the units of work were not counted."""
    unit = run.unit if len(run.unit) <= _LONGEST_UNIT else "unit"
    return [f"per {unit}"] if run.units else []


def _rate(run: Summary, times: float) -> list[str]:
    """The cell below it."""
    return [rate(run.per_unit(times))] if run.units else []


def _per_unit(run: Summary, times: float) -> str:
    return f" ({rate(run.per_unit(times))} per {run.unit})" if run.units else ""
