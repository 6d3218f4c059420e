"""tracer/model/histogram.py reads what tracer/kernel/machine/hist.c writes."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from harness.machine import Machine

from tracer.model.histogram import BUCKETS, OCTAVES, Histogram, lower_bound_ns


def values() -> list[int]:
    """All small ones, both sides of every power of two and of every bucket, random ones."""
    rng = random.Random(1)
    numbers = set(range(5000))
    for power in range(4, 64):
        numbers.update((1 << power) + step for step in (-1, 0, 1))
    for bucket in range(1, BUCKETS):
        low = lower_bound_ns(bucket)
        numbers.update((low - 1, low, low + 1))
    numbers.update(rng.getrandbits(rng.randrange(1, 64)) for _ in range(20_000))
    return sorted(numbers)


def test_bounds_agree_with_the_c(machine: Machine) -> None:
    for ns in values():
        bucket = machine.hist_bucket(ns)
        assert lower_bound_ns(bucket) <= ns
        if bucket < BUCKETS - 1:
            assert ns < lower_bound_ns(bucket + 1), ns
        if ns >> OCTAVES:
            assert bucket == BUCKETS - 1


def test_every_bucket_is_used_and_they_ascend(machine: Machine) -> None:
    bounds = [lower_bound_ns(bucket) for bucket in range(BUCKETS)]
    assert bounds == sorted(set(bounds))
    assert [machine.hist_bucket(bound) for bound in bounds] == list(range(BUCKETS))
    assert lower_bound_ns(BUCKETS) == 1 << OCTAVES


@pytest.mark.parametrize(
    ("ns", "bucket"),
    [
        (0, 0),
        (15, 15),
        (16, 16),
        (31, 31),
        (32, 32),
        (33, 32),
        (34, 33),
        (200, 73),
        (1700, 122),
        (2**44 - 1, 655),
        (2**44, 655),
        (2**64 - 1, 655),
    ],
)
def test_known_buckets(machine: Machine, ns: int, bucket: int) -> None:
    assert machine.hist_bucket(ns) == bucket


def test_a_bucket_is_a_sixteenth_wide() -> None:
    for bucket in range(16, BUCKETS - 1):
        low = lower_bound_ns(bucket)
        assert (lower_bound_ns(bucket + 1) - low) * 16 <= low


def test_exact_count_sum_and_maximum(machine: Machine) -> None:
    numbers = values()[:20_000]
    times = Histogram.merged(machine.hist_of(numbers))
    assert times.count == len(numbers)
    assert times.sum_ns == sum(numbers)
    assert times.max_ns == max(numbers)
    assert times.mean_ns == round(sum(numbers) / len(numbers))


def test_a_bucket_counts_beyond_32_bits(machine: Machine) -> None:
    """71 minutes of a million calls a second, of 100 ns; then one of 200 ns as often."""
    many = 2**32 + 10
    record = machine.hist_of([100, 200])
    record["buckets"][0, [machine.hist_bucket(100), machine.hist_bucket(200)]] = many - 1
    record["sum"] = (many - 1) * 300
    record = machine.hist_of([100, 200], record)
    times = Histogram.merged(record)
    assert times.count == 2 * many
    assert times.mean_ns == 150
    assert (times.percentile_ns(50), times.percentile_ns(51)) == (101, 200)
    assert Histogram.merged(np.concatenate([record, record])).count == 4 * many


def test_percentiles_of_small_values_are_exact(machine: Machine) -> None:
    times = Histogram.merged(machine.hist_of(list(range(1, 11))))
    assert [times.percentile_ns(q) for q in (1, 10, 11, 50, 90, 91, 99, 100)] == [
        1, 1, 2, 5, 9, 10, 10, 10]  # fmt: skip


def test_percentiles_are_known_to_a_thirty_second(machine: Machine) -> None:
    rng = random.Random(2)
    numbers = sorted(int(rng.lognormvariate(9, 2)) + 1 for _ in range(5000))
    times = Histogram.merged(machine.hist_of(numbers))
    for q in (1, 10, 50, 90, 99, 99.9, 100):
        exact = numbers[max(math.ceil(len(numbers) * q / 100), 1) - 1]
        read = times.percentile_ns(q)
        assert read is not None
        assert abs(read - exact) <= exact / 32 + 1, q


def test_a_percentile_is_never_above_the_maximum(machine: Machine) -> None:
    times = Histogram.merged(machine.hist_of([1025] * 10))
    assert [times.percentile_ns(q) for q in (50, 90, 99, 100)] == [1025] * 4


def test_one_value_and_none(machine: Machine) -> None:
    one = Histogram.merged(machine.hist_of([7]))
    assert (one.percentile_ns(0), one.percentile_ns(50), one.percentile_ns(100)) == (7, 7, 7)
    none = Histogram.merged(machine.hist_of([]))
    assert (none.count, none.mean_ns, none.percentile_ns(50), none.max_ns) == (0, None, None, 0)


def test_merged_adds_counts_and_sums_and_keeps_the_largest(machine: Machine) -> None:
    parts = [machine.hist_of([10, 2000]), machine.hist_of([]), machine.hist_of([10, 90_000])]
    both = Histogram.merged(np.concatenate(parts).reshape(3, 1))
    assert (both.count, both.sum_ns, both.max_ns) == (4, 92_020, 90_000)
    assert both.buckets[10] == 2
