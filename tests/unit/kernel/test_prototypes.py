"""The tracepoints of other kernels, from their type information, are as the programs expect them.

tests/vm/prototypes.py makes a file of each in tests/data/kernels without booting it. Where the
programs take an argument by its place, that argument has the type and the meaning wanted here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tracer import probes
from tracer.kernel import programs, settings

KERNELS = sorted((Path(__file__).parents[2] / "data" / "kernels").glob("*.json"))
AGAIN = "tests/vm/prototypes.py makes the fixtures again"
TASK, WORD, POINTER = "struct task_struct *", "unsigned int|int|u32|s32|bool", r"[\w ]+\*"
REQUEST = r"(struct io_kiocb|void) \*"
#: By tracepoint: arguments that its program takes by their place, as type and name.
ARGUMENTS: Mapping[str, Mapping[int, str]] = {
    "sched_switch": {0: "bool preempt"},
    "sched_waking": {0: rf"{TASK}p"},
    "sched_wakeup": {0: rf"{TASK}p"},
    "sched_wakeup_new": {0: rf"{TASK}p"},
    "sched_migrate_task": {0: rf"{TASK}p", 1: "(unsigned )?int dest_cpu"},
    "sched_process_exec": {0: rf"{TASK}p", 1: "pid_t old_pid"},
    "sys_enter": {0: r"struct pt_regs \*regs", 1: "long( int)? id"},
    "sys_exit": {0: r"struct pt_regs \*regs", 1: "long( int)? ret"},
    "softirq_entry": {0: "unsigned int vec_nr"},
    "cpu_idle": {0: "unsigned int state", 1: "unsigned int cpu_id"},
    "ipi_send_cpu": {0: "(const )?(unsigned )?int cpu", 2: r"void \*callback"},
    "sched_wake_idle_without_ipi": {0: "int cpu"},
    "io_uring_task_work_run": {1: "unsigned int count"},
    "io_uring_local_work_run": {1: "int count"},
}
#: By the setting that holds a place: the tracepoints it is of, and the argument there.
PLACES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "SWITCH_PREV": (("sched_switch",), rf"{TASK}prev"),
    "SWITCH_PREV_STATE": (("sched_switch",), "unsigned int prev_state"),
    "URING_SUBMIT_REQ": (("io_uring_submit_req", "io_uring_submit_sqe"), rf"{REQUEST}req"),
    "URING_POLL_REQ": (("io_uring_poll_arm",), rf"{REQUEST}req"),
    "URING_ASYNC_REQ": (("io_uring_queue_async_work",), rf"{REQUEST}req"),
    "URING_COMPLETE_REQ": (("io_uring_complete",), rf"{REQUEST}req"),
    "URING_COMPLETE_CQE": (("io_uring_complete",), r"struct io_uring_cqe \*cqe"),
    "URING_COMPLETE_RES": (("io_uring_complete",), "int res"),
}
#: Where the place is that of another kernel, and the C does not use it.
NOT_USED: Mapping[str, Callable[[Mapping[str, object]], bool]] = {
    "URING_COMPLETE_RES": lambda macros: "URING_COMPLETE_CQE" in macros,
}


class Kernel:
    """A fixture, as the kernel's types that settings and probes ask (model/probe.py)."""

    def __init__(self, file: Path) -> None:
        self.data: dict[str, Any] = json.loads(file.read_text())
        self.machine: str = self.data["machine"]
        self.known = frozenset(name for name, args in self.prototypes.items() if args is not None)

    @property
    def prototypes(self) -> Mapping[str, Sequence[str] | None]:
        found: Mapping[str, Sequence[str] | None] = self.data["tracepoints"]
        return found

    def _answer(self, section: str, name: str) -> Any:
        if name not in self.data[section]:
            pytest.skip(f"the fixtures do not have {name}: {AGAIN}")
        return self.data[section][name]

    def has_member(self, type_name: str, path: str) -> bool:
        return self._answer("members", f"{type_name}.{path}") is not None

    def offset_of(self, type_name: str, path: str) -> int:
        offset: int = self._answer("members", f"{type_name}.{path}")
        return offset

    def bit_of(self, type_name: str, path: str) -> tuple[int, int] | None:
        found = self._answer("bits", f"{type_name}.{path}")
        return None if found is None else (found[0], found[1])

    def enum_value(self, enum: str | None, name: str) -> int | None:
        value: int | None = self._answer("enums", name)
        return value

    def tracepoint_args(self, name: str) -> Sequence[str] | None:
        args = self.prototypes[name]
        return None if args is None else [re.split(r"[ *]", arg)[-1] for arg in args]

    def settings(self) -> Mapping[str, object]:
        sizes = settings.Sizes(cpus=4, threads=512, tids=5000)
        every = tuple(probes.available())
        return {
            **settings.macros(every, False, self, self.machine, sizes),
            **settings.offsets(self, self.machine),
        }


