"""The ledgers of hand-made recordings."""

from __future__ import annotations

import pytest
from harness.recorded import END, START, Hand, on_cpu_part, own_index

from tracer.analysis.run import counts, ledger


def test_wall_ledger_is_the_path_of_the_thread_that_ended_the_window(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, path={"user": 1000})
    hand.thread(2, "RUNNING", END, path={"user": 100, "syscall:io": 500, "sleep": 400})
    book = ledger.wall(hand.recording(end_slot=2))
    assert book.total_ns == 1000
    assert {k: v for k, v in book.parts.items() if v} == {
        "user": 100,
        "syscall:io": 500,
        "sleep": 400,
    }
    assert book.residual_ns == 0
    assert book.is_closed
    assert book.share("syscall:io") == 0.5


def test_unknown_time_on_the_path_is_the_residual(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, path={"user": 985, "unknown": 15})
    book = ledger.wall(hand.recording())
    assert book.residual_ns == 15
    assert not book.is_closed
    assert "unknown" not in book.parts
    assert ledger.headline(hand.recording()).unknown == pytest.approx(0.015)


@pytest.mark.parametrize(("residual", "closed"), [(0, True), (10, True), (11, False), (-11, False)])
def test_one_percent_is_the_tolerance(residual: int, closed: bool) -> None:
    book = ledger.Ledger(1000, {"user": 1000 - residual})
    assert book.residual_ns == residual
    assert book.is_closed == closed


def test_an_empty_ledger() -> None:
    book = ledger.Ledger(0, {})
    assert (book.residual_ns, book.is_closed, book.share("user")) == (0, True, 0.0)


PATH = {
    "user": 100,
    "syscall:io": 110,
    "syscall:poll": 60,
    "syscall:futex": 40,
    "syscall:io_uring": 30,
    "syscall:sleep": 20,
    "syscall:memory": 50,
    "syscall:process": 70,
    "syscall:other": 80,
    "wakeup:idle": 90,
    "wakeup:queued": 120,
    "preempted": 45,
    "sleep": 85,
    "external": 75,
    "unknown": 25,
}


@pytest.mark.parametrize("cost", [None, 0, 2, 10, 1000])
def test_headline_shares_and_residual_sum_to_one(hand: Hand, cost: int | None) -> None:
    hand.thread(1, "RUNNING", END, path=PATH)
    hand.threads["resumed"][1] = [3, 5, 2, 0]
    head = ledger.headline(hand.recording(switch_cost_ns=cost))
    assert head.io is not None
    assert head.user is not None
    assert head.system is not None
    total = head.io + head.switching + head.user + head.system + head.waiting + head.unknown
    assert total == pytest.approx(1, abs=1e-12)
    assert min(head.io, head.user, head.system) >= 0
    assert head.waiting == pytest.approx(0.160)
    assert head.on_cpu == pytest.approx(head.io + head.user + head.system)
    if cost in (None, 0):
        assert head.io == pytest.approx(0.200)
        assert head.switching == pytest.approx(0.255)
        assert head.user == pytest.approx(0.100)
        assert head.system == pytest.approx(0.260)
        assert head.switch_cost_ns == 0
    if cost == 10:
        assert head.switch_cost_ns == 100
        assert head.user == pytest.approx(0.070)
        assert head.io == pytest.approx(0.150)
        assert head.system == pytest.approx(0.240)
        assert head.switching == pytest.approx(0.355)
    if cost == 1000:
        assert head.switch_cost_ns == 100 + 200 + 260, "no more than was charged there"


def test_headline_of_a_light_run_is_not_split(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, path={"user": 800, "wakeup:idle": 150, "sleep": 50})
    head = ledger.headline(hand.recording(light=True))
    assert (head.io, head.user, head.system) == (None, None, None)
    assert head.on_cpu + head.switching + head.waiting == pytest.approx(1)


