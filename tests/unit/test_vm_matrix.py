"""What tests/vm/matrix.py makes of a console, and its table; no machine is booted."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
#: As a serial line has it: the firmware's and the kernel's words first, lines that end in CR LF.
CONSOLE = """\
SeaBIOS (version 1.16.3)\r
[    0.000000] FAIL of nothing\r
guest: Linux 6.12.117+deb13-cloud-amd64, 4 CPUs, up 9.1 s\r
guest: kernel\r
ok   thread-brigade         residual 0.00 %, repairs 0\r
FAIL async-brigade          the ledger cpu is open by 2.0 % | of 4 CPUs\r
skip test_x: no such thing\r
ok   attach\r
3 checks, bad: async-brigade\r
guest: done, status 1\r
"""
CRASH = """\
[    8.1] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\r
[    8.2] Kernel panic - not syncing: Fatal exception in interrupt\r
"""
ROWS = [
    ["ok", "thread-brigade", "residual 0.00 %, repairs 0"],
    ["FAIL", "async-brigade", "the ledger cpu is open by 2.0 % | of 4 CPUs"],
    ["ok", "attach", ""],
]
PAGE = """\
# Page

<!-- machines -->
<!-- /machines -->

After.
"""


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with its results and its page in `tmp_path`; its scripts write CONSOLE."""
    spec = importlib.util.spec_from_file_location("matrix", ROOT / "tests" / "vm" / "matrix.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = tmp_path / "kernels.md"
    page.write_text(PAGE)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module, "PAGE", page)
    monkeypatch.setattr(module, "_revision", lambda: "of now")
    return module


