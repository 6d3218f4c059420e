"""Windows of a watched program as metrics for Prometheus: sums since the start, the last window.

The number of series does not grow with the program: labels are parts of the ledgers, classes of
calls, kinds of wake-ups and the findings that tracer knows; none is a name that the target chose.
Needs prometheus_client, an optional extra.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tracer import __version__
from tracer.analysis.findings import available
from tracer.analysis.run.counts import on_cpu_ns
from tracer.analysis.run.summary import Summary
from tracer.model.histogram import BUCKETS, Histogram, lower_bound_ns
from tracer.model.syscalls import CLASSES

if TYPE_CHECKING:
    from prometheus_client import Metric

_NS = 1e9
#: Bounds of the histograms' buckets: powers of two from 1 us to 2 s, which are bounds of tracer's.
_BOUNDS_NS = tuple(1 << n for n in range(10, 32))
#: Sums since the start, by name: what it is, and its label. Times are kept in ns: exact.
_SUMS: Mapping[str, tuple[str, str]] = {
    "windows": ("Windows that were measured.", ""),
    "window_seconds": ("Length of these windows.", ""),
    "untrusted_windows": ("Windows with an open ledger or lost events.", ""),
    "lost_events": ("Events that could not be recorded.", ""),
    "path_seconds": ("Time of the critical paths by part of the wall ledger.", "part"),
    "thread_seconds": ("Time of all threads by state.", "state"),
    "cpu_seconds": ("Time of all CPUs: the target by state, other tasks, idle, off line.", "use"),
    "context_switches": ("Context switches away from the target's threads.", "kind"),
    "migrations": ("Moves of the target's threads to another CPU.", ""),
    "wakeups": ("Wake-ups of the target's threads by where they ran.", "kind"),
    "system_calls": ("System calls that returned, by class.", "class"),
    "system_call_seconds": ("Time in system calls by class, asleep in them too.", "class"),
    "system_call_cpu_seconds": ("The part of it on a CPU.", "class"),
}
#: Of the last window.
_LAST: Mapping[str, tuple[str, str]] = {
    "last_window_seconds": ("Length of the last window.", ""),
    "last_window_end_timestamp_seconds": ("When it ended, Unix time.", ""),
    "headline_share": ("Shares of the last window along its critical path; they sum to 1.", "part"),
    "residual_share": ("The part of each ledger of the last window without a name.", "ledger"),
    "finding_share": ("The share of the last window that a finding explains, else 0.", "finding"),
    "threads": ("Threads of the target in the last window.", ""),
}

_Sums = dict[tuple[str, str], int]


class Metrics:
    """A collector of prometheus_client: `add` each window, `collect` at each scrape, from any
    thread.

    Parameters
    ----------
    target:
        What is watched, as the user named it.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        # without a label from the start, with one from the first window on
        self._sums = Counter({(name, ""): 0 for name, (_help, label) in _SUMS.items() if not label})
        self._last: dict[tuple[str, str], float] = {}
        self._latencies: dict[str, Histogram] = {}

    def add(self, run: Summary, findings: Sequence[Mapping[str, Any]]) -> None:
        """One more window, with the findings of its document."""
        sums, last = _sums_of(run), _last_of(run, findings)
        woke = {} if run.sched is None else run.sched.woke
        with self._lock:
            self._sums.update(sums)
            self._last = last
            for kind, times in woke.items():
                self._latencies[kind] = _joined(self._latencies.get(kind), times)

    def collect(self) -> Iterator[Metric]:
        """The families as they are now."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        with self._lock:
            sums = {key: _shown(key[0], value) for key, value in self._sums.items()}
            last = self._last
            latencies = dict(self._latencies)
        about = {"version": __version__, "target": self._target}
        yield InfoMetricFamily("tracer_target", "What is watched, and by which tracer.", about)
        for families, values, kind in (
            (_SUMS, sums, CounterMetricFamily),
            (_LAST, last, GaugeMetricFamily),
        ):
            for name, (help_, label) in families.items():
                family = kind(f"tracer_{name}", help_, labels=[label] if label else [])
                for (of, value_of), value in sorted(values.items()):
                    if of == name:
                        family.add_metric([value_of] if label else [], value)
                yield family
        waits = HistogramMetricFamily(
            "tracer_wakeup_latency_seconds",
            "From the waking of a thread until it runs, by where it ran.",
            labels=["kind"],
        )
        for kind_of, times in sorted(latencies.items()):
            waits.add_metric([kind_of], _buckets(times), times.sum_ns / _NS)
        yield waits


def _shown(name: str, value: int) -> float:
    return value / _NS if name.endswith("_seconds") else value


def _sums_of(run: Summary) -> _Sums:
    found: _Sums = {
        ("windows", ""): 1,
        ("window_seconds", ""): run.window_ns,
        ("untrusted_windows", ""): not run.is_trusted,
        ("lost_events", ""): run.lost,
        ("migrations", ""): run.switches.migrations,
        ("context_switches", "voluntary"): run.switches.voluntary,
        ("context_switches", "involuntary"): run.switches.involuntary,
    }
    ledgers = {"path_seconds": run.wall, "thread_seconds": run.threads, "cpu_seconds": run.cpu}
    for name, ledger in ledgers.items():
        found |= {(name, part): max(ns, 0) for part, ns in ledger.parts.items()}
    woke = {} if run.sched is None else run.sched.woke
    found |= {("wakeups", kind): times.count for kind, times in woke.items()}
    return {**found, **_calls_of(run)}


def _calls_of(run: Summary) -> _Sums:
    if run.syscalls is None:
        return {}
    names = ("system_calls", "system_call_seconds", "system_call_cpu_seconds")
    found = {(name, cls): 0 for name in names for cls in CLASSES}
    for call in run.syscalls:
        found["system_calls", call.cls] += call.times.count
        found["system_call_seconds", call.cls] += call.times.sum_ns
        found["system_call_cpu_seconds", call.cls] += on_cpu_ns(call)
    return found


def _last_of(run: Summary, findings: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    ledgers = {"path": run.wall, "threads": run.threads, "cpu": run.cpu}
    explained = {one["id"]: one["share"] for one in findings}
    return {
        ("last_window_seconds", ""): run.window_ns / _NS,
        ("last_window_end_timestamp_seconds", ""): time.time(),
        ("threads", ""): sum(group.threads for group in run.groups),
        **{("headline_share", part): share for part, share in run.shares.items()},
        **{("residual_share", name): one.residual_share for name, one in ledgers.items()},
        **{("finding_share", name): explained.get(name, 0.0) for name in available()},
    }


def _joined(before: Histogram | None, times: Histogram) -> Histogram:
    if before is None:
        return times
    return Histogram(
        before.buckets + times.buckets,
        before.sum_ns + times.sum_ns,
        max(before.max_ns, times.max_ns),
    )


#: The first of tracer's buckets that a bound does not take in.
_ENDS = tuple(next(n for n in range(BUCKETS) if lower_bound_ns(n) >= bound) for bound in _BOUNDS_NS)


def _buckets(times: Histogram) -> list[tuple[str, float]]:
    """Counts up to each bound. What is just as long as a bound counts as longer."""
    up_to = [0, *accumulate(times.buckets.tolist())]
    bounds = [
        (repr(ns / _NS), float(up_to[end])) for ns, end in zip(_BOUNDS_NS, _ENDS, strict=True)
    ]
    return [*bounds, ("+Inf", float(times.count))]