def test_thread_ledger_brings_every_state_up_to_the_end(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "BLOCKED", END - 300, {"syscall:io": 700}, blocked_part=own_index("blocked:io"))
    hand.thread(3, "WAKING", END - 20, {"user": 30, "blocked:poll": 950})
    hand.thread(4, "PREEMPTED", END - 50, {"syscall:futex": 950})
    hand.thread(
        5, "RUNNING_EARLY", END - 10, {"user": 990}, on_cpu_part=on_cpu_part("syscall:poll")
    )
    book = ledger.threads(hand.recording())
    assert book.total_ns == 5000
    assert book.residual_ns == 0
    assert {k: v for k, v in book.parts.items() if v} == {
        "user": 1000 + 30 + 990,
        "syscall:io": 700,
        "blocked:io": 300,
        "blocked:poll": 950,
        "wakeup:queued": 20,
        "syscall:futex": 950,
        "preempted": 50,
        "syscall:poll": 10,
    }


def test_a_thread_without_event_in_the_window_is_in_its_old_state_all_along(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    old = {"user": 777, "blocked:io": 888}  # sums of an earlier window: not to be counted
    hand.thread(
        2, "BLOCKED", 4000, old, epoch=2, blocked_part=own_index("blocked:futex"), birth_ns=3000
    )
    hand.thread(3, "WAKING_EARLY", 4000, old, epoch=1, voluntary=7)
    hand.thread(4, "RUNNING", 4000, old, epoch=0, on_cpu_part=on_cpu_part("syscall:io"))
    recording = hand.recording()
    book = ledger.threads(recording)
    assert book.total_ns == 4000
    assert book.residual_ns == 0
    assert {k: v for k, v in book.parts.items() if v} == {
        "user": 1000,
        "blocked:futex": 1000,
        "wakeup:queued": 1000,
        "syscall:io": 1000,
    }
    assert counts.switches(recording).total == 0
    assert counts.wakeups(recording)["pending"] == 0, "woken before the window: not of its wake-ups"


def test_dead_threads_count_until_their_death(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "DEAD", START + 250, {"user": 150}, birth_ns=START + 100,
                death_ns=START + 250, voluntary=3, involuntary=1, migrations=2)  # fmt: skip
    hand.thread(3, "DEAD", START - 10, {"user": 500}, epoch=2, death_ns=START - 10, voluntary=9)
    hand.thread(4, "DEAD", START + 40, {"syscall:process": 40}, birth_ns=START - 500,
                death_ns=START + 40)  # fmt: skip
    recording = hand.recording()
    book = ledger.threads(recording)
    assert book.total_ns == 1000 + 150 + 40
    assert book.residual_ns == 0
    assert counts.switches(recording) == counts.Switches(3, 1, 2)


def test_threads_born_in_the_window_live_from_their_birth(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "WAKING", END - 100, {}, birth_ns=END - 100)
    hand.thread(3, "WAKING", END + 5, {}, birth_ns=END + 5)  # a racing CPU, after the end
    book = ledger.threads(hand.recording())
    assert book.total_ns == 1100
    assert book.residual_ns == 0


def test_recycled_threads_stay_in_the_sums(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    row = hand.cpus[1]
    row["recycled_life_ns"] = 300
    row["recycled_own"][own_index("user")] = 200
    row["recycled_own"][own_index("wakeup:idle")] = 100
    row["recycled_voluntary"], row["recycled_involuntary"], row["recycled_migrations"] = 4, 5, 6
    recording = hand.recording()
    assert ledger.threads(recording).total_ns == 1300
    assert ledger.threads(recording).residual_ns == 0
    assert counts.switches(recording) == counts.Switches(4, 5, 6)


def test_unknown_own_time_is_the_residual(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 960, "unknown": 40})
    book = ledger.threads(hand.recording())
    assert book.residual_ns == 40
    assert not book.is_closed


def test_a_path_part_never_in_own_time_would_show(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000, "blocked:stopped": 5})
    assert ledger.threads(hand.recording()).residual_ns == -5


def test_cpu_ledger(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END - 100, {"user": 300, "syscall:io": 200}, birth_ns=START + 400)
    hand.cpus["tid"], hand.cpus["slot"] = [101, 0], [1, 0]
    hand.cpus["since_ns"] = [END - 100, END - 250]
    hand.cpus["idle_ns"], hand.cpus["other_ns"] = [350, 450], [50, 300]
    book = ledger.cpu(hand.recording())
    assert book.total_ns == 2000
    assert book.residual_ns == 0
    assert {k: v for k, v in book.parts.items() if v} == {
        "target_user": 400,
        "target_syscall:io": 200,
        "other": 350,
        "idle": 350 + 450 + 250,
    }


