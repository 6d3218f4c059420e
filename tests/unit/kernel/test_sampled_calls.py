"""--sample 1/N: random schedules against the reference; only a part of the calls is seen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from harness.machine import NUMBER, Machine, compiler
from harness.schedule import CLASS, Schedule, Truth
from harness.world import CONTROL, SLEEPING, STOPPED, Task, World

from tracer.analysis.run import ledger
from tracer.kernel.settings import SAMPLE_GROUPS
from tracer.model.states import ON_CPU_PARTS, UNSPLIT
from tracer.model.syscalls import name_of

ONE_IN = 3
#: What the registers say in a program's own code.
OWN_CODE = 2**64 - 1
#: A piece of time: 32 ticks of 8 ns (harness/glue.c).
PIECE_NS = 32 * 8


class SampledWorld(World):
    """Registers as the kernel has them: they name a call until the thread is in its code again."""

    def leave(self, now: int, cpu: int, result: int = 0) -> None:
        super().leave(now, cpu, result)
        self.on[cpu].registers[6] = OWN_CODE

    def create(self, now: int, cpu: int, pid: int, *args: int, **kwargs: int) -> Task:
        child = super().create(now, cpu, pid, *args, **kwargs)
        child.registers[6] = OWN_CODE
        return child


class SampledSchedule(Schedule):
    """Counts the calls that begin in the window, by name."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.began: Counter[str] = Counter()

    def call(self, cpu: int) -> None:
        super().call(cpu)
        t = self.on[cpu]
        if self.start_ns and t is not None and t.call:
            self.began[t.call] += 1

    def compare(self) -> None:
        rows, epoch = self.w.m.arrays["threads"], int(self.w.ctl["epoch"])
        for t in self.threads:
            row = rows[t.task.slot]
            if int(row["epoch"]) != epoch:
                assert not t.own, t
                continue
            path, own = self.w.path(t.task), self.w.own(t.task)
            # calls that are not seen do not bring a row up to date
            rest_ns = t.since_ns - int(row["last_ns"]) if t.state == "running" else 0
            assert rest_ns >= 0
            assert _whole(path, int(row["path_unsplit_ns"]) + rest_ns) == _whole(t.path), t
            assert _whole(own, int(row["own_unsplit_ns"]) + rest_ns) == _whole(t.own), t
            for part in ON_CPU_PARTS:  # of what was seen every part is one that was there
                assert own.get(part, 0) <= t.own[part], (t, part)


def _whole(parts: dict[str, int] | Counter[str], unsplit_ns: int = 0) -> dict[str, int]:
    """Parts with time on a CPU as one."""
    found = {name: ns for name, ns in parts.items() if ns and name not in ON_CPU_PARTS}
    on_cpu_ns = sum(ns for name, ns in parts.items() if name in ON_CPU_PARTS) + unsplit_ns
    return {**found, "on_cpu": on_cpu_ns}


@pytest.fixture(scope="module")
def sampled_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    names = ("futex", "sched", "syscalls", "waits")
    return Machine(tmp_path_factory.mktemp("machine"), names, one_in=ONE_IN)


@pytest.fixture
def world(sampled_machine: Machine) -> SampledWorld:
    return SampledWorld(sampled_machine)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_exact_is_that_of_the_reference(world: SampledWorld, seed: int) -> None:
    s = SampledSchedule(world, seed)
    s.play(150, 1500, s.compare)
    s.compare()
    recording = world.recording()
    assert world.losses() == {}
    assert world.repairs() == {}
    assert ledger.wall(recording).residual_ns == 0
    assert ledger.threads(recording).residual_ns == 0
    assert ledger.cpu(recording).residual_ns == 0
    parts = {name: ns for name, ns in ledger.wall(recording).parts.items() if ns}
    assert _whole(parts) == _whole(s.main.path)
    head = ledger.headline(recording)
    assert (head.io, head.user, head.system) == (None, None, None)
    assert head.on_cpu + head.switching + head.waiting + head.unknown == pytest.approx(1)


@pytest.mark.parametrize("seed", range(10))
def test_every_call_is_seen_or_counted(world: SampledWorld, seed: int) -> None:
    s = SampledSchedule(world, seed)
    s.play(0, 2000)
    found = world.recording().sampled
    assert found is not None
    rows = world.m.arrays["threads"]
    still_open = sum(_is_seen_call(rows[t.task.slot], t) for t in s.threads)
    assert found.all_calls + still_open == sum(s.began.values())
    assert 0 < found.seen_calls < found.all_calls
    by_name = {name_of(n): int(k) for n, k in enumerate(found.calls.sum(axis=0)) if k}
    assert all(s.began[name] >= k for name, k in by_name.items())
    record = {call.name: call.times.count for call in world.recorded("syscalls")}
    assert record == by_name
    # time that was seen is that of the groups
    seen_ns = rows["own"][:, : len(ON_CPU_PARTS)].astype(np.int64).sum()
    assert found.ns.sum() == seen_ns
    assert found.ns.shape[0] == SAMPLE_GROUPS


