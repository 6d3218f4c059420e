"""Wake-ups, losses, open calls and threads of hand-made recordings."""

from __future__ import annotations

import numpy as np
import pytest
from harness.machine import NUMBER, Machine
from harness.recorded import END, EPOCH, Hand, on_cpu_part, own_index

from tracer.analysis.run import counts
from tracer.model.recording import OTHER_DTYPE, Missed
from tracer.model.states import LOSSES, REPAIRS, SOURCES


def test_wakeups_total_is_the_sum(hand: Hand, machine: Machine) -> None:
    hand.woke["same_cpu"] = machine.hist_of([5, 6])
    hand.woke["interrupt"] = machine.hist_of([7])
    hand.thread(1, "WAKING", END - 5)
    hand.thread(2, "WAKING_EARLY", END - 5)
    hand.thread(3, "WAKING", 5000, epoch=1)
    assert counts.wakeups(hand.recording()) == {
        "total": 5,
        "same_cpu": 2,
        "cross_cpu_idle": 0,
        "cross_cpu_busy": 0,
        "interrupt": 1,
        "pending": 2,
    }


def test_sources_and_repairs_of_this_epoch_only(hand: Hand) -> None:
    hand.cpus["epoch"] = [EPOCH, EPOCH - 1]
    for cpu in (0, 1):
        hand.cpus["sources"][cpu] = [9, 1, 2, 3, 4, 5, 6]
        hand.cpus["repairs"][cpu] = [1, 2, 3, 4, 5]
        hand.cpus["inferred_ns"][cpu] = 40
    recording = hand.recording(missed=Missed(entries=1))
    assert counts.outside_wakers(recording) == dict(zip(SOURCES[1:], range(1, 7), strict=True))
    repairs = dict(zip(REPAIRS, (1, 2, 3, 4, 5), strict=True))
    assert counts.repairs(recording) == repairs | {"interrupt_not_seen": 0}
    assert counts.inferred_ns(recording) == 40


def test_a_return_without_an_entry_is_a_refused_call_where_no_event_was_missed(hand: Hand) -> None:
    hand.cpus["repairs"][0] = [0, 0, 0, 1000, 0]
    hand.cpus["inferred_ns"][0] = 40
    assert not any(counts.repairs(hand.recording()).values())
    assert counts.inferred_ns(hand.recording()) == 0


@pytest.mark.parametrize(
    ("entries", "returns", "lost"),
    [(4, 5, 0), (1, 1, 0), (6, 5, 0), (4, 9, 0), (5, 6, 2), (7, 6, 2), (7, 9, 6)],
)
def test_a_call_is_lost_where_entry_and_return_were_missed_and_no_event_told_either(
    hand: Hand, entries: int, returns: int, lost: int
) -> None:
    hand.cpus["repairs"][0] = [0, 0, 0, 4, 5]
    hand.cpus["blind"][1] = 1
    recording = hand.recording(missed=Missed(entries, returns))
    assert counts.losses(recording)["recursion"] == lost


def test_missed_calls_are_other_programs_where_none_of_the_target_can_be_untold(
    hand: Hand,
) -> None:
    hand.cpus["repairs"][0] = [0, 0, 0, 4, 5]
    hand.cpus["epoch"][1] = EPOCH - 1
    hand.cpus["blind"][1] = 1  # in an earlier window
    assert counts.losses(hand.recording(missed=Missed(11, 11, 2)))["recursion"] == 2


def test_other_programs_over_all_cpus(hand: Hand) -> None:
    others = np.array(
        [(0, 0, b""), (5, 7, b"db"), (20, 8, b"web"), (30, 7, b"db"), (0, 9, b"idle")], OTHER_DTYPE
    )
    found = counts.other_programs(hand.recording(others=others))
    assert [(p.pid, p.name, p.ns) for p in found] == [(7, "db", 35), (8, "web", 20)]


def test_losses_of_all_cpus_and_of_the_kernel(hand: Hand) -> None:
    hand.cpus["losses"][0] = [1, 0, 2]
    hand.cpus["losses"][1] = [1, 3, 0]
    recording = hand.recording(missed=Missed(others=7, interrupts=3))
    assert counts.repairs(recording)["interrupt_not_seen"] == 3
    assert counts.losses(recording) == {
        **dict(zip(LOSSES, (2, 3, 2), strict=True)),
        "recursion": 7,
    }


