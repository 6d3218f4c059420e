"""Conditions on what the programs count, such as `p99 wakeup > 200us`: when to end a recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracer.errors import TracerError
from tracer.model.histogram import Histogram, lower_bound_ns

WOKEN, PUSHED_OFF, ALL = "woken", "pushed off", "all"


@dataclass(frozen=True)
class Time:
    """A time with histograms in the array `<probe>_cpus`: their member there; where they are by
    kind of wait, of which kinds."""

    meaning: str
    probe: str
    member: str
    kinds: str = ALL


TIMES: Mapping[str, Time] = {
    "wakeup": Time("from a thread's wake-up to its run", "sched", "waited", WOKEN),
    "preempted": Time("from being pushed off a CPU to the next run", "sched", "waited", PUSHED_OFF),
    "run": Time("from coming onto a CPU to leaving it", "sched", "ran"),
    "handover": Time("from coming onto a CPU to waking another thread", "sched", "handed"),
    "hop": Time(
        "from the entry of the call that wakes a thread to the return of that thread's call",
        "hops",
        "ns",
    ),
}
#: Events of the target's threads in the last second, and those of them that were lost.
RATES: Mapping[str, str] = {"events": "events", "lost": "events that found no room"}
_FORM = re.compile(
    r"\s*(?:(p[0-9]+(?:\.[0-9]+)?|max|mean)\s+)?(\S+?)\s*([<>])\s*([0-9]*\.?[0-9]+)\s*(ns|us|ms|s|/s)?\s*"
)
_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


@dataclass(frozen=True)
class Trigger:
    """One condition: `statistic` of a time against `value` ns, or a rate (empty statistic) against
    `value` a second."""

    text: str
    statistic: str
    quantity: str
    is_above: bool
    value: float

    @property
    def probe(self) -> str:
        """The probe that counts these times; empty for rates, which are counted always."""
        return TIMES[self.quantity].probe if self.statistic else ""

    def is_met(self, found: float | None) -> bool:
        """Whether this value meets it; None, where nothing was counted, does not."""
        if found is None:
            return False
        return found > self.value if self.is_above else found < self.value

    def of(self, times: Histogram) -> float | None:
        """The statistic of these times, ns; None where there are none."""
        if self.statistic == "mean":
            return times.mean_ns
        if self.statistic != "max":
            return times.percentile_ns(float(self.statistic[1:]))
        buckets = times.buckets.nonzero()[0]
        return lower_bound_ns(int(buckets[-1])) if len(buckets) else None


def parse(text: str) -> Trigger:
    """TracerError (exit status 2), with what can be asked, where the text is no condition."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise _refused(text, "it is not of the form STATISTIC QUANTITY > VALUE")
    statistic, quantity, sign, number, unit = match.groups()
    if quantity in RATES:
        if statistic or unit != "/s":
            raise _refused(text, f"{quantity} is a rate: {quantity} {sign} {number}/s")
        return Trigger(text, "", quantity, sign == ">", float(number))
    if quantity not in TIMES:
        raise _refused(text, f"{quantity} is not counted")
    if not statistic or unit not in _NS:
        raise _refused(text, f"{quantity} is a time: p99 {quantity} {sign} {number}us")
    if statistic.startswith("p") and not 0 < float(statistic[1:]) <= 100:
        raise _refused(text, f"there is no percentile {statistic[1:]}")
    return Trigger(text, statistic, quantity, sign == ">", float(number) * _NS[unit])


def _refused(text: str, why: str) -> TracerError:
    times = "; ".join(f"{name} ({time.meaning})" for name, time in TIMES.items())
    return TracerError(
        f"--when {text!r}: {why}",
        f"p50, p90, p99, ..., mean or max of {times}, in ns, us, ms or s; or"
        f" {' or '.join(RATES)} in /s; each with > or <, over the last second:"
        ' --when "p99 hop > 200us", --when "events > 500000/s"',
        exit_code=2,
    )
