"""Start the target at its gate, attach, open the gate, collect, stop: a Recording."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer import placement, probes
from tracer.errors import Interrupted, TracerError
from tracer.kernel.engine import Engine
from tracer.kernel.states import PATH_PARTS, PHASES, RUN_STATES
from tracer.processes import thread_name
from tracer.progress import Progress
from tracer.recording import HostLoad, Recording
from tracer.target import CONTROL_FD, Spec, Target

#: Set-up and warm-up of 100,000 threads take less; a workload that needs more hangs.
BEGIN_TIMEOUT_S = 120.0
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def host_load() -> HostLoad:
    """Steal and busy time of the whole host so far."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return HostLoad(steal * _TICK_NS, (user + nice + system + irq + softirq) * _TICK_NS)


def run_untraced(spec: Spec, progress: Progress | None = None) -> Mapping[str, Any]:
    """Run a workload without any probe, by the same protocol; what it said of itself."""
    with Target(spec) as target:
        target.open_gate()
        target.expect("begin", BEGIN_TIMEOUT_S, progress)
        target.go()
        target.expect("end", None, progress)
        target.go()
        return _result(target)


def _result(target: Target) -> Mapping[str, Any]:
    text = target.expect("result")[0]
    status = target.wait()
    if status:
        raise TracerError(f"the workload {target.spec.argv[0]} ended with exit status {status}")
    try:
        result = json.loads(text)
    except ValueError as error:
        raise TracerError(f"the workload's result is not JSON: {error}: {text[:80]!r}") from error
    if not isinstance(result, dict):
        raise TracerError(f"the workload's result is not a JSON object: {text[:80]!r}")
    return result


def run_traced(
    engine: Engine,
    spec: Spec,
    follow: bool = True,
    switch_cost_ns: int | None = None,
    progress: Progress | None = None,
) -> Recording:
    """One run of the workload `spec` under `engine`, which is left detached.

    A signal inside the window ends it there: the recording is then `interrupted`. A signal
    before the window raises Interrupted.
    """
    missed = engine.missed()
    with Target(spec) as target:
        engine.reset()
        engine.seed(target.pid)
        engine.ctl["follow"] = int(follow)
        engine.ctl["control_fd"] = CONTROL_FD
        try:
            engine.attach()
            recording = _controlled(engine, target, missed, progress)
            return dataclasses.replace(recording, switch_cost_ns=switch_cost_ns)
        finally:
            engine.detach()


def _controlled(
    engine: Engine, target: Target, missed: int, progress: Progress | None
) -> Recording:
    target.open_gate()
    tid, _ns = target.expect("begin", BEGIN_TIMEOUT_S, progress)
    before = host_load()
    engine.ctl["armed_tid"] = int(tid)
    target.go()
    try:
        _tid, said_ns = target.expect("end", None, progress)
    except Interrupted as stop:
        if int(engine.ctl["phase"]) != PHASES.index("OPEN"):
            raise
        return _cut_short(engine, target, missed, before, stop.number)
    after = host_load()
    late = int(engine.ctl["phase"]) == PHASES.index("OPEN")
    if late:
        _close_late(engine, int(tid), int(said_ns))
    names = thread_names(engine)
    engine.detach()
    alive = probes.ask_living(engine.names, engine.arrays)
    missed = engine.missed() - missed
    target.go()
    result = _result(target)
    recording = recording_of(engine, target, (before, after), names, missed, result, alive)
    return dataclasses.replace(recording, closed_late=late)


