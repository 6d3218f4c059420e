"""New threads, dead threads, and the slots of the table that they use."""

from __future__ import annotations

from harness.machine import SIZES, Machine
from harness.world import DEAD, SLEEPING, Task, World

from tracer.analysis.run import counts, ledger
from tracer.kernel.settings import FREE_RESERVE


def test_new_thread_inherits_its_creators_path(w: World) -> None:
    w.enter(1010, 0, "clone3")
    child = w.create(1030, 0, 101)
    assert w.path(child) == {"user": 10, "syscall:process": 20}
    assert w.own(child) == {}
    w.leave(1040, 0, 101)
    w.switch(1050, 1, child)
    w.leave(1060, 1)  # its first event after the switch: an exit without an entry
    w.enter(1080, 1, "getpid")
    assert w.path(child) == {"user": 40, "syscall:process": 20, "wakeup:idle": 20}
    assert w.own(child) == {"user": 30, "wakeup:idle": 20}
    assert w.losses() == {}
    assert w.woke() == {"cross_cpu_idle": [1, 20]}
    w.leave(1090, 1)
    w.leave(1095, 1)
    assert w.repairs() == {"call_entry_not_seen": 1}, "only the first exit has no entry"


def test_a_new_threads_second_exit_without_entry_was_not_seen(w: World) -> None:
    child = w.create(1030, 0, 101)
    w.switch(1050, 1, child)
    w.leave(1060, 1)
    assert w.repairs() == {}
    w.leave(1070, 1)
    assert w.repairs() == {"call_entry_not_seen": 1}
    assert w.losses() == {}


def test_forked_process_belongs_to_the_target(w: World) -> None:
    child = w.create(1030, 0, 200, tgid=200)
    assert child.slot
    assert w.path(child) == {"user": 30}


def test_no_follow_leaves_processes_out_but_takes_threads(machine: Machine) -> None:
    w = World(machine, follow=False)
    w.open()
    assert w.create(1030, 0, 200, tgid=200).slot == 0
    assert w.create(1040, 0, 101).slot != 0


def test_a_strangers_child_is_a_stranger(w: World) -> None:
    w.switch(1010, 1, w.task(900))
    assert w.create(1020, 1, 901, tgid=901).slot == 0


def test_retired_at_its_last_switch_out_not_at_exit(w: World) -> None:
    child = w.create(1030, 0, 101)
    w.enter(1040, 0, "futex")
    w.switch(1050, 0, None, SLEEPING)
    w.switch(1060, 1, child)
    w.leave(1065, 1)
    w.enter(1070, 1, "exit")
    w.process_exit(1080, 1)
    w.waking(1090, 1, w.main)  # an exiting thread wakes its joiner
    w.switch(1100, 1, None, DEAD)
    assert w.state(child) == "DEAD"
    assert int(w.row(child)["death_ns"]) == 1100
    assert int(w.m.arrays["slots"][101]) == 0
    assert bytes(w.row(child)["comm"]).rstrip(b"\0") == b"task101"
    w.switch(1120, 0, w.main)
    assert w.path(w.main) == {"user": 40, "wakeup:idle": 60, "syscall:process": 20}
    w.leave(1130, 0)
    w.close(1200)
    recording = w.assert_closed()
    assert ledger.threads(recording).total_ns == 200 + 70
    assert counts.switches(recording).voluntary == 1, "getrusage leaves out the thread's last one"


def live_and_die(w: World, at: int, pid: int) -> Task:
    """A thread that is created at `at`, runs 20 ns and is dead at + 30."""
    child = w.create(at, 0, pid)
    w.switch(at + 10, 1, child)
    w.migrate(at + 15, 1, child)
    w.switch(at + 30, 1, None, DEAD)
    return child


def test_a_slot_is_used_again_and_its_totals_are_kept(w: World) -> None:
    first = live_and_die(w, 1100, 101)
    threads = SIZES.threads + 50
    for index in range(1, threads):
        child = live_and_die(w, 1100 + 100 * index, 102 + index)
    assert child.slot < SIZES.threads
    assert first.slot in {t.slot for t in w.targets[2:]}
    end = 1100 + 100 * threads
    w.close(end)
    recording = w.assert_closed()
    book = ledger.threads(recording)
    assert book.total_ns == end - 1000 + 30 * threads
    assert book.parts["user"] == end - 1000 + 20 * threads
    assert book.parts["wakeup:idle"] == 10 * threads
    switches = counts.switches(recording)
    assert (switches.voluntary, switches.migrations) == (0, threads)
    assert ledger.cpu(recording).residual_ns == 0


def test_retired_slots_rest_before_they_are_used_again(w: World) -> None:
    kept = [w.create(1100 + i, 0, 1000 + i) for i in range(SIZES.threads - 2 - FREE_RESERVE)]
    assert all(t.slot for t in kept)
    for index in range(FREE_RESERVE):
        assert live_and_die(w, 5000 + 100 * index, 2000 + index).slot
    assert w.create(90_000, 0, 4000).slot == 0, "the reserve rests"
    assert w.losses() == {"thread_table_full": 1}


def test_a_full_table_is_a_loss_and_the_others_go_on(w: World) -> None:
    for index in range(SIZES.threads - 2):
        assert w.create(1100 + index, 0, 1000 + index).slot
    lost = w.create(2000, 0, 4000)
    assert lost.slot == 0
    assert w.losses() == {"thread_table_full": 1}
    w.switch(2010, 1, lost)
    w.leave(2015, 1)
    w.switch(2020, 1, None, DEAD)
    w.enter(2030, 0, "getpid")
    assert w.path(w.main) == {"user": 1030}


def test_dead_before_the_window_leaves_nothing_in_it(world: World) -> None:
    world.start()
    live_and_die(world, 200, 101)
    world.read_go()
    world.close(1100)
    recording = world.assert_closed()
    assert ledger.threads(recording).total_ns == 100


def test_slots_of_threads_dead_before_the_window_used_again_in_it(world: World) -> None:
    world.start()
    for index in range(SIZES.threads - 2):
        live_and_die(world, 200 + 100 * index, 101 + index)
    at = 200 + 100 * SIZES.threads
    world.begin(now=at)
    world.leave(at + 100, 0, 3)
    world.switch(at + 110, 0, None, preempt=True)
    world.switch(at + 120, 0, world.main)
    live_and_die(world, at + 200, 4000)
    world.close(at + 300)
    recording = world.assert_closed()
    assert ledger.threads(recording).total_ns == 200 + 30
    assert counts.switches(recording).migrations == 1


def test_slots_used_again_before_the_window_leave_nothing_in_it(world: World) -> None:
    world.start()
    at = 200
    for index in range(SIZES.threads + 50):
        live_and_die(world, at + 100 * index, 101 + index)
    at += 100 * (SIZES.threads + 50)
    world.begin(now=at)
    world.leave(at + 100, 0, 3)
    world.switch(at + 110, 0, world.task(900), preempt=True)
    world.switch(at + 120, 0, world.main, SLEEPING)
    world.close(at + 200)
    recording = world.assert_closed()
    assert ledger.threads(recording).total_ns == 100
    assert counts.switches(recording).total == 1
