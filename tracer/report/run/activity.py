"""What all threads did: context switches, wake-ups and system calls."""

from __future__ import annotations

from tracer.analysis.run.counts import Switches, on_cpu_ns
from tracer.analysis.run.summary import Summary
from tracer.model.histogram import Histogram
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord
from tracer.report.layout import table
from tracer.units import count, counted, duration, rate

#: A longer name of the unit would make the tables too wide.
_LONGEST_UNIT = 8
_WAKEUP_NAMES = {
    "same_cpu": "on the same CPU",
    "cross_cpu_idle": "to another CPU, idle",
    "cross_cpu_busy": "to another CPU, busy",
    "interrupt": "by an interrupt or timer",
}


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
    rows = _latencies(run, run.sched)
    if rows:
        columns = ["threads", "times", *_rate_heading(run), "p50", "p90", "p99", "max"]
        lines += ["", *table(rows, columns, 1, width)]
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


def _latencies(run: Summary, record: SchedRecord) -> list[list[str]]:
    histograms: dict[str, Histogram] = {
        f"woken {_WAKEUP_NAMES[kind]}": histogram for kind, histogram in record.woke.items()
    }
    histograms["preempted, until it ran again"] = record.preempted
    histograms["kept its CPU for"] = record.slice
    return [
        [
            label,
            count(histogram.count),
            *_rate(run, histogram.count),
            *(duration(histogram.percentile_ns(q)) for q in (50, 90, 99)),
            duration(histogram.max_ns),
        ]
        for label, histogram in histograms.items()
        if histogram.count
    ]


def calls(run: Summary, width: int) -> list[str]:
    """The table of system calls; nothing without the probe syscalls."""
    if run.syscalls is None:
        return []
    rows = [_call(run, call) for call in run.syscalls]
    columns = ["call", "calls", *_rate_heading(run), "total", "on CPU", "p50", "p99", "max"]
    lines = [
        "System calls (all threads; total includes sleeping in the call)",
        *table(rows, [*columns, "errors"], 1, width),
    ]
    if run.open_calls:
        text = ", ".join(f"{count(n)} {name}" for name, n in run.open_calls.items())
        lines.append(f"still open at the end: {text}")
    return lines


def _call(run: Summary, call: CallRecord) -> list[str]:
    times = call.times
    return [
        call.name,
        count(times.count),
        *_rate(run, times.count),
        duration(times.sum_ns),
        duration(on_cpu_ns(call)),
        *(duration(times.percentile_ns(q)) for q in (50, 99)),
        duration(times.max_ns),
        " ".join(f"{count(n)} {name}" for name, n in call.errors.items()),
    ]


def _rate_heading(run: Summary) -> list[str]:
    """The head of a column of rates; none where the units of work were not counted."""
    unit = run.unit if len(run.unit) <= _LONGEST_UNIT else "unit"
    return [f"per {unit}"] if run.units else []


def _rate(run: Summary, times: float) -> list[str]:
    """The cell below it."""
    return [rate(run.per_unit(times))] if run.units else []


def _per_unit(run: Summary, times: float) -> str:
    return f" ({rate(run.per_unit(times))} per {run.unit})" if run.units else ""
