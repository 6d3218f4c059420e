"""The C of the state machine and of the probes: hooks are described, numbers come from Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.machine import MACHINE, SIZES, Types

import tracer
from tracer import probes
from tracer.kernel import programs, settings

HOOKS_TEXT = (programs.MACHINE / "hooks.h").read_text()
MACHINE_FILES = sorted(programs.MACHINE.glob("*.[ch]"))
FILES = [*MACHINE_FILES, *sorted(probes.DIRECTORY.glob("*.c"))]

KERNEL_ABI = "the kernel's, the same in every version"
ONLY_IN_C = "no Python knows it"
#: Every number that the C defines itself, and why it does not come by -D.
REASONS = {
    "TASK_STATE_INTERRUPTIBLE": KERNEL_ABI,
    "TASK_STATE_UNINTERRUPTIBLE": KERNEL_ABI,
    "TASK_STATE_STOPPED": KERNEL_ABI,
    "TASK_STATE_DEAD": KERNEL_ABI,
    "PF_IO_WORKER": KERNEL_ABI,
    "PF_USER_WORKER": KERNEL_ABI,
    "PF_KTHREAD": KERNEL_ABI,
    "SIGNAL_GROUP_EXIT": KERNEL_ABI,
    "FUTEX_FLAGS": KERNEL_ABI,
    "FUTEX_WAIT": KERNEL_ABI,
    "FUTEX_LOCK_PI": KERNEL_ABI,
    "FUTEX_LOCK_PI2": KERNEL_ABI,
    "FUTEX_WAIT_BITSET": KERNEL_ABI,
    "FUTEX_WAIT_REQUEUE_PI": KERNEL_ABI,
    "FUTEX_TID_MASK": KERNEL_ABI,
    "NET_TX_SOFTIRQ": KERNEL_ABI,
    "NET_RX_SOFTIRQ": KERNEL_ABI,
    "FUTEX_TRIES": ONLY_IN_C,
    "AWAITED_TRIES": ONLY_IN_C,
    "WAIT_TRIES": ONLY_IN_C,
    "URING_PLACES": ONLY_IN_C,
}


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def _numbers() -> dict[str, int]:
    """Every `#define NAME number`, also of a sum of numbers."""
    defines = (
        define
        for file in FILES
        for define in re.findall(r"^#define (\w+)[ \t]+(.+)$", _without_comments(file.read_text()),
                                re.M)
    )  # fmt: skip
    return {
        name: int(eval(value, {"__builtins__": {}}))
        for name, value in defines
        if re.fullmatch(r"[\s()|<0-9a-fA-FxX]+", value)
    }


def _python_numbers() -> Iterator[str]:
    """Names of the integer constants of tracer's modules, without leading underscores."""
    for file in Path(tracer.__path__[0]).rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if not isinstance(node, (ast.Assign, ast.AnnAssign)):
                continue
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                yield from (n.id.lstrip("_") for n in names if isinstance(n, ast.Name))


# ---- hooks ----


def test_every_hook_has_a_comment_directly_above_it() -> None:
    described = re.findall(r"\*/\n#ifndef hook_(\w+)\n#define hook_\1\(", HOOKS_TEXT)
    assert tuple(described) == programs.HOOKS
    assert len(re.findall("^#ifndef hook_", HOOKS_TEXT, re.M)) == len(programs.HOOKS)


def test_the_state_machine_calls_every_hook_and_no_other() -> None:
    text = "".join(_without_comments(f.read_text()) for f in MACHINE_FILES if f.name != "hooks.h")
    assert set(re.findall(r"\bhook_(\w+)\(", text)) == set(programs.HOOKS)


def test_every_hook_is_implemented_by_a_probe() -> None:
    used = {hook for probe in probes.available().values() for hook in probe.hooks}
    assert used == set(programs.HOOKS)


# ---- numbers ----


def test_a_number_that_the_c_defines_itself_has_a_reason() -> None:
    assert set(_numbers()) == set(REASONS)


@pytest.mark.parametrize("light", [False, True])
def test_a_number_that_python_gives_is_not_defined_again(light: bool) -> None:
    given = settings.macros(tuple(probes.available()), light, Types(), MACHINE, SIZES)
    defined = {name for f in FILES for name in re.findall(r"^#define (\w+)", f.read_text(), re.M)}
    assert not defined & set(given)


@pytest.mark.parametrize("name", [n for n, reason in REASONS.items() if reason == ONLY_IN_C])
def test_a_number_of_the_c_alone_is_no_constant_of_python(name: str) -> None:
    assert not {name, name.split("_", 1)[1]} & set(_python_numbers())


def test_only_fetch_and_add_gives_the_number_from_before() -> None:
    """The builtin gives none from LLVM 20 on: its result is never used outside of maps.c."""
    for file in FILES:
        for line in _without_comments(file.read_text()).splitlines():
            before, found, _after = line.partition("__sync_fetch_and_add(")
            is_whole = not before.strip() or before.startswith("#define COUNT")
            assert not found or is_whole, f"{file.name}: {line}"
