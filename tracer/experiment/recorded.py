"""A run whose events are kept one by one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

from tracer import probes
from tracer.experiment.tracing import Tracing
from tracer.host.recorder import Recorder
from tracer.host.spool import Segments
from tracer.kernel.engine import Engine
from tracer.kernel.event_reader import Nowhere, Sink
from tracer.kernel.flight import Flight
from tracer.model.recording import Recording
from tracer.model.states import Phase


def _sink(engine: Engine, recorder: Recorder) -> Sink:
    if not isinstance(recorder.spool, Segments):
        return recorder.spool
    fire = recorder.stop.fire if recorder.stop else lambda _why: None
    return Flight(engine.arrays, recorder.spool, recorder.when, fire)


def with_events(tracing: Tracing, recorder: Recorder | None) -> Tracing:
    """What is traced for `recorder`; without one nothing more."""
    if recorder is None:
        return tracing
    return tracing.recorded(recorder.when.probe if recorder.when else "")


@contextlib.contextmanager
def recorded(
    engine: Engine, recorder: Recorder | None, argv: Sequence[str]
) -> Iterator[Callable[[Recording], Recording]]:
    """Let `recorder` take the events of the run of `argv` that is made inside. What is yielded
    takes that run's recording and returns it with what became of the events. Without a recorder
    nothing is kept."""
    if recorder is None or engine.events is None:
        yield lambda recording: recording
        return
    recorder.begin(argv)
    reader = engine.events
    reader.sink = _sink(engine, recorder)

    def keep(recording: Recording) -> Recording:
        kept = recorder.keep(recording, reader.losses, reader.failure)
        return dataclasses.replace(recording, probes={**recording.probes, probes.RECORDED: kept})

    try:
        yield keep
    except BaseException:
        if int(engine.ctl["phase"]) == Phase.BEFORE:
            recorder.discard()
        raise
    finally:
        reader.sink = Nowhere()