def test_open_calls(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "name_of", lambda nr: {v: k for k, v in NUMBER.items()}[nr])
    read, poll = NUMBER["read"], NUMBER["epoll_wait"]
    inside = {"on_cpu_part": on_cpu_part("syscall:io"), "call_nr": read}
    hand.thread(1, "RUNNING", END, **inside)  # ended the window: its write is not open
    hand.thread(2, "BLOCKED", END, **inside)
    hand.thread(3, "BLOCKED", 5000, epoch=0, **inside)
    hand.thread(4, "PREEMPTED", END, on_cpu_part=on_cpu_part("syscall:poll"), call_nr=poll)
    hand.thread(5, "DEAD", END - 5, death_ns=END - 5, **inside)
    assert counts.open_calls(hand.recording()) == {"read": 2, "epoll_wait": 1}


def test_top_threads(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 100, "blocked:io": 900}, voluntary=1)
    hand.thread(2, "RUNNING", END, {"user": 400, "syscall:io": 300, "preempted": 300}, voluntary=2)
    hand.thread(3, "RUNNING", END, {"user": 600, "wakeup:idle": 400}, voluntary=4)
    hand.thread(4, "BLOCKED", 5000, {"user": 9999}, epoch=1, voluntary=8,
                blocked_part=own_index("blocked:poll"))  # fmt: skip
    recording = hand.recording(names={2: "second", 3: "third"})
    shown, rest = counts.top_threads(recording, 2)
    assert [(row.tid, row.name) for row in shown] == [(102, "second"), (103, "third")]
    assert shown[0].parts["syscall:io"] == 300
    assert [row.voluntary for row in shown] == [2, 4]
    assert rest.name == "2 others"
    assert rest.parts["user"] == 100
    assert rest.parts["blocked:poll"] == 1000
    assert rest.voluntary == 1


def test_a_dead_threads_name_is_that_of_its_comm(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.threads["comm"][1][:5] = list("third")
    shown, _rest = counts.top_threads(hand.recording(), 1)
    assert shown[0].name == "third"


def test_more_top_threads_than_there_are(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    shown, rest = counts.top_threads(hand.recording(), 10)
    assert len(shown) == 1
    assert rest.name == "0 others"
    assert sum(rest.parts.values()) == 0


def test_threads_are_grouped_by_the_pattern_of_their_names(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 100, "blocked:io": 900}, voluntary=1)
    hand.thread(2, "RUNNING", END, {"user": 400, "syscall:io": 300, "preempted": 300}, voluntary=2,
                involuntary=5, migrations=7)  # fmt: skip
    hand.thread(3, "RUNNING", END, {"user": 600, "wakeup:idle": 400}, voluntary=4, involuntary=1)
    hand.thread(4, "BLOCKED", 5000, epoch=1, voluntary=8, blocked_part=own_index("blocked:poll"))
    names = {1: "main", 2: "worker-1", 3: "worker-22", 4: "worker-3"}
    workers, main = counts.thread_groups(hand.recording(names=names))
    assert (workers.name, workers.threads, workers.idle, workers.idle_ns) == (
        "worker-*",
        3,
        1,
        1000,
    )
    assert {part: ns for part, ns in workers.parts.items() if ns} == {
        "user": 1000,
        "syscall:io": 300,
        "preempted": 300,
        "wakeup:idle": 400,
    }
    assert (workers.voluntary, workers.involuntary, workers.migrations) == (6, 6, 7)
    assert (main.name, main.threads, main.idle, main.voluntary) == ("main", 1, 0, 1)


def test_a_group_of_one_name_keeps_it(hand: Hand) -> None:
    for slot in (1, 2):
        hand.thread(slot, "RUNNING", END, {"user": 1000})
    (group,) = counts.thread_groups(hand.recording(names={1: "v8-pool", 2: "v8-pool"}))
    assert (group.name, group.threads) == ("v8-pool", 2)
