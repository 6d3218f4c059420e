"""One run of a workload: start it at its gate, attach, open the gate, collect, stop."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tracer.capture.child import CONTROL_FD, Target
from tracer.capture.finish import Closed, Tally, recording_of, with_result
from tracer.capture.living import Living
from tracer.capture.thread_names import ThreadNames
from tracer.capture.window import choose_path, close_now, is_open
from tracer.errors import Interrupted, TracerError
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.progress import Progress

#: Set-up and warm-up of 100,000 threads take less; a workload that needs longer is hung.
BEGIN_TIMEOUT_S = 120.0


def run_untraced(spec: Spec, progress: Progress | None = None) -> Mapping[str, Any]:
    """Run a workload without any probe, by the same protocol; its own result."""
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
    with Target(spec) as target:
        engine.arrays.reset()
        engine.arrays.seed(target.pid)
        engine.ctl["follow"] = int(follow)
        engine.ctl["control_fd"] = CONTROL_FD
        tally = Tally(engine)
        try:
            engine.attach()
            recording = _controlled(engine, target, tally, progress)
            return dataclasses.replace(recording, switch_cost_ns=switch_cost_ns)
        finally:
            engine.detach()


def _controlled(
    engine: Engine, target: Target, tally: Tally, progress: Progress | None
) -> Recording:
    """From the opening of the gate to the workload's result."""
    target.open_gate()
    tid, _ns = target.expect("begin", BEGIN_TIMEOUT_S, progress)
    living = Living(engine)
    living.opens()
    tally.opens()
    engine.ctl["armed_tid"] = int(tid)
    target.go()
    stopped: Interrupted | None = None
    try:
        _tid, end_ns = target.expect("end", None, progress)
        closed = _ended(engine, target, tally, int(tid), int(end_ns))
    except Interrupted as signal:
        if not is_open(engine):
            raise
        stopped, closed = signal, _cut_short(engine, target, tally, signal.number)
    edges = living.closes()
    result: Mapping[str, Any] = {}
    if stopped is not None:
        target.kill()
    else:
        target.go()
        result = _result(target)
        edges = dataclasses.replace(edges, usage=None)  # its own figures are finer
    recording = recording_of(engine, tally, dataclasses.replace(closed, edges=edges))
    return with_result(recording, target.spec.argv, target.exit_status, result)


def _ended(engine: Engine, target: Target, tally: Tally, tid: int, end_ns: int) -> Closed:
    """After the write of `end`, while the workload waits for `go`. The programs can have missed
    that (--light, when tracer was not asleep); then tracer closes the window, at `end_ns`."""
    load = tally.closes()
    late = is_open(engine)
    names = ThreadNames(engine).read()
    if late:
        data = close_now(engine, end_ns)
        choose_path(data, str(tid), target.pid)
    else:
        engine.detach()
        data = engine.arrays.snapshot()
    return Closed(data, load, names, closed_late=late)


def _cut_short(engine: Engine, target: Target, tally: Tally, number: int) -> Closed:
    """What was seen until a signal came; the path is that of the thread with the latest event."""
    data = close_now(engine)
    load = tally.closes()
    choose_path(data, "latest", target.pid)
    names = ThreadNames(engine).read()
    return Closed(data, load, names, interrupted=number)
