"""A run whose events are kept one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from tracer.host.recorder import Recorder
from tracer.kernel.engine import Engine
from tracer.kernel.event_reader import Nowhere
from tracer.model.recording import Recording


@contextlib.contextmanager
def recorded(
    engine: Engine, recorder: Recorder | None, argv: Sequence[str]
) -> Iterator[Callable[[Recording], None]]:
    """Let `recorder` take the events of the run of `argv` that is made inside; call what is yielded
    with that run's recording. Without a recorder nothing is kept."""
    if recorder is None or engine.events is None:
        yield lambda _recording: None
        return
    recorder.begin(argv)
    reader = engine.events
    reader.sink = recorder.spool
    try:
        yield lambda recording: recorder.keep(recording, reader.losses, reader.failure)
    finally:
        reader.sink = Nowhere()
