"""Recordings whose arrays are filled by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.machine import Machine
from tracer.model.histogram import Histogram
from tracer.model.recording import HostLoad, Missed, Recording
from tracer.model.states import OWN_PARTS, PATH_PARTS, RunState
from tracer.probes.sched import SchedRecord

START, END, EPOCH = 10_000, 11_000, 3


def vector(names: tuple[str, ...], length: int, parts: Mapping[str, int]) -> list[int]:
    """An array of the C programs from its named parts, ns."""
    times = [0] * length
    for name, ns in parts.items():
        times[names.index(name)] = ns
    return times


class Hand:
    """Fills a Recording's arrays by hand."""

    def __init__(self, machine: Machine, threads: int = 6, cpus: int = 2) -> None:
        self.threads = np.zeros(threads, machine.arrays["threads"].dtype)
        self.cpus = np.zeros(cpus, machine.arrays["cpus"].dtype)
        self.cpus["seen"] = 1
        self.cpus["epoch"] = EPOCH
        self.cpus["since_ns"] = START
        self.woke = {
            kind: machine.hist_of([])
            for kind in ("same_cpu", "cross_cpu_idle", "cross_cpu_busy", "interrupt")
        }

    def thread(
        self,
        slot: int,
        state: str,
        last_ns: int,
        own: Mapping[str, int] | None = None,
        path: Mapping[str, int] | None = None,
        epoch: int = EPOCH,
        **fields: int,
    ) -> None:
        row = self.threads[slot]
        row["tid"] = 100 + slot
        row["tgid"] = 101
        row["state"] = RunState[state]
        row["last_ns"] = last_ns
        row["epoch"] = epoch
        row["own"] = vector(OWN_PARTS, len(OWN_PARTS), own or {})
        row["path"] = vector(PATH_PARTS, len(PATH_PARTS), path or {})
        for name, value in fields.items():
            row[name] = value

    def recording(self, end_slot: int = 1, **changed: object) -> Recording:
        empty = Histogram.merged(self.woke["same_cpu"])
        sched = SchedRecord(
            {k: Histogram.merged(r) for k, r in self.woke.items()}, empty, empty, {}
        )
        recording = Recording(
            argv=("x",),
            light=False,
            epoch=EPOCH,
            start_ns=START,
            end_ns=END,
            end_slot=end_slot,
            online_cpus=tuple(range(len(self.cpus))),
            attached_cpus=tuple(range(len(self.cpus))),
            cpus=self.cpus,
            threads=self.threads,
            names={},
            probes={"sched": sched},
            missed=Missed(),
            load=HostLoad(0, 0),
        )
        return replace(recording, **changed)  # type: ignore[arg-type]


def on_cpu_part(part: str) -> int:
    return PATH_PARTS.index(part)


def own_index(part: str) -> int:
    return OWN_PARTS.index(part)
