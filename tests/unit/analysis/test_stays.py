"""Stays on a CPU by the wake-up before, from hand-written documents."""

from __future__ import annotations

from typing import Any

import pytest

from tracer.analysis.pinning import stays
from tracer.analysis.pinning.stays import Stays


def document(
    *octaves: tuple[int, int, float], same: int = 500, crossed: int = 500
) -> dict[str, Any]:
    """1000 units. Stays of 4 us on the same CPU and of 8 us after crossings, a quarter of each own
    code and the rest I/O; octaves of sleep as (from ns, stays, mean ns), half of it I/O."""
    ran = {"same_cpu": (same, 4000), "cross_cpu_idle": (crossed, 8000), "cross_cpu_busy": (0, None)}
    return {
        "result": {"units": 1000},
        "sched": {
            "ran_ns": {kind: {"count": n, "mean": mean} for kind, (n, mean) in ran.items()},
            "ran_parts_ns": {
                kind: {"io": 0.75 * n * (mean or 0), "user": 0.25 * n * (mean or 0)}
                for kind, (n, mean) in ran.items()
            },
        },
        "idle": {
            "sleeps": [
                {"from_ns": from_ns, "stays": n, "ran_ns": n * mean, "ran_io_ns": n * mean / 2,
                 "ran_user_ns": n * mean / 4}
                for from_ns, n, mean in octaves
            ]
        },
    }  # fmt: skip


def test_stays_are_summed_over_runs_and_split() -> None:
    found = stays.after([document(), document(same=100)], stays.SAME)
    assert found == Stays(600, 600 * 4000, 600 * 3000, 600 * 1000)
    assert found.text() == "3 us in I/O and 1 us in own code"
    assert stays.after([document()], stays.CROSSED) == Stays(500, 4e6, 3e6, 1e6)


@pytest.mark.parametrize(("same", "crossed"), [(99, 500), (150, 20_000), (0, 500)])
def test_too_few_stays_are_none(same: int, crossed: int) -> None:
    assert stays.after([document(same=same, crossed=crossed)], stays.SAME) is None


def test_reports_without_them_say_nothing() -> None:
    old = document()
    del old["sched"]["ran_ns"]
    assert stays.after([document(), old], stays.SAME) is None
    assert stays.after([{"sched": None}], stays.SAME) is None
    earlier = {"result": {"units": 10}, "idle": {"sleeps": [{"from_ns": 4096}]}}
    assert stays.by_sleep([earlier]) is None
    assert stays.longer_after_sleep_ns(earlier, 1e4) is None
    assert stays.longer_after_sleep_ns({"result": {"units": 10}, "idle": None}, 1e4) is None


def test_without_system_calls_a_stay_is_one_time() -> None:
    light = {**document((4096, 200, 5000), (8192, 200, 7000)), "light": True}
    light["sched"]["ran_parts_ns"] = None
    found = stays.after([light], stays.SAME)
    assert found is not None and found.text() == "4 us"
    two = stays.by_sleep([light])
    assert two is not None and (two.short.text(), two.long.text()) == ("5 us", "7 us")


def test_the_limit_divides_the_stays_most_evenly() -> None:
    rows = ((4096, 100, 4000.0), (16384, 300, 5000.0), (65536, 500, 9000.0), (131072, 10, 90_000.0))
    two = stays.by_sleep([document(*rows)])
    assert two is not None and two.limit_ns == 65536
    assert (two.short.count, two.short.mean_ns) == (400, (100 * 4000 + 300 * 5000) / 400)
    assert two.long.count == 510
    assert stays.by_sleep([document(rows[0])]) is None, "one octave has no two sides"
    assert stays.by_sleep([document((4096, 1000, 1.0), (8192, 99, 1.0))]) is None, "hardly seen"
    assert stays.by_sleep([document((4096, 60, 1.0), (8192, 60, 1.0))] * 2) is not None


def test_what_stays_after_long_sleeps_take_longer() -> None:
    data = document((4096, 200, 4000), (65536, 300, 5000))
    assert stays.longer_after_sleep_ns(data, 65536) == 300 * 1000 / 1000
    assert stays.longer_after_sleep_ns(data, 4096) == 0, "none slept for less"
    assert stays.longer_after_sleep_ns(document(), 65536) == 0, "pinned: none sleeps"
