"""Benchmarks: the order of runs, their failures, the reading of other programs' output."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import workloads
from benchmarks import bystanders, copies, parity, reference, result, servers, soak, startup
from benchmarks.conditions import RunResult, measure
from benchmarks.fleet import NAME as FLEET
from benchmarks.observer import NAME as OBSERVER
from benchmarks.overhead import NAME as OVERHEAD
from benchmarks.overhead import SUBJECTS
from benchmarks.peers import PEERS, _reason
from benchmarks.probes import CASES
from benchmarks.probes import NAME as PROBES
from benchmarks.probes import _result as probe_table
from benchmarks.result import Result, with_interval
from benchmarks.subject import Subject, last_cpu, rescaled
from tracer import probes
from tracer.analysis.statistics.intervals import Interval
from tracer.errors import TracerError
from tracer.progress import Progress


def _conditions(labels: str, order: list[str]) -> dict[str, Callable[[], RunResult]]:
    """One condition for each letter; a run takes as many ns as the letter's code, and is noted."""

    def run(label: str) -> RunResult:
        order.append(label)
        return {"ns_per_unit": float(ord(label))}

    return {label: partial(run, label) for label in labels}


def test_every_condition_once_per_block_in_changing_order() -> None:
    order: list[str] = []
    measured = measure(_conditions("abcd", order), 12, Progress())
    parts = [tuple(order[i : i + 4]) for i in range(0, len(order), 4)]
    assert all(Counter(part) == Counter("abcd") for part in parts)
    assert len(set(parts)) > 4
    assert {x: len(measured.blocks.untraced(x)) for x in measured.labels} == dict.fromkeys(
        "abcd", 12
    )
    assert measured.ns_per_unit("b") == ord("b")


def test_what_fails_is_left_out_with_its_reason_and_the_others_go_on() -> None:
    calls = []

    def fails() -> RunResult:
        calls.append(1)
        raise TracerError("refused")

    order: list[str] = []
    measured = measure({**_conditions("ab", order), "x": fails}, 5, Progress())
    assert len(calls) == 1
    assert measured.errors == {"x": "refused"}
    assert set(measured.labels) == {"a", "b"}
    assert Counter(order) == {"a": 5, "b": 5}
    data = measured.as_json()
    assert data["ns_per_unit"] == {x: [float(ord(x))] * 5 for x in measured.labels}
    assert data["switches_per_unit"] == {x: [None] * 5 for x in measured.labels}


def test_switches_are_those_of_the_workload_per_unit() -> None:
    usage = {"voluntary": 9, "involuntary": 1}
    run = {"ns_per_unit": 1.0, "units": 4, "rusage": usage}
    measured = measure({"a": lambda: run}, 1, Progress())
    assert measured.as_json()["switches_per_unit"] == {"a": [2.5]}


@pytest.mark.parametrize(("rounds", "name"), [(4, "minimum to maximum"), (5, "95 % interval")])
def test_a_note_names_the_interval_for_what_it_is(rounds: int, name: str) -> None:
    note = probe_table([], {}, rounds).note
    assert f"[{name}]" in note


def test_a_value_with_its_interval() -> None:
    value = Interval(0.183, 0.12, 0.249)
    assert with_interval(value) == "0.18 [0.12, 0.25]"
    assert with_interval(value, 100, 0) == "18 [12, 25]"
    assert with_interval(None) == "-"


def test_a_subject_is_never_the_twin_in_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workloads, "NATIVE", tmp_path)
    subject = Subject("thread-brigade", 7, 5, 1)
    assert subject.argv()[0] == str(tmp_path / "thread-brigade")
    with pytest.raises(TracerError, match="the program of thread-brigade is not built"):
        rescaled(subject, 1e6)


def test_a_subject_runs_with_its_options_where_it_is_said() -> None:
    subject = Subject("uring-brigade", 7, 5, 1, {"mode": "chain"}, pinned=False)
    argv = " ".join(subject.argv())
    assert "--mode chain" in argv and "--iters 7" in argv and "--tasks 5" in argv
    assert subject.spec().cpus == ()
    assert replace(subject, pinned=True).spec().cpus == (last_cpu(),)


