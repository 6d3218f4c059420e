"""Everything that a report of one run says, as plain numbers; the reports only format it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer import probes
from tracer.analysis.run import counts, ledger
from tracer.analysis.run.allowed import Allowed, allowed, not_allowed_ns
from tracer.analysis.run.awaited import OutsideWait, outside_waits
from tracer.analysis.run.bounds import UNKNOWN, WhatIf, what_if
from tracer.analysis.run.concurrency import Concurrent, concurrent
from tracer.analysis.run.counts import GroupRow, OtherProgram, Switches, ThreadRow
from tracer.analysis.run.estimate import Estimate, Load, estimate
from tracer.analysis.run.kernel_time import KernelTime, kernel_time
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.observer import Observer
from tracer.analysis.run.sampled import sampled
from tracer.analysis.where.profile import Where, where
from tracer.analysis.where.who import Who, who
from tracer.host.fingerprint import fingerprint
from tracer.model.recording import HostLoad, PathThread, Process, Quota, Recording
from tracer.model.section import Scale, Section
from tracer.model.states import ON_CPU_PARTS, USER
from tracer.model.words import NOT_REPORTED
from tracer.probes.idle import IdleRecord
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord
from tracer.units import count, counted, duration, percent

#: So many processes outside the target are kept.
_MOST_OTHERS = 32
#: This share of the target's events may be lost because programs are preempted (`recursion`) before
#: the figures are in doubt: a count is wrong by as much at most; ledgers are held to 1 %.
LEAST_LOST = 1e-4


@dataclass(frozen=True)
class CommandLine:
    """The command that made a run: further options go between `options`, those given, each with its
    value, and `rest`. It begins with sudo where its user needs that."""

    start: str
    rest: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetSummary:
    """What was traced.

    `kind` is `workload`, `command` or `attach`. `cpus` is empty when the target was free to move.
    `processes` are those that tracer was attached to, `survivors` those that a command left
    running. `path_thread` is None where the path is that of the thread that ended the window.
    """

    kind: str
    name: str
    transport: str
    argv: tuple[str, ...]
    cpus: tuple[int, ...]
    command_line: CommandLine
    processes: tuple[Process, ...]
    survivors: tuple[Process, ...]
    path_thread: PathThread | None


@dataclass(frozen=True)
class HostSummary:
    """Where it ran, and what that host did meanwhile.

    `switch_cost_ns`: the direct cost of a context switch as calibrated on this host, None where it
    cannot be measured. `unavailable`: tracepoints that its kernel lacks. `quotas`: CPU quotas that
    held the target back.
    """

    kernel: str
    machine: str
    online_cpus: tuple[int, ...]
    load: HostLoad
    switch_cost_ns: int | None
    unavailable: tuple[str, ...]
    fingerprint: Mapping[str, str]
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True)
class Summary:
    """One run. Times in ns; `sched`, `wakeups` and `syscalls` are None when their probe was off.

    `units` is None where they were not counted: in a run that the signal `interrupted` ended too
    early, and of a command or process without `--units`. `idle_path`: the parts of the wall
    ledger's `wakeup:idle`, None without the probe idle. `behind`: by whom the path's waits in a
    queue were; for `not_allowed_ns` of them at least a CPU was idle that no thread was allowed.
    `awaited`: what its sleeps waited for that nobody of the target ended;
    `outside_waits`: such sleeps of all threads. `unnamed_ns`: time of all threads before
    an event that did not fit, by kind of repair. `inferred_ns`: what inferred system calls may have
    in the wrong place. `others`: the largest programs outside the target. `what_if`: bounds, none
    of them known for a process that tracer was attached to. `top` are the busiest threads and
    `rest` the sum of the others; `groups` are all threads by name. `where`: the path by places in
    the program; None where its stacks were not sampled. `concurrency`: the program as a whole; None
    where nobody looked.
    `who`: the path by thread; None where it was not sampled. `is_reported`: False for a recording
    that ended before its report was written: what no event tells is unknown then. `sampled`: what
    --sample estimates, as in the JSON document; None without it.
    """

    target: TargetSummary
    host: HostSummary
    unit: str
    units: int | None
    window_ns: int
    exit_status: int | None
    interrupted: int | None
    closed_late: bool
    light: bool
    result: Mapping[str, Any]
    wall: Ledger
    threads: Ledger
    cpu: Ledger
    headline: Headline
    switches: Switches
    wakeups: Mapping[str, int] | None
    outside_wakers: Mapping[str, int]
    sched: SchedRecord | None
    syscalls: tuple[CallRecord, ...] | None
    open_calls: Mapping[str, int]
    losses: Mapping[str, int]
    repairs: Mapping[str, int]
    behind: Mapping[str, int]
    awaited: Mapping[str, int]
    allowed: Allowed
    kernel_time: KernelTime
    not_allowed_ns: int = 0
    outside_waits: tuple[OutsideWait, ...] = ()
    unnamed_ns: Mapping[str, int] = field(default_factory=dict)
    inferred_ns: int = 0
    others: tuple[OtherProgram, ...] = ()
    observer: Observer | None = None
    estimate: Estimate | None = None
    top: tuple[ThreadRow, ...] = ()
    rest: ThreadRow | None = None
    groups: tuple[GroupRow, ...] = ()
    sections: tuple[tuple[str, Section], ...] = ()
    idle_path: Mapping[str, int] | None = None
    what_if: WhatIf = UNKNOWN
    where: Where | None = None
    concurrency: Concurrent | None = None
    who: Who | None = None
    is_reported: bool = True
    sampled: Mapping[str, Any] | None = None

    @property
    def is_split(self) -> bool:
        """All system calls were seen: time on a CPU is split into own code and calls."""
        return not self.light and self.sampled is None

    @property
    def lost(self) -> int:
        return sum(self.losses.values())

    @property
    def is_trusted(self) -> bool:
        """The window's end was seen in the kernel, all three ledgers closed, no event lost
        but for a share of them that changes nothing (LEAST_LOST)."""
        return not self.doubts

    @property
    def doubts(self) -> tuple[str, ...]:
        """The reasons not to trust it, one phrase each; none for a run to be trusted."""
        ledgers = {"the path": self.wall, "threads": self.threads, "CPUs": self.cpu}
        found = [
            f"the ledger of {label} is open, {percent(ledger.residual_share)} of it"
            f" {'has no name' if ledger.residual_ns > 0 else 'is counted twice'}"
            f"{self._why_open if ledger is self.wall and ledger.residual_ns > 0 else ''}"
            for label, ledger in ledgers.items()
            if not ledger.is_closed
        ]
        if self._loses_much:
            kinds = [f"{count(n)} {k.replace('_', ' ')}" for k, n in self.losses.items() if n]
            found.append(f"{counted(self.lost, 'event')} lost ({', '.join(kinds)})")
        if self.closed_late:
            found.append("the end of the window was not seen in the kernel")
        return tuple(found)

    @property
    def _loses_much(self) -> bool:
        preempted = self.losses.get("recursion", 0)
        return self.lost > preempted or preempted > LEAST_LOST * self._events

    @property
    def _events(self) -> int:
        """System calls' entries and returns, switches and wake-ups of the target that were seen."""
        if self.sampled is not None:
            calls = int(self.sampled["calls"])
        else:
            calls = sum(call.times.count for call in self.syscalls or ())
        switches = self.switches.voluntary + self.switches.involuntary
        return 2 * calls + switches + (self.wakeups or {}).get("total", 0)

    @property
    def _why_open(self) -> str:
        """What left time of the path without a name, as far as it is known: times of all threads,
        which can be more than the path's."""
        thread = self.target.path_thread
        texts = [
            f"{duration(ns)} before {counted(self.repairs[kind], *NOT_REPORTED[kind])}"
            for kind, ns in self.unnamed_ns.items()
            if ns and self.repairs[kind]
        ]
        if texts:
            texts[-1] += " that the kernel did not report"
        if thread is not None and thread.asleep_ns:
            texts.append(f"{duration(thread.asleep_ns)} asleep at its end, until an unknown event")
        return f" ({', '.join(texts)})" if texts else ""

    @property
    def shares(self) -> dict[str, float]:
        """The shares of the headline that are known, by name; they sum to 1. Time on a CPU is one
        only where it is not split."""
        head = self.headline
        found = {
            "user": head.user,
            "io": head.io,
            "system": head.system,
            "on_cpu": None if self.is_split else head.on_cpu,
            "switching": head.switching,
            "waiting": head.waiting,
            "unknown": head.unknown,
        }
        return {name: share for name, share in found.items() if share is not None}

    @property
    def others_share(self) -> float:
        """The share of all CPUs' time in the window in which tasks outside the target ran."""
        return self.cpu.parts["other"] / max(self.cpu.total_ns, 1)

    @property
    def steal_share(self) -> float:
        """The share of all CPUs' time in the window that the host took."""
        return self.host.load.steal_ns / max(self.cpu.total_ns, 1)

    def per_unit(self, value: float) -> float:
        """`value` by units of work; the whole when their number is not known."""
        return value / (self.units or 1)


