"""Reading the rings of probe stacks, on arrays that this file writes as the programs do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tracer.kernel.stacks import PathCollector
from tracer.model.path_nodes import TakenStack
from tracer.model.sampling import Sampling

NODE = np.dtype([(name, "u8" if name in ("at_ns", "first") else "u4") for name in (
    "number", "parent", "at_ns", "points", "part", "call", "slot", "waker", "owing", "settled",
    "cpu", "first", "stacks", "whose")])  # fmt: skip
STACK = np.dtype([("number", "u8"), ("at_ns", "u8"), ("tgid", "u4"), ("slot", "u4"),
                  ("taken", "u4"), ("bytes", "u4"),
                  *((name, "u8") for name in ("ip", "sp", "bp", "lr", "first")),
                  ("local_bytes", "u4"), ("has_goroutine", "u4"), ("local", "u1", 8),
                  ("goroutine", "u1", 8), ("task_bytes", "u4"), ("task_is_int", "u4"),
                  ("task", "u1", 8), ("data", "u1", 16)])  # fmt: skip
THREAD = np.dtype([("node", "u4"), ("tgid", "u4"), ("polls", "u4"), ("epoch", "u4"), ("cpu", "u4"),
                   ("ticks", "u4"), ("used_ticks", "u4"), ("first_cpu", "u4"),
                   ("first_stack", "u8"), ("stretch_ns", "u8"),
                   ("stretch_end_ns", "u8")])  # fmt: skip
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
        self.collector = PathCollector(self.arrays, self.unwind)

    def node(self, number: int, **values: int) -> None:
        row = self.arrays["path_nodes"][number % NODES]
        for name, value in {"parent": number - 1, "points": 1, "settled": 1, **values}.items():
            row[name] = value
        row["number"] = number
        self.arrays["sampling"]["made"] = max(int(self.arrays["sampling"]["made"][0]), number)

    def stack(self, number: int, slot: int) -> None:
        row = self.arrays["user_stacks"][(number - 1) % STACKS]
        row["number"], row["slot"] = number, slot
        ring = self.arrays["stack_rings"]
        ring["taken"] = max(int(ring["taken"][0]), number)

    @staticmethod
    def unwind(taken: Sequence[TakenStack]) -> list[TakenStack]:
        return [TakenStack(one.slot, one.taken, one.at_ns, one.first, number=0) for one in taken]


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
    def fails(_taken: Sequence[TakenStack]) -> list[TakenStack]:
        raise OSError("no more memory")

    monkeypatch.setattr(kernel.collector, "_unwind", fails)
    kernel.node(1)
    kernel.collector._run(kernel.collector._compact)
    monkeypatch.undo()
    assert kernel.collector.collected([1]).failure
