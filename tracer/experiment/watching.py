"""Watches running processes: windows of one request after the other, with the same programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tracer.capture.attach import AttachRequest, attached
from tracer.capture.window import open_now
from tracer.experiment.recorded import with_events
from tracer.experiment.tracing import Tracing
from tracer.host.allocator import give_back_early
from tracer.host.recorder import Recorder
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.kernel.event_cost import calibration
from tracer.kernel.settings import MOST_ROWS
from tracer.model.recording import Recording

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary


class Watching:
    """The programs of one tracing, loaded from `with` on to its end.

    Parameters
    ----------
    tracing:
        What is kept. Who was on the path is sampled in any case.
    followed:
        One window can follow the other: requests have an interval.
    recorder:
        Keeps every event.
    rows:
        Of the table of threads, a power of two.
    say:
        As the engine's.
    """

    def __init__(
        self,
        tracing: Tracing,
        followed: bool,
        recorder: Recorder | None = None,
        rows: int = MOST_ROWS,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        if followed:
            give_back_early()
        self.tracing = tracing.with_path()
        kept = with_events(self.tracing, recorder)
        self.engine = Engine(
            kept.probes, kept.light, followed, kept.sampling, rows, kept.one_in, say
        )
        self._switch_ns = switch_cost_ns(self.engine)
        self._costs = calibration(self.engine)

    def windows(
        self,
        request: AttachRequest,
        on_open: Callable[[int, int], None],
        keep: Callable[[Recording], Recording] = lambda recording: recording,
        opens: Callable[[Engine], None] = open_now,
    ) -> Iterator[Summary]:
        """The summary of each window, as `tracer.capture.attach.attached` makes them; each
        recording goes through `keep`."""
        for window in attached(self.engine, request, self._switch_ns, on_open, self._costs, opens):
            from tracer.analysis.run.summary import summarize  # not before: see one.py
            from tracer.experiment import command_lines

            recording = keep(window)
            yield summarize(
                recording,
                name=recording.processes[0].name if recording.processes else "",
                transport="",
                unit="unit" if recording.result.get("units") else "run",
                top=self.tracing.top,
                kind="attach",
                command_line=command_lines.of_attach(request, self.tracing),
            )

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()