def _cut_short(
    engine: Engine, target: Target, missed: int, before: HostLoad, number: int
) -> Recording:
    """What was seen until a signal came. The path is that of the thread last seen to do
    something; the time since then goes to the state it is in, a sleep stays without a name."""
    now_ns = time.monotonic_ns()
    engine.ctl["end_ns"] = now_ns
    engine.ctl["phase"] = PHASES.index("CLOSED")
    engine.detach()
    after = host_load()
    threads = engine.arrays["threads"][: int(engine.ctl["next_slot"])]
    seen = threads["epoch"] == engine.ctl["epoch"]
    alive = seen & (threads["word"] != RUN_STATES.index("DEAD"))
    slot = int(np.argmax(np.where(alive if alive.any() else seen, threads["last_ns"], 0)))
    thread = threads[slot]
    part = {
        "RUNNING": int(thread["mode"]),
        "RUNNING_EARLY": int(thread["mode"]),
        "WAKING": PATH_PARTS.index("wakeup:queued"),
        "WAKING_EARLY": PATH_PARTS.index("wakeup:queued"),
        "PREEMPTED": PATH_PARTS.index("preempted"),
    }.get(RUN_STATES[int(thread["word"])], PATH_PARTS.index("unknown"))
    thread["path"][part] += max(now_ns - int(thread["last_ns"]), 0)
    engine.ctl["end_slot"] = slot
    names = thread_names(engine)
    living = probes.ask_living(engine.names, engine.arrays)
    missed = engine.missed() - missed
    target.kill()
    recording = recording_of(engine, target, (before, after), names, missed, {}, living)
    return dataclasses.replace(recording, interrupted=number)


def _close_late(engine: Engine, tid: int, now_ns: int) -> None:
    """Close a window whose end the programs did not see (--light, when tracer was not asleep)."""
    ctl = engine.ctl
    slot = int(engine.arrays["slots"][tid]) or 1
    thread = engine.arrays["threads"][slot]
    rest_ns = max(now_ns - int(thread["last_ns"]), 0)
    if int(thread["epoch"]) == int(ctl["epoch"]) and rest_ns:
        thread["path"][int(thread["mode"])] += rest_ns
        thread["own"][int(thread["mode"])] += rest_ns
        thread["last_ns"] = now_ns
    ctl["end_slot"] = slot
    ctl["end_ns"] = now_ns
    ctl["phase"] = PHASES.index("CLOSED")


def thread_names(engine: Engine) -> dict[int, str]:
    """Slot -> name of the threads that are alive now, from /proc."""
    names: dict[int, str] = {}
    threads = engine.arrays["threads"]
    count = int(engine.ctl["next_slot"])
    alive = (threads["tid"][:count] != 0) & (threads["word"][:count] != RUN_STATES.index("DEAD"))
    for slot in np.flatnonzero(alive).tolist():
        name = thread_name(int(threads["tgid"][slot]), int(threads["tid"][slot]))
        if name:
            names[slot] = name
    return names


def recording_of(
    engine: Engine,
    target: Target | None,
    load: tuple[HostLoad, HostLoad],
    names: Mapping[int, str],
    missed: int,
    result: Mapping[str, Any],
    alive: Mapping[str, object],
    data: Mapping[str, NDArray[np.void]] | None = None,
) -> Recording:
    """What the arrays, or a snapshot of them, hold of a closed window.

    `target` None: attached to processes.
    """
    data = engine.snapshot() if data is None else data
    ctl = data["ctl"][0]
    if int(ctl["phase"]) != PHASES.index("CLOSED"):
        raise TracerError(
            "the measured window never opened or never closed",
            "does the workload speak the control protocol? see docs/workloads.md",
        )
    return Recording(
        argv=target.spec.argv if target is not None else (),
        light=engine.light,
        epoch=int(ctl["epoch"]),
        start_ns=int(ctl["start_ns"]),
        end_ns=int(ctl["end_ns"]),
        end_slot=int(ctl["end_slot"]),
        online_cpus=placement.online(),
        cpus=data["cpus"],
        threads=data["threads"],
        names=names,
        probes=probes.records(engine.names, data, alive),
        missed=missed,
        load=HostLoad(load[1].steal_ns - load[0].steal_ns, load[1].busy_ns - load[0].busy_ns),
        result=result,
        exit_status=target.exit_status if target is not None else None,
        unavailable=engine.unavailable,
        events=engine.events(),
    )
