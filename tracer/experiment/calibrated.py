"""What tracing a command cost, found out on this host when its run is over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tracer.errors import TracerError
from tracer.host.stopping import FirstKept
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.kernel.event_cost import calibration
from tracer.model.cost import Calibration
from tracer.model.recording import Recording


def calibrated(
    recording: Recording, engine: Engine, say: Callable[[str], None]
) -> tuple[Recording, Calibration | None]:
    """With what a context switch costs here; and what the events cost. Neither, where it cannot be
    found out: the run is over and is not lost for that. A signal counts afterwards, as one that
    comes while functions are named."""
    switch_ns = costs = None
    with FirstKept(lambda: None) as signals:
        try:
            switch_ns, costs = switch_cost_ns(engine), calibration(engine)
        except (TracerError, OSError, RuntimeError) as error:
            # its helper gets the signal too: of a terminal, of timeout(1)
            why = "a signal came meanwhile" if signals.signalled else error
            say(f"what tracing costs is not known here: {why}")
    recording = dataclasses.replace(
        recording, switch_cost_ns=switch_ns, signalled=signals.signalled or recording.signalled
    )
    return recording, costs
