"""What a traced run keeps: plain data, with neither numpy nor BCC behind it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tracer import probes
from tracer.model.sampling import Sampling


@dataclass(frozen=True)
class Tracing:
    """How one measurement is traced.

    `probes` are the names of those whose detail is kept. `light` leaves the system-call
    tracepoints out. `top` is how many of the busiest threads the summary lists one by one.
    `sampling` is that of probe stacks. `one_in`: system calls of each thread are seen in one piece
    of time out of so many (--sample); 1: all of them.
    """

    probes: tuple[str, ...] = probes.COMPARED
    light: bool = False
    top: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    one_in: int = 1

    def recorded(self, condition: str = "") -> Tracing:
        """The same, with every event kept; `condition`: the probe that the end depends on."""
        more = (condition,) if condition and condition not in self.probes else ()
        return replace(self, probes=(*self.probes, *more, probes.RECORDED))

    def with_path(self) -> Tracing:
        """The same, sampling at least who was on the path; with --light and --sample nothing
        tells that."""
        if self.light or self.one_in > 1 or "stacks" in self.probes:
            return self
        sampling = replace(self.sampling, stacks=False)
        return replace(self, probes=(*self.probes, "stacks"), sampling=sampling)
