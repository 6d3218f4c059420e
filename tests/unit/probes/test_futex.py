"""Probe futex: its C on hand-written events, its report on hand-made records."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import jsonschema
import pytest
from harness.machine import SIZES, Machine
from harness.world import FIRST_PID, UNINTERRUPTIBLE, Task, World

from tracer.model.histogram import Histogram
from tracer.model.mappings import AddressSpaces, Area
from tracer.model.probe import Context
from tracer.model.section import Scale
from tracer.probes import futex
from tracer.probes.futex import OPERATIONS, FutexRecord, Operation, Place
from tracer.report.run.text import _section

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "tracer.run-2.json"
PRIVATE, CLOCK_REALTIME = 128, 256
EAGAIN, ETIMEDOUT, EINTR, RESTART, EINVAL = -11, -110, -4, -516, -22
WAIT, WAKE, CMP_REQUEUE, LOCK_PI, UNLOCK_PI, WAIT_BITSET = 0, 1, 4, 6, 7, 9
HERE, THERE = 0x7F0000001000, 0x7F0000001004


PROBES = ("futex", "sched", "syscalls")


@pytest.fixture
def world(built: Machine) -> World:
    return World(built)


def call(w: World, at: int, result: int, op: int, address: int = HERE, cpu: int = 0) -> None:
    """A futex call of 10 ns that does not sleep."""
    w.enter(at, cpu, "futex", address, op, 1)
    w.leave(at + 10, cpu, result)


def second(w: World) -> Task:
    """Another thread, in user mode on CPU 1 from 1040 on."""
    w.enter(1010, 0, "clone")
    other = w.create(1020, 0, 101)
    w.leave(1030, 0, 101)
    w.switch(1035, 1, other)
    w.leave(1040, 1)
    return other


def operations(w: World) -> dict[str, Operation]:
    return {op.name: op for op in w.recorded("futex").operations}


@pytest.mark.parametrize("flags", [0, PRIVATE, PRIVATE | CLOCK_REALTIME])
def test_every_operation_by_its_name(w: World, flags: int) -> None:
    for number in range(14):
        call(w, 1100 + 20 * number, 0, number | flags)
    call(w, 1500, EINVAL, 77 | flags)
    for number, name in enumerate(("futex_wait", "futex_wake")):
        w.enter(1600 + 20 * number, 0, name, HERE)
        w.leave(1610 + 20 * number, 0, 0)
    waiters = (ctypes.c_uint64 * 6)(1, HERE, 0, 1, THERE, 0)
    for number, name in enumerate(("futex_waitv", "futex_requeue")):
        w.enter(1700 + 20 * number, 0, name, ctypes.addressof(waiters))
        w.leave(1710 + 20 * number, 0, 0)
    record = w.recorded("futex")
    assert tuple(op.name for op in record.operations) == OPERATIONS
    assert {op.calls for op in record.operations} == {1}
    assert [(at.address, at.waits, at.wakes) for at in record.places] == [(HERE, 8, 11)]
    assert operations(w)["unknown"].failed == 1


def test_how_waits_end(w: World) -> None:
    for number, result in enumerate((EAGAIN, ETIMEDOUT, ETIMEDOUT, EINTR, RESTART, EINVAL, 0)):
        call(w, 1100 + 20 * number, result, WAIT_BITSET | PRIVATE)
    op = operations(w)["WAIT_BITSET"]
    assert (op.calls, op.again, op.timed_out, op.interrupted, op.failed) == (7, 1, 2, 2, 1)
    assert (op.slept, op.woke_none, op.woken) == (0, 0, 0)


def test_what_wakes_wake(w: World) -> None:
    for number, result in enumerate((0, 0, 1, 5)):
        call(w, 1100 + 20 * number, result, WAKE | PRIVATE)
    call(w, 1300, 8, CMP_REQUEUE)
    call(w, 1400, 0, UNLOCK_PI)
    wake, requeue, unlock = (operations(w)[n] for n in ("WAKE", "CMP_REQUEUE", "UNLOCK_PI"))
    assert (wake.woke_none, wake.woke_one, wake.woke_more, wake.woken) == (2, 1, 1, 6)
    assert (requeue.woke_more, requeue.woken) == (1, 8)
    assert (unlock.calls, unlock.woke_none) == (1, 0)


def test_time_asleep_and_time_to_run(w: World) -> None:
    w.enter(1100, 0, "futex", HERE, WAIT)
    w.sleep(1110, 1300)
    w.sleep(1310, 1350)
    w.leave(1360, 0, 0)
    op = operations(w)["WAIT"]
    assert (op.calls, op.slept) == (1, 1)
    assert (op.asleep.count, op.asleep.sum_ns, op.asleep.max_ns) == (2, 190 + 40, 190)
    assert (op.to_run.count, op.to_run.sum_ns) == (2, 10)
    (place,) = w.recorded("futex").places
    assert (place.waits, place.slept, place.asleep_ns) == (1, 1, 230)


def test_a_preemption_or_a_page_fault_in_the_call_is_no_sleep(w: World) -> None:
    w.enter(1100, 0, "futex", HERE, WAKE)
    w.switch(1110, 0, None)
    w.switch(1120, 0, w.main)
    w.sleep(1130, 1200, UNINTERRUPTIBLE)
    w.leave(1210, 0, 1)
    op = operations(w)["WAKE"]
    assert (op.slept, op.asleep.count) == (0, 0)


def test_a_sleep_in_another_call_is_not_the_futexes(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.sleep(1110, 1200)
    w.leave(1210, 0, 1)
    assert w.recorded("futex").operations == ()


def test_a_wait_begun_before_the_window_counts_with_its_time_inside(world: World) -> None:
    world.start()
    other = world.create_sleeper("futex", HERE, WAIT_BITSET)
    world.read_go()
    world.enter(1050, 0, "futex", HERE, WAKE)
    world.waking(1100, 0, other)
    world.leave(1110, 0, 1)
    world.switch(1105, 2, other)
    world.leave(1150, 2, 0)
    by_name = operations(world)
    assert by_name["WAIT_BITSET"].slept == 1
    assert by_name["WAIT_BITSET"].asleep.sum_ns == 100
    assert by_name["WAIT_BITSET"].to_run.sum_ns == 5
    assert by_name["WAKE"].woke_one == 1


def test_addresses_with_their_threads(w: World) -> None:
    other = second(w)
    other.comm, w.main.comm = b"worker-2", b"main"
    for number in range(3):
        call(w, 1100 + 20 * number, EAGAIN, WAIT, HERE)
        call(w, 1200 + 20 * number, 1, WAKE, HERE, cpu=1)
    call(w, 1300, EAGAIN, WAIT, THERE, cpu=1)
    here, there = w.recorded("futex").places
    assert (here.tgid, here.address, here.where) == (FIRST_PID, HERE, None)
    assert (here.waits, here.wakes, here.woken) == (3, 3, 3)
    assert (here.waiters, here.wakers) == ((("main", 3),), (("worker-*", 3),))
    assert (there.address, there.waiters) == (THERE, (("worker-*", 1),))
    arrays = w.m.arrays.snapshot()
    spaces = AddressSpaces()
    spaces.mapped(1000, FIRST_PID, Area(HERE - 0x10, HERE + 4, 0, "[heap]"))
    groups = {w.main.slot: "main", other.slot: "pool-1"}
    known = futex.PROBE.read(arrays, Context(groups, spaces))
    assert [at.where for at in known.places] == ["heap + 0x10", None]
    assert known.places[0].wakers == (("pool-1", 3),), "as in the table of threads"
    arrays["threads"]["birth_ns"][other.slot] += 1  # its slot was given to another thread
    known = futex.PROBE.read(arrays, Context(groups, spaces))
    assert known.places[0].wakers == (("worker-*", 3),)


def test_the_stack_of_a_thread(w: World) -> None:
    w.main.comm = b"main"
    w.main.registers[7] = HERE - 0x800
    w.enter(1100, 0, "futex", HERE, WAKE, 1)
    w.leave(1110, 0, 0)
    spaces = AddressSpaces()
    spaces.mapped(1000, FIRST_PID, Area(HERE - 0x1000, HERE + 0x1000, 0, ""))
    record = futex.PROBE.read(w.m.arrays.snapshot(), Context({}, spaces))
    assert [at.where for at in record.places] == ["stack of main + 0x1000"]


def test_a_word_in_shared_memory_is_one_place(w: World) -> None:
    """Mapped at different addresses in two processes; private memory stays two places."""
    child = w.create(1010, 0, 200, tgid=200)
    w.switch(1020, 1, child)
    w.leave(1030, 1)
    elsewhere = THERE + 0x10000
    call(w, 1100, EAGAIN, WAIT)
    call(w, 1100, 1, WAKE, elsewhere, cpu=1)
    call(w, 1200, 1, WAKE, elsewhere, cpu=1)
    call(w, 1200, 1, WAKE, THERE, cpu=0)
    arrays = w.m.arrays.snapshot()
    spaces = AddressSpaces()
    for pid, start, offset in ((FIRST_PID, HERE, 0x40), (200, elsewhere, 0x40)):
        area = Area(start, start + 4, offset, "/dev/shm/x", (0, 5), 7, shared=True)
        spaces.mapped(1000, pid, area)
    shared, own = futex.PROBE.read(arrays, Context({}, spaces)).places
    assert (shared.waits, shared.wakes, shared.processes) == (1, 2, 2)
    assert (shared.tgid, shared.address, shared.where) == (200, elsewhere, "shared x + 0x40")
    assert (own.tgid, own.address, own.processes) == (FIRST_PID, THERE, 1)


def test_processes_whose_mappings_are_wanted(w: World) -> None:
    assert futex.PROBE.mapped is not None
    assert futex.PROBE.mapped(w.m.arrays) == set()
    call(w, 1100, EAGAIN, WAIT)
    assert futex.PROBE.mapped(w.m.arrays) == {FIRST_PID}


def test_one_address_in_two_processes_is_two_places(w: World) -> None:
    child = w.create(1010, 0, 200, tgid=200)
    w.switch(1020, 1, child)
    w.leave(1030, 1)
    call(w, 1100, EAGAIN, WAIT)
    call(w, 1100, EAGAIN, WAIT, cpu=1)
    call(w, 1200, EAGAIN, WAIT, cpu=1)
    assert [(at.tgid, at.waits) for at in w.recorded("futex").places] == [(200, 2), (FIRST_PID, 1)]


def test_more_addresses_than_are_shown_and_than_fit(w: World) -> None:
    rows = w.m.arrays["futex_places"]
    size = len(rows)
    for number in range(12):
        call(w, 1100 + 20 * number, EAGAIN, WAIT, HERE + 4 * number)
    record = w.recorded("futex")
    assert (len(record.places), record.other_places, record.unplaced) == (10, 2, 0)
    rows["key"][rows["key"] == 0] = HERE >> 2 << 17 | w.main.slot  # no room for another key
    for number in range(5):
        call(w, 2000 + 20 * number, EAGAIN, WAIT, HERE + 4 * (100 + number))
    assert int(w.m.arrays["futex_unplaced"].sum()) == 5
    assert operations(w)["WAIT"].calls == 17
    assert len(rows) == size == 65536
    assert len(w.m.arrays["futex_unplaced"]) == SIZES.cpus


# ---- the report ----


def _record(machine: Machine) -> FutexRecord:
    def times(values: list[int]) -> Histogram:
        return Histogram.merged(machine.hist_of(values))

    names = ("calls", "slept", "again", "timed_out", "interrupted", "failed")
    names += ("woke_none", "woke_one", "woke_more", "woken")
    zero = dict.fromkeys(names, 0)
    wait = Operation("WAIT_BITSET", **{**zero, "calls": 20, "slept": 15, "again": 5},
                     asleep=times([40_000] * 15), to_run=times([3_000] * 15))  # fmt: skip
    wake = Operation("WAKE", **{**zero, "calls": 30, "woke_none": 15, "woke_one": 15, "woken": 15},
                     asleep=times([]), to_run=times([]))  # fmt: skip
    unlock = Operation("UNLOCK_PI", **{**zero, "calls": 1}, asleep=times([]), to_run=times([]))
    place = Place(7, HERE, "\x1b[31mvery-long-library-name-without-end.so + 0x123456",
                  20, 15, 600_000, 31, 15, 1, (("\x1b]0;x\x07", 20),),
                  (("a", 20), ("b", 11)))  # fmt: skip
    return FutexRecord((wait, wake, unlock), (place,), 4, 2)


def test_report(built: Machine) -> None:
    section = futex.PROBE.report(_record(built), Scale("hop", 10, 1_000_000))
    lines = _section(section)
    text = "\n".join(lines)
    assert "51 calls, 5.10 per hop" in text
    rows = {line.split()[0]: line.split() for line in lines if line.strip()}
    assert rows["WAKE"][1:] == ["30", "3.00", "15", "15", "0", "15", "0"]
    assert rows["UNLOCK_PI"][1:] == ["1", "0.10", "-", "-", "-", "-", "0"]
    assert next(line.split()[1:] for line in lines if line.startswith("WAIT_BITSET")) == [
        "20", "2.00", "15", "5", "0", "0", "0",
    ]  # fmt: skip
    assert "and 4 other addresses" in text and "2 calls are in no line" in text
    assert "\x1b" not in text and "\x07" not in text
    assert ".. + 0x123456" in text and "a +1" in text
    assert max(map(len, lines)) <= 100


def test_json_section_is_as_the_schema_says(built: Machine) -> None:
    data = futex.PROBE.report(_record(built), Scale("hop", 10, 1_000_000)).data
    schema = json.loads(SCHEMA.read_text())
    part = {**schema["properties"]["futex"], "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(part).validate(json.loads(json.dumps(data)))
    assert data["operations"][0]["asleep_ns"]["count"] == 15
    assert data["addresses"][0]["wakers"] == {"a": 20, "b": 11}


def test_report_without_any_call() -> None:
    section = futex.PROBE.report(FutexRecord((), (), 0, 0), Scale("hop", 10, 1))
    assert section.blocks == ["no futex call was made"]
