"""Start the target at its gate, attach, open the gate, collect, stop: a Recording."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracer import placement, probes
from tracer.errors import TracerError
from tracer.kernel.engine import Engine
from tracer.recording import HostLoad, Recording
from tracer.target import CONTROL_FD, Spec, Target

#: Set-up and warm-up of 100,000 threads take seconds, not minutes.
BEGIN_TIMEOUT_S = 300.0
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _host_load() -> HostLoad:
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return HostLoad(steal * _TICK_NS, (user + nice + system + irq + softirq) * _TICK_NS)


def run_untraced(spec: Spec) -> Mapping[str, Any]:
    """Run a workload without any probe, by the same protocol; what it said of itself."""
    with Target(spec) as target:
        target.open_gate()
        target.expect("begin", BEGIN_TIMEOUT_S)
        target.go()
        target.expect("end")
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
    engine: Engine, spec: Spec, follow: bool = True, switch_cost_ns: int | None = None
) -> Recording:
    """One run of `spec` under `engine`, which is left detached."""
    missed = engine.missed()
    with Target(spec) as target:
        engine.reset()
        engine.seed(target.pid)
        engine.ctl["follow"] = int(follow)
        if spec.controlled:
            engine.ctl["control_fd"] = CONTROL_FD
        else:
            engine.ctl["command_tgid"] = target.pid
        try:
            engine.attach()
            if spec.controlled:
                recording = _controlled(engine, target, missed)
            else:
                recording = _command(engine, target, missed)
            return dataclasses.replace(recording, switch_cost_ns=switch_cost_ns)
        finally:
            engine.detach()


def _controlled(engine: Engine, target: Target, missed: int) -> Recording:
    target.open_gate()
    tid, _ns = target.expect("begin", BEGIN_TIMEOUT_S)
    before = _host_load()
    engine.ctl["armed_tid"] = int(tid)
    target.go()
    _tid, said_ns = target.expect("end")
    after = _host_load()
    late = int(engine.ctl["phase"]) == 1
    if late:
        _close_late(engine, int(tid), int(said_ns))
    names = thread_names(engine)
    engine.detach()
    alive = probes.ask_living(engine.names, engine.arrays)
    missed = engine.missed() - missed
    target.go()
    result = _result(target)
    recording = _recording(engine, target, (before, after), names, missed, result, alive)
    return dataclasses.replace(recording, closed_late=late)


def _command(engine: Engine, target: Target, missed: int) -> Recording:
    before = _host_load()
    target.open_gate()
    target.wait()
    after = _host_load()
    engine.detach()
    missed = engine.missed() - missed
    if int(engine.ctl["phase"]) == 1:
        _close_late(engine, target.pid, time.monotonic_ns())
    return _recording(engine, target, (before, after), {}, missed, {}, {})


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
    ctl["phase"] = 2


def thread_names(engine: Engine) -> dict[int, str]:
    """Slot -> name of the threads that are alive now, from /proc."""
    names: dict[int, str] = {}
    threads = engine.arrays["threads"]
    for slot in range(1, int(engine.ctl["next_slot"])):
        tid, tgid = int(threads["tid"][slot]), int(threads["tgid"][slot])
        try:
            names[slot] = Path(f"/proc/{tgid}/task/{tid}/comm").read_text().rstrip("\n")
        except OSError:
            continue
    return names


def _recording(
    engine: Engine,
    target: Target,
    load: tuple[HostLoad, HostLoad],
    names: Mapping[int, str],
    missed: int,
    result: Mapping[str, Any],
    alive: Mapping[str, object],
) -> Recording:
    data = engine.snapshot()
    ctl = data["ctl"][0]
    if int(ctl["phase"]) != 2:
        raise TracerError(
            "the measured window never opened or never closed",
            "does the workload speak the control protocol? see docs/workloads.md",
        )
    return Recording(
        argv=target.spec.argv,
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
        exit_status=target.exit_status,
        unavailable=engine.unavailable,
    )
