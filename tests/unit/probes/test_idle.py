"""Probe idle on hand-written sequences with exact times, and its identity on random ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from harness.machine import SIZES, Machine, compiler
from harness.schedule import Schedule
from harness.world import SLEEPING, Task, World

from tracer.host import cpus
from tracer.model.section import Scale, Table
from tracer.model.states import BETWEEN_IDLE_STATES
from tracer.probes import idle

EXIT = 2**32 - 1
POLL, HALT = 0, 1
CALLBACK = 0xFFFF


PROBES = ("idle", "sched", "syscalls")


@pytest.fixture
def world(built: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host whose CPUs have the states POLL and C1."""
    for cpu in range(SIZES.cpus):
        for number, name in enumerate(("POLL", "C1")):
            state = tmp_path / f"cpu{cpu}" / "cpuidle" / f"state{number}"
            state.mkdir(parents=True)
            (state / "name").write_text(name + "\n")
    monkeypatch.setattr(idle, "SYSFS", tmp_path)
    return World(built)


@pytest.fixture
def other(w: World) -> Task:
    """A second thread, blocked since 1040; CPU 1 is idle since then."""
    w.switch(1005, 1, w.tracer)  # so the thread's birth is no wake-up to an idle CPU
    return w.create_reader()


def path_of(w: World, who: Task) -> dict[str, int]:
    row = w.m.arrays["idle_threads"][who.slot]["path"].tolist()
    return dict(zip(idle.PARTS, row, strict=True))


def check_identity(w: World) -> None:
    for who in w.targets:
        assert sum(path_of(w, who).values()) == w.path(who).get("wakeup:idle", 0)


def wake(w: World, who: Task, at: int, sent: str = "call_function") -> None:
    """The first thread on CPU 0 wakes `who` for CPU 1 at `at` and returns from its call."""
    w.enter(at - 10, 0, "write", 5)
    w.waking(at, 0, who)
    if sent == "flag":
        w.raw(at + 3, 0, "sched_wake_idle_without_ipi", 1)
    elif sent != "nothing":
        w.raw(at + 3, 0, "ipi_send_cpu", 1, 0, CALLBACK if sent == "call_function" else 0)
    w.leave(at + 8, 0, 1)


def test_a_halted_cpu_enqueues_inside_its_idle_state(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100)
    w.called(1140, 1)
    w.raw(1141, 1, "sched_wakeup", other.at)
    w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    assert path_of(w, other) == {"delivery": 41, "leaving_idle": 9, "switch_in": 20}
    check_identity(w)
    record = w.recorded("idle")
    (wakes,) = record.wakes
    assert (wakes.state, wakes.polling, wakes.whole.sum_ns) == ("C1", False, 70)
    assert wakes.sent == {"nothing": 0, "call_function": 1, "reschedule": 0, "flag": 0}
    assert {name: h.sum_ns for name, h in wakes.parts.items()} == path_of(w, other)
    held = record.held["call_function"]
    assert (held.count, held.sum_ns) == (1, 5)  # to the return of the write
    assert [(c.cpu, c.call_function) for c in record.cpus] == [(1, 1)]


