"""The whole experiment on made-up outcomes: the floor, the original's table, answers in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.analysis.answers import answers
from tracer.analysis.brigades import Brigades, Contestant, brigades
from tracer.analysis.statistics.intervals import Interval
from tracer.errors import TracerError
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import brigades as report
from tracer.report import brigades_chart, chart

AROUND = Surroundings(1, 1, 1, 0, 0)
TIMES = {
    "thread-brigade": 20000.0,
    "async-brigade": 5000.0,
    "async-brigade current-thread": 4000.0,
    "one-thread-brigade": 2000.0,
    "thread-mem-brigade": 12000.0,
    "async-mem-brigade": 100.0,
    "uring-brigade": 3000.0,
}
ALL = {
    **TIMES,
    **{f"{name} pinned": time * (0.5 if name == "thread-brigade" else 1.0)
       for name, time in TIMES.items()},
    "thread-creation": 46000.0,
    "async-creation": 500.0,
}  # fmt: skip
UNITS = dict.fromkeys(ALL, "hop") | {
    "thread-creation": "thread created",
    "async-creation": "task created",
}


def _document(label: str, ns: float) -> dict[str, Any]:
    units = 100
    total = int(ns * units)
    parts = dict.fromkeys(
        ("user", "syscall:io", "wakeup:idle", "wakeup:queued", "preempted", "sleep", "external"), 0
    )
    parts["syscall:io"] = total
    calls = [
        {"name": "recvfrom", "class": "io", "calls": 200, "on_cpu_ns": 100_000,
         "errors": {"EAGAIN": 100}},
        {"name": "epoll_wait", "class": "poll", "calls": 1, "on_cpu_ns": 10_000, "errors": {}},
    ]  # fmt: skip
    return {
        "result": {"units": units},
        "rusage": {"voluntary": 100, "involuntary": 0},
        "window_ns": total,
        "sched": None,
        "syscalls": calls,
        "ledgers": {"wall": {"total_ns": total, "parts": parts, "residual_ns": 0}},
        "headline": {"io": 1.0, "switching": 0.0, "user": 0.0, "system": 0.0, "waiting": 0.0},
    }


def found(rounds: int = 12, without: tuple[str, ...] = ()) -> Brigades:
    outcomes = []
    for block in range(rounds):
        for label, time in ALL.items():
            if label in without:
                continue
            ns = time * (1 + 0.01 * (block % 3))
            usage = {"user_ns": ns * 40, "system_ns": ns * 60, "voluntary": 130, "involuntary": 20}
            result = {"ns_per_unit": ns, "units": 100, "rusage": usage}
            outcomes.append(Outcome(Trial(label, False, block), result, AROUND))
            outcomes.append(
                Outcome(Trial(label, True, block), result, AROUND, _document(label, ns))
            )
    missing = dict.fromkeys(without, "io_uring is forbidden here")
    few = Interval(400.0, 390.0, 410.0)
    sizes = {
        "async": Contestant(few, None, 250_000),
        "threads": Contestant(Interval(9800.0, 9700.0, 9900.0), few, 32_000),
    }
    return brigades(outcomes, UNITS, missing, answers, sizes)


def test_the_floor_is_taken_away_in_the_same_placement() -> None:
    rows = {row.label: row for row in found().rows}
    assert rows["thread-brigade"].ns.median == pytest.approx(20200)
    above = rows["thread-brigade pinned"].above
    assert above is not None and above.median == pytest.approx(8080)
    assert rows["one-thread-brigade"].above is not None
    assert rows["thread-creation"].above is None
    assert rows["async-brigade"].switches == 1.5
    assert rows["async-brigade"].cpu_ns == pytest.approx(5050)
    assert rows["async-brigade"].calls == 2.01


def test_the_originals_table() -> None:
    lines = {line.what: line.cells for line in found().table}
    hop = lines["one hop of the brigade, us"]
    assert [cell.published for cell in hop if cell] == ["3.6", "5.3", "3.4"]
    assert hop[2] is not None and hop[2].here is not None
    assert hop[2].here.median == pytest.approx(10100)
    switch = lines["a switch caused by I/O, us"]
    assert switch[0] is not None and switch[0].here is not None
    assert switch[0].here.median == pytest.approx(3030)


def test_memory_and_most_tasks_are_in_the_table() -> None:
    text = report.render(found(), 12)
    assert "0.4 KiB" in text and "9.6 + 0.4 KiB kernel" in text
    assert "(9.5 + 10 KiB kernel)" in text and "250k" in text and "32,000" in text


def test_every_question_is_answered_from_the_numbers() -> None:
    texts = {a.question: a.text for a in found().answers}
    assert texts["Does pinning to one CPU change the threads?"].startswith(
        "yes: free to move they are slower than pinned (2.00x"
    )
    assert texts["Does pinning change async?"].startswith("no difference was seen")
    assert "0.30x" in texts["Does io_uring change the story?"]
    last = texts[found().answers[-1].question]
    # 0.5 us on a CPU for each of 1 empty receive per hop, and 0.1 us of epoll_wait
    assert "share of epoll_wait 600 ns" in last and last.startswith("yes, 13.5 times")


def test_what_was_left_out_is_said_in_every_place() -> None:
    b = found(without=("uring-brigade", "uring-brigade pinned", "thread-mem-brigade"))
    text = report.render(b, 12)
    assert "left out: uring-brigade (io_uring is forbidden here)" in text
    assert "not measured in this run" in text
    assert "left out, see above" in text


def test_the_report_fits_and_is_plain_json_too(validate_document) -> None:  # type: ignore[no-untyped-def]
    b = found()
    assert max(map(len, report.render(b, 12).splitlines())) <= 100
    assert "(no room for" not in report.render(b, 12)
    document = json.loads(json.dumps(report.document(b, 12, {})))
    assert document["schema"] == "tracer.brigades/1"
    assert len(document["brigades"]) == len(ALL)
    validate_document(document)
    left_out = found(without=("uring-brigade", "uring-brigade pinned", "thread-mem-brigade"))
    validate_document(json.loads(json.dumps(report.document(left_out, 12, {}))))


def test_a_picture_is_drawn_or_its_lack_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TracerError, match="a picture is PNG or SVG"):
        chart.format_of("a.gif")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(TracerError, match="needs matplotlib") as told:
        chart.format_of("a.png")
    assert "pip install" in told.value.hint
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    data = brigades_chart.draw(found().rows, "png")
    assert data.startswith(b"\x89PNG")
