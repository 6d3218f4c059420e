"""The state machine in the kernel as one object: set up, seed, attach, read, start afresh."""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tracer import probes
from tracer.errors import TracerError
from tracer.kernel import states, syscalls
from tracer.kernel.bcc import HEADERS, compile_programs
from tracer.kernel.bpf import Module
from tracer.kernel.btf import Btf
from tracer.kernel.compiled import cached
from tracer.probes.syscalls import MAX_ROWS

MAX_CALLS = 512
MAX_THREADS = 131072
_GATE_CALL = "read"
#: Calls that can write a control message; the bit they have in `call_info` (core.h).
_WRITES = ("write", "writev", "sendto", "sendmsg")
_CALL_WRITES = 0x40
_OLDEST = (5, 12)

CORE = (
    "sched_switch",
    "sched_waking",
    "sched_wakeup_new",
    "sched_process_exec",
    "sched_process_exit",
    "sched_migrate_task",
)
CALLS = ("sys_exit", "sys_enter")
#: The state machine's own arrays; all others hold a probe's counts.
CORE_ARRAYS = ("ctl", "cpus", "threads", "slots", "free_slots", "call_info")
#: Exits first: an entry seen without its exit would leave the depth above zero.
INTERRUPTS = (
    "irq_handler_exit",
    "local_timer_exit",
    "hrtimer_expire_exit",
    "timer_expire_exit",
    "softirq_exit",
    "irq_handler_entry",
    "local_timer_entry",
    "hrtimer_expire_entry",
    "timer_expire_entry",
    "softirq_entry",
    "softirq_raise",
)


def _cpu_range_end(path: str) -> int:
    """One more than the highest CPU of a kernel CPU list such as `0-3,8`."""
    last = Path(path).read_text().strip().split(",")[-1]
    return int(last.split("-")[-1]) + 1


def _require_kernel(release: str) -> None:
    """TracerError when the kernel is older than 5.12 (atomics with a result, BTF, ring buffer)."""
    match = re.match(r"(\d+)\.(\d+)", release)
    if match and (int(match[1]), int(match[2])) < _OLDEST:
        raise TracerError(
            f"Linux {release} is too old: tracer's BPF programs need 5.12 or newer",
            "run it on a newer kernel",
        )


def _arguments(btf: Btf, machine: str) -> dict[str, int]:
    """Where a system call's arguments are in pt_regs, at its entry."""
    names = ("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH")
    if machine in ("x86_64", "amd64"):
        registers = ("di", "si", "dx", "r10", "r8", "r9")
        offsets = [btf.offset_of("pt_regs", register) for register in registers]
    elif machine in ("aarch64", "arm64"):
        start = btf.offset_of("pt_regs", "regs")
        offsets = [btf.offset_of("pt_regs", "orig_x0"), *(start + 8 * i for i in range(1, 6))]
    else:
        _unknown_machine(machine)
    return {f"OFFSET_REGS_{name}": at for name, at in zip(names, offsets, strict=True)}


def _unknown_machine(machine: str) -> NoReturn:
    raise TracerError(
        f"tracer knows the system calls of x86_64 and aarch64, not of {machine}", exit_code=1
    )