def test_every_probe_has_a_workload_on_which_its_cost_is_measured() -> None:
    measured = {probe for case in CASES for probe in case.probes}
    assert measured == {*probes.names(), "all"} - set(probes.COMPARED)


def test_a_row_that_compares_runtimes_names_both_versions(tmp_path: Path) -> None:
    (tmp_path / "Cargo.lock").write_text(
        '[[package]]\nname = "tokio-util"\nversion = "9.9.9"\n\n'
        '[[package]]\nname = "tokio"\nversion = "1.19.2"\n'
    )
    built = tmp_path / "target" / "release"
    built.mkdir(parents=True)
    rows = {row.workload: row for row in reference.REFERENCES}
    ours = reference.locked_version(reference._LOCK, "tokio")
    assert re.fullmatch(r"\d+\.\d+\.\d+", ours)
    named = reference.title(rows["async-mem-brigade"], built)
    assert named == f"async-mem-brigade (tokio {ours}; theirs tokio 1.19.2)"
    assert reference.title(rows["thread-brigade"], built) == "thread-brigade"


@pytest.mark.parametrize(
    ("text", "pattern", "ns"),
    [
        (
            "500 tasks, 10000 iterations:\nmean 1.795ms per iteration, stddev 82.016µs"
            " (3.589µs per task per iter)\n",
            reference._PER_HOP,
            3589,
        ),
        ("mean 100.1µs per iteration, stddev 2µs (200.166ns per task per iter)", None, 200.166),
        (
            "create a task: mean 17.1ms per iter, stddev 1.2ms (17.123µs per task)\n"
            "creation to body: mean 1.5ms, stddev 3µs",
            reference._PER_TASK,
            17123,
        ),
    ],
)
def test_times_of_the_reference_programs(text: str, pattern: str | None, ns: float) -> None:
    assert reference.figure_ns(text, pattern or reference._PER_HOP) == pytest.approx(ns)


def test_output_without_a_time_is_an_error() -> None:
    with pytest.raises(TracerError, match="no time"):
        reference.figure_ns("Invalid arguments.", reference._PER_HOP)


def test_the_page_has_a_place_for_each_table() -> None:
    page = result.PAGE.read_text()
    names = [parity.NAME, PROBES, OBSERVER, *(f"{OVERHEAD}-{name}" for name in SUBJECTS)]
    names += [startup.NAME, startup.ALL, f"{FLEET}-idle", f"{FLEET}-hosts"]
    names += [section.NAME for section in (bystanders, copies, servers, soak)]
    for name in names:
        match = result.marker(name).search(page)
        assert match and "|" in match[1], f"{name}: make bench BENCH_ARGS=--docs"
    assert len(re.findall("<!-- bench:", page)) == len(names)


def test_the_page_says_how_to_get_the_reference() -> None:
    assert reference.COMMIT in result.PAGE.read_text()


def test_a_tool_that_fails_is_named_by_its_own_words() -> None:
    log = b"warning: x\nmain.c:3: fatal error: 'linux/sched.h' file not found\nTraceback\nException"
    assert _reason(log) == "main.c:3: fatal error: 'linux/sched.h' file not found"
    assert _reason(b"") == "it ended without a message"


def test_every_tool_says_what_it_reports_and_its_package() -> None:
    for peer in PEERS:
        assert peer.reports and peer.package and len(peer.beside) == len(peer.ready)
        assert bool(peer.beside) != bool(peer.around)


def test_a_tool_that_is_not_installed_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for peer in PEERS:
        assert re.fullmatch(rf"\S+ is not installed \(package {peer.package}\)", peer.missing())


def test_a_table_holds_its_rows_and_notes() -> None:
    text = Result("x", "note", ["a", "b"], [["k", "1"]], {}, below=["more"]).markdown()
    assert "note" in text and "- more" in text and re.search(r"\| k +\| +1 \|", text)
