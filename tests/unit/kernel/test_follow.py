"""Windows that follow each other: nothing is lost or counted twice at the boundary."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from harness.machine import SIZES, Machine, compiler
from harness.world import DEAD, SLEEPING, Task, World

from tracer import probes
from tracer.analysis.run import counts, ledger
from tracer.kernel.arrays import Snapshot
from tracer.kernel.follow import Follower
from tracer.model.probe import Context
from tracer.model.recording import Recording
from tracer.model.states import OWN_PARTS

NAMES = ("sched", "syscalls")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    return Machine(tmp_path_factory.mktemp("machine"), NAMES, followed=True)


class Windows:
    """The windows of a world; the first one is open since 1000."""

    def __init__(self, machine: Machine) -> None:
        self.w = World(machine)
        self.w.open()
        self.follower = Follower(
            SimpleNamespace(  # type: ignore[arg-type]
                arrays=machine.arrays, ctl=machine.arrays.ctl, names=NAMES, report_from=int
            )
        )
        self.ended = (0, 0)

    def boundary(self, now: int) -> None:
        """A switch on CPU 3 begins the next window."""
        ctl = self.w.ctl
        self.ended = int(ctl["epoch"]), int(ctl["start_ns"])
        ctl["next_wanted"] = 1
        self.w.switch(now, 3, self.w.task(900) if self.w.on[3] is self.w.idle[3] else None)
        assert int(ctl["start_ns"]) == now and int(ctl["epoch"]) == self.ended[0] + 1

    def read(self) -> tuple[Recording, Snapshot]:
        """The window before the last boundary, read now."""
        return self._recording(self.follower.ended(*self.ended))

    def last(self, now: int) -> tuple[Recording, Snapshot]:
        self.w.ctl["end_ns"], self.w.ctl["phase"] = now, 2
        return self._recording(self.follower.last_window(self.w.m.arrays.snapshot()))

    def _recording(self, data: Snapshot) -> tuple[Recording, Snapshot]:
        ctl = data["ctl"][0]
        found = dataclasses.replace(
            self.w.recording(),
            epoch=int(ctl["epoch"]),
            start_ns=int(ctl["start_ns"]),
            end_ns=int(ctl["end_ns"]),
            cpus=data["cpus"],
            threads=data["threads"],
            probes=probes.records(NAMES, data, Context()),
        )
        assert ledger.threads(found).residual_ns == 0
        assert ledger.cpu(found).residual_ns == 0
        return found, data


def own(recording: Recording, who: Task) -> dict[str, int]:
    row = ledger.thread_times(recording)[who.slot].tolist()
    return {name: ns for name, ns in zip(OWN_PARTS, row, strict=True) if ns}


@pytest.fixture
def windows(followed: Machine) -> Windows:
    return Windows(followed)


@pytest.mark.parametrize("late", [False, True], ids=["read at once", "read late"])
def test_a_threads_time_is_cut_at_the_boundary(windows: Windows, late: bool) -> None:
    w = windows.w
    other = w.create_reader()  # asleep since 1040
    w.enter(1100, 0, "write", 5)
    windows.boundary(1200)
    if late:  # both have gone on in the next window before this one is read
        w.waking(1250, 0, other)
        w.leave(1260, 0, 1)
        w.switch(1270, 1, other)
        w.leave(1280, 1, 1)
    first, _ = windows.read()
    assert (first.start_ns, first.end_ns) == (1000, 1200)
    assert own(first, w.main) == {"user": 80, "syscall:process": 20, "syscall:io": 100}
    assert own(first, other)["blocked:io"] == 160
    if not late:
        w.waking(1250, 0, other)
        w.leave(1260, 0, 1)
        w.switch(1270, 1, other)
        w.leave(1280, 1, 1)
    second, _ = windows.last(1400)
    assert (second.start_ns, second.end_ns) == (1200, 1400)
    assert own(second, w.main) == {"syscall:io": 60, "user": 140}
    assert own(second, other) == {
        "blocked:io": 50,
        "wakeup:idle": 20,
        "syscall:io": 10,
        "user": 120,
    }
    assert w.path(other) == {"syscall:io": 60, "wakeup:idle": 20}, "from the boundary on"


def test_calls_and_their_maximum_are_of_their_window(windows: Windows) -> None:
    w = windows.w
    for at, ns in ((1010, 50), (1100, 20)):
        w.enter(at, 0, "getpid")
        w.leave(at + ns, 0)
    windows.boundary(1200)
    first, _ = windows.read()
    w.enter(1210, 0, "getpid")
    w.leave(1240, 0)
    windows.boundary(1300)
    second, _ = windows.read()
    third, _ = windows.last(1400)
    found = [{c.name: c.times for c in r.probes["syscalls"]} for r in (first, second, third)]
    assert [(t["getpid"].count, t["getpid"].max_ns) for t in found[:2]] == [(2, 50), (1, 30)]
    assert found[2] == {}


def test_a_thread_that_ends_in_the_next_window_lived_through_this_one(windows: Windows) -> None:
    w = windows.w
    child = w.create(1010, 0, 101)
    w.switch(1020, 1, child)
    w.leave(1030, 1)
    windows.boundary(1200)
    w.switch(1210, 1, None, DEAD)
    first, _ = windows.read()
    assert own(first, child) == {"wakeup:idle": 10, "user": 180}
    assert ledger.threads(first).total_ns == 200 + 190
    second, _ = windows.last(1300)
    assert own(second, child) == {"user": 10}
    assert ledger.threads(second).total_ns == 100 + 10


def test_a_row_that_is_given_to_another_thread_before_it_is_read(windows: Windows) -> None:
    """All rows are used; threads that died before the boundary give theirs to new ones after it."""
    w = windows.w
    for index in range(SIZES.threads - 2):
        at = 1010 + 100 * index
        child = w.create(at, 0, 101 + index)
        w.switch(at + 10, 1, child)
        w.switch(at + 30, 1, None, DEAD)
    end = 1010 + 100 * SIZES.threads
    windows.boundary(end)
    again = w.create(end + 10, 0, 4000)
    assert again.slot in {task.slot for task in w.targets[1:-1]}
    first, _ = windows.read()
    assert ledger.threads(first).total_ns == end - 1000 + 30 * (SIZES.threads - 2)
    assert own(first, again) == {"wakeup:idle": 10, "user": 20}, "of the one that had the row"
    second, _ = windows.last(end + 100)
    assert ledger.threads(second).total_ns == 100 + 90


def test_a_thread_untouched_for_windows(windows: Windows) -> None:
    w = windows.w
    other = w.create_reader()
    for end in (1200, 1300, 1400):
        windows.boundary(end)
        recording, _ = windows.read()
    assert own(recording, other) == {"blocked:io": 100}
    w.waking(1450, 0, other)
    w.switch(1460, 1, other)
    windows.boundary(1500)
    recording, _ = windows.read()
    assert own(recording, other) == {"blocked:io": 50, "wakeup:idle": 10, "syscall:io": 40}
    w.switch(1510, 1, None, SLEEPING)
    last, _ = windows.last(1600)
    assert own(last, other) == {"syscall:io": 10, "blocked:io": 90}
    assert counts.switches(last).voluntary == 1