def _is_seen_call(row: np.void, t: Truth) -> bool:
    """It is in a call that is seen, or ended in one: that does not return."""
    return bool(t.call) and int(row["on_cpu_part"]) != UNSPLIT and bool(row["sample"])


def test_each_call_is_as_likely_to_be_seen(world: SampledWorld) -> None:
    """One thread, two kinds of calls that differ in length: a third of each is seen."""
    world.open()
    world.leave(1001, 0)
    now, began = 1001, Counter[str]()
    for n in range(30_000):
        call, ns = ("read", 90) if n % 4 else ("uname", 1500)
        world.enter(now := now + 20, 0, call, 5)
        began[call] += 1
        world.leave(now := now + ns, 0)
    world.close(now + 20)
    found = world.recording().sampled
    assert found is not None
    for call, times in began.items():
        seen = int(found.calls[:, NUMBER[call]].sum())
        assert seen / times == pytest.approx(1 / ONE_IN, rel=0.05), call
    share = found.ns.sum(axis=0)[1:9].sum() / found.ns.sum()
    true = (22_500 * 90 + 7_500 * 1500) / (22_500 * 90 + 7_500 * 1500 + 30_000 * 20)
    assert share == pytest.approx(true, abs=0.01)


def test_a_thread_without_calls_is_seen_where_it_comes_onto_a_cpu(world: SampledWorld) -> None:
    world.open()
    world.leave(1001, 0)
    now = 1001
    for _ in range(600):
        world.switch(now := now + PIECE_NS - 6, 0, world.tracer, preempt=True)
        world.switch(now := now + 6, 0, world.main)
    world.close(now + 20)
    found = world.recording().sampled
    assert found is not None
    assert found.ns.sum() / now == pytest.approx(1 / ONE_IN, rel=0.15)


@pytest.mark.parametrize("call", [*CLASS])
def test_an_unseen_sleep_is_in_the_call_that_the_registers_name(
    world: SampledWorld, call: str
) -> None:
    world.open()
    world.leave(1001, 0)
    now = 1001
    for n in range(40):
        world.enter(now := now + 100, 0, call, 5, 0)
        world.switch(now := now + 10, 0, None, SLEEPING)
        world.waking(now := now + 70, 1, world.main, timer=1)
        world.switch(now := now + 5, 0, world.main)
        world.leave(now := now + 3, 0, 1)
        assert world.own(world.main)[f"blocked:{CLASS[call]}"] == 70 * (n + 1)
    slept = "timed_wait" if CLASS[call] in ("poll", "futex", "io_uring") else "sleep"
    assert world.path(world.main)[slept] == 40 * 70


def test_sched_yield_and_a_restarted_call(world: SampledWorld) -> None:
    world.open()
    world.leave(1001, 0)
    now = 1001
    for _ in range(40):
        world.enter(now := now + 100, 0, "sched_yield")
        world.switch(now := now + 10, 0, world.tracer)
        world.switch(now := now + 10, 0, world.main)
        world.leave(now := now + 1, 0)
    assert int(world.row(world.main)["yielded"]) == 40
    for n in range(40):
        world.enter(now := now + 100, 0, "clock_nanosleep")
        world.switch(now := now + 10, 0, None, STOPPED)
        world.waking(now := now + 10, 1, world.main)
        world.switch(now := now + 5, 0, world.main)
        world.leave(now := now + 3, 0, -516)
        world.enter(now := now + 1, 0, "restart_syscall")
        world.switch(now := now + 10, 0, None, SLEEPING)
        world.waking(now := now + 70, 1, world.main, timer=1)
        world.switch(now := now + 5, 0, world.main)
        world.leave(now := now + 3, 0)
        assert world.own(world.main)["blocked:sleep"] == 70 * (n + 1)


def test_the_end_of_the_window_is_seen_in_every_piece(sampled_machine: Machine) -> None:
    """The write on the control socket closes it, whether other writes are seen then or not."""
    for pieces in range(12):
        world = SampledWorld(sampled_machine)
        world.open()
        world.leave(1001, 0)
        now = 1001
        while now < 1001 + pieces * PIECE_NS:
            world.enter(now := now + 20, 0, "write", CONTROL + 1)
            world.leave(now := now + 20, 0)
        world.close(now + 20)


def test_who_ends_the_process_is_known_in_every_piece(sampled_machine: Machine) -> None:
    for pieces in range(12):
        world = SampledWorld(sampled_machine, command=True)
        world.start()
        world.enter(500, 0, "execve")
        world.exec_event(510, 0, world.main.pid)
        world.leave(520, 0)
        now = 600
        while now < 600 + pieces * PIECE_NS:
            world.enter(now := now + 20, 0, "getppid")
            world.leave(now := now + 20, 0)
        world.enter(now + 20, 0, "exit_group")
        assert int(world.ctl["exit_slot"]) == 1
        world.process_exit(now + 30, 0)
        seen = int(world.m.arrays["sample_groups"]["calls"].sum())
        unseen = int(world.m.arrays["cpus"]["unseen_calls"].sum())
        assert seen + unseen == round((now - 600) / 40)  # exit_group does not return
