"""Everything a report of one run says, as plain numbers; the reports only lay it out."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer import probes
from tracer.analysis.run import counts, ledger
from tracer.analysis.run.counts import GroupRow, Switches, ThreadRow
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.observer import Estimate, Observer
from tracer.host.fingerprint import fingerprint
from tracer.model.recording import HostLoad, PathThread, Process, Recording
from tracer.model.section import Scale, Section
from tracer.probes.idle import IdleRecord
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord


@dataclass(frozen=True)
class Summary:
    """One run. Times in ns; `sched` and `syscalls` are None when their probe was off.

    `kind` is `workload`, `command` or `attach`. `units` is None where they were not counted: in a
    run that the signal `interrupted` ended too early, and of a command or process without
    `--units`. `again` is the start of the command that made the run, with `{}` where further
    options go. `idle_path`: the parts of the wall ledger's `wakeup:idle`, None without probe idle.
    """

    name: str
    transport: str
    unit: str
    units: int | None
    cpus: tuple[int, ...]
    argv: tuple[str, ...]
    exit_status: int | None
    kernel: str
    machine: str
    online_cpus: tuple[int, ...]
    window_ns: int
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
    load: HostLoad
    observer: Observer | None
    top: tuple[ThreadRow, ...]
    rest: ThreadRow | None
    unavailable: tuple[str, ...]
    switch_cost_ns: int | None
    sections: tuple[tuple[str, Section], ...] = ()
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    kind: str = "workload"
    again: str = ""
    estimate: Estimate | None = None
    groups: tuple[GroupRow, ...] = ()
    processes: tuple[Process, ...] = ()
    survivors: tuple[Process, ...] = ()
    path_thread: PathThread | None = None
    idle_path: Mapping[str, int] | None = None

    @property
    def lost(self) -> int:
        return sum(self.losses.values())

    @property
    def is_trusted(self) -> bool:
        """The window's end was seen, all three ledgers closed, no event lost."""
        return (
            not self.closed_late
            and not self.lost
            and all(book.is_closed for book in (self.wall, self.threads, self.cpu))
        )

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
    again: str = "",
) -> Summary:
    """All analyses of one recording; the other arguments are as in `Summary`."""
    shown, rest = counts.top_threads(recording, top) if top else ([], None)
    calls = recording.probes.get("syscalls")
    idle: IdleRecord | None = recording.probes.get("idle")
    units = int(recording.result["units"]) if "units" in recording.result else None
    scale = Scale(unit if units else "run", units or 1, recording.window_ns)
    return Summary(
        name=name,
        transport=transport,
        unit=unit,
        units=units,
        cpus=cpus,
        argv=recording.argv,
        exit_status=recording.exit_status,
        kernel=platform.release(),
        machine=platform.machine(),
        online_cpus=recording.online_cpus,
        window_ns=recording.window_ns,
        interrupted=recording.interrupted,
        closed_late=recording.closed_late,
        light=recording.light,
        result=recording.result,
        wall=ledger.wall(recording),
        threads=ledger.threads(recording),
        cpu=ledger.cpu(recording),
        headline=ledger.headline(recording),
        switches=counts.switches(recording),
        wakeups=counts.wakeups(recording) if "sched" in recording.probes else None,
        outside_wakers=counts.outside_wakers(recording),
        sched=recording.probes.get("sched"),
        syscalls=None if calls is None or recording.light else tuple(calls),
        open_calls=counts.open_calls(recording),
        losses=counts.losses(recording),
        repairs=counts.repairs(recording),
        load=recording.load,
        observer=observer,
        top=tuple(shown),
        rest=rest,
        unavailable=recording.unavailable,
        switch_cost_ns=recording.switch_cost_ns,
        fingerprint=fingerprint(),
        kind=kind,
        again=again or f"tracer run {name}{{}}",
        estimate=_estimate(recording),
        groups=tuple(counts.thread_groups(recording)) if kind != "workload" else (),
        processes=recording.processes,
        survivors=recording.survivors,
        path_thread=recording.path_thread,
        sections=probes.sections(recording.probes, scale, recording.light),
        idle_path=idle.path if idle else None,
    )


def _estimate(recording: Recording) -> Estimate | None:
    if recording.event_cost_ns is None:
        return None
    parts = ledger.threads(recording).parts
    on_cpu = sum(ns for part, ns in parts.items() if part.split(":")[0] in ("user", "syscall"))
    return Estimate(recording.events, recording.event_cost_ns, on_cpu)
