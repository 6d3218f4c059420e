"""The ledgers and counts of hand-made recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from harness.machine import NUMBER, Machine

from tracer.analysis.run import counts, ledger
from tracer.model.recording import HostLoad, Recording
from tracer.model.states import LOSSES, OWN_PARTS, PATH_PARTS, REPAIRS, SOURCES, RunState
from tracer.probes.sched import SchedRecord

START, END, EPOCH = 10_000, 11_000, 3


def vector(names: tuple[str, ...], length: int, parts: Mapping[str, int]) -> list[int]:
    """An array of the C's from its named parts."""
    found = [0] * length
    for name, ns in parts.items():
        found[names.index(name)] = ns
    return found


class Hand:
    """Fills a Recording's arrays by hand."""

    def __init__(self, machine: Machine, threads: int = 6, cpus: int = 2) -> None:
        self.threads = np.zeros(threads, machine.arrays["threads"].dtype)
        self.cpus = np.zeros(cpus, machine.arrays["cpus"].dtype)
        self.cpus["seen"] = 1
        self.cpus["epoch"] = EPOCH
        self.cpus["since_ns"] = START
        self.woke = {
            kind: machine.hist_of([])
            for kind in ("same_cpu", "cross_cpu_idle", "cross_cpu_busy", "interrupt")
        }

    def thread(
        self,
        slot: int,
        word: str,
        last_ns: int,
        own: Mapping[str, int] | None = None,
        path: Mapping[str, int] | None = None,
        epoch: int = EPOCH,
        **fields: int,
    ) -> None:
        row = self.threads[slot]
        row["tid"] = 100 + slot
        row["tgid"] = 101
        row["state"] = RunState[word]
        row["last_ns"] = last_ns
        row["epoch"] = epoch
        row["own"] = vector(OWN_PARTS, len(OWN_PARTS), own or {})
        row["path"] = vector(PATH_PARTS, 16, path or {})
        for name, value in fields.items():
            row[name] = value

    def recording(self, end_slot: int = 1, **changed: object) -> Recording:
        from tracer.model.histogram import Histogram

        empty = Histogram.merged(self.woke["same_cpu"])
        sched = SchedRecord(
            {k: Histogram.merged(r) for k, r in self.woke.items()}, empty, empty, {}
        )
        found = Recording(
            argv=("x",),
            light=False,
            epoch=EPOCH,
            start_ns=START,
            end_ns=END,
            end_slot=end_slot,
            online_cpus=tuple(range(len(self.cpus))),
            cpus=self.cpus,
            threads=self.threads,
            names={},
            probes={"sched": sched},
            missed=0,
            load=HostLoad(0, 0),
        )
        return replace(found, **changed)  # type: ignore[arg-type]


@pytest.fixture
def hand(machine: Machine) -> Hand:
    return Hand(machine)


def mode(part: str) -> int:
    return PATH_PARTS.index(part)


def own_index(part: str) -> int:
    return OWN_PARTS.index(part)


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
    hand.thread(5, "RUNNING_EARLY", END - 10, {"user": 990}, on_cpu_part=mode("syscall:poll"))
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
    hand.thread(4, "RUNNING", 4000, old, epoch=0, on_cpu_part=mode("syscall:io"))
    found = hand.recording()
    book = ledger.threads(found)
    assert book.total_ns == 4000
    assert book.residual_ns == 0
    assert {k: v for k, v in book.parts.items() if v} == {
        "user": 1000,
        "blocked:futex": 1000,
        "wakeup:queued": 1000,
        "syscall:io": 1000,
    }
    assert counts.switches(found).total == 0
    assert counts.wakeups(found)["pending"] == 0, "woken before the window: not of its wake-ups"


def test_dead_threads_count_until_their_death(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "DEAD", START + 250, {"user": 150}, birth_ns=START + 100,
                death_ns=START + 250, voluntary=3, involuntary=1, migrations=2)  # fmt: skip
    hand.thread(3, "DEAD", START - 10, {"user": 500}, epoch=2, death_ns=START - 10, voluntary=9)
    hand.thread(4, "DEAD", START + 40, {"syscall:process": 40}, birth_ns=START - 500,
                death_ns=START + 40)  # fmt: skip
    found = hand.recording()
    book = ledger.threads(found)
    assert book.total_ns == 1000 + 150 + 40
    assert book.residual_ns == 0
    assert counts.switches(found) == counts.Switches(3, 1, 2)


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
    found = hand.recording()
    assert ledger.threads(found).total_ns == 1300
    assert ledger.threads(found).residual_ns == 0
    assert counts.switches(found) == counts.Switches(4, 5, 6)


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
    hand.thread(1, "RUNNING", 5000, {"user": 77}, epoch=1, on_cpu_part=mode("syscall:io"))
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
    book = ledger.cpu(hand.recording(online_cpus=(0,)))
    assert (book.total_ns, book.residual_ns) == (1000, 0)


def test_an_event_of_a_racing_cpu_after_the_end_takes_nothing_back(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    hand.thread(2, "BLOCKED", END + 30, {"user": 1030}, blocked_part=own_index("blocked:io"))
    book = ledger.threads(hand.recording())
    assert book.residual_ns == -30


# ---- counts ----


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
        hand.cpus["sources"][cpu] = [9, 1, 2, 3, 4, 5]
        hand.cpus["repairs"][cpu] = [1, 2, 3]
    found = hand.recording()
    assert counts.outside_wakers(found) == dict(zip(SOURCES[1:], (1, 2, 3, 4, 5), strict=True))
    assert counts.repairs(found) == dict(zip(REPAIRS, (1, 2, 3), strict=True))


def test_losses_of_all_cpus_and_of_the_kernel(hand: Hand) -> None:
    hand.cpus["losses"][0] = [1, 0, 2, 0]
    hand.cpus["losses"][1] = [1, 3, 0, 4]
    assert counts.losses(hand.recording(missed=7)) == {
        **dict(zip(LOSSES, (2, 3, 2, 4), strict=True)),
        "recursion": 7,
    }


def test_open_calls(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "name_of", lambda nr: {v: k for k, v in NUMBER.items()}[nr])
    read, poll = NUMBER["read"], NUMBER["epoll_wait"]
    inside = {"on_cpu_part": mode("syscall:io"), "call_nr": read}
    hand.thread(1, "RUNNING", END, **inside)  # ended the window: its write is not open
    hand.thread(2, "BLOCKED", END, **inside)
    hand.thread(3, "BLOCKED", 5000, epoch=0, **inside)
    hand.thread(4, "PREEMPTED", END, on_cpu_part=mode("syscall:poll"), call_nr=poll)
    hand.thread(5, "DEAD", END - 5, death_ns=END - 5, **inside)
    assert counts.open_calls(hand.recording()) == {"read": 2, "epoll_wait": 1}


def test_top_threads(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 100, "blocked:io": 900}, voluntary=1)
    hand.thread(2, "RUNNING", END, {"user": 400, "syscall:io": 300, "preempted": 300}, voluntary=2)
    hand.thread(3, "RUNNING", END, {"user": 600, "wakeup:idle": 400}, voluntary=4)
    hand.thread(4, "BLOCKED", 5000, {"user": 9999}, epoch=1, voluntary=8,
                blocked_part=own_index("blocked:poll"))  # fmt: skip
    found = hand.recording(names={2: "second", 3: "third"})
    shown, rest = counts.top_threads(found, 2)
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