def summarize(
    recording: Recording,
    *,
    name: str,
    transport: str,
    unit: str,
    cpus: tuple[int, ...] = (),
    observer: Observer | None = None,
    top: int = 0,
    kind: str = "workload",
    command_line: CommandLine | None = None,
) -> Summary:
    """All analyses of one recording, with its `top` busiest threads.

    The other arguments are as in `TargetSummary` and `Summary`.
    """
    calls = recording.probes.get("syscalls")
    idle: IdleRecord | None = recording.probes.get("idle")
    units = int(recording.result["units"]) if "units" in recording.result else None
    scale = Scale(unit if units else "run", units or 1, recording.window_ns)
    busiest, rest = counts.top_threads(recording, top) if top else ([], None)
    command_line = command_line or CommandLine(f"tracer run {name}")
    profile = recording.profile
    wall, threads = ledger.wall(recording), ledger.threads(recording)
    headline = ledger.headline(recording)
    behind = ledger.path_behind(recording)
    return Summary(
        target=_target(recording, kind, name, transport, cpus, command_line),
        host=_host(recording),
        unit=unit,
        units=units,
        window_ns=recording.window_ns,
        exit_status=recording.exit_status,
        interrupted=recording.interrupted,
        closed_late=recording.closed_late,
        light=recording.light,
        result=recording.result,
        wall=wall,
        threads=threads,
        cpu=ledger.cpu(recording),
        headline=headline,
        switches=counts.switches(recording),
        wakeups=counts.wakeups(recording) if "sched" in recording.probes else None,
        outside_wakers=counts.outside_wakers(recording),
        sched=recording.probes.get("sched"),
        syscalls=None if calls is None or not recording.is_split else tuple(calls),
        open_calls=counts.open_calls(recording),
        losses=counts.losses(recording),
        repairs=counts.repairs(recording),
        behind=behind,
        not_allowed_ns=0 if cpus else not_allowed_ns(recording, behind),
        awaited=ledger.path_awaited(recording),
        outside_waits=tuple(outside_waits(recording)),
        allowed=allowed(recording),
        kernel_time=kernel_time(recording, threads, wall),
        unnamed_ns=counts.unnamed_ns(recording),
        inferred_ns=counts.inferred_ns(recording),
        others=tuple(counts.other_programs(recording)[:_MOST_OTHERS]),
        observer=observer,
        estimate=_estimate(recording),
        top=tuple(busiest),
        rest=rest,
        groups=tuple(counts.thread_groups(recording)) if kind != "workload" else (),
        sections=probes.sections(recording.probes, scale, not recording.is_split),
        idle_path=idle.path if idle else None,
        what_if=UNKNOWN
        if kind == "attach"
        else what_if(wall, headline, recording.probes.get("sched")),
        where=where(profile, wall) if profile and profile.has_stacks else None,
        who=who(profile, wall, recording.roles) if profile else None,
        concurrency=concurrent(recording, counts.group_names(recording)),
        sampled=_sampled(recording, threads, wall, scale),
    )


