"""Kernel time outside calls: system time minus the time in calls, where the two belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness.machine import Machine
from harness.recorded import EPOCH, START, Hand

from tracer.analysis.run import ledger
from tracer.analysis.run.kernel_time import KernelTime, kernel_time
from tracer.model.recording import Edges, HostLoad, Recording, Usage

SECOND = 10**9
TICK = 10_000_000


def ran(hand: Hand, *user_ns: int, calls_ns: int = SECOND) -> Recording:
    """Threads with so much own code each, the first one with a second in calls; its path is its own
    time."""
    for slot, ns in enumerate(user_ns, 1):
        own = {"user": ns, "syscall:io": calls_ns if slot == 1 else 0}
        hand.thread(slot, "DEAD", 0, own, own, birth_ns=START, death_ns=START + 20 * SECOND)
    return hand.recording(end_ns=START + 20 * SECOND, end_slot=1, epoch=EPOCH)


def found(recording: Recording, user_ns: int, system_ns: int, **changes: Any) -> KernelTime:
    edges = Edges(usage=Usage(user_ns, system_ns, 500, 2))
    recording = replace(recording, **{"edges": edges, **changes})
    return kernel_time(recording, ledger.threads(recording), ledger.wall(recording))


@pytest.fixture
def hand(machine: Machine) -> Hand:
    return Hand(machine)


def test_system_time_beyond_the_calls_is_outside_of_them(hand: Hand) -> None:
    kernel = found(ran(hand, 9 * SECOND), 2 * SECOND, 8 * SECOND)
    assert kernel.outside_ns == kernel.on_path_ns == 7 * SECOND
    assert (kernel.minor_faults, kernel.major_faults, kernel.why) == (500, 2, "")
    # two standard deviations of 1000 ticks, of which 0.8 were in the kernel
    assert kernel.error_ns == pytest.approx(2 * TICK * (1000 * 0.8 * 0.2) ** 0.5)
    assert kernel.is_seen


def test_it_is_never_less_than_nothing_nor_more_than_there_is(hand: Hand) -> None:
    recording = ran(hand, 9 * SECOND)
    none = found(recording, 9_100_000_000, 900_000_000)
    assert (none.outside_ns, none.is_seen) == (0, False)
    assert found(recording, 0, 10_100_000_000).outside_ns == 9 * SECOND


def test_what_the_accounts_differ_by_is_its_error(hand: Hand) -> None:
    exact = found(ran(hand, 9 * SECOND), 0, 10 * SECOND)
    apart = found(ran(hand, 9 * SECOND), 0, 10 * SECOND - 300_000_000)
    assert apart.error_ns - exact.error_ns == 300_000_000
    usage = Usage(0, 10 * SECOND, 0, 0, resolution_ns=4 * TICK)
    coarse = found(ran(hand, 9 * SECOND), 0, 0, edges=Edges(usage=usage))
    assert coarse.error_ns - exact.error_ns == 4 * TICK


def test_below_ten_ticks_it_is_unknown(hand: Hand) -> None:
    few = found(ran(hand, 9 * TICK - 1, calls_ns=TICK), 0, 10 * TICK - 1)
    assert (few.outside_ns, few.on_path_ns, few.error_ns) == (None, None, 0)
    assert few.why == "less than 10 clock ticks of CPU time"
    assert few.minor_faults == 500, "they are counted, not sampled"
    assert found(ran(hand, 9 * TICK, calls_ns=TICK), 0, 10 * TICK).outside_ns == 9 * TICK


@pytest.mark.parametrize("used_ns", [5 * SECOND, 15 * SECOND])
def test_the_time_of_other_threads_tells_nothing(hand: Hand, used_ns: int) -> None:
    """Children that were not followed, or that nobody waited for."""
    kernel = found(ran(hand, 9 * SECOND), 0, used_ns)
    assert kernel.outside_ns is None
    kernel_s = used_ns // SECOND
    assert kernel.why == f"the kernel's account has {kernel_s} s of CPU time, the ledger 10 s"


def test_what_processes_took_along_is_not_negative(hand: Hand) -> None:
    """Those that ended: what they had used before the window is missing at its end."""
    usage = Usage(-SECOND, -SECOND, -7, 0)
    kernel = found(ran(hand, 9 * SECOND), 0, 0, edges=Edges(usage=usage))
    assert (kernel.outside_ns, kernel.minor_faults, kernel.major_faults) == (None, None, 0)


def test_steal_is_on_cpu_for_the_ledger_alone(hand: Hand) -> None:
    stolen = {"load": HostLoad(2 * SECOND, 0)}
    assert found(ran(hand, 9 * SECOND), 0, 8 * SECOND).outside_ns is None
    assert found(ran(hand, 9 * SECOND), 0, 8 * SECOND, **stolen).outside_ns == 7 * SECOND


def test_kernel_workers_have_their_own_part(hand: Hand) -> None:
    recording = ran(hand, 8 * SECOND)
    hand.thread(2, "DEAD", 0, {"kernel_workers": SECOND}, birth_ns=START,
                death_ns=START + 20 * SECOND)  # fmt: skip
    assert found(recording, 0, 10 * SECOND).outside_ns == 8 * SECOND


def test_light_and_a_target_that_nobody_could_ask(hand: Hand) -> None:
    light = found(ran(hand, 9 * SECOND), 0, 10 * SECOND, light=True)
    assert (light.outside_ns, light.why) == (None, "--light does not see system calls")
    gone = found(ran(hand, 9 * SECOND), 0, 0, edges=Edges())
    assert (gone.outside_ns, gone.minor_faults) == (None, None)
    assert "before they could be asked" in gone.why


def test_what_a_command_or_workload_told_of_itself(hand: Hand) -> None:
    rusage = {"user_ns": 0, "system_ns": 10 * SECOND, "minor_faults": 7, "major_faults": 0}
    result = {"rusage": {**rusage, "max_rss_bytes": None}}
    told = found(ran(hand, 9 * SECOND), 0, 0, edges=Edges(), result=result)
    assert (told.outside_ns, told.minor_faults) == (9 * SECOND, 7)
    partial = {"rusage": dict.fromkeys(rusage)}
    assert found(ran(hand, SECOND), 0, 0, edges=Edges(), result=partial).outside_ns is None


def test_on_the_path_only_where_one_thread_carries_it(hand: Hand) -> None:
    assert found(ran(hand, 5 * SECOND, 4 * SECOND), 0, 10 * SECOND).on_path_ns is None
    one = found(ran(hand, 9_600_000_000, 400_000_000), 0, 11 * SECOND)
    assert one.on_path_ns == 9_600_000_000
    recording = ran(hand, 9 * SECOND)
    hand.threads[1]["path"][0] = 5 * SECOND  # the other 4 s were not on the path
    assert found(recording, 0, 10 * SECOND).on_path_ns is None