def test_a_cpu_without_event_in_the_window_keeps_its_old_task(hand: Hand) -> None:
    hand.thread(1, "RUNNING", 5000, {"user": 77}, epoch=1, on_cpu_part=on_cpu_part("syscall:io"))
    hand.cpus["epoch"] = [1, 1]
    hand.cpus["since_ns"] = [5000, 6000]
    hand.cpus["idle_ns"] = hand.cpus["other_ns"] = [123, 456]
    hand.cpus["tid"], hand.cpus["slot"] = [101, 900], [1, 0]
    book = ledger.cpu(hand.recording())
    assert {k: v for k, v in book.parts.items() if v} == {"target_syscall:io": 1000, "other": 1000}
    assert book.residual_ns == 0


def test_a_cpu_never_seen_is_the_residual(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.cpus["tid"], hand.cpus["slot"] = [101, 0], [1, 0]
    hand.cpus["seen"] = [1, 0]
    book = ledger.cpu(hand.recording())
    assert book.residual_ns == 1000


def test_offline_cpus_are_not_in_the_ledger(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.cpus["tid"], hand.cpus["slot"] = [101, 0], [1, 0]
    hand.cpus["epoch"][1] -= 1  # since an earlier window
    book = ledger.cpu(hand.recording(online_cpus=(0,)))
    assert (book.total_ns, book.residual_ns) == (1000, 0)


@pytest.mark.parametrize("last", [0, 24])  # the last switch there: to the idle task, or not seen
def test_a_cpu_that_goes_off_line_in_the_window_is_off_line_from_its_last_event_on(
    hand: Hand, last: int
) -> None:
    hand.thread(1, "BLOCKED", END, {"user": 1300})
    hand.cpus["tid"], hand.cpus["slot"] = [0, last], [0, 0]
    hand.cpus["idle_ns"] = [0, 0]
    hand.cpus["since_ns"] = [END, START + 300]
    book = ledger.cpu(hand.recording(online_cpus=(0,)))
    assert book.total_ns == 2000
    assert {name: ns for name, ns in book.parts.items() if ns} == {
        "target_user": 1300,
        "offline": 700,
    }
    assert book.residual_ns == 0


def _second_comes_late(hand: Hand) -> None:
    """The first event of CPU 1 is 400 after the window's start; then it is idle."""
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.cpus["tid"], hand.cpus["slot"] = [101, 0], [1, 0]
    hand.cpus["unseen_ns"] = [0, 400]
    hand.cpus["since_ns"] = [START, START + 500]
    hand.cpus["other_ns"] = [0, 100]


def test_a_cpu_that_comes_on_line_in_the_window_is_off_line_until_its_first_event(
    hand: Hand,
) -> None:
    _second_comes_late(hand)
    book = ledger.cpu(hand.recording(attached_cpus=(0,)))
    parts = {name: ns for name, ns in book.parts.items() if ns}
    assert parts == {"target_user": 1000, "offline": 400, "other": 100, "idle": 500}
    assert (book.total_ns, book.residual_ns) == (2000, 0)


def test_a_cpu_that_was_on_line_and_not_seen_until_then_is_the_residual(hand: Hand) -> None:
    _second_comes_late(hand)
    assert ledger.cpu(hand.recording()).residual_ns == 400


def test_a_cpu_that_was_on_line_for_a_while_in_the_window(hand: Hand) -> None:
    _second_comes_late(hand)
    book = ledger.cpu(hand.recording(attached_cpus=(0,), online_cpus=(0,)))
    assert (book.parts["offline"], book.parts["idle"], book.parts["other"]) == (900, 0, 100)
    assert book.residual_ns == 0


def test_an_event_of_a_racing_cpu_after_the_end_takes_nothing_back(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "BLOCKED", END + 30, {"user": 1030}, blocked_part=own_index("blocked:io"))
    book = ledger.threads(hand.recording())
    assert book.residual_ns == -30