@pytest.fixture
def booted(matrix: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The scripts that are run, by name, with their words; boot.sh leaves CONSOLE."""
    calls: list[tuple[str, ...]] = []

    def run(program: Path, *words: str) -> None:
        calls.append((program.name, *words))
        if program.name == "boot.sh":
            out = Path(words[0])
            out.mkdir(parents=True, exist_ok=True)
            (out / "serial.log").write_bytes(CONSOLE.encode())

    monkeypatch.setattr(matrix, "run", run)
    return calls


def given(**changed: object) -> argparse.Namespace:
    values: dict[str, object] = {
        "cpus": 4, "topology": "plain", "jobs": ["kernel"], "minutes": 15, "fresh": False,
    }  # fmt: skip
    return argparse.Namespace(**(values | changed))


def result(kernel: str, **changed: object) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kernel": kernel, "release": f"{kernel}.1", "processor": "x86_64", "cpus": 4,
        "topology": "plain", "jobs": ["kernel"], "revision": "of now", "rows": ROWS,
        "ended": True, "seconds": 3,
    }  # fmt: skip
    return values | changed


def table(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def words(calls: Sequence[tuple[str, ...]]) -> list[str]:
    return [call[0] for call in calls]


# ---- one machine ----


def test_the_rows_of_a_console(matrix: ModuleType, booted: list[tuple[str, ...]]) -> None:
    found = matrix.machine("6.12", given(jobs=["kernel", "tests"]), "of now")
    assert found["release"] == "6.12.117+deb13-cloud-amd64"
    assert (found["rows"], found["ended"], found["processor"]) == (ROWS, True, "x86_64")
    out = matrix.RESULTS / "6.12-4-plain"
    assert json.loads((out / "result.json").read_text()) == found
    assert booted == [
        ("kernel.sh", "6.12"),
        ("boot.sh", str(out), "6.12", "4", "plain", "kernel,tests", "900"),
    ]


@pytest.mark.parametrize("text", ["", "SeaBIOS\r\n[    1.0] Kernel panic\r\n"])
def test_a_machine_that_did_not_start(
    matrix: ModuleType,
    booted: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    monkeypatch.setitem(globals(), "CONSOLE", text)
    found = matrix.machine("7.2-arm64", given(), "of now")
    assert (found["release"], found["rows"], found["ended"]) == ("-", [], False)
    assert found["processor"] == "aarch64"
    assert matrix._line(found)[-2:] == ["0 of 0", "it did not end in time"]


def test_a_guest_that_crashed_is_told(matrix: ModuleType) -> None:
    assert matrix._crash(CONSOLE) is None
    assert matrix._crash(CONSOLE + CRASH) == "the guest's kernel crashed: int3: 0000"
    assert matrix._crash(CRASH.splitlines()[1]) == (
        "the guest's kernel crashed: Fatal exception in interrupt"
    )
    ended = {"ended": False, "crash": "the guest's kernel crashed: int3: 0000"}
    result = dict.fromkeys(("kernel", "release", "processor", "cpus", "topology"), "-")
    line = matrix._line(result | {"jobs": [], "rows": []} | ended)
    assert line[-2:] == ["0 of 0", "the guest's kernel crashed: int3: 0000"]


def test_a_machine_that_was_ended_keeps_the_rows_that_it_had(
    matrix: ModuleType, booted: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "CONSOLE", CONSOLE[: CONSOLE.index("ok   attach")])
    cells = matrix._line(matrix.machine("6.1", given(), "of now"))
    assert cells[-2] == "1 of 2"
    assert cells[-1] == (
        "async-brigade: the ledger cpu is open by 2.0 % / of 4 CPUs; it did not end in time"
    )


# ---- a matrix that goes on ----


def test_what_has_ended_in_this_clone_is_not_run_again(
    matrix: ModuleType, booted: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    one = ["--kernels", "6.12", "--jobs", "kernel"]
    assert matrix.main(one) == 1, "a check was bad"
    assert words(booted) == ["disks.sh", "kernel.sh", "boot.sh"]
    booted.clear()
    assert matrix.main(one) == 1
    assert words(booted) == ["disks.sh"]
    assert "6.12: kept from before" in capsys.readouterr().out
    assert len(table(matrix.PAGE)) == 1


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"revision": "of before"}, {}),
        ({"jobs": ["tests"]}, {}),
        ({"ended": False}, {}),
        ({}, {"fresh": True}),
    ],
)
def test_what_has_changed_or_did_not_end_is_run_again(
    matrix: ModuleType, before: dict[str, object], now: dict[str, object]
) -> None:
    where = matrix._directory("6.12", given())
    where.mkdir(parents=True)
    (where / "result.json").write_text(json.dumps(result("6.12", **before)))
    assert matrix._saved("6.12", given(**now), "of now") is None
    (where / "result.json").write_text(json.dumps(result("6.12")))
    assert matrix._saved("6.12", given(), "of now") == result("6.12")


def test_another_topology_or_number_of_cpus_is_another_machine(matrix: ModuleType) -> None:
    every = [given(), given(cpus=8), given(topology="nodes")]
    assert len({matrix._directory("6.12", one) for one in every}) == 3


def test_the_exit_status_is_zero_where_all_is_good(
    matrix: ModuleType, booted: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = CONSOLE.replace("FAIL async", "ok   async")
    monkeypatch.setitem(globals(), "CONSOLE", good)
    assert matrix.main(["--kernels", "6.12 7.2-arm64", "--jobs", "kernel"]) == 0
    assert booted[0] == ("disks.sh", "aarch64", "x86_64")
    assert [cells[-2:] for cells in table(matrix.PAGE)] == [["3 of 3", "-"]] * 2


def test_a_script_that_fails_ends_the_matrix(matrix: ModuleType, tmp_path: Path) -> None:
    for name in ("kernel.sh", "boot.sh"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    matrix.run(tmp_path / "boot.sh")  # what became of the machine is in its results
    with pytest.raises(SystemExit) as ended:
        matrix.run(tmp_path / "kernel.sh")
    assert ended.value.code == 3


def test_the_revision_is_of_the_code_and_not_of_the_docs(
    matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"
    (clone / "docs").mkdir(parents=True)
    for name in ("a.py", "docs/kernels.md"):
        (clone / name).write_text("1\n")
    git = ("git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@b")
    for action in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run((*git, *action), check=True)
    monkeypatch.undo()  # the real _revision
    monkeypatch.setattr(matrix, "CLONE", clone)
    first = matrix._revision()
    (clone / "docs" / "kernels.md").write_text("2\n")
    assert matrix._revision() == first
    (clone / "a.py").write_text("2\n")
    assert matrix._revision().startswith(first) and matrix._revision() != first


# ---- the table ----


def test_the_table_is_in_the_order_of_versions(matrix: ModuleType) -> None:
    for kernel in ("newest", "6.12", "7.2", "6.1-rt", "6.1"):
        matrix._write(matrix.PAGE, result(kernel))
    assert [cells[0] for cells in table(matrix.PAGE)] == ["6.1", "6.1-rt", "6.12", "7.2", "newest"]
    text = matrix.PAGE.read_text()
    assert text.startswith("# Page\n") and text.endswith("\nAfter.\n")


def test_a_line_takes_the_place_of_that_of_the_same_machine(matrix: ModuleType) -> None:
    matrix._write(matrix.PAGE, result("6.12"))
    matrix._write(matrix.PAGE, result("6.12", jobs=["tests"]))
    matrix._write(matrix.PAGE, result("6.12", release="6.12.9", rows=ROWS[:1]))
    assert [(cells[1], cells[5], cells[6]) for cells in table(matrix.PAGE)] == [
        ("6.12.9", "kernel", "1 of 1"),
        ("6.12.1", "tests", "2 of 3"),
    ]


def test_a_long_or_barred_text_stays_one_cell(matrix: ModuleType) -> None:
    rows = [["FAIL", "x", f"a | b {'c' * 500}"]]
    matrix._write(matrix.PAGE, result("6.12", rows=rows))
    matrix._write(matrix.PAGE, result("6.1"))
    (_, cells) = table(matrix.PAGE)
    assert len(cells) == len(matrix.COLUMNS)
    assert cells[-1].startswith("x: a / b c") and len(cells[-1]) == 160


def test_the_page_in_the_clone_has_the_table(matrix: ModuleType) -> None:
    text = (ROOT / "docs" / "kernels.md").read_text()
    assert all(len(c) == len(matrix.COLUMNS) for c in matrix._lines(text.split(matrix.BEGIN)[1]))


# ---- what is asked for ----


def test_jobs_and_topologies_are_those_that_are_there(
    matrix: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {file.stem for file in (ROOT / "tests" / "vm" / "jobs").glob("[a-z]*.py")}
    assert matrix._arguments(["--jobs", " ".join(sorted(jobs))]).jobs == sorted(jobs)
    boots = (ROOT / "tests" / "vm" / "boot.sh").read_text()
    for name in matrix._topologies():
        assert f"\n{name}) " in boots
        assert matrix._arguments(["--topology", name]).topology == name
    assert {"plain", "nodes", "lockdown"} <= set(matrix._topologies())
    with pytest.raises(SystemExit) as refused:
        matrix._arguments(["--jobs", "kernel nope"])
    assert refused.value.code == 2 and "there is no job nope" in capsys.readouterr().err
