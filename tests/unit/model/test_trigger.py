"""Conditions that end a recording: what can be asked, and when it is met."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.errors import TracerError
from tracer.model.histogram import BUCKETS, Histogram
from tracer.model.trigger import RATES, TIMES, Trigger, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("p99 wakeup > 200us", ("p99", "wakeup", True, 200_000)),
        (" p99.9 run<1.5ms ", ("p99.9", "run", False, 1_500_000)),
        ("max preempted > 2 s", ("max", "preempted", True, 2_000_000_000)),
        ("mean handover > 900ns", ("mean", "handover", True, 900)),
        ("p99 hop > 200us", ("p99", "hop", True, 200_000)),
        ("events > 500000/s", ("", "events", True, 500_000)),
        ("lost > 0/s", ("", "lost", True, 0)),
    ],
)
def test_a_condition_is_a_statistic_of_a_time_or_a_rate(
    text: str, parts: tuple[str, str, bool, float]
) -> None:
    found = parse(text)
    assert (found.statistic, found.quantity, found.is_above, found.value) == parts
    assert found.text == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "wakeup", "p99 wakeup", "p99 wakeup = 3us", "p99 wakeup > us", "p99 wakeup > -3us"),
        *(
            "wakeup > 200us",
            "p99 wakeup > 200",
            "p99 wakeup > 3/s",
            "p0 run > 1us",
            "p101 run > 1us",
        ),
        *("p99 hops > 200us", "p99 events > 3/s", "events > 3us", "cache misses > 3/s"),
    ],
)
def test_anything_else_is_refused_with_what_can_be_asked(text: str) -> None:
    with pytest.raises(TracerError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    assert all(name in caught.value.hint for name in (*TIMES, *RATES))


def times(*ns_and_numbers: tuple[int, int]) -> Histogram:
    buckets = np.zeros(BUCKETS, np.int64)
    for bucket, number in ns_and_numbers:
        buckets[bucket] = number
    return Histogram(buckets, sum(bucket * number for bucket, number in ns_and_numbers), 1 << 62)


def test_a_statistic_is_that_of_the_times() -> None:
    of = times((3, 98), (12, 2))  # below 16 ns a bucket is one ns
    found = {name: parse(f"{name} run > 1us").of(of) for name in ("p50", "p99", "max", "mean")}
    assert found == {"p50": 3, "p99": 12, "max": 12, "mean": 3}
    assert parse("p99 run > 1us").of(times()) is None


@pytest.mark.parametrize(
    ("is_above", "value", "is_met"),
    [(True, 5, False), (True, 6, True), (False, 4, True), (False, 5, False), (False, None, False)],
)
def test_it_is_met_beyond_its_value(is_above: bool, value: float | None, is_met: bool) -> None:
    assert Trigger("", "p99", "run", is_above, 5).is_met(value) is is_met