def _sampled(
    recording: Recording, threads: Ledger, wall: Ledger, scale: Scale
) -> Mapping[str, Any] | None:
    if recording.sampled is None:
        return None
    calls: Sequence[CallRecord] | None = recording.probes.get("syscalls")
    exact = {name for name, _ in probes.sections(recording.probes, scale, light=True)}
    seen = probes.sections(recording.probes, scale)
    return sampled(
        recording.sampled,
        threads.parts[USER],
        wall.parts[USER],
        calls,
        [(name, section) for name, section in seen if name not in exact],
    )


def _target(
    recording: Recording,
    kind: str,
    name: str,
    transport: str,
    cpus: tuple[int, ...],
    command_line: CommandLine,
) -> TargetSummary:
    return TargetSummary(
        kind=kind,
        name=name,
        transport=transport,
        argv=recording.argv,
        cpus=cpus,
        command_line=command_line,
        processes=recording.processes,
        survivors=recording.survivors,
        path_thread=recording.path_thread,
    )


def _host(recording: Recording) -> HostSummary:
    return HostSummary(
        kernel=platform.release(),
        machine=platform.machine(),
        online_cpus=recording.online_cpus,
        load=recording.load,
        switch_cost_ns=recording.switch_cost_ns,
        unavailable=recording.unavailable,
        fingerprint=fingerprint(),
        quotas=recording.quotas,
    )


def _estimate(recording: Recording) -> Estimate | None:
    if recording.cost is None:
        return None
    parts, cpu = ledger.threads(recording).parts, ledger.cpu(recording)
    load = Load(
        events=recording.events,
        calls=_call_events(recording),
        on_cpu_ns=sum(parts[name] for name in ON_CPU_PARTS),
        others_ns=cpu.parts["other"],
        window_ns=recording.window_ns,
        all_ns=cpu.total_ns,
    )
    return estimate(recording.cost, load)


def _call_events(recording: Recording) -> int:
    """Of the target's events those of system calls: an entry and a return each."""
    if recording.light:
        return 0
    if recording.sampled is not None:
        return 2 * recording.sampled.all_calls
    records: Sequence[CallRecord] | None = recording.probes.get("syscalls")
    if records is not None:
        return 2 * sum(record.times.count for record in records)
    # a switch from thread to thread of the target is one event, others are one for each side
    switches = counts.switches(recording)
    return recording.events - round(1.5 * switches.total) - switches.voluntary
