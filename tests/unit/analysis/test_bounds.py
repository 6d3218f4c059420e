"""What a run could gain at most, from hand-made ledgers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tracer.analysis.run.bounds import WhatIf, what_if
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.model import states
from tracer.model.histogram import BUCKETS, Histogram
from tracer.probes.sched import SchedRecord


def ledger(**parts: int) -> Ledger:
    """1000 ns on the path: these parts, the rest is own code."""
    every = dict.fromkeys((part for part in states.PATH_PARTS if part != "unknown"), 0)
    named = {name.replace("wakeup_", "wakeup:"): ns for name, ns in parts.items()}
    return Ledger(1000, {**every, "user": 1000 - sum(parts.values()), **named})


def headline(switching: float) -> Headline:
    return Headline(0.0, switching, 1 - switching, 0.0, 0.0, 0.0, 1 - switching, 0)


def times(count: int, each_ns: int) -> Histogram:
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    buckets[min(each_ns, 15)] = count
    return Histogram(buckets, count * each_ns, each_ns)


def woken(**kinds: Histogram) -> SchedRecord:
    """Wake-ups of these kinds, none of the others."""
    none: dict[str, Any] = {kind: times(0, 0) for kind in states.WAKEUP_KINDS}
    return SchedRecord(none | kinds, times(0, 0), times(0, 0), {})


def test_without_switching_the_rest_of_the_window_is_left() -> None:
    bounds = what_if(ledger(wakeup_idle=600), headline(0.64), None)
    assert bounds.without_switching == pytest.approx(1000 / 360)
    assert bounds.same_cpu is None


def test_a_run_that_never_switches_gains_nothing() -> None:
    assert what_if(ledger(), headline(0.0), None) == WhatIf(1.0, None)


def test_a_window_of_nothing_but_switching_has_no_bound() -> None:
    assert what_if(ledger(preempted=1000), headline(1.0), None).without_switching is None


def test_crossing_wakeups_are_counted_as_short_as_those_on_the_same_cpu() -> None:
    # 300 + 100 ns on the path are of the kinds of all wake-ups: 200 x 2 ns, 100 x 12 ns; of these
    # 1600 ns 100 x (12 - 2) ns would be gone
    sched = woken(same_cpu=times(200, 2), cross_cpu_idle=times(100, 12))
    bounds = what_if(ledger(wakeup_idle=300, wakeup_queued=100), headline(0.4), sched)
    assert bounds.same_cpu == pytest.approx(1000 / (1000 - 400 * 1000 / 1600))


def test_both_kinds_of_crossing_count_together_and_interrupts_stay_as_they_were() -> None:
    sched = woken(
        same_cpu=times(100, 1),
        cross_cpu_idle=times(60, 11),
        cross_cpu_busy=times(40, 6),
        interrupt=times(10, 5),
    )
    bounds = what_if(ledger(wakeup_idle=500), headline(0.5), sched)
    longer, every = 60 * 10 + 40 * 5, 100 + 660 + 240 + 50
    assert bounds.same_cpu == pytest.approx(1000 / (1000 - 500 * longer / every))


@pytest.mark.parametrize(("same", "crossing"), [(99, 1000), (1000, 99), (0, 1000), (1000, 0)])
def test_too_few_wakeups_of_one_kind_say_nothing(same: int, crossing: int) -> None:
    sched = woken(same_cpu=times(same, 2), cross_cpu_idle=times(crossing, 12))
    assert what_if(ledger(wakeup_idle=500), headline(0.5), sched).same_cpu is None


def test_crossing_that_is_no_slower_gains_nothing() -> None:
    sched = woken(same_cpu=times(100, 9), cross_cpu_idle=times(100, 3))
    assert what_if(ledger(wakeup_idle=500), headline(0.5), sched).same_cpu == 1.0


def test_many_wakeups_beside_the_path_never_gain_more_than_the_path_has() -> None:
    sched = woken(same_cpu=times(100, 0), cross_cpu_idle=times(1_000_000, 10))
    bounds = what_if(ledger(wakeup_idle=500), headline(0.5), sched)
    assert bounds.same_cpu is not None and bounds.same_cpu <= (bounds.without_switching or 0)


def test_an_open_ledger_says_nothing() -> None:
    open_ledger = Ledger(1000, {**ledger().parts, "user": 900})
    assert what_if(open_ledger, headline(0.5), None) == WhatIf()
