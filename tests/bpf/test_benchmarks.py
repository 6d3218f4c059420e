"""The benchmarks run: every way to trace is measured, and the files hold what was printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bystanders, overhead, probes, result, servers, startup
from benchmarks.floor import Floor
from benchmarks.peers import PEERS
from benchmarks.result import Options
from benchmarks.served import SERVERS
from benchmarks.subject import Subject
from tracer.capture.workload import run_untraced
from tracer.kernel.engine import Engine
from tracer.progress import Progress


def _options(*subjects: str) -> Options:
    return Options(1, 20_000_000, None, subjects or ("thread-brigade",), Progress())


def test_the_floor_has_a_program_on_each_tracepoint(engine: Engine) -> None:
    """Links of the kernel to raw tracepoints, by their descriptors in /proc."""

    def links() -> int:
        infos = Path("/proc/self/fdinfo").iterdir()
        return sum("tp_name:" in info.read_text() for info in infos if info.exists())

    floor = Floor(engine.tracepoints)
    before = links()
    with floor:
        assert links() == before + len(engine.tracepoints)
        subject = Subject("thread-brigade", 5, 10, 1)
        assert run_untraced(subject.spec())["ns_per_unit"] > 0
    assert links() == before
    floor.close()


@pytest.mark.slow
def test_each_condition_is_measured_or_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(result, "OUTPUT", tmp_path)
    (table,) = overhead.run(_options())
    result.write(table)
    data = json.loads((tmp_path / "overhead-thread-brigade.json").read_text())
    floors = (overhead.FLOOR, overhead.CLOCK, overhead.LIGHT_FLOOR)
    ours = {overhead.UNTRACED, *floors, *overhead.OURS}
    assert set(data["ns_per_unit"]) | set(data["errors"]) == ours | {p.name for p in PEERS}
    assert not ours & set(data["errors"])
    assert all(len(runs) == 1 for runs in data["ns_per_unit"].values())
    # two calls, one switch and one wake-up a hop, and what preemption adds
    assert 2 * 2 + 1 + 1 <= data["events_per_unit"] + 0.1 < 9
    assert isinstance(table, result.Result) and len(table.rows) == len(ours) + len(PEERS)


@pytest.mark.slow
def test_bystanders_run_beside_an_open_window() -> None:
    (table,) = bystanders.run(_options())
    assert list(table.data["subjects"]) == list(bystanders.SUBJECTS)
    for measured in table.data["subjects"].values():
        assert not measured["errors"]
        assert all(len(runs) == 1 for runs in measured["ns_per_unit"].values())


@pytest.mark.slow
def test_each_server_is_measured_or_named() -> None:
    (table,) = servers.run(_options())
    named = {line.partition(": not measured: ")[0] for line in table.below}
    assert {*table.data["servers"], *named} == set(SERVERS)
    for measured in table.data["servers"].values():
        assert {
            servers.UNTRACED,
            servers.FLOOR,
            servers.TRACED,
            servers.SAMPLED,
            servers.LIGHT,
        } <= set(measured["ns_per_unit"])


@pytest.mark.slow
def test_a_probe_is_measured_beside_its_empty_tracepoints() -> None:
    (table,) = probes.run(_options("uring-brigade"))
    cases = table.data["cases"]
    assert len(cases) == len(table.rows) == 2
    for case in cases.values():
        assert set(case["ns_per_unit"]) == {
            probes.UNTRACED, probes.BASE, "io_uring", f"io_uring, {probes.FLOOR}"
        }  # fmt: skip
        assert not case["errors"]
        assert all(len(runs) == 3 for runs in case["ns_per_unit"].values())


@pytest.mark.slow
def test_a_start_has_all_its_steps() -> None:
    (table,) = startup.run(_options())
    assert [row[0] for row in table.rows] == [*startup.STEPS.values(), "together"]
    for runs in table.data["runs"].values():
        assert all(ns > 0 for run in runs for ns in run["ns"].values())
