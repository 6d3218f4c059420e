"""The first lines of a report: what ran, where, for how long, and its own figures."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from tracer.analysis.run.summary import Summary
from tracer.model.recording import Process
from tracer.report.run.kernel_time import kernel_time
from tracer.report.run.place import place
from tracer.units import count, counted, duration, plain, size

#: A longer command line is cut.
_LONGEST_NAME = 150
#: So many processes of an attach are named.
_MOST_PROCESSES = 4


def head(run: Summary) -> list[str]:
    """The lines for this kind of target."""
    lines = {"workload": _workload, "command": _command, "attach": _attach}[run.target.kind](run)
    return [*lines, *kernel_time(run)]


def path_title(run: Summary) -> str:
    """What the wall ledger of this report is the path of."""
    thread = run.target.path_thread
    if thread is None:
        what = "run" if run.target.kind == "workload" else "command"
        return f"the chain of events that decided when the {what} ended"
    name = f"{thread.tid} ({plain(thread.name)})"
    return f"the chain of events that led to what thread {name} did at the end"


def _faults(usage: Mapping[str, Any]) -> str:
    return counted(usage["minor_faults"] + usage["major_faults"], "page fault")


# ---- a workload ----


def _workload(run: Summary) -> list[str]:
    target = run.target
    transport = f", {target.transport}" if target.transport else ""
    where = f"{transport}, {place(run)}"
    if run.units is None:
        number = signal.Signals(run.interrupted or signal.SIGINT).name
        return [
            f"{target.name}  {plain(' '.join(target.argv[1:]))}{where}",
            f"PARTIAL: ended by {number} after {duration(run.window_ns)}; totals until then, not"
            f" per {run.unit}",
        ]
    result = run.result
    tasks, iterations = counted(result["tasks"], "task"), counted(result["iterations"], "iteration")
    return [f"{target.name}  {tasks} x {iterations}{where}", *_iterations(run), *_extra(result)]


def _iterations(run: Summary) -> list[str]:
    """How long an iteration took, and what the run used."""
    result = run.result
    usage = result["rusage"]
    busy = (usage["user_ns"] + usage["system_ns"]) / max(run.window_ns, 1)
    trip = "trip" if run.unit == "hop" else "iteration"
    return [
        f"one {trip} {duration(result['mean_ns'])} (sd {duration(result['stddev_ns'])}),"
        f" {duration(run.per_unit(run.window_ns))} per {run.unit}"
        f"   user {duration(usage['user_ns'])}, system {duration(usage['system_ns'])},"
        f" {100 * busy:.0f} % CPU",
        f"{trip}s: fastest {duration(result['min_ns'])}, p50 {duration(result['p50_ns'])},"
        f" p99 {duration(result['p99_ns'])}, slowest {duration(result['max_ns'])};"
        f" {size(usage['max_rss_bytes'])} resident, {_faults(usage)}",
    ]


def _extra(result: Mapping[str, Any]) -> list[str]:
    """Further figures of the workload's own."""
    extra = result.get("extra")
    return ["also: " + ", ".join(_figure(*item) for item in extra.items())] if extra else []


def _figure(name: str, value: float) -> str:
    """`work 53.1 ns` for work_ns, `tokens 4` for tokens: whatever the workload calls it."""
    words = plain(name).replace("_", " ")
    if words.endswith(" ns"):
        return f"{words.removesuffix(' ns')} {duration(value)}"
    return f"{words} {count(value)}"


# ---- a command ----


def _command(run: Summary) -> list[str]:
    name = plain(run.target.name)
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 3]}..."
    lines = [f"{name}  {place(run)}"]
    if run.interrupted is not None:
        lines.append(
            f"PARTIAL: tracer was ended by {signal.Signals(run.interrupted).name} after"
            f" {duration(run.window_ns)}, and ended the command"
        )
    each = f", {duration(run.per_unit(run.window_ns))} per {run.unit}" if run.units else ""
    is_whole = run.target.path_thread is None
    what = "from start to end" if is_whole else "of it measured"
    lines.append(
        f"{duration(run.window_ns)} {what}{each}, {_ended(run.exit_status)}"
        f"   {_cpu_time(run)}{_usage(run) if is_whole else ''}"
    )
    return lines


def _ended(status: int | None) -> str:
    if status is None:
        return "still running"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _usage(run: Summary) -> str:
    """What the command used from its start to its end: not to be shown for a part of that."""
    usage = run.result["rusage"]
    resident = usage["max_rss_bytes"]
    return f"; {_faults(usage)}" + (f", {size(resident)} resident" if resident else "")


def _cpu_time(run: Summary) -> str:
    """CPU time inside the window, from the ledger: rusage counts also what came before exec."""
    parts = run.threads.parts
    calls_ns = sum(ns for name, ns in parts.items() if name.startswith("syscall:"))
    workers_ns = parts["kernel_workers"]
    total_ns = parts["user"] + calls_ns + workers_ns
    busy = f"{100 * total_ns / max(run.window_ns, 1):.0f} % CPU"
    if run.light:
        return f"{duration(total_ns)} on CPUs, {busy}"
    workers = f", kernel workers {duration(workers_ns)}" if workers_ns else ""
    return f"own code {duration(parts['user'])}, system calls {duration(calls_ns)}{workers}, {busy}"


# ---- processes that ran already ----


def _attach(run: Summary) -> list[str]:
    processes = run.target.processes
    named = ", ".join(map(_process, processes[:_MOST_PROCESSES]))
    more = len(processes) - _MOST_PROCESSES
    others = f" and {more} more" if more > 0 else ""
    ended = "" if run.interrupted is None else f"; ended by {signal.Signals(run.interrupted).name}"
    return [
        f"{'process' if len(processes) == 1 else 'processes'} {named}{others}, {place(run)}",
        f"watched for {duration(run.window_ns)}   {_cpu_time(run)}{ended}",
    ]


def _process(process: Process) -> str:
    own = f", {process.own_pid} in its container" if process.own_pid != process.pid else ""
    return f"{process.pid} ({plain(process.name)}{own})"
