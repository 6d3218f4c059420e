"""`tracer report DIR` and `tracer path DIR` on a recording of the state machine itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from harness.event_stream import save
from harness.machine import Machine, compiler
from harness.recorded_world import RecordedWorld, recording_machine
from harness.schedule import Schedule
from harness.summarized import RUSAGE

from tracer.analysis.run.document import document
from tracer.analysis.run.saved import summary_of
from tracer.analysis.run.summary import summarize
from tracer.cli._output import report_width
from tracer.cli.path import command as path_command
from tracer.cli.report import command as report_command
from tracer.errors import TracerError
from tracer.host.recordings import META, REPORT, VECTORS
from tracer.model.recording import Recording
from tracer.report.run.text import Shown, render

Validate = Callable[[Mapping[str, Any]], None]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    return recording_machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def directory(machine: Machine, tmp_path: Path) -> Path:
    """A recording of a random schedule, as a run would leave it."""
    world = RecordedWorld(machine)
    schedule = Schedule(world, 8)
    schedule.play(100, 900)
    recording = world.recording({"units": 10, "rusage": dict.fromkeys(RUSAGE, 3)})
    slots = np.flatnonzero(recording.threads["tid"]).tolist()
    names = {slot: f"task{int(recording.threads['tid'][slot])}" for slot in slots}
    probes = {name: recording.probes[name] for name in ("sched", "syscalls")}
    recording = replace(recording, names=names, probes=probes)
    made = tmp_path / "recording"
    rows = recording.threads
    threads = [
        {"slot": slot, "life": 0, "tid": int(rows["tid"][slot]), "tgid": int(rows["tgid"][slot]),
         "name": names[slot], "process": ""}
        for slot in slots
    ]  # fmt: skip
    save(world.events(), made, threads)
    keep_vectors(recording, made)
    summary = summarize(recording, name="schedule", transport="", unit="hop", top=3, kind="command")
    (made / REPORT).write_text(json.dumps(document(summary)))
    change(made / META, cpus=list(recording.online_cpus))
    return made


def keep_vectors(recording: Recording, directory: Path, **more: int) -> None:
    """`more`: what is added to members of the first thread's row."""
    rows, cpus = recording.threads.copy(), recording.cpus
    for name, value in more.items():
        rows[name][1] += value
    known = np.flatnonzero(rows["tid"] != 0)
    columns = {f"threads.{name}": rows[name][known] for name in rows.dtype.names or ()}
    columns |= {f"cpus.{name}": cpus[name] for name in cpus.dtype.names or ()}
    np.savez(directory / VECTORS, **columns, **{"threads.row": known}, epoch=recording.epoch)


def change(file: Path, **members: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | members))


def add_to_path(directory: Path, ns: int) -> None:
    """The kernel's book of the path says so much more of the program's own code."""
    with np.load(directory / VECTORS) as file:
        columns = {name: file[name] for name in file.files}
    columns["threads.path"][0, 0] += ns
    np.savez(directory / VECTORS, **columns)


def ran(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def test_the_report_is_that_of_the_run_and_the_books_agree(
    directory: Path, validate_document: Validate
) -> None:
    saved = json.loads((directory / REPORT).read_text())
    result = ran(report_command, str(directory), "--json", str(directory / "out.json"))
    assert result.return_value == 0
    shown = Shown()
    assert result.output.startswith(render(summary_of(saved), report_width(), shown, saved))
    calls = sum(row["calls"] for row in saved["syscalls"])
    threads = sum(row["threads"] for row in saved["thread_groups"])
    agree = f"agree: 18 parts of the path, {threads} threads, {calls} calls, to the nanosecond"
    assert agree in " ".join(result.output.split())
    made = json.loads((directory / "out.json").read_text())
    validate_document(made)
    check = made.pop("recording")["check"]
    assert check["agrees"] and check["calls"] == calls
    for name in ("ledgers", "headline", "syscalls", "threads", "thread_groups", "sched"):
        assert made[name] == saved[name], name


def test_books_that_differ_are_told_and_have_a_status(directory: Path) -> None:
    add_to_path(directory, 5)
    result = ran(report_command, str(directory))
    assert result.return_value == 3
    assert "differ in 1 figure" in result.output
    row = next(line for line in result.output.splitlines() if line.startswith("path user"))
    assert row.split()[-1] == "-5"
    assert ran(path_command, str(directory)).return_value == 3


def test_where_events_were_lost_a_difference_is_no_failure(directory: Path) -> None:
    add_to_path(directory, 5)
    change(directory / META, losses={"total": 7, "by_cpu_second": [[0, 1, 7]]})
    result = ran(report_command, str(directory))
    assert result.return_value == 0
    assert "7 events found no room" in result.output and "differ in 1 figure" in result.output


def test_a_recording_that_was_cut_off_has_a_report_too(directory: Path) -> None:
    (directory / REPORT).unlink()
    (directory / VECTORS).unlink()
    change(directory / META, complete=False, truncated="the recording was not ended")
    result = ran(report_command, str(directory))
    assert result.return_value == 0
    assert "The recording is incomplete: the recording was not ended" in result.output
    assert "nothing checks the replay" in result.output
    assert "Where the time went" in result.output


def test_the_path(directory: Path, validate_document: Validate) -> None:
    saved = json.loads((directory / REPORT).read_text())
    result = ran(path_command, str(directory), "--json", "-", "--top", "4")
    walked = json.loads(result.output)
    validate_document(walked)
    by_part: dict[str, int] = {}
    for row in walked["parts"]:
        by_part[row["part"]] = by_part.get(row["part"], 0) + row["ns"]
    parts = {name: ns for name, ns in saved["ledgers"]["wall"]["parts"].items() if ns}
    assert by_part == parts and sum(by_part.values()) == saved["window_ns"]
    assert [row["ns"] for row in walked["longest"]] == sorted(
        (row["ns"] for row in walked["longest"]), reverse=True
    )
    assert len(walked["longest"]) == 4
    text = ran(path_command, str(directory)).output
    assert text.startswith("The path of thread 100 (task100)") and "Its longest pieces" in text
    assert "Who held the CPU longest" in text


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (VECTORS, b"no zip", "vectors.npz cannot be read"),
        (REPORT, b"{", "report.json cannot be read"),
        (REPORT, b'{"schema": "x"}', "does not follow the schema"),
        (REPORT, b"[]", "does not follow the schema"),
        (META, b"{}", "is no recording"),
    ],
)
def test_damaged_files_are_named(directory: Path, name: str, content: bytes, why: str) -> None:
    (directory / name).write_bytes(content)
    with pytest.raises(TracerError, match=why) as error:
        ran(report_command, str(directory))
    assert error.value.exit_code == 2 and error.value.hint


def test_json_is_for_recordings(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(Exception, match="--json is for a recording"):
        ran(report_command, str(file), "--json", "-")
