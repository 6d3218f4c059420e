"""hops, query, export, explain --from and compare on recordings written by hand."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.event_stream import Stream, save
from harness.summarized import planted_summary

from tracer.analysis.run.document import document
from tracer.cli import main as entry
from tracer.model.events import Events

WRITER, READER = 1, 2
THREADS = [
    {"slot": WRITER, "life": 0, "tid": 101, "tgid": 101, "name": "writer", "process": "pass"},
    {"slot": READER, "life": 0, "tid": 102, "tgid": 101, "name": "reader", "process": "pass"},
]
Run = Callable[..., tuple[int, str, str]]
Validate = Callable[[object], None]


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in this process; exit status, standard output and error."""
    monkeypatch.setattr(entry.signal, "signal", lambda *_: None)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tracer", *words])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def _passed(local: int, crossed: int) -> Events:
    """Hops of 20 us on one CPU, and of 60 us to a CPU that has slept for 50 us before."""
    stream = Stream()
    t = 0
    for number in range(local + crossed):
        cpu = int(number >= local)
        stream.enter(t, READER, "recvfrom", 7, cpu=cpu)
        stream.switch(t + 500, READER, 0 if cpu else WRITER, cpu=cpu)
        if cpu:
            stream.idle(t + 500, 1, 1)
            stream.switch(t + 500, 0, WRITER)
        t += 50_000
        stream.enter(t, WRITER, "sendto", 6)
        stream.waking(t + 2_000, WRITER, READER)
        stream.leave(t + 4_000, WRITER, "sendto", 1)
        if cpu:
            stream.ipi(t + 3_000, WRITER, 1)
            stream.idle(t + 45_000, 1, None)
        end = t + (57_000 if cpu else 17_000)
        stream.switch(t + 10_000 if cpu else end, WRITER, 0 if cpu else READER)
        if cpu:
            stream.switch(end, 0, READER, cpu=1)
        stream.leave(end + 3_000, READER, "recvfrom", 1, cpu=cpu)
        t = end + 10_000
    return stream.events(t, WRITER)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    save(_passed(300, 100), tmp_path / "rec", THREADS)
    return str(tmp_path / "rec")


def test_hops(tracer: Run, recording: str, tmp_path: Path, validate_document: Validate) -> None:
    status, out, err = tracer("hops", recording, "--json", str(tmp_path / "h.json"))
    assert (status, err) == (0, "")
    assert out.startswith("pass on: 400 hops in ")
    data = json.loads((tmp_path / "h.json").read_text())
    validate_document(data)
    kinds = {kind["kind"]: kind for kind in data["kinds"]}
    assert {name: kind["count"] for name, kind in kinds.items()} == {
        "same_cpu": 300,
        "cross_cpu_asleep": 100,
    }
    assert (kinds["same_cpu"]["p50_ns"], kinds["cross_cpu_asleep"]["p99_ns"]) == (20_000, 60_000)
    for kind in [*kinds.values(), data["all"]]:
        for waterfall in kind["waterfalls"]:
            assert sum(waterfall["parts"].values()) == waterfall["total_ns"]
    assert kinds["cross_cpu_asleep"]["waterfalls"][0]["parts"] == {
        "call": 2_000,
        "send_interrupt": 1_000,
        "leave_sleep": 42_000,
        "switch_in": 12_000,
        "return": 3_000,
    }
    assert data["calls"] == [{"from": "sendto", "to": "recvfrom", "count": 400, "p50_ns": 20_000}]


def test_the_worst_hop(tracer: Run, recording: str, validate_document: Validate) -> None:
    status, out, _ = tracer("hops", recording, "--nth", "1")
    assert status == 0
    assert "from writer 101 to reader 102" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["45.00", "1", "-", "leaves", "idle"] in lines
    assert ["60.00", "1", "reader", "102", "returns", "from", "recvfrom:", "1"] in lines
    data = json.loads(tracer("hops", recording, "--nth", "2", "--json", "-")[1])
    validate_document(data)
    assert (data["hop"]["number"], data["hop"]["total_ns"]) == (2, 60_000)
    status, _, err = tracer("hops", recording, "--nth", "401")
    assert (status, "has 400 hops" in err) == (2, True)


