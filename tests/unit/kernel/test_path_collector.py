"""Reading the rings of probe stacks, on arrays that this file writes as the programs do."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from tracer.analysis.sampled_path import walked
from tracer.kernel import stacks
from tracer.kernel.stacks import PathCollector
from tracer.model.path_nodes import WHOSE, TakenStack
from tracer.model.sampling import Sampling
from tracer.model.stacks import Frame, NamedStack, StackTable
from tracer.model.states import RunState

NODE = np.dtype([
    *((name, "u8") for name in ("number", "parent", "owing", "settled", "at_ns", "points",
                                "handovers", "first")),
    *((name, "u4") for name in ("cpu", "stacks", "part", "call", "slot", "life", "whose")),
])  # fmt: skip
STACK = np.dtype([("number", "u8"), ("at_ns", "u8"), ("tgid", "u4"), ("slot", "u4"),
                  ("taken", "u4"), ("bytes", "u4"),
                  *((name, "u8") for name in ("ip", "sp", "bp", "lr", "first")),
                  ("local_bytes", "u4"), ("has_goroutine", "u4"), ("local", "u1", 8),
                  ("goroutine", "u1", 8), ("task_bytes", "u4"), ("task_is_int", "u4"),
                  ("task", "u1", 8), ("data", "u1", 16)])  # fmt: skip
THREAD = np.dtype([
    *((name, "u8") for name in ("node", "state", "first_stack", "polls", "polled_ns", "stretch_ns",
                                "stretch_end_ns", "death_ns")),
    *((name, "u4") for name in ("epoch", "cpu", "ticks", "used_ticks", "first_cpu", "tid", "tgid",
                                "on_cpu_part", "waits", "only_polls", "call_nr")),
])  # fmt: skip
NODES, STACKS = 8, 4


class Kernel:
    """The arrays, with what the programs do to them."""

    def __init__(self) -> None:
        sampling = [(name, "u8") for name in ("grid_ns", "read", "every", "made", "lost")]
        self.arrays = {
            "sampling": np.zeros(1, sampling),
            "path_nodes": np.zeros(NODES, NODE),
            "stack_rings": np.zeros(1, [(name, "u8") for name in ("taken", "lost", "read")]),
            "user_stacks": np.zeros(STACKS, STACK),
            "event_loops": np.zeros(4, [("tgid", "u4")]),
            "threads": np.zeros(4, THREAD),
            "threads_before": np.zeros(4, THREAD),
            "ctl": np.zeros(1, [("epoch", "u4"), ("next_slot", "u8"), ("start_ns", "u8")]),
        }
        self.arrays["ctl"]["next_slot"] = 4
        self.table = StackTable()
        self.collector = PathCollector(self.arrays, self.unwind)

    def node(self, number: int, **values: int) -> None:
        row = self.arrays["path_nodes"][number % NODES]
        for name, value in {"parent": number - 1, "points": 1, "settled": 1, **values}.items():
            row[name] = value
        row["number"] = number
        self.arrays["sampling"]["made"] = max(int(self.arrays["sampling"]["made"][0]), number)

    def stack(self, number: int, slot: int, at_ns: int = 0) -> None:
        row = self.arrays["user_stacks"][(number - 1) % STACKS]
        row["number"], row["slot"], row["at_ns"], row["ip"] = number, slot, at_ns, number
        ring = self.arrays["stack_rings"]
        ring["taken"] = max(int(ring["taken"][0]), number)

    def unwind(self, taken: Sequence[TakenStack], _stop: threading.Event) -> list[TakenStack]:
        """Each stack is another one: its frame is its number."""
        return [
            TakenStack(one.slot, one.taken, one.at_ns, one.first, stack=self.named(one))
            for one in taken
        ]

    def named(self, one: TakenStack) -> NamedStack:
        assert one.sample
        frame = Frame("", "", "", None, False, "unknown", one.sample.ip)
        return self.table.one(NamedStack((frame,)))


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_nodes_and_their_stacks(kernel: Kernel) -> None:
    kernel.node(1)
    kernel.stack(1, slot=3)
    kernel.node(2, slot=3, first=0, stacks=1)
    found = kernel.collector.collected([2])
    assert found.nodes["number"].tolist() == [1, 2]
    assert {key: stack.slot for key, stack in found.stacks.items()} == {(0, 0): 3}


def test_what_is_being_written_is_read_later(kernel: Kernel) -> None:
    kernel.node(2)
    assert kernel.collector.collected([2]).nodes["number"].tolist() == []
    kernel.node(1)
    assert kernel.collector.collected([2]).nodes["number"].tolist() == [1, 2]


def test_overwritten_places_do_not_stop_the_reading(kernel: Kernel) -> None:
    """Two CPUs found the last place free: node 9 lies where 1 was, stack 5 where stack 1 was."""
    for number in range(1, NODES + 2):
        kernel.node(number)
    for number in range(1, STACKS + 2):
        kernel.stack(number, slot=number)
    kernel.node(9, first=0, stacks=5)
    found = kernel.collector.collected([9])
    assert found.nodes["number"].tolist() == list(range(2, 10))
    assert [stack.slot for stack in found.stacks.values()] == [0, 2, 3, 4, 5]
    assert int(kernel.arrays["sampling"]["read"][0]) == 9


def test_nothing_of_an_earlier_run_is_taken_for_the_new_one(kernel: Kernel) -> None:
    kernel.node(1, points=5)
    kernel.stack(1, slot=3)
    kernel.collector.start(Sampling())
    kernel.arrays["sampling"]["made"] = 1  # its place is still being written
    kernel.arrays["sampling"]["read"] = 0
    kernel.arrays["stack_rings"]["read"] = 0
    kernel.collector.stop()
    assert len(kernel.collector.collected([1]).nodes) == 0
    assert int(kernel.arrays["stack_rings"]["read"][0]) == 0
    kernel.node(1, points=7)
    assert kernel.collector.collected([1]).nodes["points"].tolist() == [7]


def test_lost_points_are_told_in_their_own_window(kernel: Kernel) -> None:
    kernel.arrays["sampling"]["lost"] = 5
    assert kernel.collector.collected([]).lost_points == 5
    kernel.arrays["sampling"]["lost"] = 7
    assert kernel.collector.collected([]).lost_points == 2


def test_lost_stacks_are_told_in_their_own_window(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.arrays["stack_rings"]["lost"] = 5
    assert kernel.collector.collected([]).lost_stacks == 5
    monkeypatch.setattr(stacks, "_ROOM_BYTES", 1)
    kernel.stack(1, slot=3)
    kernel.collector._read()
    kernel.stack(2, slot=3)
    assert kernel.collector.collected([]).lost_stacks == 1, "unwinding takes longer than is copied"
    assert kernel.collector.collected([]).lost_stacks == 0


def test_a_window_that_was_not_read_yet_keeps_its_paths(kernel: Kernel) -> None:
    """The next window has begun, and with it the thread's row; the programs keep the old one."""
    for number in (1, 2, 3):
        kernel.node(number)
    kernel.arrays["ctl"]["epoch"] = 2
    kernel.arrays["threads_before"][1]["epoch"], kernel.arrays["threads_before"][1]["node"] = 1, 2
    kernel.collector._compact()
    assert kernel.collector.collected([2]).nodes["number"].tolist() == [1, 2]
    kernel.arrays["ctl"]["epoch"] = 3
    kernel.collector._compact()
    assert len(kernel.collector.collected([2]).nodes) == 0