class Engine:
    """The BPF programs and their arrays.

    Parameters
    ----------
    names:
        Probes whose detail is kept.
    light:
        Leave the two system-call tracepoints out.
    """

    def __init__(self, names: Sequence[str], light: bool = False) -> None:
        self.names = tuple(names)
        self.light = light
        _require_kernel(platform.release())
        btf = Btf.load()
        machine = platform.machine()
        number = syscalls.numbers(machine)
        switch = [arg.name for arg in btf.tracepoint_args("sched_switch") or ()]
        max_tids = int(Path("/proc/sys/kernel/pid_max").read_text())
        macros: dict[str, object] = {
            **states.macros(),
            "MAX_CPUS": _cpu_range_end("/sys/devices/system/cpu/possible"),
            "MAX_THREADS": MAX_THREADS,
            "MAX_TIDS": max_tids + 1,
            "MAX_CALLS": MAX_CALLS,
            "MAX_CALL_ROWS": MAX_ROWS,
            "NR_EXECVE": number["execve"],
            "NR_EXECVEAT": number["execveat"],
            "OFFSET_TASK_PID": btf.offset_of("task_struct", "pid"),
            "OFFSET_TASK_TGID": btf.offset_of("task_struct", "tgid"),
            "OFFSET_TASK_FLAGS": btf.offset_of("task_struct", "flags"),
            "OFFSET_TASK_SIGNAL": btf.offset_of("task_struct", "signal"),
            "OFFSET_SIGNAL_LIVE": btf.offset_of("signal_struct", "live"),
            **_arguments(btf, machine),
            "SWITCH_PREV": switch.index("prev") if "prev" in switch else 1,
            "IN_CALL(t)": "1" if light else "((t)->mode)",
        }
        if "prev_state" in switch:
            macros["SWITCH_PREV_STATE"] = switch.index("prev_state")  # was second in early 5.18
        else:
            state = "__state" if btf.has_member("task_struct", "__state") else "state"
            macros["OFFSET_TASK_STATE"] = btf.offset_of("task_struct", state)
        if light:
            macros["LIGHT"] = ""
        macros.update(probes.hook_macros(self.names))
        macros.update(probes.macros(self.names, btf))
        macros.update(probes.call_numbers(self.names, number))
        known = btf.tracepoints()
        own = probes.tracepoints(self.names, btf)
        wanted = (*INTERRUPTS, *own, *CORE, *(() if light else CALLS))
        missing = [name for name in (*CORE, *CALLS) if name not in known]
        if missing:
            raise TracerError(
                f"this kernel has no tracepoint {', '.join(missing)}",
                "tracer needs a kernel built with tracepoints (CONFIG_TRACEPOINTS)",
            )
        self.tracepoints = tuple(name for name in wanted if name in known)
        self.unavailable = tuple(name for name in wanted if name not in known)
        depends = [probes.DIRECTORY / "core.h", *sorted(HEADERS.rglob("*.h"))]
        files = probes.sources(self.names)
        self._module = Module(cached(files, macros, depends, compile_programs))
        for name in self.tracepoints:
            self._module.load(f"tp_{name}")
        self._can_calibrate = "sched_exit_tp" in known
        self._class_info = np.array(syscalls.class_table(machine), dtype=np.uint64)
        for name in _WRITES:
            self._class_info[number[name]] |= _CALL_WRITES
        arrays = list(CORE_ARRAYS)
        arrays += [a for n in self.names for a in probes.available()[n].ARRAYS if a not in arrays]
        self.arrays: dict[str, NDArray[np.void]] = {a: self._module.array(a) for a in arrays}
        self._gate_nr = number[_GATE_CALL]

    @property
    def ctl(self) -> np.void:
        """The window's settings, one record, live."""
        return self.arrays["ctl"][0]  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Empty every array; only while detached."""
        threads = min(int(self.ctl["next_slot"]) + 1, MAX_THREADS)
        for name, array in self.arrays.items():
            if name in ("threads", "free_slots"):
                array = array[:threads]
            array.view()[...] = np.zeros((), array.dtype)
        self.arrays["call_info"][:] = self._class_info
        self.ctl["next_slot"] = 1
        self.ctl["control_fd"] = -1
        self.ctl["tracer_tid"] = os.getpid()

    def seed(self, pid: int) -> None:
        """Make the process `pid`, blocked in its read of the gate, the first thread."""
        thread = self.arrays["threads"][1]
        thread["word"] = states.RUN_STATES.index("BLOCKED")
        # --light sees no return from the gate's read: all on-CPU time is one part there
        thread["mode"] = states.OWN_PARTS.index("user" if self.light else "syscall:io")
        thread["block"] = states.OWN_PARTS.index("blocked:io")
        thread["call_nr"] = self._gate_nr
        thread["tid"] = thread["tgid"] = pid
        self.ctl["next_slot"] = 2
        self.arrays["slots"][pid] = 1

    def attach(self) -> None:
        """Attach all programs, then make every CPU switch once.

        A CPU that never switches emits nothing: without the visit nobody would know who
        runs there. The visit is the self-test as well: each CPU must have read our own thread
        id out of the kernel's structs. Under lockdown=confidentiality such reads fail silently.
        """
        self._module.attach(self.tracepoints)
        if not self.visit():
            self.detach()
            raise TracerError(
                "the BPF programs cannot read this kernel's memory: they did not find tracer's"
                f" own thread id {threading.get_native_id()}",
                "is the kernel locked down? see /sys/kernel/security/lockdown",
            )

    def visit(self) -> set[int]:
        """Make every CPU that tracer may use switch once; those whose programs saw it."""
        allowed = os.sched_getaffinity(0)
        own, seen = threading.get_native_id(), set()
        try:
            for cpu in sorted(allowed):
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
        self.reset()
        self._module.attach(("sched_exit_tp", "sched_switch"), prefix="calibrate_")
        try:
            work()
        finally:
            self._module.detach()
        return self._module.array("calibrations")["ns"].copy()

    def detach(self) -> None:
        """Detach all programs; the arrays stay."""
        self._module.detach()

    def missed(self) -> int:
        """Events dropped by the kernel since the programs were loaded (see Module.missed)."""
        return self._module.missed()

    def events(self) -> int:
        """Events of the target's threads since `reset`."""
        return int(self.arrays["cpus"]["events"].sum())

    def snapshot(
        self, wanted: Callable[[NDArray[np.void]], NDArray[np.bool_]] | None = None
    ) -> dict[str, NDArray[np.void]]:
        """A copy of every array, threads up to the last slot handed out.

        `wanted` is a mask of the threads to copy, the other rows being zero: that is faster.
        Where programs go on meanwhile, what they count on is copied first.
        """
        threads = self.arrays["threads"][: min(int(self.ctl["next_slot"]), MAX_THREADS)]
        rows = np.arange(len(threads)) if wanted is None else np.flatnonzero(wanted(threads))
        found = {"cpus": self.arrays["cpus"].copy()}
        found["threads"] = np.zeros(len(threads), threads.dtype)
        found["threads"][rows] = threads[rows]
        for name, array in self.arrays.items():
            if name not in (*found, "slots", "free_slots"):
                found[name] = array.copy()
        return found

    def close(self) -> None:
        """Unload everything."""
        self.arrays.clear()
        self._module.close()
