"""The first lines of a report: what ran, where, for how long, and its own figures."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from tracer.analysis.run.summary import Summary
from tracer.model.recording import Process
from tracer.model.states import KERNEL_WORKERS, ON_CPU_PARTS, USER
from tracer.report.layout import shortened
from tracer.report.run.kernel_time import kernel_time
from tracer.report.run.place import kernel, place, start
from tracer.units import count, counted, duration, plain, size

#: A longer command line is cut.
_LONGEST_NAME = 150
#: So many processes of an attach are named.
_MOST_PROCESSES = 4


def what_ran(run: Summary, width: int) -> str:
    """The first line of a report, in one line of `width`: it loses what matters least."""
    full = head(run)[0]
    what, where = _what(run), f"{start(run)}, Linux {kernel(run)}"
    for line in (full, f"{what}  {where}", f"{what}  {start(run)}"):
        if len(line) <= width:
            return line
    room = width - len(where) - 2
    return f"{shortened(what, room)}  {where}" if room > width // 2 else shortened(what, width)


def _what(run: Summary) -> str:
    if run.target.kind == "attach":
        processes = run.target.processes
        more = f" and {len(processes) - 1} more" if len(processes) > 1 else ""
        return f"process {_process(processes[0])}{more}" if processes else "no process"
    if run.target.kind == "command" or run.units is None:
        return plain(run.target.name)
    tasks, iterations = (count(run.result[name]) for name in ("tasks", "iterations"))
    return f"{run.target.name}  {tasks} tasks x {iterations} iterations"


def length(run: Summary) -> str:
    """How long it ran, by unit of work too, how it ended, and how many CPUs it took."""
    took = duration(run.window_ns)
    each = f", {duration(run.per_unit(run.window_ns))} per {run.unit}" if run.units else ""
    end = f", {_ended(run.exit_status)}" if run.target.kind == "command" else ""
    if run.target.kind == "attach":
        took = f"watched for {took}"
    elif run.target.path_thread is not None:
        took = f"{took} of it measured"
    return f"{took}{each}{end}, {100 * _on_cpu_ns(run) / max(run.window_ns, 1):.0f} % CPU"


def partial(run: Summary) -> list[str]:
    """That a signal ended the run too early; nothing for a whole one."""
    if run.interrupted is None or run.target.kind == "attach":
        return []
    name = signal.Signals(run.interrupted).name
    if run.target.kind == "command":
        return [
            f"PARTIAL: tracer was ended by {name} after {duration(run.window_ns)}, and ended the"
            " command"
        ]
    if run.units is not None:
        return []
    return [
        f"PARTIAL: ended by {name} after {duration(run.window_ns)}; totals until then, not"
        f" per {run.unit}"
    ]


def head(run: Summary) -> list[str]:
    """What ran and its own figures, whole."""
    lines = {"workload": _workload, "command": _command, "attach": _attach}[run.target.kind](run)
    return [*lines, *kernel_time(run)]


def path_title(run: Summary) -> str:
    """What the wall ledger of this report is the path of."""
    thread = run.target.path_thread
    if thread is None:
        what = "run" if run.target.kind == "workload" else "command"
        return f"The critical path: the chain of events that decided when the {what} ended"
    name = f"{thread.tid} ({plain(thread.name)})"
    return f"The path: the chain of events that led to what thread {name} did at the end"


def _faults(usage: Mapping[str, Any]) -> str:
    return counted(usage["minor_faults"] + usage["major_faults"], "page fault")


# ---- a workload ----


def _workload(run: Summary) -> list[str]:
    target = run.target
    transport = f", {target.transport}" if target.transport else ""
    where = f"{transport}, {place(run)}"
    if run.units is None:
        return [f"{target.name}  {plain(' '.join(target.argv[1:]))}{where}"]
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
    lines = [f"{shortened(plain(run.target.name), _LONGEST_NAME)}  {place(run)}"]
    return [*lines, f"{_cpu_time(run)}{_usage(run)}"]


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
    """What the command used from its start to its end: not to be shown for a part of that, as the
    last seconds of a recording are, which have no usage."""
    usage = run.result.get("rusage")
    if usage is None or run.target.path_thread is not None:
        return ""
    resident = usage["max_rss_bytes"]
    return f"; {_faults(usage)}" + (f", {size(resident)} resident" if resident else "")


def _on_cpu_ns(run: Summary) -> int:
    """CPU time inside the window, from the ledger: rusage counts also what came before exec."""
    return sum(run.threads.parts[name] for name in ON_CPU_PARTS)


def _cpu_time(run: Summary) -> str:
    """It, and what it was spent on."""
    parts = run.threads.parts
    total_ns, workers_ns = _on_cpu_ns(run), parts[KERNEL_WORKERS]
    if not run.is_split:
        return f"{duration(total_ns)} on CPUs"
    calls_ns = total_ns - workers_ns - parts[USER]
    workers = f", kernel workers {duration(workers_ns)}" if workers_ns else ""
    return f"own code {duration(parts[USER])}, system calls {duration(calls_ns)}{workers}"


# ---- processes that ran already ----


def _attach(run: Summary) -> list[str]:
    processes = run.target.processes
    named = ", ".join(map(_process, processes[:_MOST_PROCESSES]))
    more = len(processes) - _MOST_PROCESSES
    others = f" and {more} more" if more > 0 else ""
    ended = "" if run.interrupted is None else f"; ended by {signal.Signals(run.interrupted).name}"
    return [
        f"{'process' if len(processes) == 1 else 'processes'} {named}{others}, {place(run)}",
        f"{_cpu_time(run)}{ended}",
    ]


def _process(process: Process) -> str:
    own = f", {process.own_pid} in its container" if process.own_pid != process.pid else ""
    return f"{process.pid} ({plain(process.name)}{own})"
