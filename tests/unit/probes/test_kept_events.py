"""Probe events: a record for each event, in the ring of its CPU."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from harness.machine import NUMBER, Machine, compiler
from harness.world import DEAD, RUNNABLE, SLEEPING, World

from tracer.kernel.event_reader import EventReader
from tracer.model.events import Kind, Outcome, decoded
from tracer.model.states import AWAITED, PART, SOURCES, RunState

RING = 64
Event = tuple[int, str, int, int, int]


@pytest.fixture(scope="module")
def recording_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    build = tmp_path_factory.mktemp("machine")
    more = {"RECORDS_OF_CPU": RING, "NESTED": 4}
    return Machine(build, ("events", "syscalls"), settings_of_probes=more)


@pytest.fixture
def w(recording_machine: Machine) -> World:
    """The window is open since 1000; the first thread runs on CPU 0, in user mode."""
    world = World(recording_machine)
    world.open()
    return world


def events(w: World, since: int = 0) -> list[Event]:
    """(ns, kind, thread, extra, what) of all CPUs, in order of time."""
    rings = w.m.arrays["record_rings"]
    rows = []
    for cpu in range(len(rings)):
        made = int(rings["made"][cpu])
        records = np.array(w.m.arrays["records"][cpu * RING : cpu * RING + min(made, RING)])
        rows += [tuple(map(int, row)) for row in decoded(records, cpu)]
    found = [(t, Kind(kind).name, thread, extra, what) for t, what, thread, extra, _c, kind in rows]
    return sorted(event for event in found if event[0] >= since)


def switch(
    next_slot: int,
    state: int = 0,
    *,
    early: bool = False,
    yielded: bool = False,
    from_idle: bool = False,
) -> int:
    return next_slot | state << 32 | early << 41 | yielded << 42 | from_idle << 44


def waking(slot: int, source: str, outcome: Outcome, awaited: str = "") -> int:
    what = slot | SOURCES.index(source) << 32 | outcome << 40
    return what | (1 + AWAITED.index(awaited) if awaited else 0) << 48


def test_the_window_opens_after_what_came_before_it(w: World) -> None:
    found = events(w)
    assert [(t, kind) for t, kind, *_ in found if kind == "WINDOW"] == [(1000, "WINDOW")]
    before = [event for event in found if event[0] == 120]
    assert before == [(120, "SWITCH", 0, w.main.pid, switch(1, from_idle=True))]
    # the first touch of the window, in the state before the event that opens it
    read = NUMBER["read"]
    io = PART["syscall:io"]
    # the blocked part is that of its wait for the gate
    extra = io | PART["blocked:io"] << 8 | SOURCES.index("other_process") << 16
    assert (1000, "BEGIN", 1, extra, RunState.RUNNING | w.main.pid << 8 | read << 40) in found
    assert (1000, "EXIT", 1, read, 3) in found


def test_calls_have_their_number_their_first_argument_and_their_result(w: World) -> None:
    w.enter(1100, 0, "read", 2**40 + 5)
    w.leave(1150, 0, -11)
    assert events(w, 1100) == [
        (1100, "ENTER", 1, 5, NUMBER["read"]),
        (1150, "EXIT", 1, NUMBER["read"], 2**64 - 11),
    ]


def test_all_switches_are_kept_also_of_others(w: World) -> None:
    w.switch(1100, 2, w.tracer)
    w.switch(1200, 2, None, SLEEPING)
    w.switch(1300, 0, w.tracer, RUNNABLE, preempt=True)
    assert events(w, 1100) == [
        (1100, "SWITCH", 0, w.tracer.pid, switch(0, from_idle=True)),
        (1200, "SWITCH", 0, 0, switch(0, SLEEPING)),
        (1300, "SWITCH", 1, w.tracer.pid, switch(0) | 1 << 40),
    ]


def test_what_a_wake_up_did_is_kept(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.switch(1150, 1, w.tracer)
    w.waking(1200, 1, w.main)  # it still runs
    w.switch(1300, 0, None, SLEEPING)
    w.waking(1400, 1, w.main)  # the early one was stale
    w.waking(1500, 1, w.main)
    assert [event for event in events(w, 1200) if event[1] in ("WAKING", "SWITCH")] == [
        (1200, "WAKING", 0, 0, waking(1, "other_process", Outcome.EARLY)),
        (1300, "SWITCH", 1, 0, switch(0, SLEEPING, early=True)),
        (1400, "WAKING", 0, 0, waking(1, "other_process", Outcome.ENDED_SLEEP, "process")),
        (1500, "WAKING", 0, 0, waking(1, "other_process", Outcome.ON_ITS_WAY)),
    ]


def test_a_new_thread_and_its_end(w: World) -> None:
    other = w.create(1100, 0, 101, tgid=101)
    other.comm = b"worker-of-it-123"
    w.switch(1200, 1, other)
    w.process_exit(1300, 1)
    w.switch(1400, 1, None, DEAD)
    name = b"worker-of-it-123"
    assert [event for event in events(w, 1100) if event[1] != "BEGIN"] == [
        (1100, "NEW", 1, 101, other.slot | 101 << 32),
        (1200, "SWITCH", 0, 101, switch(other.slot, from_idle=True)),
        (1300, "DYING", other.slot, 0, 0),
        (1300, "NAME", other.slot, 0, int.from_bytes(name[:8], "little")),
        (1300, "NAME", other.slot, 1, int.from_bytes(name[8:], "little")),
        (1400, "SWITCH", other.slot, 0, switch(0, DEAD)),
    ]


def test_a_new_thread_that_another_cpu_queues(w: World) -> None:
    other = w.create(1100, 0, 101, to_cpu=2)
    assert (1100, "MIGRATE", other.slot, 2, 1) in events(w)


def test_a_sleep_that_is_none_of_the_first_states_is_no_preemption(w: World) -> None:
    w.switch(1100, 0, None, 0x8000)  # frozen
    assert events(w, 1100)[-1] == (1100, "SWITCH", 1, 0, switch(0, 2))


def test_yields_migrations_execs_and_the_window_s_end(w: World) -> None:
    w.enter(1100, 0, "sched_yield")
    w.switch(1200, 0, w.tracer, RUNNABLE)
    w.migrate(1250, 0, w.main, 3)
    w.switch(1300, 0, w.main, RUNNABLE)
    w.leave(1400, 0)
    w.exec_event(1500, 0, w.main.pid)
    w.close(1600)
    kinds = ("MIGRATE", "EXEC", "WINDOW", "NAME")
    assert events(w, 1200)[0] == (1200, "SWITCH", 1, w.tracer.pid, switch(0, yielded=True))
    assert [event for event in events(w, 1100) if event[1] in kinds] == [
        (1250, "MIGRATE", 1, 3, 0),
        (1500, "EXEC", 1, w.main.pid, w.main.pid | w.main.tgid << 32),
        (1500, "NAME", 1, 0, int.from_bytes(b"task100\0", "little")),
        (1500, "NAME", 1, 1, 0),
        (1600, "WINDOW", 1, 2, 0),
    ]


def test_idle_states_and_interrupts_between_cpus(w: World) -> None:
    w.raw(1100, 2, "cpu_idle", 1, 2)
    w.raw(1200, 0, "ipi_send_cpu", 2, 0, 7)
    w.raw(1300, 2, "cpu_idle", 2**32 - 1, 2)
    assert events(w, 1100) == [
        (1100, "IDLE", 0, 1, 0),
        (1200, "IPI", 1, 2, 1),
        (1300, "IDLE", 0, 2**32 - 1, 0),
    ]


def test_nothing_is_kept_after_the_window(w: World) -> None:
    w.close(1100)
    w.switch(1200, 0, None, SLEEPING)
    w.raw(1300, 2, "cpu_idle", 1, 2)
    assert events(w, 1101) == []


class Kept:
    """A sink that keeps copies."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []

    def put(self, cpu: int, records) -> None:  # type: ignore[no-untyped-def]
        self.rows += [(cpu, int(row["t_ns"])) for row in decoded(records, cpu)]