def test_a_thread_that_fails_is_told_and_holds_nobody_up(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise OSError("no more memory")

    kernel.collector.start(Sampling())
    monkeypatch.setattr(kernel.collector, "_read", fails)
    for thread in kernel.collector._threads:
        thread.join(5)
        assert not thread.is_alive()
    monkeypatch.undo()
    kernel.collector.stop()
    assert kernel.collector.collected([]).failure == "reading them ended early: no more memory"


def test_ticks_without_a_node_yet_keep_their_stacks(kernel: Kernel) -> None:
    kernel.stack(1, slot=3)
    kernel.stack(2, slot=3)
    kernel.arrays["threads"][3]["ticks"], kernel.arrays["threads"][3]["first_stack"] = 1, 1
    kernel.collector._compact()
    kernel.node(1, slot=3, first=0, stacks=2)
    assert list(kernel.collector.collected([1]).stacks) == [(0, 1)]


def test_after_unwinding_failed_there_is_a_report(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_taken: Sequence[TakenStack], _stop: threading.Event) -> list[TakenStack]:
        raise OSError("no more memory")

    monkeypatch.setattr(kernel.collector, "_unwind", fails)
    kernel.node(1)
    kernel.collector._run(kernel.collector._compact)
    monkeypatch.undo()
    assert kernel.collector.collected([1]).failure


def test_numbers_have_no_end(kernel: Kernel) -> None:
    """A thousand a second on each of 64 CPUs are 4 billion within a day."""
    many = 1 << 32
    kernel.arrays["sampling"]["made"] = kernel.arrays["sampling"]["read"] = many - 1
    for number in (many, many + 1, many + 2):
        kernel.node(number, parent=number - 1 if number > many else 0)
    found = kernel.collector.collected([many + 2])
    path, is_whole = walked(found.nodes, many + 2)
    assert is_whole
    assert path["number"].tolist() == [many, many + 1, many + 2]


def test_who_has_slept_since_an_earlier_window_keeps_no_path(kernel: Kernel) -> None:
    """It begins a new one when it wakes up."""
    for number in (1, 2, 3):
        kernel.node(number)
    kernel.arrays["ctl"]["epoch"] = 5
    threads = kernel.arrays["threads"]
    threads["node"][1:], threads["epoch"][1:] = [3, 2, 1], [3, 4, 5]
    kernel.collector._compact()
    assert kernel.collector._nodes[0]["number"].tolist() == [1, 2]


def test_stacks_and_nodes_of_windows_that_are_over_are_dropped(kernel: Kernel) -> None:
    """Interval after interval, each with stacks of its own."""
    threads, numbers = kernel.arrays["threads"], iter(range(1, 1 << 20))
    for epoch in range(1, 40):
        kernel.arrays["ctl"]["epoch"] = epoch
        first = True
        for _ in range(6):
            number = next(numbers)
            kernel.stack(number, slot=1)
            parent = 0 if first else number - 1
            kernel.node(number, parent=parent, slot=1, first=number - 1, stacks=1)
            threads[1]["node"], threads[1]["epoch"], first = number, epoch, False
            kernel.collector._read()
        kernel.collector._compact()
        paths = kernel.collector.collected([number])
        assert len(paths.nodes) == 6
        assert [stack.stack is not None for stack in paths.stacks.values()] == [True] * 6
        assert sum(map(len, kernel.collector._nodes)) <= 12
        assert len(kernel.collector._stacks) <= 12
    del paths
    gc.collect()
    assert 0 < len(kernel.table) <= 12


def test_doubling_the_grid_holds_up_what_settles_later(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack of a wait comes late; that its node has fewer points and another parent stays."""
    monkeypatch.setattr(stacks, "_MOST_NODES", 3)
    kernel.arrays["sampling"]["grid_ns"], kernel.arrays["sampling"]["every"] = 10, 1
    for number in range(1, 6):
        kernel.node(number, at_ns=10 * number, settled=number != 4, slot=1)
    kernel.arrays["threads"][1]["node"] = 5
    kernel.collector._compact()
    kernel.stack(1, slot=1)
    kernel.node(4, at_ns=40, slot=1, stacks=1)  # it has settled
    paths = kernel.collector.collected([5])
    path, is_whole = walked(paths.nodes, 5)
    assert is_whole
    assert path["number"].tolist() == [2, 4, 5], "each even point, and the end"
    assert path["points"].tolist() == [1, 1, 0]
    assert path["stacks"].tolist() == [0, 1, 0]
    assert [stack.slot for stack in paths.stacks.values()] == [1]
    assert paths.grid_ns == 20


def test_what_is_made_while_the_grid_doubles_is_of_the_old_one(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "_MOST_NODES", 3)
    kernel.arrays["sampling"]["grid_ns"], kernel.arrays["sampling"]["every"] = 10, 1
    for number in range(1, 6):
        kernel.node(number, at_ns=10 * number)
    kernel.arrays["threads"][1]["node"] = 5
    real = stacks.needed

    def meanwhile(*args):
        kernel.node(6, at_ns=80, points=3)
        return real(*args)

    monkeypatch.setattr(stacks, "needed", meanwhile)
    kernel.collector._compact()
    monkeypatch.undo()
    path, _whole = walked(kernel.collector.collected([6]).nodes, 6)
    assert dict(zip(path["number"].tolist(), path["points"].tolist(), strict=True))[6] == 2


def test_own_times_are_those_of_their_window(kernel: Kernel) -> None:
    kernel.collector._sampling = Sampling(grid_ns=10, all_threads=True)
    kernel.arrays["sampling"]["grid_ns"] = 10
    whose = WHOSE.index("thread")
    kernel.arrays["ctl"]["start_ns"] = 100
    kernel.node(1, slot=1, at_ns=110, points=1, whose=whose)
    kernel.collector._compact()
    kernel.arrays["ctl"]["start_ns"] = 200  # the next window has begun
    kernel.node(2, slot=1, at_ns=195, points=2, whose=whose)
    kernel.node(3, slot=1, at_ns=205, points=4, whose=whose)
    assert sum(kernel.collector.collected([], end_ns=200).times.values()) == 30
    assert sum(kernel.collector.collected([], end_ns=300).times.values()) == 40


def test_ticks_of_before_the_window_are_not_its_times(kernel: Kernel) -> None:
    kernel.collector._sampling = Sampling(grid_ns=10, all_threads=True)
    kernel.arrays["sampling"]["grid_ns"] = 10
    kernel.arrays["ctl"]["start_ns"] = 100
    for number in (1, 2, 3, 4):
        kernel.stack(number, slot=1, at_ns=95 + 4 * number)  # 99, 103, 107, 111
    kernel.node(1, slot=1, at_ns=112, points=4, stacks=4)
    times = kernel.collector.collected([1], end_ns=200).times
    assert sum(times.values()) == pytest.approx(30)
    assert len(times) == 3


def test_of_too_many_times_the_smallest_lose_their_stack(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "_MOST_TIMES", 4)
    kernel.collector._sampling = Sampling(grid_ns=10, all_threads=True)
    kernel.arrays["sampling"]["grid_ns"] = 10
    for number in range(1, 41):
        kernel.stack(number, slot=1)
        kernel.node(number, slot=1, first=number - 1, stacks=1, points=number)
        kernel.collector._read()
        kernel.collector._compact()
    times = kernel.collector.collected([40], end_ns=1).times
    assert len(times) <= 4 + 1
    assert sum(times.values()) == 10 * sum(range(1, 41))


def test_a_thread_without_any_event_keeps_some_of_its_stacks(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "_MOST_TICKS", 8)
    thread = kernel.arrays["threads"][2]
    kept = []
    for ticks in (8, 9, 16, 17, 100, 1000):
        thread["ticks"] = ticks
        keys = [number for _cpu, number in kernel.collector._ticking()]
        assert 4 <= len(keys) <= 8, ticks
        kept.append(set(keys))
    for before, after in itertools.pairwise(kept):
        assert {key for key in after if key <= max(before)} <= before, "they are still there"


def test_reports_need_not_wait_for_names(kernel: Kernel) -> None:
    """What unwinds is told so; stopping the reading waits for nothing."""
    began, kernel.arrays["threads"]["node"][1] = threading.Event(), 1

    def slow(taken: Sequence[TakenStack], stop: threading.Event) -> list[TakenStack]:
        began.set()
        assert stop.wait(20)
        return kernel.unwind(taken, stop)

    kernel.collector._unwind = slow
    kernel.collector.start(Sampling())
    kernel.stack(1, slot=3)
    kernel.node(1, slot=3, stacks=1)
    kernel.collector._full.set()
    assert began.wait(20)
    kernel.collector.stop()
    began_s = time.monotonic()
    threading.Timer(0.05, kernel.collector.leave_unnamed).start()
    assert len(kernel.collector.collected([1]).nodes) == 1
    assert time.monotonic() - began_s < 15
    kernel.collector.close()
    assert not kernel.collector._threads


def test_stacks_of_a_loop_that_has_not_been_returned_to_stay(kernel: Kernel) -> None:
    thread = kernel.arrays["threads"][3]
    thread["tid"], thread["state"], thread["polls"], thread["polled_ns"] = 7, RunState.RUNNING, 5, 9
    kernel.stack(1, slot=3, at_ns=8)
    kernel.stack(2, slot=3, at_ns=10)
    kernel.stack(3, slot=2, at_ns=11)
    kernel.collector._compact()
    kernel.collector._compact()
    assert list(kernel.collector._stacks) == [(0, 1)]