def test_query(tracer: Run, recording: str, validate_document: Validate) -> None:
    sql = "SELECT kind, count(*) AS n, sum(ns)::BIGINT AS ns FROM hops GROUP BY kind ORDER BY n"
    status, out, _ = tracer("query", recording, sql, "--csv", "-")
    assert status == 0
    assert list(csv.reader(out.splitlines())) == [
        ["kind", "n", "ns"],
        ["cross_cpu_asleep", "100", "6000000"],
        ["same_cpu", "300", "6000000"],
    ]
    data = json.loads(tracer("query", recording, sql, "--json", "-")[1])
    validate_document(data)
    assert data["rows"][1] == ["same_cpu", 300, 6_000_000]
    assert "cross_cpu_asleep  100" in tracer("query", recording, sql)[1]
    assert "hops: hops from one thread to the next" in tracer("query", recording)[1]
    status, out, err = tracer("query", recording, "SELECT x FROM hops")
    assert (status, out) == (2, "")
    assert '"x" not found' in err


def test_export(tracer: Run, recording: str, tmp_path: Path) -> None:
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2

    file = tmp_path / "x"
    assert tracer("export", recording, "--format", "perfetto", "-o", str(file))[0] == 0
    trace = perfetto_trace_pb2.Trace.FromString(file.read_bytes())
    arrows = sum(len(packet.track_event.flow_ids) for packet in trace.packet)
    assert arrows == 400
    words = ("--format", "csv", "-o", str(file), "--slice", "median-hop")
    assert tracer("export", recording, *words)[0] == 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert {"enters sendto(6, ...)", "returns from recvfrom: 1"} <= {row["event"] for row in rows}


def test_export_of_the_path(tracer: Run, recording: str, tmp_path: Path) -> None:
    """Folded stacks and speedscope's samples sum to the window."""
    file = tmp_path / "x"
    window = _passed(300, 100)
    assert tracer("export", recording, "--format", "folded", "-o", str(file))[0] == 0
    lines = [line.rsplit(" ", 1) for line in file.read_text().splitlines()]
    assert sum(int(ns) for _, ns in lines) == window.end_ns - window.start_ns
    assert any(stack.startswith("writer 101;[syscall:io sendto]") for stack, _ in lines)
    words = ("--format", "speedscope", "-o", str(file), "--slice", "0us..1ms")
    assert tracer("export", recording, *words)[0] == 0
    (profile,) = json.loads(file.read_text())["profiles"]
    assert sum(profile["weights"]) == 1_000_000
    assert len(profile["weights"]) == len(profile["samples"])


@pytest.mark.parametrize(
    ("module", "words", "line"),
    [
        ("duckdb", ("query", "{}", "SELECT 1"), "-e '.[record]'"),
        ("perfetto.trace_builder.proto_builder",
         ("export", "{}", "--format", "perfetto", "-o", "{}.p"), "-e '.[export]'"),
    ],
)  # fmt: skip
def test_a_missing_package(
    tracer: Run, recording: str, monkeypatch: pytest.MonkeyPatch, module: str, words: tuple[str],
    line: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, module, None)
    status, out, err = tracer(*(word.format(recording) for word in words))
    assert (status, out) == (1, "")
    assert "is not installed" in err and f".venv/bin/python -m pip install {line}" in err
    assert not Path(f"{recording}.p").exists()


def test_explain_cites_the_hops(tracer: Run, recording: str, validate_document: Validate) -> None:
    status, out, _ = tracer("explain", "--from", recording)
    assert status == 0
    text = " ".join(out.split())
    assert "25.0 % of 400 hops cross to another CPU" in text
    assert "Such a hop takes 60 us, one on the same CPU 20 us" in text
    assert "would take 20 us, not 30 us (33 % less)" in text
    assert "until the CPU has left its sleep 42 us" in text
    data = json.loads(tracer("explain", "--from", recording, "--json", "-")[1])
    validate_document(data)
    assert data["evidence"]["excess_ns"]["leave_sleep"] == 42_000