def test_a_polling_cpu_leaves_idle_before_it_enqueues(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", POLL, 1)
    wake(w, other, 1100, "flag")
    w.raw(1110, 1, "cpu_idle", EXIT, 1)
    w.raw(1112, 1, "sched_wakeup", other.at)
    w.switch(1120, 1, other)
    assert path_of(w, other) == {"delivery": 12, "leaving_idle": 0, "switch_in": 8}
    (wakes,) = w.recorded("idle").wakes
    assert (wakes.state, wakes.polling) == ("POLL", True)
    assert wakes.sent["flag"] == 1


def test_a_cpu_between_two_states_is_neither(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    w.raw(1060, 1, "cpu_idle", EXIT, 1)
    wake(w, other, 1100, "nothing")
    w.raw(1112, 1, "sched_wakeup", other.at)
    w.switch(1120, 1, other)
    (wakes,) = w.recorded("idle").wakes
    assert wakes.state == BETWEEN_IDLE_STATES
    assert wakes.sent["nothing"] == 1
    check_identity(w)


def test_the_state_is_that_of_the_wake_up_not_of_a_stay_begun_later(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100)
    w.raw(1110, 1, "cpu_idle", EXIT, 1)  # for another interrupt
    w.raw(1115, 1, "cpu_idle", POLL, 1)
    w.raw(1130, 1, "sched_wakeup", other.at)
    w.raw(1134, 1, "cpu_idle", EXIT, 1)
    w.switch(1140, 1, other)
    (wakes,) = w.recorded("idle").wakes
    assert wakes.state == "C1"
    assert path_of(w, other) == {"delivery": 30, "leaving_idle": 4, "switch_in": 6}


def test_an_enqueueing_not_seen_is_counted(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100)
    w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    assert path_of(w, other) == {"delivery": 70, "leaving_idle": 0, "switch_in": 0}
    (wakes,) = w.recorded("idle").wakes
    assert wakes.not_enqueued == 1
    blocks = idle.PROBE.report(w.recorded("idle"), Scale("hop", 1, 1000)).blocks
    assert "of 1 the enqueueing was not seen: all of it is delivery" in blocks


def test_an_interrupt_to_another_cpu_than_the_thread_ran_on_is_not_its(
    w: World, other: Task
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    w.enter(1090, 0, "write", 5)
    w.waking(1100, 0, other)
    w.raw(1103, 0, "ipi_send_cpu", 2, 0, CALLBACK)
    w.raw(1104, 0, "ipi_send_cpu", 1, 0, CALLBACK)  # for something else: one a wake-up
    w.raw(1112, 1, "sched_wakeup", other.at)
    w.raw(1115, 1, "cpu_idle", EXIT, 1)
    w.switch(1120, 1, other)
    (wakes,) = w.recorded("idle").wakes
    assert wakes.sent["nothing"] == 1


def test_an_interrupt_sent_after_the_thread_came_in_is_not_its(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    w.enter(1090, 0, "write", 5)
    w.waking(1100, 0, other)
    w.raw(1112, 1, "sched_wakeup", other.at)
    w.raw(1115, 1, "cpu_idle", EXIT, 1)
    w.switch(1120, 1, other)
    w.raw(1130, 0, "ipi_send_cpu", 1, 0, CALLBACK)
    w.leave(1140, 0, 1)
    record = w.recorded("idle")
    assert record.wakes[0].sent["nothing"] == 1
    assert sum(times.count for times in record.held.values()) == 0


def test_what_an_interrupt_sends_is_not_timed(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    w.waking(1100, 0, other, timer=1)
    w.raw(1103, 0, "ipi_send_cpu", 1, 0, 0)
    w.enter(1110, 0, "getpid")
    w.raw(1112, 1, "sched_wakeup", other.at)
    w.raw(1115, 1, "cpu_idle", EXIT, 1)
    w.switch(1120, 1, other)
    record = w.recorded("idle")
    assert sum(times.count for times in record.held.values()) == 0
    assert record.wakes == []  # woken by an interrupt, not by another CPU's thread
    assert path_of(w, other) == {"delivery": 12, "leaving_idle": 3, "switch_in": 5}
    check_identity(w)


def test_the_parts_go_along_with_the_path(w: World, other: Task) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100)
    w.raw(1141, 1, "sched_wakeup", other.at)
    w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    w.enter(1180, 0, "read", 5)
    w.switch(1190, 0, None, SLEEPING)
    w.raw(1195, 0, "cpu_idle", HALT, 0)
    w.waking(1200, 1, w.main)  # its path now has the other's wait
    w.raw(1220, 0, "sched_wakeup", w.main.at)
    w.raw(1221, 0, "cpu_idle", EXIT, 0)
    w.switch(1225, 0, w.main)
    assert path_of(w, w.main) == {"delivery": 61, "leaving_idle": 10, "switch_in": 24}
    assert w.path(w.main)["wakeup:idle"] == 95
    check_identity(w)
    child = w.create(1230, 0, 102)
    assert path_of(w, child) == path_of(w, w.main)
    w.leave(1235, 0, 1)
    w.close(1300)
    record = w.recorded("idle")
    assert sum(record.path.values()) == 95


def test_the_new_window_starts_from_nothing(world: World) -> None:
    world.start()
    other = world.create(140, 0, 101)
    world.switch(150, 1, other)
    world.leave(155, 1)
    world.enter(160, 1, "read", 5)
    world.switch(165, 1, None, SLEEPING)
    world.raw(170, 1, "cpu_idle", HALT, 1)
    world.waking(200, 0, other)
    world.raw(202, 0, "ipi_send_cpu", 1, 0, CALLBACK)
    world.read_go()
    world.raw(1010, 1, "sched_wakeup", other.at)
    world.raw(1020, 1, "cpu_idle", EXIT, 1)
    world.switch(1030, 1, other)
    assert world.path(other) == {"wakeup:idle": 30}
    assert path_of(world, other) == {"delivery": 10, "leaving_idle": 10, "switch_in": 10}
    (cpu,) = [c for c in world.recorded("idle").cpus if c.cpu == 1]
    assert cpu.residency_ns == {"C1": 20}
    assert cpu.entries == {"C1": 0}


def test_residency_and_entries_are_those_of_the_window(world: World) -> None:
    world.start()
    world.raw(500, 2, "cpu_idle", HALT, 2)
    world.begin()
    world.switch(940, 1, None, SLEEPING)
    world.leave(1000, 0, 3)
    world.raw(1100, 2, "cpu_idle", EXIT, 2)
    world.raw(1105, 2, "cpu_idle", POLL, 2)
    world.raw(1125, 2, "cpu_idle", EXIT, 2)
    world.raw(1130, 2, "cpu_idle", HALT, 2)
    world.raw(1140, 2, "reschedule_entry", 0xFD)
    world.called(1141, 2)
    world.close(1200)
    world.raw(1300, 2, "cpu_idle", EXIT, 2)
    world.raw(1301, 2, "reschedule_entry", 0xFD)
    (cpu,) = world.recorded("idle").cpus
    assert cpu.entries == {"POLL": 1, "C1": 1}
    assert cpu.residency_ns == {"POLL": 20, "C1": 170}
    assert (cpu.reschedule, cpu.call_function) == (1, 1)


def test_states_beyond_the_kernels_table_are_the_others(w: World) -> None:
    w.raw(1010, 3, "cpu_idle", 300, 3)
    w.raw(1020, 3, "cpu_idle", EXIT, 3)
    (cpu,) = w.recorded("idle").cpus
    assert cpu.residency_ns == {"others": 10}


def test_without_cpuidle_the_states_are_known_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "SYSFS", tmp_path)
    monkeypatch.setattr(cpus.platform, "machine", lambda: "x86_64")
    assert idle.state_names(0)[:3] == ["POLL", "HLT", "state 2"]
    monkeypatch.setattr(cpus.platform, "machine", lambda: "aarch64")
    assert idle.state_names(0)[:3] == ["POLL", "WFI", "state 2"]


@pytest.mark.parametrize(
    ("slept_ns", "octave"),
    [(50, 0), (2047, 0), (2048, 1), (4095, 1), (1 << 20, 10), (1 << 26, 16), (1 << 29, 16)],
)
def test_a_wake_up_counts_by_how_long_the_cpu_had_slept(
    w: World, other: Task, slept_ns: int, octave: int
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    woken = 1050 + slept_ns
    wake(w, other, woken)
    w.raw(woken + 41, 1, "sched_wakeup", other.at)
    w.raw(woken + 50, 1, "cpu_idle", EXIT, 1)
    w.switch(woken + 70, 1, other)
    (sleeps,) = w.recorded("idle").sleeps
    assert sleeps.from_ns == 1 << idle.SLEEP_FIRST + octave
    assert (sleeps.delivery.count, sleeps.delivery.sum_ns) == (1, 41)


def test_the_woken_threads_stay_counts_by_how_long_the_cpu_had_slept(
    w: World, other: Task, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    woken = 1050 + 5000
    wake(w, other, woken)
    w.raw(woken + 41, 1, "sched_wakeup", other.at)
    w.raw(woken + 50, 1, "cpu_idle", EXIT, 1)
    w.switch(woken + 70, 1, other)
    w.leave(woken + 75, 1, 1)
    w.enter(woken + 86, 1, "getpid")
    w.leave(woken + 88, 1)
    w.enter(woken + 90, 1, "read", 5)
    w.switch(woken + 93, 1, None, SLEEPING)
    (sleeps,) = w.recorded("idle").sleeps
    assert sleeps.from_ns == 4096
    assert (sleeps.stays, sleeps.ran_ns) == (1, 23)
    assert (sleeps.ran_io_ns, sleeps.ran_user_ns) == (5 + 3, 11 + 2)
    # woken on its own CPU, by a timer: no crossing, so that stay counts for none
    w.waking(woken + 100, 1, other, timer=1)
    w.switch(woken + 110, 1, other)
    w.leave(woken + 115, 1, 1)
    w.enter(woken + 120, 1, "read", 5)
    w.switch(woken + 130, 1, None, SLEEPING)
    (after,) = w.recorded("idle").sleeps
    assert (after.stays, after.ran_ns) == (1, 23)
    section = idle.PROBE.report(w.recorded("idle"), Scale("hop", 2, 10_000))
    slept = [block for block in section.blocks if isinstance(block, Table)][1]
    assert slept.rows[0][-2:] == [8, 13]
    validate("idle", section.data)


@pytest.mark.parametrize("how", ["flag", "between", "not enqueued"])
def test_what_met_no_sleep_or_was_not_seen_counts_for_none(w: World, other: Task, how: str) -> None:
    w.raw(1050, 1, "cpu_idle", POLL if how == "flag" else HALT, 1)
    if how == "between":
        w.raw(1060, 1, "cpu_idle", EXIT, 1)
    wake(w, other, 1100, "flag" if how == "flag" else "call_function")
    if how != "not enqueued":
        w.raw(1141, 1, "sched_wakeup", other.at)
    if how != "between":
        w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    record = w.recorded("idle")
    assert sum(wakes.whole.count for wakes in record.wakes) == 1
    assert record.sleeps == []


def test_the_report_has_the_wake_ups_and_the_cpus(
    w: World, other: Task, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100)
    w.raw(1141, 1, "sched_wakeup", other.at)
    w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    section = idle.PROBE.report(w.recorded("idle"), Scale("hop", 2, 1000))
    first, slept, second = (block for block in section.blocks if isinstance(block, Table))
    assert first.rows[0] == [*("C1", "1", "1", "0"), 41, 9, 20, 69, 69]
    times = [41, 40, 40, 40, None, None]  # its stay has not ended
    assert slept.rows == [["1.02 us to 2.05 us", "1", *times]]
    assert section.data["sleeps"][0]["from_ns"] == 1024
    assert second.rows[0] == ["1", "C1", "1", 100, "10.0 %", "0", "0"]
    (data,) = section.data["wakeups"]
    assert data["sum_ns"] == {"delivery": 41, "leaving_idle": 9, "switch_in": 20}
    assert data["whole_ns"]["mean"] == 70
    validate("idle", section.data)


@pytest.mark.parametrize(
    ("lacks", "unknown"),
    [
        ("ipi_send_cpu", {"nothing", "call_function", "reschedule"}),
        ("sched_wake_idle_without_ipi", {"nothing", "flag"}),
    ],
)
def test_what_a_kernel_does_not_tell_is_unknown(
    w: World,
    other: Task,
    validate: Callable[[str, Mapping[str, object]], None],
    lacks: str,
    unknown: set[str],
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    wake(w, other, 1100, "nothing")
    w.raw(1141, 1, "sched_wakeup", other.at)
    w.raw(1150, 1, "cpu_idle", EXIT, 1)
    w.switch(1170, 1, other)
    record = w.recorded("idle", [lacks])
    (wakes,) = record.wakes
    assert {name for name, number in wakes.sent.items() if number is None} == unknown
    assert all(number == 0 for number in wakes.sent.values() if number is not None)
    assert {name for name, times in record.held.items() if times is None} == unknown
    section = idle.PROBE.report(record, Scale("hop", 2, 1000))
    first = next(block for block in section.blocks if isinstance(block, Table))
    assert first.rows[0][2:4] == (["-", "0"] if lacks == "ipi_send_cpu" else ["0", "-"])
    validate("idle", section.data)


def test_a_machine_without_these_interrupts_tells_no_number(
    w: World, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    w.raw(1050, 1, "cpu_idle", HALT, 1)
    lacks = ["reschedule_entry", "call_function_entry", "call_function_single_entry"]
    section = idle.PROBE.report(w.recorded("idle", lacks), Scale("hop", 2, 1000))
    second = [block for block in section.blocks if isinstance(block, Table)][-1]
    assert second.rows[0][-2:] == ["-", "-"]
    (cpu,) = section.data["cpus"]
    assert cpu["reschedule_interrupts"] is cpu["call_function_interrupts"] is None
    validate("idle", section.data)


def test_light_times_no_sender_and_divides_no_stay(
    tmp_path: Path, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    if compiler() is None:
        pytest.skip("no C compiler")
    w = World(Machine(tmp_path, PROBES, light=True))
    w.m.arrays["idle_sleeps"]["delivery"]["buckets"][0, 0] = 1
    w.m.arrays["idle_sleeps"]["stays"][0] = 1
    w.m.arrays["idle_cpus"]["enter_ns"][1] = 5
    record = w.recorded("idle")
    assert set(record.held.values()) == {None}
    (sleeps,) = record.sleeps
    assert sleeps.ran_io_ns is sleeps.ran_user_ns is None
    validate("idle", idle.PROBE.report(record, Scale("hop", 2, 1000)).data)


def test_no_wake_up_is_reported_too(
    w: World, validate: Callable[[str, Mapping[str, object]], None]
) -> None:
    section = idle.PROBE.report(w.recorded("idle"), Scale("hop", 2, 1000))
    assert section.blocks[0] == "No thread was woken from another CPU onto an idle one."
    validate("idle", section.data)


class Disturbed(Schedule):
    """A random schedule with the probe's own events thrown in anywhere, in any order."""

    def step(self) -> None:
        super().step()
        cpu, to = self.random.randrange(SIZES.cpus), self.random.randrange(SIZES.cpus)
        t = self.random.choice(self.threads)
        what = self.random.randrange(6)
        if what == 0:
            self.w.raw(self.tick(), cpu, "cpu_idle", self.random.choice((POLL, HALT, EXIT)), cpu)
        elif what == 1:
            self.w.raw(self.tick(), cpu, "sched_wakeup", t.task.at)
        elif what == 2:
            self.w.raw(self.tick(), cpu, "ipi_send_cpu", to, 0, CALLBACK)


def test_on_any_schedule_the_parts_sum_to_the_paths_idle_time(world: World) -> None:
    seen_ns = 0
    for seed in range(12):
        w = World(world.m)
        schedule = Disturbed(w, seed)
        schedule.play(150, 600)
        schedule.compare()
        check_identity(w)
        seen_ns += sum(sum(path_of(w, who).values()) for who in w.targets)
    assert seen_ns > 0
