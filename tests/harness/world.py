"""A small simulated host: tasks on CPUs, whose events drive the state machine."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

from harness.machine import NUMBER, SIZES, Machine
from tracer.analysis.run import ledger
from tracer.capture import sampled
from tracer.model.recording import HostLoad, Missed, Recording
from tracer.model.states import (
    AWAITED,
    LOSSES,
    OWN_PARTS,
    PATH_PARTS,
    REPAIRS,
    RESUMED,
    SOURCES,
    RunState,
)

CONTROL = 7
GO = len("go\n")
#: prev_state of a switch-out.
RUNNABLE, SLEEPING, UNINTERRUPTIBLE, STOPPED, TRACED, DEAD = 0, 1, 2, 4, 8, 0x80
KERNEL_THREAD = 0x00200000
IO_WORKER, USER_WORKER = 0x10, 0x4000
FIRST_PID, TRACER_PID = 100, 50
#: Where a call's registers lie on its thread's stack.
REGISTERS_ON_STACK = 4000


class Task(ctypes.Structure):
    """A task_struct as the programs see it, with the slot it was first given."""

    _fields_ = (
        ("pid", ctypes.c_uint32),
        ("tgid", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("status", ctypes.c_uint32),
        ("signal", ctypes.c_uint64),
        ("registers", ctypes.c_uint64 * 8),
        ("cx", ctypes.c_uint64),
        ("ip", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("comm", ctypes.c_char * 16),
        ("queue", ctypes.c_uint64),
        ("prio", ctypes.c_int32),
        ("policy", ctypes.c_uint32),
        ("io_wait", ctypes.c_uint32),
        ("throttled", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
    )
    slot = 0

    @property
    def at(self) -> int:
        """Its address."""
        return ctypes.addressof(self)

    def __repr__(self) -> str:
        return f"Task({self.pid})"


class World:
    """A host with SIZES.cpus CPUs on which nothing runs, and the target's first thread at its gate.

    Every method that is an event takes the time in ns first. After each one the invariant of the
    state machine is checked: a path covers the time from the window's start to the last event.
    """

    def __init__(self, machine: Machine, follow: bool = True, command: bool = False) -> None:
        self.m = machine
        self.skew_ns = 0
        self.untimed = 0  # switches for which the clock is not read
        self.signal_flags = ctypes.c_uint32(0)  # signal->flags of every process
        machine.reset()
        machine.arrays.reset()
        machine.arrays.seed(FIRST_PID)
        self.ctl = machine.arrays.ctl
        self.ctl["tracer_tid"] = TRACER_PID
        self.ctl["follow"] = int(follow)
        if command:
            self.ctl["command_tgid"] = FIRST_PID
        else:
            self.ctl["control_fd"] = CONTROL
        self.idle = [self.task(0) for _ in range(SIZES.cpus)]
        self.on = list(self.idle)
        self.depth_of = [dict[str, int]() for _ in range(SIZES.cpus)]
        self.tracer = self.task(TRACER_PID)
        self.main = self.task(FIRST_PID)
        self.main.slot = 1
        self.targets = [self.main]
        for cpu in range(SIZES.cpus):  # as Engine.attach visits them
            self.switch(10 + cpu, cpu, self.tracer)
            self.switch(20 + cpu, cpu, None)

    # ---- tasks ----

    def task(self, pid: int, tgid: int = 0, flags: int = 0) -> Task:
        """A task that nobody traces."""
        signal = ctypes.addressof(self.signal_flags)
        found = Task(pid, tgid or pid, flags, 0, signal, comm=f"task{pid}".encode())
        found.runtime = 10**9  # it has run before
        found.stack = found.at + Task.registers.offset - REGISTERS_ON_STACK
        return found

    # ---- events ----

    def switch(
        self, now: int, cpu: int, to: Task | None, state: int = RUNNABLE, preempt: bool = False
    ) -> None:
        """`cpu` goes from its current task, whose state is then `state`, to `to` (None: idle)."""
        by, to = self.on[cpu], to or self.idle[cpu]
        self.untimed += self.m.switch(cpu, now, by.at, int(preempt), state, to.at)
        self.on[cpu] = to
        self.depth_of[cpu].clear()
        self.check()

    def sleep(self, at: int, woken: int, state: int = SLEEPING) -> None:
        """The first thread sleeps on CPU 0 from `at` on, is woken by CPU 1, and runs 5 later."""
        self.switch(at, 0, None, state)
        self.switch(woken - 1, 1, self.tracer)
        self.waking(woken, 1, self.main)
        self.switch(woken + 1, 1, None, SLEEPING)
        self.switch(woken + 5, 0, self.main)

    def create_reader(self) -> Task:
        """A second thread, created by the first at 1020, blocked in a read since 1040 on CPU 1."""
        self.enter(1010, 0, "clone")
        other = self.create(1020, 0, 101)
        assert other.slot
        self.leave(1030, 0, 101)
        self.switch(1022, 1, other)
        self.leave(1025, 1)
        self.enter(1035, 1, "read", 5)
        self.switch(1040, 1, None, SLEEPING)
        return other

    def create_sleeper(self, call: str, *arguments: int) -> Task:
        """A second thread, created by the first at 140, asleep in `call` since 170 on CPU 2."""
        other = self.create(140, 0, 101)
        self.switch(150, 2, other)
        self.leave(155, 2)
        self.enter(160, 2, call, *arguments)
        self.switch(170, 2, None, SLEEPING)
        return other

    def unseen_switch(self, cpu: int, to: Task | None) -> None:
        """A switch without an event."""
        self.on[cpu] = to or self.idle[cpu]

    def waking(self, now: int, cpu: int, who: Task, **depth: int) -> None:
        """What runs on `cpu` wakes `who`; `depth`: hard, timer, soft, raised at that moment."""
        row = self.m.arrays["cpus"][cpu]
        for name in ("hard", "timer", "soft", "raised"):
            row[name] = depth.get(name, 0)
        self.m.waking(cpu, now, self.on[cpu].at, who.at)
        for name in depth:
            row[name] = 0
        self.check()

    def create(
        self,
        now: int,
        cpu: int,
        pid: int,
        tgid: int = FIRST_PID,
        flags: int = 0,
        to_cpu: int | None = None,
    ) -> Task:
        """The current task of `cpu` creates a thread, or with its own `tgid` a process, which the
        kernel puts on the queue of `to_cpu` (None: of the same CPU)."""
        child = self.task(pid, tgid, flags)
        queue_cpu = cpu if to_cpu is None else to_cpu
        self.m.new_thread(cpu, now, self.on[cpu].at, child.at, queue_cpu)
        child.slot = int(self.m.arrays["slots"][pid])
        if child.slot:
            self.targets.append(child)
        self.check()
        return child

    def enter(self, now: int, cpu: int, call: str, *arguments: int) -> None:
        """The current task of `cpu` enters a system call."""
        self.enter_number(now, cpu, NUMBER[call], *arguments)

    def enter_number(
        self, now: int, cpu: int, number: int, *arguments: int, compat: bool = False
    ) -> None:
        """The same by the call's number; `compat`: through the kernel's 32-bit entry."""
        registers = (ctypes.c_uint64 * 7)(*arguments)
        self.on[cpu].status = 2 if compat else 0
        self.on[cpu].ip = 0x400000
        self.on[cpu].cx = 1 if compat else 0x400000
        self.m.call_enter(cpu, now, self.on[cpu].at, number, ctypes.addressof(registers))
        self.check()

    def leave(self, now: int, cpu: int, result: int = 0) -> None:
        """The current task of `cpu` returns from its system call."""
        self.m.call_exit(cpu, now, self.on[cpu].at, result)
        self.check()

    def exec_event(self, now: int, cpu: int, old_pid: int) -> None:
        """sched_process_exec of the current task of `cpu`, whose pid was `old_pid`."""
        self.m.exec(cpu, now, self.on[cpu].at, old_pid)
        self.check()

    def process_exit(self, now: int, cpu: int) -> None:
        """sched_process_exit of the current task of `cpu`."""
        self.m.exit(cpu, now, self.on[cpu].at)
        self.check()

    def migrate(self, now: int, cpu: int, who: Task, to_cpu: int = 0) -> None:
        """`who` is moved to another CPU's queue by the current task of `cpu`."""
        self.m.migrate(cpu, now, self.on[cpu].at, who.at, to_cpu)
        self.check()

    def called(self, now: int, cpu: int) -> None:
        """Another CPU's call of a function begins on `cpu`, in an interrupt."""
        self.m.called(cpu, now, self.on[cpu].at)

    def raw(self, now: int, cpu: int, name: str, *args: int) -> None:
        """A tracepoint that only a probe has, in what runs on `cpu`."""
        self.m.place(cpu, now, self.on[cpu].at)
        self.m.tracepoint(name, *args)

    # ---- the window ----

    def start(self) -> None:
        """The gate opens: the first thread runs on CPU 0, in user mode, from 130 on."""
        self.switch(100, 1, self.tracer)
        self.waking(110, 1, self.main)
        self.switch(120, 0, self.main)
        if not self.m.light:
            self.leave(130, 0, 1)

    def begin(self, cpu: int = 0, now: int = 900) -> None:
        """The current task of `cpu` says `begin`, is armed, and reads on the control socket."""
        self.enter(now, cpu, "write", CONTROL)
        self.leave(now + 10, cpu, 20)
        self.ctl["armed_tid"] = self.on[cpu].pid
        self.enter(now + 20, cpu, "read", CONTROL)

    def read_go(self, now: int = 1000) -> None:
        """The first thread, on CPU 0, says `begin` and reads `go`, which opens the window."""
        self.begin(now=now - 100)
        self.leave(now, 0, GO)
        assert int(self.ctl["phase"]) == 1
        assert int(self.ctl["start_ns"]) == now

    def read_nodes(self) -> None:
        """The nodes of sampled paths that were made so far are read by a collector."""
        sampling = self.m.arrays["sampling"]
        sampling["read"] = sampling["made"]

    def open(self) -> None:
        """From the start to the opening of the window at 1000; tracer sleeps by then."""
        self.start()
        self.switch(140, 1, None, SLEEPING)
        self.read_go()

    def close(self, now: int, cpu: int = 0) -> None:
        """The current task of `cpu` enters the write of `end`."""
        self.enter(now, cpu, "write", CONTROL)
        assert int(self.ctl["phase"]) == 2
        assert int(self.ctl["end_ns"]) == now

    # ---- results ----

    def row(self, who: Task):  # type: ignore[no-untyped-def]
        """Its `struct thread`."""
        return self.m.arrays["threads"][who.slot]

    def state(self, who: Task) -> str:
        """Its run state by name."""
        return RunState(int(self.row(who)["state"])).name

    def path(self, who: Task) -> dict[str, int]:
        """Its path up to its last event, parts that are not zero."""
        return _named(PATH_PARTS, self.row(who)["path"])

    def awaited(self, who: Task) -> dict[str, int]:
        """What the sleeps on its path waited for, parts that are not zero."""
        return _named(AWAITED, self.row(who)["path_awaited"])

    def own(self, who: Task) -> dict[str, int]:
        """Its own times up to its last event, parts that are not zero."""
        return _named(OWN_PARTS, self.row(who)["own"])

    def resumed(self, who: Task) -> dict[str, int]:
        """Switch-ins along its path by what they resumed, counts that are not zero."""
        return _named(RESUMED, self.row(who)["resumed"])

    def losses(self) -> dict[str, int]:
        return _named(LOSSES, self.m.arrays["cpus"]["losses"].sum(axis=0))

    def repairs(self) -> dict[str, int]:
        return _named(REPAIRS, self.m.arrays["cpus"]["repairs"].sum(axis=0))

    def sources(self) -> dict[str, int]:
        return _named(SOURCES, self.m.arrays["cpus"]["sources"].sum(axis=0))

    def woke(self) -> dict[str, list[int]]:
        """Wake-ups by kind: how many, and the sum of their latencies in ns."""
        record = self.recorded("sched")
        return {k: [h.count, h.sum_ns] for k, h in record.woke.items() if h.count}

    def recorded(self, name: str, without: Sequence[str] = ()):  # type: ignore[no-untyped-def]
        """The record of the probe `name`, of a kernel that lacks the tracepoints `without`."""
        from tracer import probes
        from tracer.kernel.programs import INTERRUPTS
        from tracer.model.probe import Context

        own = probes.available()[name].tracepoints
        attached = frozenset((*INTERRUPTS, *own)).difference(without)
        context = Context(attached=attached, light=self.m.light)
        return probes.records((name,), self.m.arrays.snapshot(), context)[name]

    def check(self) -> None:
        """Every path of this window covers start to last event (but for the clocks' skew), and what
        its sleeps waited for sums to them."""
        threads = self.m.arrays["threads"][1 : int(self.ctl["next_slot"])]
        rows = threads[threads["epoch"] == self.ctl["epoch"]]
        if not self.ctl["epoch"]:
            return
        covered = rows["path"].astype("i8").sum(axis=1)
        slept = [PATH_PARTS.index(part) for part in ("sleep", "timed_wait", "external")]
        assert (rows["path"][:, slept].sum(axis=1) == rows["path_awaited"].sum(axis=1)).all()
        covered += rows["path_unsplit_ns"].astype("i8")
        wrong = abs(covered - (rows["last_ns"].astype("i8") - int(self.ctl["start_ns"])))
        assert wrong.max(initial=0) <= self.skew_ns, (
            rows["tid"][wrong > self.skew_ns].tolist(),
            wrong.tolist(),
        )

    def recording(self, result: Mapping[str, object] | None = None) -> Recording:
        """The recording that a session would have of this run."""
        data = self.m.arrays.snapshot()
        ctl = data["ctl"][0]
        seen = sampled.take(data, self.m.one_in) if self.m.one_in > 1 else None
        return Recording(
            argv=("target",),
            light=self.m.light,
            epoch=int(ctl["epoch"]),
            start_ns=int(ctl["start_ns"]),
            end_ns=int(ctl["end_ns"]),
            end_slot=int(ctl["end_slot"]),
            online_cpus=tuple(range(SIZES.cpus)),
            attached_cpus=tuple(range(SIZES.cpus)),
            cpus=data["cpus"],
            outside_waits=data["outside_waits"],
            threads=data["threads"],
            names={},
            probes={name: self.recorded(name) for name in self.m.names},
            missed=Missed(),
            load=HostLoad(0, 0),
            result=dict(result or {}),
            sampled=seen,
        )

    def assert_closed(self, unknown_ns: int = 0) -> Recording:
        """All three ledgers close to the nanosecond, nothing lost, nothing repaired."""
        recording = self.recording()
        assert self.losses() == {}
        if not unknown_ns:
            assert self.repairs() == {}
        assert ledger.wall(recording).residual_ns == unknown_ns
        assert ledger.threads(recording).residual_ns == 0
        return recording


def _named(names: tuple[str, ...], values) -> dict[str, int]:  # type: ignore[no-untyped-def]
    return {n: int(v) for n, v in zip(names, values.tolist(), strict=False) if v}