def reader_of(w: World) -> tuple[EventReader, Kept]:
    reader, kept = EventReader(w.m.arrays), Kept()
    reader.sink = kept
    rings = w.m.arrays["record_rings"]
    rings["read"] = rings["made"]
    return reader, kept


def test_a_ring_is_read_lap_after_lap(w: World) -> None:
    reader, kept = reader_of(w)
    made = []
    for number in range(RING * 5 // 7):
        for step in range(7):
            at = 2000 + 10 * (7 * number + step)
            w.raw(at, 3, "cpu_idle", step, 3)
            made.append((3, at))
        reader._look()
    assert kept.rows == made
    assert not reader.losses


def test_a_record_that_is_being_written_is_left_for_later(w: World) -> None:
    """Its program was interrupted by another one, whose record is behind it."""
    reader, kept = reader_of(w)
    w.raw(2000, 3, "cpu_idle", 1, 3)
    w.raw(2010, 3, "cpu_idle", 2, 3)
    w.raw(2020, 3, "cpu_idle", 3, 3)
    at = 3 * RING + (int(w.m.arrays["record_rings"]["made"][3]) - 2) % RING
    when = int(w.m.arrays["records"]["when"][at])
    w.m.arrays["records"]["when"][at] = when ^ 1  # still that of the lap before
    reader._look()
    assert kept.rows == [(3, 2000)]
    reader._look()
    assert kept.rows == [(3, 2000)]
    w.m.arrays["records"]["when"][at] = when
    reader._look()
    assert kept.rows == [(3, 2000), (3, 2010), (3, 2020)]


def test_a_full_ring_counts_what_it_has_no_room_for_by_second(w: World) -> None:
    reader, kept = reader_of(w)
    second = 1_000_000_000
    for at in (2 * second, 3 * second):
        for number in range(RING):
            w.raw(at + number, 3, "cpu_idle", 1, 3)
    reader._look()
    room = RING - 4
    assert len(kept.rows) == room
    assert reader.losses == {(3, 2): RING - room, (3, 3): RING}
    w.raw(4 * second, 3, "cpu_idle", 1, 3)
    reader._look()
    assert kept.rows[-1] == (3, 4 * second)


def test_the_reader_takes_everything_before_it_ends(w: World) -> None:
    reader, kept = EventReader(w.m.arrays), Kept()
    reader.sink = kept
    threads = set(threading.enumerate())
    reader.start()
    assert len(set(threading.enumerate()) - threads) == 1
    for number in range(20):
        w.raw(5000 + number, 2, "cpu_idle", 1, 2)
    reader.stop()
    assert kept.rows == [(2, 5000 + number) for number in range(20)]
    assert set(threading.enumerate()) <= threads


def test_a_sink_that_fails_ends_the_reading_and_is_told(w: World) -> None:
    class Full:
        def put(self, cpu: int, records) -> None:  # type: ignore[no-untyped-def]
            raise OSError(28, "No space left on device")

    reader = EventReader(w.m.arrays)
    reader.sink = Full()
    reader.start()
    w.raw(5000, 2, "cpu_idle", 1, 2)
    reader.stop()
    assert "No space left" in reader.failure