def test_compare(tracer: Run, recording: str, tmp_path: Path, validate_document: Validate) -> None:
    other = tmp_path / "other"
    save(_passed(400, 0), other, THREADS)
    for number, directory in enumerate((Path(recording), other)):
        report = {**document(planted_summary()), "inferred_ns": number}
        (directory / "report.json").write_text(json.dumps(report))
    status, out, err = tracer("compare", recording, str(other), "--json", str(tmp_path / "c.json"))
    assert (status, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith("crossed to a CPU"))
    assert row.split()[-5:] == ["100", "25.0", "%", "60.00", "0"]
    data = json.loads((tmp_path / "c.json").read_text())
    validate_document(data)
    assert [side["all"]["count"] for side in data["hops"]] == [400, 400]
    (tmp_path / "none").mkdir()
    status, _, err = tracer("compare", recording, str(tmp_path / "none"))
    assert (status, "is no recording" in err) == (2, True)


def view_of(page: Path) -> dict[str, Any]:
    """What a page shows, as the JSON in it says."""
    found = re.search(r'id="view">(.*?)</script>', page.read_text(), re.S)
    assert found is not None
    (view,) = json.loads(found[1])["views"]
    assert isinstance(view, dict)
    return view


def tables_of(view: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """The rows of its tables by their titles."""
    found = [block for section in view["sections"] for block in section["blocks"]]
    return {block["title"]: block["rows"] for block in found if block["kind"] == "table"}


def test_pages_of_recordings_show_their_hops(tracer: Run, recording: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    status, _out, err = tracer("explain", "--from", recording, "--html", str(page))
    assert (status, err) == (0, "")
    data = json.loads(tracer("explain", "--from", recording, "--json", "-")[1])
    view = view_of(page)
    first, more, _note = view["sections"][0]["blocks"]
    assert [*first["lines"], *more["lines"]] == data["sentences"]
    tables = tables_of(view)
    groups = [*data["hops"]["kinds"], data["hops"]["all"]]
    assert [row[1][1] for row in tables["By kind"]] == [group["count"] for group in groups]
    parts = {row[0]: row[-1][1] for row in tables["What they are made of"] if row[-1]}
    assert sum(parts.values()) == pytest.approx(data["hops"]["all"]["mean_ns"])
    again = shutil.copytree(recording, tmp_path / "again")
    for number, directory in enumerate((Path(recording), again)):
        report = {**document(planted_summary()), "inferred_ns": number}
        (directory / "report.json").write_text(json.dumps(report))
    status, _, err = tracer("compare", recording, str(again), "--html", str(page))
    assert (status, err) == (0, "")
    tables = tables_of(view_of(page))
    assert tables["A"] == tables["B"] == view["sections"][1]["blocks"][0]["rows"]


def test_what_is_missing_is_said(tracer: Run, recording: str) -> None:
    file = Path(recording) / "meta.json"
    meta = json.loads(file.read_text())
    meta["losses"]["total"], meta["truncated"] = 7, "killed"
    file.write_text(json.dumps(meta))
    status, out, err = tracer("hops", recording)
    assert status == 0 and out
    assert "7 events found no room" in err and "before the run: killed" in err


def test_no_hops_no_events_no_recording(tracer: Run, tmp_path: Path) -> None:
    quiet = Stream()
    quiet.call(1, 5, WRITER, "recvfrom")
    save(quiet.events(10), tmp_path / "quiet", THREADS)
    save(Stream().events(0), tmp_path / "empty")
    for name, word in (("quiet", "has no hops"), ("empty", "has no events in its window"),
                       ("none", "is no recording")):  # fmt: skip
        for words in (("hops",), ("explain", "--from")):
            if name == "none" and words[0] == "explain":
                continue
            status, out, err = tracer(*words, str(tmp_path / name))
            assert (status != 0, out) == (True, "")
            assert word in err
