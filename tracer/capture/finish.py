"""The end of a capture: what was known of a closed window, made into a Recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer import probes
from tracer.analysis.run import counts
from tracer.capture import sampled
from tracer.capture.naming import naming
from tracer.capture.places import profile_of
from tracer.capture.quotas import Quotas
from tracer.capture.roles import Roles
from tracer.capture.window import PathEnd, processes_of
from tracer.errors import TracerError
from tracer.host.cpus import online_cpus
from tracer.host.load import HostTimes
from tracer.host.waiting import WaitingStack
from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.model.concurrency import Looks
from tracer.model.probe import Context
from tracer.model.recording import (
    Edges,
    HostLoad,
    Missed,
    PathThread,
    Process,
    Quota,
    Recording,
)
from tracer.model.states import Phase


class Tally:
    """Counters that run on from one window to the next: their share of each window.

    Losses and dropped events count from the making of the tally, or from the end of the window
    before: a thread that found no row before the window is missing in it. Dropped events of system
    calls, the target's events and the host's load count from `opens` on.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._missed = engine.missed()
        self._losses = engine.arrays["cpus"]["losses"].copy()
        self._quotas = Quotas(lambda: processes_of(engine))
        self.quotas: tuple[Quota, ...] = ()  # of the window that closed last
        self._roles = Roles(engine)
        self._still = sampled.StillCpus(engine)
        self.roles: dict[int, str] = {}  # the same
        self._begin()

    def _begin(self) -> None:
        self._events = self._engine.arrays.events
        self._times = HostTimes.now()

    def opens(self) -> None:
        """The window opens about now."""
        self._missed = self._engine.missed()._replace(others=self._missed.others)
        self._begin()
        self._quotas.opens()

    def look(self) -> None:
        """To be called now and then in the window: what can be seen while the target lives."""
        self._quotas.look()
        self._roles.look()
        self._still.look()

    def closes(self) -> HostLoad:
        """The window closes about now: the host's load in it."""
        self.quotas = self._quotas.closes()
        self.roles = self._roles.closes()
        return HostTimes.now().load_since(self._times)

    def take(self, data: Snapshot) -> tuple[Missed, int]:
        """Dropped events, and events, of the window that `data` is of; its losses in place.

        From here on the next window counts.
        """
        missed, events = self._engine.missed(), self._engine.arrays.events
        losses = data["cpus"]["losses"].copy()
        data["cpus"]["losses"] = losses - self._losses
        counted = missed.since(self._missed), events - self._events
        self._missed, self._losses = missed, losses
        self._begin()
        self._quotas.goes_on()
        return counted


@dataclass(frozen=True)
class Closed:
    """A closed window and what was known at its end.

    `names`: of threads, by slot; `path`: the thread whose path it is, where that was chosen;
    `waiting`: what threads wait in whose wait goes on, by slot; the rest is as in `Recording`.
    """

    data: Snapshot
    load: HostLoad
    names: Mapping[int, str]
    path: PathEnd | None = None
    waiting: Mapping[int, WaitingStack] = field(default_factory=dict)
    interrupted: int | None = None
    closed_late: bool = False
    survivors: tuple[Process, ...] = ()
    took_ns: int = 0
    edges: Edges = field(default_factory=Edges)
    looks: Looks = field(default_factory=Looks)


def recording_of(engine: Engine, tally: Tally, closed: Closed) -> Recording:
    """What the snapshot holds of the window; TracerError when that never opened or closed."""
    data, ctl = closed.data, closed.data["ctl"][0]
    if int(ctl["phase"]) != Phase.CLOSED:
        raise TracerError(
            "the measured window never opened or never closed",
            "does the workload speak the control protocol? see docs/workloads.md",
        )
    missed, events = tally.take(data)
    seen = sampled.take(data, engine.one_in) if engine.one_in > 1 else None
    recording = Recording(
        light=engine.light,
        epoch=int(ctl["epoch"]),
        start_ns=int(ctl["start_ns"]),
        end_ns=int(ctl["end_ns"]),
        end_slot=int(ctl["end_slot"]),
        online_cpus=online_cpus(),
        attached_cpus=engine.attached_cpus,
        cpus=data["cpus"],
        threads=data["threads"],
        names=closed.names,
        probes={},
        missed=missed,
        others=data["others"],
        outside_waits=data["outside_waits"],
        quotas=tally.quotas,
        roles=tally.roles,
        affinities=data["affinities"],
        edges=closed.edges,
        looks=closed.looks,
        load=closed.load,
        interrupted=closed.interrupted,
        closed_late=closed.closed_late,
        unavailable=engine.unavailable,
        events=events,
        survivors=closed.survivors,
        sampled=seen,
    )
    groups = counts.group_names(recording)
    attached = frozenset(engine.tracepoints)
    context = Context(groups, engine.address_spaces(), attached, not recording.is_split)
    records = probes.records(engine.names, data, context)
    with naming(engine.leave_unnamed) as signals:
        profile = profile_of(recording, engine, groups, closed.path, closed.waiting)
    recording = dataclasses.replace(
        recording, probes=records, profile=profile, signalled=signals.signalled
    )
    if closed.path is None:
        return recording
    name = recording.name_of(closed.path.slot)
    return dataclasses.replace(
        recording, path_thread=PathThread(closed.path.tid, name, closed.path.asleep_ns)
    )


def with_result(
    recording: Recording,
    argv: tuple[str, ...],
    exit_status: int | None,
    result: Mapping[str, Any],
) -> Recording:
    """The recording with the target's own result, or what tracer knows of its whole run."""
    return dataclasses.replace(recording, argv=argv, exit_status=exit_status, result=result)
