"""The BPF programs of the chosen probes as one object: compiled, attached, read."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer import probes
from tracer.errors import TracerError
from tracer.host.asyncio_tasks import may_run_a_task
from tracer.host.cpus import online_cpus
from tracer.host.held_files import HeldFiles
from tracer.host.kernel_symbols import kernel_frames
from tracer.host.requirements import require_conditions
from tracer.host.tasks import task_of
from tracer.host.unwinding import unwind
from tracer.kernel import programs, settings
from tracer.kernel.arrays import (
    ALWAYS_READ,
    BY_SLOT,
    CORE_ARRAYS,
    MACHINE_COUNTS,
    SharedArrays,
)
from tracer.kernel.bcc import HEADERS, compile_programs
from tracer.kernel.bpf import Module
from tracer.kernel.btf import Btf
from tracer.kernel.compiled import Compiled, cached
from tracer.kernel.event_reader import EventReader
from tracer.kernel.mapped import MappedArrays
from tracer.kernel.perf import MappingLog
from tracer.kernel.settings import Sizes
from tracer.kernel.stacks import PathCollector
from tracer.model.cost import RunTime
from tracer.model.mappings import AddressSpaces
from tracer.model.path_nodes import Locals, SampledPaths, TakenStack
from tracer.model.recording import Missed
from tracer.model.sampling import Sampling
from tracer.model.stacks import NamedStack, StackTable

#: Frames of the kernel's part of a stack, where it is wanted.
KERNEL_FRAMES = 32
DEFAULT_SAMPLING = Sampling()


def _of_sampling(sampling: Sampling, sizes: Sizes) -> dict[str, object]:
    """The settings of probe stacks."""
    found: dict[str, object] = {
        "STACK_BYTES": sampling.stack_bytes,
        "KERNEL_FRAMES": KERNEL_FRAMES if sampling.kernel else 1,
    }
    if not sampling.stacks:
        found |= {"NO_STACKS": "", "STACKS_OF_CPU": 1, "STACKS_OF_ALL_CPUS": sizes.cpus}
    if sampling.all_threads:
        found["ALL_THREADS"] = ""
    if sampling.kernel:
        found["KERNEL_STACKS"] = ""
    return found


def _compiled(
    names: Sequence[str], macros: Mapping[str, object], say: Callable[[str], None]
) -> Compiled:
    def first_time(files: Sequence[Path], macros: Mapping[str, object]) -> Compiled:
        say("compiling the probes, the first time that these are used together")
        return compile_programs(files, macros)

    depends = [*programs.headers(), *sorted(HEADERS.rglob("*.h"))]
    return cached(programs.sources(names), macros, depends, first_time)


class Engine:
    """The BPF programs and their arrays.

    Parameters
    ----------
    names:
        Probes whose detail is kept.
    light:
        Leave the two system-call tracepoints out.
    followed:
        One window can follow the other (kernel/follow.py).
    sampling:
        How probe stacks samples.
    rows:
        Of the table of threads, a power of two: so many threads there can be at a time.
    one_in:
        See the calls of each thread in one piece of time out of so many (--sample).
    say:
        Called with what takes a while: programs that are compiled for the first time.
    """

    def __init__(
        self,
        names: Sequence[str],
        light: bool = False,
        followed: bool = False,
        sampling: Sampling = DEFAULT_SAMPLING,
        rows: int = settings.MOST_ROWS,
        one_in: int = 1,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.names = tuple(names)
        self.light = light
        self.followed = followed
        self.one_in = one_in
        require_conditions()
        btf, machine = Btf.load(), platform.machine()
        known = btf.tracepoints()
        programs.require(known)
        wanted = programs.tracepoints(self.names, btf, light, machine)
        #: Probe stacks copies stacks: without them it samples threads, parts and calls only.
        self.has_stacks = "stacks" in self.names and sampling.stacks
        self.samples_all_threads = self.has_stacks and sampling.all_threads
        if not self.has_stacks:
            wanted = tuple(name for name in wanted if name != "sched_exit_tp")
        self.tracepoints = tuple(name for name in wanted if name in known)
        self.unavailable = tuple(name for name in wanted if name not in known)
        self._can_calibrate = "sched_exit_tp" in known
        #: On line when tracer attached.
        self.attached_cpus: tuple[int, ...] = ()
        sizes = Sizes.of_this_host(rows)
        macros = settings.macros(self.names, light, btf, machine, sizes, followed, one_in)
        macros |= _of_sampling(sampling, sizes) | settings.offsets(btf, machine)
        self._module = Module(_compiled(self.names, macros, say))
        slow = [name for name in programs.SLOW_TO_LOAD if name in self.tracepoints]
        in_turn = dict.fromkeys((*slow, *self.tracepoints))
        typed = {n: btf.tracepoint_type(n) if n in programs.TYPED else 0 for n in in_turn}
        self._module.load_all({f"tp_{name}": type_id for name, type_id in typed.items()})
        arrays = dict.fromkeys((*CORE_ARRAYS, *MACHINE_COUNTS))
        for name in self.names:
            arrays |= dict.fromkeys(probes.available()[name].arrays)
        by_slot = {*BY_SLOT, *programs.arrays_by_slot(self.names)} & arrays.keys()
        views = MappedArrays(self._module, arrays, by_slot, ALWAYS_READ)
        self.arrays = SharedArrays(views, light, machine)
        clocks = [p.clock for p in map(probes.available().get, self.names) if p and p.clock]
        self._clocks = clocks if self.has_stacks else []
        for clock in self._clocks:
            self._module.load(clock, is_clocks=True)
        self._sampling = sampling
        self.stacks = StackTable()  # of the stacks since `attach`
        self._held = HeldFiles()
        self._paths = None
        if "path_nodes" in self.arrays:
            look = self._held.look if self.has_stacks else None
            self._paths = PathCollector(self.arrays, self._unwound, look)
        #: Reads what probe events keeps; None where it is off.
        self.events = EventReader(self.arrays) if "records" in self.arrays else None
        self._mappings = None
        self._mapping = tuple(name for name in self.names if name != "stacks" or self.has_stacks)
        if any(probes.available()[name].mapped for name in self._mapping):
            self._mappings = MappingLog(self._waiting, self._named)

    @property
    def ctl(self) -> np.void:
        """The window's settings, one record, live."""
        return self.arrays.ctl

    def shared_settings(self) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """`ctl` for another process: the descriptor that it maps, and the offset and the bytes of
        each member."""
        kind = self.ctl.dtype
        members = {name: kind.fields[name] for name in kind.names or () if kind.fields}
        places = {name: (int(at[1]), at[0].itemsize) for name, at in members.items()}
        return self._module.descriptor("ctl"), places

    def attach(self) -> None:
        """Attach all programs, then make every CPU switch once.

        A CPU that never switches emits no event: without the visit its current task would be
        unknown. The visit is also the self-test: each CPU must have read our own thread id out
        of the kernel's structs. Under lockdown=confidentiality such reads fail silently.
        """
        if self._mappings:
            self._mappings.start()
        if self._paths:
            self.stacks = StackTable()
            self._held.close()
            self._paths.start(self._sampling)
        if self.events:
            self.events.start()
        self.attached_cpus = online_cpus()
        self._module.attach(self.tracepoints)
        for clock in self._clocks:
            self._module.attach_clocks(clock, self._sampling.grid_ns, online_cpus())
        if not self.visit():
            self.detach()
            raise TracerError(
                "the BPF programs cannot read this kernel's memory: they did not find tracer's"
                f" own thread id {threading.get_native_id()}",
                "is the kernel locked down? see /sys/kernel/security/lockdown",
            )

    def visit(self, cpus: Sequence[int] | None = None) -> set[int]:
        """Make these CPUs switch once, or all of them; the CPUs whose programs saw it.

        Also isolated CPUs (isolcpus) and others outside tracer's own affinity, where the target
        may run; a control group (cpuset) may forbid some, and one may go off line just now.
        """
        allowed = os.sched_getaffinity(0)
        own, seen = threading.get_native_id(), set()
        try:
            for cpu in online_cpus() if cpus is None else cpus:
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(0, {cpu})
                    time.sleep(0.0001)
                    if int(self.arrays["cpus"]["tid"][cpu]) == own:
                        seen.add(cpu)
        finally:
            os.sched_setaffinity(0, allowed)
        return seen

    def calibration(self, work: Callable[[], None]) -> NDArray[np.void] | None:
        """Run `work` under the calibration programs; `struct hist` per CPU.

        None where the kernel lacks the tracepoint.
        """
        if not self._can_calibrate:
            return None
        self.arrays.reset()
        with self.only(("sched_exit_tp", "sched_switch"), "calibrate_"):
            work()
        return self._module.array("calibrations")["ns"].copy()

    @contextlib.contextmanager
    def only(self, tracepoints: Sequence[str], prefix: str = "tp_") -> Iterator[None]:
        """Attach the programs of that prefix to these tracepoints alone, to calibrate."""
        self._module.attach(tracepoints, prefix)
        try:
            yield
        finally:
            self._module.detach()

    def run_times(self) -> Mapping[str, RunTime]:
        """By program, with its prefix (see Module.run_times)."""
        return self._module.run_times()

    def detach(self) -> None:
        """Detach all programs; the arrays stay."""
        self._module.detach()
        if self._mappings:
            self._mappings.stop()
        if self._paths:
            self._paths.stop()
        if self.events:
            self.events.stop()

    def enter_mappings(self, pid: int) -> None:
        """Enter what a process that was there before `attach` has mapped, if a probe wants it."""
        if self._mappings:
            self._mappings.seed(pid)

    def report_from(self, start_ns: int) -> None:
        """The next report is of a window that began then: what processes had mapped that ended
        before is needed no more."""
        if self._mappings:
            self._mappings.window_ns = start_ns

    def _waiting(self) -> set[int]:
        """The processes of stacks that are still to be unwound."""
        return self._paths.processes() if self._paths else set()

    def _named(self) -> set[int]:
        """The processes whose addresses a report names, also of those that have ended."""
        return probes.mapped(self._mapping, self.arrays) or set()

    def address_spaces(self) -> AddressSpaces:
        """What processes have had mapped since `attach`; empty where no probe wants it."""
        return self._mappings.spaces() if self._mappings else AddressSpaces()

    def sampled_paths(
        self,
        ends: Sequence[int],
        others: Sequence[tuple[int, int]],
        end_ns: int,
        outside: Mapping[tuple[int, int], TakenStack],
    ) -> SampledPaths | None:
        """What probe stacks has of the paths that end with these nodes, in a window that ended at
        `end_ns`, with the stacks `others` (by CPU and number there) and `outside`, which tracer
        took by itself; None where it is off."""
        return self._paths.collected(ends, others, end_ns, outside) if self._paths else None

    def leave_unnamed(self) -> None:
        """Do not wait for the names of stacks any longer."""
        if self._paths:
            self._paths.leave_unnamed()

    def _unwound(self, taken: Sequence[TakenStack], stop: threading.Event) -> list[TakenStack]:
        spaces = self.address_spaces()
        samples = [stack.sample for stack in taken if stack.sample]
        unwound = unwind(samples, spaces, stop=stop, held=self._held)
        self.stacks.missing = unwound.missing or self.stacks.missing
        rows = zip(unwound.stacks, unwound.whole, unwound.broke_in, strict=True)
        found = []
        for stack, sample, (numbers, whole, broke_in) in zip(taken, samples, rows, strict=True):
            user = [unwound.frames[n] for n in numbers]
            frames = (*kernel_frames(stack.kernel), *user)
            named = self.stacks.one(NamedStack(frames, whole, broke_in))
            is_asyncio = may_run_a_task(user, whole=whole)
            task = task_of(spaces, sample, stack.locals or Locals(), is_asyncio=is_asyncio)
            found.append(TakenStack(stack.slot, stack.taken, stack.at_ns, stack.first,
                                    stack=named, task=task))  # fmt: skip
        return found

    def missed(self) -> Missed:
        """Events dropped by the kernel since the programs were loaded (see Module.missed)."""
        by_program = self._module.missed()

        def of(*tracepoints: str) -> int:
            return sum(by_program.pop(f"tp_{name}", 0) for name in tracepoints)

        return Missed(
            entries=of("sys_enter"),
            returns=of("sys_exit"),
            interrupts=of(*programs.INTERRUPTS),
            others=sum(by_program.values()),
        )

    def close(self) -> None:
        """Unload everything."""
        self.detach()
        if self._paths:
            self._paths.close()
        self._held.close()
        self.arrays.forget()
        self._module.close()
