"""Probe io_uring on hand-written sequences with exact counts and times."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from harness import machine
from harness.machine import Machine, Types, compiler
from harness.world import FIRST_PID, SLEEPING, Task, World

from tracer.model.section import Scale, Table
from tracer.probes import io_uring
from tracer.probes.io_uring import UringRecord

NOP, TIMEOUT, SEND, RECV, POLL_ADD = (
    io_uring.OPERATIONS.index(name) for name in ("nop", "timeout", "send", "recv", "poll_add")
)

ALIGNED = 64  #: of the kernel's requests
POLLED = 1 << 14


PROBES = ("io_uring", "sched", "syscalls")


class Ring:
    """The kernel's requests, by number, and what it does with them on CPU 0."""

    def __init__(self, world: World) -> None:
        self.w = world
        self.requests: dict[int, ctypes.Array[ctypes.c_uint64]] = {}

    def at(self, number: int, op: int = 0) -> int:
        """Address of a struct io_kiocb; the same as before for a number used before."""
        self.requests.setdefault(number, (ctypes.c_uint64 * 16)())
        at = self.address(number)
        request = ctypes.cast(at, ctypes.POINTER(ctypes.c_uint64))
        request[0], request[1] = op, 0
        return at

    def submit(self, now: int, number: int, op: int, cpu: int = 0) -> None:
        self.w.raw(now, cpu, "io_uring_submit_req", self.at(number, op))

    def complete(self, now: int, number: int, result: int = 1, cpu: int = 0) -> None:
        cqe = (ctypes.c_int32 * 4)(0, 0, result, 0)
        at = self.address(number)
        ctypes.cast(at, ctypes.POINTER(ctypes.c_int32))[6] = result  # its own copy
        self.w.raw(now, cpu, "io_uring_complete", 0, at, ctypes.addressof(cqe))

    def event(self, now: int, name: str, number: int, cpu: int = 0) -> None:
        self.w.raw(now, cpu, f"io_uring_{name}", self.address(number))

    def poll(self, now: int, number: int) -> None:
        """It waits for its file: the kernel says so, and marks the request (harness/machine.py)."""
        ctypes.cast(self.address(number), ctypes.POINTER(ctypes.c_uint64))[1] |= POLLED
        self.event(now, "poll_arm", number)

    def address(self, number: int) -> int:
        """Address of a request that was submitted."""
        return -(-ctypes.addressof(self.requests[number]) // ALIGNED) * ALIGNED

    def complete_unseen(self, now: int) -> None:
        """A completion of no request: one of several of a multishot operation, or a message."""
        self.w.raw(now, 0, "io_uring_complete", 0, 0, 0)

    def record(self) -> UringRecord:
        record: UringRecord = self.w.recorded("io_uring")
        return record

    def completed(self) -> dict[str, dict[str, int]]:
        """Completions that are not zero, by operation and way."""
        return {
            op.name: {way: n for way, n in op.completed.items() if n}
            for op in self.record().operations
        }


@pytest.fixture
def world(built: Machine) -> World:
    return World(built)


@pytest.fixture
def ring(w: World) -> Ring:
    """A ring of the first thread, which runs in its window on CPU 0."""
    return Ring(w)


def test_an_operation_that_completes_before_the_call_waits_is_inline(ring: Ring) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.submit(1020, 1, NOP)
    ring.submit(1022, 2, NOP)
    ring.complete(1030, 1)
    ring.complete(1035, 2, -22)
    ring.w.leave(1040, 0, 2)
    record = ring.record()
    (op,) = record.operations
    assert (op.name, op.submitted, op.failed) == ("nop", 2, 1)
    assert (op.times.count, op.times.sum_ns) == (2, 20 + 25)  # from the start of the call
    assert ring.completed() == {"nop": {"inline": 2}}
    assert (record.enters, record.submitted_by_enters, record.completed) == (1, 2, 2)


def test_what_waited_for_its_file_completed_by_poll(ring: Ring) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.submit(1020, 1, RECV)
    ring.poll(1021, 1)
    ring.submit(1022, 2, SEND)
    ring.complete(1030, 2)
    ring.w.raw(1032, 0, "io_uring_task_work_run", 0, 3)
    ring.complete(1033, 1)
    assert ring.completed() == {"send": {"inline": 1}, "recv": {"poll": 1}}
    record = ring.record()
    assert (record.task_runs, record.task_items) == (1, 3)


def test_a_poll_by_its_opcode_completes_by_poll_unless_at_once(ring: Ring) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.submit(1020, 1, POLL_ADD)
    ring.complete(1025, 1)
    ring.submit(1030, 2, POLL_ADD)
    ring.w.leave(1040, 0, 2)
    ring.complete(1050, 2)
    assert ring.completed() == {"poll_add": {"inline": 1, "poll": 1}}


def test_a_workers_operation_is_the_workers_even_when_it_polled(ring: Ring) -> None:
    ring.submit(1020, 1, RECV)
    ring.event(1021, "queue_async_work", 1)
    ring.poll(1022, 1)
    ring.complete(1030, 1)
    assert ring.completed() == {"recv": {"worker": 1}}


def test_what_completes_after_the_call_waited_or_returned_is_later(ring: Ring) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.submit(1020, 1, TIMEOUT)
    ring.w.raw(1021, 0, "io_uring_cqring_wait", 0, 1)
    ring.complete(1030, 1)
    ring.submit(1031, 2, TIMEOUT)
    ring.w.leave(1040, 0, 1)
    ring.w.enter(1050, 0, "getpid")
    ring.complete(1060, 2)
    assert ring.completed() == {"timeout": {"later": 2}}
    assert ring.record().waits == 1


def test_what_another_thread_completes_is_later(ring: Ring) -> None:
    w = ring.w
    other = w.create(1010, 0, 101)
    w.switch(1015, 1, other)
    ring.submit(1020, 1, TIMEOUT)
    ring.complete(1030, 1, cpu=1)
    assert ring.completed() == {"timeout": {"later": 1}}


def test_the_latency_is_cut_at_the_windows_start(world: World) -> None:
    ring = Ring(world)
    world.start()
    ring.submit(500, 1, NOP)
    world.switch(940, 1, None, SLEEPING)
    world.read_go()
    ring.complete(1050, 1)
    (op,) = ring.record().operations
    assert (op.submitted, op.times.sum_ns) == (0, 50)
    assert ring.completed() == {"nop": {"later": 1}}
    ring.submit(1060, 2, NOP)
    world.close(1100)
    ring.complete(1150, 2)
    assert ring.record().operations[0].submitted == 1
    assert ring.completed() == {"nop": {"later": 1}}


def stranger(w: World) -> Task:
    """A task of another process, on CPU 1."""
    task = w.task(4000)
    w.switch(1010, 1, task)
    return task


def test_the_kernels_threads_in_the_process_submit_for_it(ring: Ring) -> None:
    poller = ring.w.task(4000, FIRST_PID)  # of its process, and not created by any of its threads
    ring.w.switch(1010, 1, poller)
    ring.submit(1020, 1, NOP, cpu=1)
    ring.complete(1030, 1, cpu=1)
    assert ring.completed() == {"nop": {"inline": 1}}


def test_operations_of_others_do_not_count(ring: Ring) -> None:
    stranger(ring.w)
    ring.submit(1020, 1, NOP, cpu=1)
    ring.complete(1030, 1, cpu=1)
    for name in ("task_work_run", "local_work_run", "cqring_wait", "cqe_overflow"):
        ring.w.raw(1040, 1, f"io_uring_{name}", 0, 5)
    record = ring.record()
    assert record.operations == []
    assert (record.task_items, record.local_items, record.waits, record.overflows) == (0, 0, 0, 0)


def test_a_request_that_ended_unseen_does_not_stand_for_its_next_user(ring: Ring) -> None:
    """Without a completion (skipped, overflowed) the kernel uses the request for another task."""
    stranger(ring.w)
    ring.submit(1020, 1, NOP)
    ring.submit(1030, 1, SEND)  # the same request again
    ring.complete(1035, 1)
    assert ring.completed() == {"send": {"inline": 1}, "nop": {}}
    ring.submit(1040, 2, NOP)
    ring.submit(1050, 2, NOP, cpu=1)
    ring.complete(1060, 2, cpu=1)
    assert sum(sum(op.completed.values()) for op in ring.record().operations) == 1


def test_multishot_and_overflow(ring: Ring) -> None:
    ring.submit(1020, 1, RECV)
    ring.complete_unseen(1030)
    ring.complete_unseen(1031)
    ring.w.raw(1040, 0, "io_uring_cqe_overflow", 0, 0)
    ring.w.raw(1041, 0, "io_uring_local_work_run", 0, 7)
    record = ring.record()
    assert (record.more, record.overflows, record.completed) == (2, 1, 3)
    assert (record.local_runs, record.local_items) == (1, 7)


def test_what_does_not_fit_into_the_table_is_counted_and_nothing_is_mixed_up(ring: Ring) -> None:
    places = ring.w.m.arrays["io_uring_buckets"]["at"]["req"].size
    for number in range(places + 1000):
        ring.submit(1020, number, NOP)
    untracked = ring.record().untracked
    assert untracked >= 1000
    for number in range(places + 1000):
        ring.complete(1030, number)
    record = ring.record()
    (op,) = record.operations
    assert op.submitted == places + 1000
    assert op.times.count == op.submitted - untracked
    assert not ring.w.m.arrays["io_uring_buckets"]["at"]["req"].any()


def test_operations_without_a_completion_are_reported(ring: Ring) -> None:
    ring.submit(1020, 1, SEND)
    ring.submit(1021, 2, RECV)
    ring.complete(1030, 2)
    blocks = io_uring.PROBE.report(ring.record(), Scale("hop", 1, 1000)).blocks
    assert blocks[-1] == (
        "1 begun without a completion in the window: none asked for, or not yet there"
    )


def test_opcodes_newer_than_the_table(ring: Ring) -> None:
    ring.submit(1020, 1, len(io_uring.OPERATIONS))
    ring.submit(1021, 2, 200)
    assert {op.name for op in ring.record().operations} == {
        f"op {len(io_uring.OPERATIONS)}",
        "others",
    }


#: Arguments in Linux 5.19.
BEFORE = {
    "io_uring_complete": ("ctx", "req", "user_data", "res", "cflags", "extra1", "extra2"),
    "io_uring_poll_arm": ("ctx", "req", "user_data", "opcode", "mask", "events"),
}


class Before(Types):
    """An older kernel's types."""

    def tracepoint_args(self, name: str) -> Sequence[str]:  # type: ignore[override]
        return BEFORE.get(name, ())


def test_arguments_are_found_where_the_kernel_has_them() -> None:
    old, new = io_uring.PROBE.macros(Before()), io_uring.PROBE.macros(Types())
    assert "URING_COMPLETE_CQE" not in old
    assert (old["URING_COMPLETE_REQ"], old["URING_COMPLETE_RES"]) == (1, 3)
    assert (old["URING_POLL_REQ"], new["URING_POLL_REQ"]) == (1, 0)
    assert new["URING_COMPLETE_CQE"] == 2


class Forgetful(Types):
    """A kernel without `cqe` in its requests, which clears their flags before they complete."""

    def has_member(self, type_name: str, path: str) -> bool:
        return path != "cqe.res" and super().has_member(type_name, path)


def test_polls_are_followed_where_the_request_does_not_keep_that_to_its_end() -> None:
    assert io_uring.PROBE.unneeded(Types()) == ("io_uring_submit_sqe", "io_uring_poll_arm")
    assert io_uring.PROBE.unneeded(Forgetful()) == ("io_uring_submit_sqe",)
    assert "URING_FLAGS" not in io_uring.PROBE.macros(Forgetful())
    new = io_uring.PROBE.macros(Types())
    assert (new["URING_HEAD"], new["URING_FLAGS"], new["URING_RESULT"]) == (0, 8, 24)
    assert new["URING_HEAD_WORDS"] == 4


def test_a_poll_is_marked_by_its_tracepoint_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiler() is None:
        pytest.skip("no C compiler")
    monkeypatch.setattr(machine, "Types", Forgetful)
    world = World(Machine(tmp_path, ("io_uring", "sched", "syscalls")))
    world.open()
    ring = Ring(world)
    ring.submit(1020, 1, RECV)
    ring.event(1021, "poll_arm", 1)
    ring.submit(1022, 2, SEND)
    ring.complete(1030, 2, -32)
    ring.complete(1033, 1)
    assert ring.completed() == {"send": {"inline": 1}, "recv": {"poll": 1}}
    assert {op.name: op.failed for op in ring.record().operations} == {"send": 1, "recv": 0}


# ---- what a kernel does not tell is unknown ----


class Submitting(Types):
    """A kernel with one tracepoint of submissions, with these arguments."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.known = {name: arguments}

    def tracepoint_args(self, name: str) -> Sequence[str] | None:  # type: ignore[override]
        return self.known.get(name)


@pytest.mark.parametrize(
    ("types", "wanted", "place"),
    [
        (Submitting("io_uring_submit_req", "req"), "io_uring_submit_req", 0),
        (Submitting("io_uring_submit_sqe", "req", "force_nonblock"), "io_uring_submit_sqe", 0),
        (Submitting("io_uring_submit_sqe", "ctx", "req", "user_data"), "io_uring_submit_sqe", 1),
        # without the request nothing can be matched: the lack is told by the newer name
        (Submitting("io_uring_submit_sqe", "ctx", "opcode", "user_data"), "io_uring_submit_req", 0),
    ],
)
def test_a_submission_is_seen_by_the_name_that_the_kernel_has(
    types: Submitting, wanted: str, place: int
) -> None:
    both = {"io_uring_submit_req", "io_uring_submit_sqe"}
    assert both - set(io_uring.PROBE.unneeded(types)) == {wanted}
    assert io_uring.PROBE.macros(types)["URING_SUBMIT_REQ"] == place


def test_the_older_name_says_the_same(ring: Ring) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.w.raw(1020, 0, "io_uring_submit_sqe", ring.at(1, NOP), 1)
    ring.complete(1030, 1)
    assert ring.completed() == {"nop": {"inline": 1}}


def test_what_the_kernel_has_no_tracepoint_for_is_unknown(
    ring: Ring, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.complete_unseen(1030)
    ring.w.leave(1040, 0, 1)
    scale = Scale("hop", 2, 1000)
    lacks = {
        *("io_uring_submit_req", "io_uring_submit_sqe", "io_uring_cqring_wait"),
        *("io_uring_cqe_overflow", "io_uring_task_work_run", "io_uring_local_work_run"),
    }
    record = ring.w.recorded("io_uring", lacks)
    assert record.operations is record.completed is record.untracked is None
    assert record.waits is record.overflows is record.task_items is record.local_runs is None
    assert (record.enters, record.more) == (1, 1)
    section = io_uring.PROBE.report(record, scale)
    assert section.blocks == [
        "unknown: this kernel does not tell what begins",
        "1 calls of io_uring_enter, 0.50 per hop; - times one waited for completions",
    ]
    assert section.data["operations"] is section.data["enters_per_completion"] is None
    validate("io_uring", section.data)
    some = io_uring.PROBE.report(ring.w.recorded("io_uring", ["io_uring_task_work_run"]), scale)
    assert some.data["task_work"] == {"runs": None, "items": None}
    assert some.data["local_work"] == {"runs": 0, "items": 0}


def test_light_does_not_know_the_calls_whether_or_not_something_was_submitted(
    tmp_path: Path,
) -> None:
    if compiler() is None:
        pytest.skip("no C compiler")
    world = World(Machine(tmp_path, PROBES, light=True))
    assert world.recorded("io_uring").enters is None
    assert world.recorded("io_uring").operations == []


def test_the_report(ring: Ring, validate: Callable[[str, Mapping[str, object]], None]) -> None:
    assert io_uring.PROBE.report(ring.record(), Scale("hop", 2, 1000)).blocks == [
        "The program submitted none."
    ]
    validate("io_uring", io_uring.PROBE.report(ring.record(), Scale("hop", 2, 1000)).data)
    ring.w.enter(1010, 0, "io_uring_enter")
    ring.submit(1020, 1, NOP)
    ring.complete(1030, 1)
    ring.w.leave(1040, 0, 1)
    section = io_uring.PROBE.report(ring.record(), Scale("hop", 2, 1000))
    table, calls, work = section.blocks
    assert isinstance(table, Table)
    assert table.rows == [["nop", "1", "0.50", "1", "0", "0", "0", "0", 20, 20]]
    assert calls == (
        "1 calls of io_uring_enter, 0.50 per hop (1.00 per completion);"
        " 0 times one waited for completions"
    )
    assert work == "task work: 0 runs for 0 items; of the ring's own: 0 for 0"
    assert section.data["enters_per_completion"] == 1
    validate("io_uring", section.data)
