"""Short times of a run in which the kernel times tracer's programs, spread over the run."""

from __future__ import annotations

import os
import time

from tracer.kernel.background import Background
from tracer.kernel.bpf import count_run_times
from tracer.kernel.engine import Engine
from tracer.model.cost import Sample
from tracer.model.states import Phase

#: The kernel times programs for so long at a time: a run of them costs two clock readings more.
SAMPLE_S = 0.01
#: The first sample begins so long after the start, each other twice as late as the one before.
_FIRST_S = 0.1
_LATER = 2.0
#: Without an open window, look again after this time.
_LOOK_S = 0.05
#: A long watch keeps the latest ones.
_KEPT = 8


class Sampler(Background):
    """Takes the samples on a thread of its own, from `with` on to its end, while a window is open.

    No samples where the kernel does not time programs: before Linux 5.8, without CAP_SYS_ADMIN.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__("samples")
        self._engine = engine
        self._samples: list[Sample] = []

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Those taken so far, the latest ones."""
        return tuple(self._samples[-_KEPT:])

    def _run(self) -> None:
        began_s, after_s = time.monotonic(), _FIRST_S
        while not self._over.wait(max(began_s + after_s - time.monotonic(), 0)):
            if not self._is_open():
                began_s = time.monotonic() + _LOOK_S - after_s
                continue
            try:
                sample = self._sample()
            except OSError:
                return
            if sample is not None:
                self._samples.append(sample)
                after_s *= _LATER

    def _is_open(self) -> bool:
        return int(self._engine.ctl["phase"]) == Phase.OPEN

    def _sample(self) -> Sample | None:
        """None when the window ended before the sample did."""
        engine = self._engine
        epoch = int(engine.ctl["epoch"])
        statistics = count_run_times()
        try:
            began_ns, events, before = time.monotonic_ns(), engine.arrays.events, engine.run_times()
            over = self._over.wait(SAMPLE_S)
            took_ns, after = time.monotonic_ns() - began_ns, engine.run_times()
            events = engine.arrays.events - events
        finally:
            os.close(statistics)
        if over or not self._is_open() or int(engine.ctl["epoch"]) != epoch:
            return None
        return Sample.of(
            took_ns,
            events,
            {name: after[f"tp_{name}"] - before[f"tp_{name}"] for name in engine.tracepoints},
        )
