"""What tracing a command cost, found out on this host when its run is over."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Callable
from typing import Any

from tracer.errors import TracerError
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
    came: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for wanted in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(wanted) is not signal.SIG_IGN:
                before[wanted] = signal.signal(wanted, lambda got, _frame: came.append(got))
    switch_ns = costs = None
    try:
        switch_ns, costs = switch_cost_ns(engine), calibration(engine)
    except (TracerError, OSError, RuntimeError) as error:
        say(f"what tracing costs is not known here: {error}")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    signalled = came[0] if came else recording.signalled
    recording = dataclasses.replace(recording, switch_cost_ns=switch_ns, signalled=signalled)
    return recording, costs