@pytest.fixture(params=KERNELS, ids=[file.stem for file in KERNELS])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return Kernel(request.param)


def programs_of_c() -> dict[str, str]:
    """The text of every program, by its tracepoint."""
    files = [*programs.MACHINE.glob("*.c"), *probes.DIRECTORY.glob("*.c")]
    text = "\n".join(file.read_text() for file in files)
    return dict(re.findall(r"^int tp_(\w+)\(.*?\)\n\{\n(.*?)^\}", text, re.M | re.S))


def test_every_argument_that_a_program_takes_is_checked_here() -> None:
    wanted = {name: set(map(str, places)) for name, places in ARGUMENTS.items()}
    for setting, (names, _argument) in PLACES.items():
        for name in names:
            wanted.setdefault(name, set()).add(setting)
    taken = {
        name: set(re.findall(r"ctx->args\[(\w+)(?: \+ 1)?\]", body))
        for name, body in programs_of_c().items()
    }
    # what it hands on whole, and what it only passes through
    taken["io_uring_complete"].add("URING_COMPLETE_CQE")
    taken["io_uring_complete"].add("URING_COMPLETE_RES")
    unchecked = {
        name: sorted(places - wanted.get(name, set()))
        for name, places in taken.items()
        if places - wanted.get(name, set())
    }
    assert not unchecked


def test_the_fixtures_have_every_tracepoint(kernel: Kernel) -> None:
    own = {name for probe in probes.available().values() for name in probe.tracepoints}
    used = {*programs.CORE, *programs.CALLS, *programs.INTERRUPTS, "sched_exit_tp", *own}
    assert used == set(kernel.prototypes), AGAIN


def test_what_tracer_cannot_do_without_is_there(kernel: Kernel) -> None:
    programs.require(kernel.known)
    assert kernel.settings()


def test_arguments_are_where_the_programs_take_them(kernel: Kernel) -> None:
    for name, places in ARGUMENTS.items():
        args = kernel.prototypes[name]
        for place, argument in places.items() if args is not None else ():
            assert re.fullmatch(argument.replace("*p", r"\*p"), args[place]), (name, args)


def test_places_that_differ_are_those_of_this_kernel(kernel: Kernel) -> None:
    macros = kernel.settings()
    for setting, (names, argument) in PLACES.items():
        place = macros.get(setting)
        if place is None or NOT_USED.get(setting, lambda _macros: False)(macros):
            continue
        assert isinstance(place, int)
        args = next((a for name in names if (a := kernel.prototypes[name]) is not None), None)
        if args is not None:
            assert re.fullmatch(argument.replace("*prev", r"\*prev"), args[place]), (setting, args)


#: What each of these kernels lacks of what the probes want there.
LACKING = {
    "6.1": {"idle": ("ipi_send_cpu",)},
    "6.1-rt": {"idle": ("ipi_send_cpu",)},
    "6.1-arm64": {"idle": ("ipi_send_cpu",)},
    "6.12": {},
    "7.3": {},
    "7.3-arm64": {},
}


@pytest.mark.parametrize("name", LACKING)
def test_what_probes_miss_is_told(name: str) -> None:
    kernel = Kernel(next(file for file in KERNELS if file.stem == name))
    found = programs.lacking(kernel.known, kernel, kernel.machine)
    found.pop("events", None)  # shares those of idle
    assert found == LACKING[name]
