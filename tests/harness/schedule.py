"""Random but legal schedules, and an independent reference for what they mean.

The reference below knows the truth (who runs where, who sleeps on what); it shares no code with
tracer/kernel/machine/core.c, which must infer it from the events.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.machine import SIZES
from harness.world import (
    CONTROL,
    DEAD,
    FIRST_PID,
    GO,
    KERNEL_THREAD,
    RUNNABLE,
    SLEEPING,
    STOPPED,
    UNINTERRUPTIBLE,
    Task,
    World,
)

CLASS = {
    "read": "io",
    "epoll_wait": "poll",
    "futex": "futex",
    "io_uring_enter": "io_uring",
    "clock_nanosleep": "sleep",
    "mmap": "memory",
    "wait4": "process",
    "uname": "other",
}

#: An operation that waits for no word: nobody has what a schedule's sleepers wait for.
FUTEX_WAKE = 1


def _slept(call: str) -> str:
    """The part of a path that a sleep in this call is, which a timer ended."""
    waits = CLASS.get(call) in ("poll", "futex", "io_uring")
    return "timed_wait" if waits else "sleep"


@dataclass
class Truth:
    """One thread of the target as it really is."""

    task: Task
    state: str  # running, blocked, waking, early (woken before it slept), preempted, dead
    since_ns: int
    path: Counter[str]
    own: Counter[str] = field(default_factory=Counter)
    birth_ns: int = 0
    handovers: int = 0  # of its path
    call: str = ""
    asleep_in: str = ""
    woken_ns: int = 0
    woken_on: int = 0
    by_interrupt: bool = False
    early: bool = False
    early_by: tuple[int, bool] = (0, False)

    @property
    def on_cpu_part(self) -> str:
        return f"syscall:{CLASS[self.call]}" if self.call else "user"

    def add(self, part: str, now: int, path: bool = True) -> None:
        """The time since its last event was `part`."""
        self.own[part] += now - self.since_ns
        if path:
            self.path[part] += now - self.since_ns
        self.since_ns = now

    def path_at(self, now: int) -> Counter[str]:
        """The path of a running thread, brought up to now."""
        path = Counter(self.path)
        path[self.on_cpu_part] += now - self.since_ns
        return path


class Schedule:
    """One random schedule on a World; `step` makes one event and updates the reference."""

    def __init__(self, world: World, seed: int) -> None:
        self.w = world
        self.random = random.Random(seed)
        self.now = 1000
        self.start_ns = 0
        world.start()
        world.switch(140, 1, None, SLEEPING)
        self.main = Truth(world.main, "running", 130, Counter())
        self.threads = [self.main]
        self.on: list[Truth | None] = [self.main, None, None, None]
        self.idle_in = [20 + cpu for cpu in range(SIZES.cpus)]
        self.idle_in[1] = 140
        self.idle_out = [0] * SIZES.cpus
        self.idle_out[0] = 120
        self.idle_out[1] = 100
        self.strangers = [
            world.task(4000 + n, flags=KERNEL_THREAD if n % 2 else 0) for n in range(SIZES.cpus)
        ]
        self.pids = iter(range(101, 4000))
        self.kinds: Counter[str] = Counter()
        self.switches: Counter[str] = Counter()

    # ---- events ----

    def tick(self) -> int:
        self.now += self.random.choice((1, 2, 3, 7, 20, 50, 500))
        return self.now

    def play(self, before: int, within: int, each: Callable[[], object] = lambda: None) -> None:
        """So many events before the window, and within it, with `each` called after those."""
        for _ in range(before):
            self.step()
        self.open()
        for _ in range(within):
            self.step()
            each()
        self.close()

    def step(self) -> None:
        """One random legal event."""
        cpu = self.random.randrange(SIZES.cpus)
        runs = self.on[cpu]
        actions = [self.switch, self.switch, self.wake, self.wake, self.migrate]
        if runs is not None:
            actions += [self.call, self.call, self.call, self.call]
            if len(self.threads) < 40 and self.random.random() < 0.2:
                actions.append(self.create)
        self.random.choice(actions)(cpu)

    def call(self, cpu: int) -> None:
        t = self.on[cpu]
        assert t is not None
        now = self.tick()
        if t.call:
            self.w.leave(now, cpu, self.random.choice((0, 1, -11)))
            t.add(t.on_cpu_part, now)
            t.call = ""
            t.early = False
        else:
            call = self.random.choice(list(CLASS))
            self.w.enter(now, cpu, call, 5, FUTEX_WAKE)
            t.add("user", now)
            t.call = call

    def create(self, cpu: int) -> None:
        t = self.on[cpu]
        assert t is not None
        now = self.tick()
        pid = next(self.pids)
        task = self.w.create(now, cpu, pid, self.random.choice((FIRST_PID, FIRST_PID, pid)))
        t.add(t.on_cpu_part, now)
        child = Truth(task, "waking", now, Counter(t.path), birth_ns=now)
        child.handovers = t.handovers + 1
        child.woken_ns, child.woken_on = now, cpu
        self.threads.append(child)

    def migrate(self, cpu: int) -> None:
        t = self.random.choice(self.threads)
        if t.state in ("preempted", "waking"):
            self.w.migrate(self.tick(), cpu, t.task)

    def switch(self, cpu: int, to: Truth | None = None, keep: bool = False) -> None:
        """`cpu` goes to another task; `keep`: what ran there stays runnable."""
        ready = [t for t in self.threads if t.state in ("waking", "early", "preempted")]
        strangers = [s for s in self.strangers if s not in self.w.on]
        choice: Truth | Task | None = to
        if to is None:
            choice = self.random.choice([*ready, *ready, *ready, *strangers, None])
        old = self.on[cpu]
        if old is None and choice is None and self.w.on[cpu] is self.w.idle[cpu]:
            return
        now = self.tick()
        state, preempt = self._leaves(old, now, keep)
        was_idle_task = self.w.on[cpu] is self.w.idle[cpu]
        if was_idle_task:
            self.idle_out[cpu] = now
        task = choice.task if isinstance(choice, Truth) else choice
        self.w.switch(now, cpu, task, state, preempt)
        if task is None:
            self.idle_in[cpu] = now
        self.on[cpu] = choice if isinstance(choice, Truth) else None
        if isinstance(choice, Truth):
            self._comes(choice, cpu, now)

    def _leaves(self, t: Truth | None, now: int, keep: bool) -> tuple[int, bool]:
        if t is None:
            return SLEEPING, False
        t.add(t.on_cpu_part, now)
        how = self.random.random()
        if keep or how < 0.3:
            t.state = "preempted"
            t.early = False
            self.switches["involuntary"] += 1
            if self.random.random() < 0.5:
                return RUNNABLE, False
            return self.random.choice((RUNNABLE, SLEEPING)), True
        if how > 0.97 and t is not self.main:
            t.state = "dead"
            self.switches["voluntary"] += t.task.pid == t.task.tgid  # as getrusage counts
            return DEAD, False
        self.switches["voluntary"] += 1
        if how > 0.95 and not t.early:
            t.state, t.asleep_in = "blocked", "blocked:stopped"
            return STOPPED, False
        t.asleep_in = f"blocked:{CLASS[t.call]}" if t.call else "blocked:other"
        t.state = "early" if t.early else "blocked"
        if t.early:
            t.woken_ns = now
            t.woken_on, t.by_interrupt = t.early_by
        t.early = False
        return self.random.choice((SLEEPING, UNINTERRUPTIBLE)), False

    def _comes(self, t: Truth, cpu: int, now: int) -> None:
        if t.state == "preempted":
            t.add("preempted", now)
        else:
            idle = self.idle_in[cpu] <= t.woken_ns and not (
                self.idle_in[cpu] <= self.idle_out[cpu] < t.woken_ns
            )
            t.add("wakeup:idle" if idle else "wakeup:queued", now)
            if self.start_ns:
                kind = (
                    "same_cpu" if t.woken_on == cpu else f"cross_cpu_{'idle' if idle else 'busy'}"
                )
                self.kinds["interrupt" if t.by_interrupt else kind] += 1
        t.state = "running"

    def wake(self, cpu: int) -> None:
        """What runs on `cpu`, or an interrupt there, wakes one thread in any state."""
        t = self.random.choice(self.threads)
        if t.state == "dead":
            return
        waker = self.on[cpu]
        depth = self.random.choice(
            ({}, {}, {}, {}, {"timer": 1}, {"hard": 1}, {"soft": 1}, {"soft": 1, "raised": 1})
        )
        loopback = "raised" in depth
        chain = waker if not depth or loopback else None
        interrupt = bool(depth and not loopback) or (
            chain is None and self.w.on[cpu] is self.w.idle[cpu]
        )
        now = self.tick()
        self.w.waking(now, cpu, t.task, **depth)
        if t.state == "running" and not t.early:
            t.early, t.early_by = True, (cpu, interrupt)
        elif t.state in ("blocked", "early"):
            asleep_ns = now - t.since_ns
            t.add(t.asleep_in, now, path=False)
            if chain is not None:
                t.path = chain.path_at(now)
                t.handovers = chain.handovers + 1
            else:
                t.path[_slept(t.call) if "timer" in depth else "external"] += asleep_ns
            t.state = "waking"
            t.woken_ns, t.woken_on, t.by_interrupt = now, cpu, interrupt

    # ---- the window ----

    def _main_in_user_mode(self) -> int:
        """Make the first thread run in user mode; its CPU."""
        while self.main.state != "running":
            if self.main.state in ("waking", "early", "preempted"):
                self.switch(self.random.randrange(SIZES.cpus), self.main)
            else:
                self.wake(self.random.randrange(SIZES.cpus))
        cpu = self.on.index(self.main)
        if self.main.call:
            self.call(cpu)
        return cpu

    def open(self) -> None:
        """The window opens: all sums start at zero, all states stay."""
        cpu = self._main_in_user_mode()
        w = self.w
        w.begin(cpu, self.now + 10)
        self.now += 100
        w.leave(self.now, cpu, GO)
        self.start_ns = self.now
        self.main.early = False
        self.kinds.clear()
        self.switches.clear()
        for t in self.threads:
            t.path, t.own, t.handovers = Counter(), Counter(), 0
            t.since_ns = self.now

    def close(self) -> None:
        """The first thread closes the window."""
        cpu = self._main_in_user_mode()
        now = self.tick()
        self.w.enter(now, cpu, "write", CONTROL)
        self.main.add("user", now)

    # ---- comparison ----

    def compare(self) -> None:
        """Every thread that the state machine has seen in this window is as it really is."""
        rows = self.w.m.arrays["threads"]
        epoch = int(self.w.ctl["epoch"])
        for t in self.threads:
            row = rows[t.task.slot]
            if int(row["epoch"]) != epoch:
                assert not t.own, t
                continue
            assert self.w.path(t.task) == +t.path, (t, self.w.path(t.task))
            assert self.w.own(t.task) == +t.own, (t, self.w.own(t.task))
            if t.state == "running" and self.start_ns:
                running_ns = self.now - int(row["last_ns"])
                assert int(row["path"].sum()) + running_ns == self.now - self.start_ns
