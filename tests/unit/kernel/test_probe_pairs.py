"""A probe's two files must agree: what is misspelt or missing in one of them is an error."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracer import probes
from tracer.errors import TracerError
from tracer.kernel import programs

NAME = "planted"
HOOK = "static inline void planted_{}(u32 cpu) {{}}\n"
PROGRAM = "RAW_TRACEPOINT_PROBE({0})\n{{ return 0; }}\nint tp_{0}(void *ctx)\n{{ return 0; }}\n"
MODULE = """
from tracer.model.probe import Probe

PROBE = Probe(
    summary="a probe of the tests",
    hooks=("migrated", "created"),
    arrays=(),
    read=lambda arrays, alive: None,
    tracepoints=("sched_wakeup",),
)
"""
SOURCE = (
    HOOK.format("migrated")
    + HOOK.format("created")
    + HOOK.format("helper")
    + PROGRAM.format("sched_wakeup")
)

Pair = Callable[[str, str], None]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Writes a probe's C and its module; it is then the only probe that there is."""
    monkeypatch.setattr(probes, "DIRECTORY", tmp_path)
    monkeypatch.setattr(probes, "__path__", [str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two texts within one second

    def write(source: str, module: str) -> None:
        (tmp_path / f"{NAME}.c").write_text(source)
        (tmp_path / f"{NAME}.py").write_text(module)

    probes.available.cache_clear()
    yield write
    probes.available.cache_clear()
    sys.modules.pop(f"{probes.__name__}.{NAME}", None)
    if hasattr(probes, NAME):
        delattr(probes, NAME)


def error_of(call: Callable[[], object]) -> TracerError:
    with pytest.raises(TracerError) as caught:
        call()
    return caught.value


def test_a_pair_that_agrees_is_used(pair: Pair) -> None:
    pair(SOURCE, MODULE)
    assert list(probes.available()) == [NAME]
    assert probes.DIRECTORY / f"{NAME}.c" in programs.sources((NAME,))


# ---- the declaration ----


def test_a_misspelt_keyword_is_named(pair: Pair) -> None:
    pair(SOURCE, MODULE.replace("tracepoints=", "tracepoint="))
    error = error_of(probes.available)
    assert error.message.startswith(f"the probe {NAME} is not declared as one: ")
    assert "'tracepoint'" in error.message
    assert f"tracer/probes/{NAME}.py must have PROBE = Probe(...)" in error.hint
    assert error.exit_code == 1


def test_a_missing_keyword_is_named(pair: Pair) -> None:
    pair(SOURCE, MODULE.replace("    arrays=(),\n", ""))
    error = error_of(probes.available)
    assert error.message.startswith(f"the probe {NAME} is not declared as one: ")
    assert "'arrays'" in error.message


def test_a_module_without_a_declaration_is_named(pair: Pair) -> None:
    pair(SOURCE, MODULE.replace("PROBE =", "PROBES ="))
    error = error_of(probes.available)
    assert error.message.startswith(f"the probe {NAME} is not declared as one: ")
    assert "has no attribute 'PROBE'" in error.message
    assert f"tracer/probes/{NAME}.py must have PROBE = Probe(...)" in error.hint


@pytest.mark.parametrize("value", ["None", "{'summary': 'x'}", "Probe"])
def test_a_declaration_of_another_type_is_named(pair: Pair, value: str) -> None:
    pair(SOURCE, f"from tracer.model.probe import Probe\nPROBE = {value}\n")
    error = error_of(probes.available)
    assert error.message.startswith(f"PROBE of tracer/probes/{NAME}.py is not a Probe: ")


def test_a_c_file_without_its_module_is_named(pair: Pair, tmp_path: Path) -> None:
    pair(SOURCE, MODULE)
    (tmp_path / f"{NAME}.py").unlink()
    error = error_of(probes.available)
    assert error.message.startswith(f"the probe {NAME} is not declared as one: ")
    assert f"No module named '{probes.__name__}.{NAME}'" in error.message


# ---- against its C ----


def test_a_hook_that_does_not_exist_is_named_with_those_that_do(pair: Pair) -> None:
    pair(
        SOURCE.replace("planted_migrated", "planted_migratd"),
        MODULE.replace('"migrated"', '"migratd"'),
    )
    error = error_of(lambda: programs.sources((NAME,)))
    assert error.message == f"the probe {NAME} declares a hook that does not exist: migratd"
    assert set(re.findall(r"\w+", error.hint)) >= set(programs.HOOKS)
    assert "tracer/kernel/machine/hooks.h" in error.hint


@pytest.mark.parametrize(
    ("source", "module", "message"),
    [
        (
            SOURCE.replace("planted_migrated", "planted_migratd"),
            MODULE,
            "hook migrated is declared in planted.py and not in planted.c",
        ),
        (
            SOURCE + HOOK.format("woke_next"),
            MODULE,
            "hook woke_next is in planted.c and not declared in planted.py",
        ),
        (
            SOURCE.replace("tp_sched_wakeup", "tp_sched_wakepu"),
            MODULE,
            "tracepoint sched_wakeup is declared in planted.py and not in planted.c",
        ),
        (
            SOURCE + PROGRAM.format("ipi_send_cpu"),
            MODULE,
            "tracepoint ipi_send_cpu is in planted.c and not declared in planted.py",
        ),
        (
            SOURCE,
            MODULE.replace('"sched_wakeup"', '"sched_wakepu"'),
            "tracepoint sched_wakepu is declared in planted.py and not in planted.c",
        ),
    ],
    ids=["hook missing", "hook undeclared", "tracepoint missing", "tracepoint undeclared",
         "tracepoint misspelt"],
)  # fmt: skip
def test_what_only_one_of_the_files_has_is_named(
    pair: Pair, source: str, module: str, message: str
) -> None:
    pair(source, module)
    assert error_of(lambda: programs.sources((NAME,))).message == f"the probe {NAME}: {message}"


# ---- what there is ----


@pytest.mark.parametrize("name", probes.names())
def test_a_probe_declares_the_arrays_and_calls_of_its_c(name: str) -> None:
    """An array of counts that is not declared would keep those of the run before.

    What is kept for a thread's open call, one element for each, is written at the call's entry.
    """
    text = (probes.DIRECTORY / f"{name}.c").read_text()
    arrays = dict(
        re.findall(r'^BPF_F_TABLE\("array", u32, (?:struct )?\w+, (\w+), ([^,]+),', text, re.M)
    )
    declared = set(probes.available()[name].arrays)
    assert declared <= set(arrays)
    assert {arrays[array] for array in set(arrays) - declared} <= {"MAX_THREADS"}
    calls = {call.upper() for call in probes.available()[name].calls}
    assert set(re.findall(r"\bNR_(\w+)", text)) == calls
