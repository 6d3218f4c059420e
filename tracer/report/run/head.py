"""The first lines of a report: what ran, where, for how long, and its own figures."""

from __future__ import annotations

import signal

from tracer.analysis.run.summary import Summary
from tracer.host.cpus import cpu_list
from tracer.model.recording import Process
from tracer.units import count, duration, plain, size

#: More of a command line is left out.
_LONGEST_NAME = 150


def head(s: Summary) -> list[str]:
    """The lines for this kind of target."""
    return {"workload": _workload, "command": _command, "attach": _attach}[s.kind](s)


def path_title(s: Summary) -> str:
    """What the wall ledger of this report is the path of."""
    if s.path_thread is None:
        what = "run" if s.kind == "workload" else "command"
        return f"the chain of events that decided when the {what} ended"
    thread = f"{s.path_thread.tid} ({plain(s.path_thread.name)})"
    return f"the chain of events that led to what thread {thread} did at the end"


def _place(s: Summary) -> str:
    kernel = ".".join(s.kernel.split("-")[0].split(".")[:2])
    cpus = (
        f"pinned to CPU {cpu_list(s.cpus)}"
        if s.cpus
        else f"CPUs {cpu_list(s.online_cpus)} (free to move)"
    )
    return f"{cpus}, Linux {kernel}"


def _workload(s: Summary) -> list[str]:
    r = s.result
    place = _place(s)
    transport = f", {s.transport}" if s.transport else ""
    if s.units is None:
        number = signal.Signals(s.interrupted or signal.SIGINT).name
        return [
            f"{s.name}  {plain(' '.join(s.argv[1:]))}{transport}, {place}",
            f"PARTIAL: ended by {number} after {duration(s.window_ns)}; what was seen until then,"
            f" as totals and not per {s.unit}",
        ]
    lines = [
        f"{s.name}  {count(r['tasks'])} tasks x {count(r['iterations'])} iterations"
        f"{transport}, {place}"
    ]
    trip = "trip" if s.unit == "hop" else "iteration"
    usage = r["rusage"]
    busy = (usage["user_ns"] + usage["system_ns"]) / max(s.window_ns, 1)
    lines.append(
        f"one {trip} {duration(r['mean_ns'])} (sd {duration(r['stddev_ns'])}),"
        f" {duration(s.per_unit(s.window_ns))} per {s.unit}"
        f"   user {duration(usage['user_ns'])}, system {duration(usage['system_ns'])},"
        f" {100 * busy:.0f} % CPU"
    )
    lines.append(
        f"{trip}s: fastest {duration(r['min_ns'])}, p50 {duration(r['p50_ns'])},"
        f" p99 {duration(r['p99_ns'])}, slowest {duration(r['max_ns'])};"
        f" {size(usage['max_rss_bytes'])} resident,"
        f" {count(usage['minor_faults'] + usage['major_faults'])} faults"
    )
    if extra := r.get("extra"):
        lines.append("also: " + ", ".join(_figure(name, value) for name, value in extra.items()))
    return lines


def _figure(name: str, value: float) -> str:
    """`work 53.1 ns` for work_ns, `tokens 4` for tokens: whatever the workload calls it."""
    words = plain(name).replace("_", " ")
    if words.endswith(" ns"):
        return f"{words.removesuffix(' ns')} {duration(value)}"
    return f"{words} {count(value)}"


def _ended(status: int | None) -> str:
    if status is None:
        return "still running"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _on_cpus(s: Summary) -> str:
    """CPU time inside the window, from the ledger: usage also counts what came before exec."""
    parts = s.threads.parts
    user = parts["user"]
    calls = sum(ns for name, ns in parts.items() if name.startswith("syscall:"))
    busy = f"{100 * (user + calls) / max(s.window_ns, 1):.0f} % CPU"
    if s.light:
        return f"{duration(user + calls)} on CPUs, {busy}"
    return f"own code {duration(user)}, system calls {duration(calls)}, {busy}"


def _command(s: Summary) -> list[str]:
    whole = s.path_thread is None
    name = plain(s.name)
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."
    lines = [f"{name}  {_place(s)}"]
    if s.interrupted is not None:
        lines.append(
            f"PARTIAL: tracer was ended by {signal.Signals(s.interrupted).name} after"
            f" {duration(s.window_ns)}, and ended the command"
        )
    each = f", {duration(s.per_unit(s.window_ns))} per {s.unit}" if s.units else ""
    what = "from start to end" if whole else "of it measured"
    lines.append(f"{duration(s.window_ns)} {what}{each}, {_ended(s.exit_status)}   {_on_cpus(s)}")
    if not whole:  # the usage is that of the whole run
        return lines
    usage = s.result["rusage"]
    faults = usage["minor_faults"] + usage["major_faults"]
    resident = usage["max_rss_bytes"]
    lines[-1] += f"; {count(faults)} faults" + (f", {size(resident)} resident" if resident else "")
    return lines


def _process(process: Process) -> str:
    own = f", {process.own_pid} in its container" if process.own_pid != process.pid else ""
    return f"{process.pid} ({plain(process.name)}{own})"


def _attach(s: Summary) -> list[str]:
    shown = ", ".join(map(_process, s.processes[:4]))
    more = f" and {len(s.processes) - 4} more" if len(s.processes) > 4 else ""
    lines = [
        f"{'process' if len(s.processes) == 1 else 'processes'} {shown}{more}, {_place(s)}",
        f"watched for {duration(s.window_ns)}   {_on_cpus(s)}",
    ]
    if s.interrupted is not None:
        lines[-1] += f"; ended by {signal.Signals(s.interrupted).name}"
    return lines
