"""Windows as metrics: valid, with the numbers of the windows, and of bounded size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from harness.summarized import histogram, planted_summaries, planted_summary
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tracer.analysis.findings import available
from tracer.analysis.run.counts import OtherProgram
from tracer.analysis.run.document import document
from tracer.analysis.run.summary import Summary
from tracer.model.histogram import BUCKETS, Histogram, lower_bound_ns
from tracer.report.openmetrics import Metrics

Samples = dict[tuple[str, str], float]


def _scraped(*windows: Summary, target: str = "nginx") -> Samples:
    """What Prometheus's own parser reads: by the name of the sample and the value of its label."""
    registry, metrics = CollectorRegistry(), Metrics(target)
    registry.register(metrics)
    for window in windows:
        metrics.add(window, document(window)["findings"])
    text = generate_latest(registry).decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = " ".join(sample.labels.values())
            assert (sample.name, label) not in found
            found[sample.name, label] = sample.value
    return found


def test_before_the_first_window_there_are_zeros() -> None:
    found = _scraped()
    assert found["tracer_windows_total", ""] == 0
    assert ("tracer_last_window_seconds", "") not in found


@pytest.mark.parametrize("run", planted_summaries().values(), ids=planted_summaries())
def test_sums_are_those_of_all_windows(run: Summary) -> None:
    found = _scraped(run, run, run)
    assert found["tracer_windows_total", ""] == 3
    assert found["tracer_window_seconds_total", ""] == 3 * run.window_ns / 1e9
    assert found["tracer_lost_events_total", ""] == 3 * run.lost
    assert found["tracer_context_switches_total", "voluntary"] == 3 * run.switches.voluntary
    for name, ledger in (("path", run.wall), ("thread", run.threads), ("cpu", run.cpu)):
        for part, ns in ledger.parts.items():
            assert found[f"tracer_{name}_seconds_total", part] == 3 * ns / 1e9
    calls = sum(call.times.count for call in run.syscalls or ())
    read = [v for (name, _), v in found.items() if name == "tracer_system_calls_total"]
    assert sum(read) == 3 * calls and bool(read) == (run.syscalls is not None)


def test_gauges_are_those_of_the_last_window() -> None:
    run = planted_summary()
    found = _scraped(planted_summary(window_ns=7), run)
    assert found["tracer_last_window_seconds", ""] == run.window_ns / 1e9
    shares = [value for (name, _), value in found.items() if name == "tracer_headline_share"]
    head = run.headline
    expected = [head.io, head.switching, head.user, head.system, head.waiting, head.unknown]
    assert sorted(shares) == sorted(share for share in expected if share is not None)
    explained = {one["id"]: one["share"] for one in document(run)["findings"]}
    for name in available():
        assert found["tracer_finding_share", name] == explained.get(name, 0)


def test_what_was_not_recorded_is_missing_not_zero() -> None:
    found = _scraped(planted_summaries()["no probes"])
    names = {name for name, _label in found}
    assert not {n for n in names if "system_call" in n or "wakeup" in n}
    light = _scraped(planted_summaries()["light"])
    assert ("tracer_headline_share", "io") not in light
    assert ("tracer_headline_share", "on_cpu") in light


def _with_latencies(run: Summary, times: Histogram) -> Summary:
    assert run.sched is not None
    return replace(run, sched=replace(run.sched, woke={"same_cpu": times}))


def test_buckets_count_what_is_below_their_bounds() -> None:
    values = [1, 1023, 1024, 1500, 3_000, 5_000_000, 3_000_000_000]
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    for value in values:
        fitting = max(n for n in range(BUCKETS) if lower_bound_ns(n) <= value)
        buckets[fitting] += 1
    run = _with_latencies(planted_summary(), Histogram(buckets, sum(values), max(values)))
    found = _scraped(run, run)
    name = "tracer_wakeup_latency_seconds"
    seen = {
        label.split()[1]: value
        for (of, label), value in found.items()
        if of == f"{name}_bucket" and label.startswith("same_cpu")
    }
    for bound, count in seen.items():
        assert count == 2 * sum(value < float(bound) * 1e9 for value in values), bound
    assert seen["+Inf"] == found[f"{name}_count", "same_cpu"] == 2 * len(values)
    assert found[f"{name}_sum", "same_cpu"] == 2 * sum(values) / 1e9


def test_the_number_of_series_does_not_grow_with_the_program() -> None:
    small = planted_summary()
    call = (small.syscalls or ())[0]
    many: Any = planted_summary(
        syscalls=tuple(replace(call, name=f"call {n}", times=histogram(n + 1)) for n in range(400)),
        others=tuple(OtherProgram(n, f"program {n}", n + 1) for n in range(400)),
        top=small.top * 400,
        groups=small.groups * 400,
    )
    found = _scraped(many)
    assert set(found) == set(_scraped(small))
    assert len(found) < 300


def test_a_target_with_odd_bytes_in_its_name() -> None:
    found = _scraped(planted_summary(), target='a"b\\c\nd')
    assert any(name == "tracer_target_info" and 'a"b\\c\nd' in label for name, label in found)
