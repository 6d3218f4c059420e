"""The whole experiment on made-up outcomes: the floor, the original's table, answers in words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tracer.analysis.answers import answers
from tracer.analysis.brigades import Brigades, Contestant, brigades
from tracer.analysis.statistics.intervals import Interval
from tracer.errors import TracerError
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import brigades as report
from tracer.report import brigades_chart, chart

pytestmark = pytest.mark.usefixtures("few_resamples")

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


def planted(rounds: int = 12, without: tuple[str, ...] = ()) -> Brigades:
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
    rows = {row.label: row for row in planted().rows}
    assert rows["thread-brigade"].ns.median == pytest.approx(20200)
    above = rows["thread-brigade pinned"].above
    assert above is not None and above.median == pytest.approx(8080)
    assert rows["one-thread-brigade"].above is not None
    assert rows["thread-creation"].above is None
    assert rows["async-brigade"].switches == 1.5
    assert rows["async-brigade"].cpu_ns == pytest.approx(5050)
    assert rows["async-brigade"].calls == 2.01


def test_the_originals_table() -> None:
    lines = {line.what: line.cells for line in planted().table}
    hop = lines["one hop of the brigade, us"]
    assert [cell.published for cell in hop if cell] == ["3.6", "5.3", "3.4"]
    assert hop[2] is not None and hop[2].here is not None
    assert hop[2].here.median == pytest.approx(10100)
    switch = lines["a switch caused by I/O, us"]
    assert switch[0] is not None and switch[0].here is not None
    assert switch[0].here.median == pytest.approx(3030)


def test_a_cost_that_comes_out_below_zero_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor took longer than what it is the floor of: noise."""
    for name in ("one-thread-brigade", "one-thread-brigade pinned"):
        monkeypatch.setitem(ALL, name, 30_000.0)
    result = planted()
    text = report.render(result, 12)
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert [row[4] for row in rows if row[0] == "thread-brigade"] == ["unknown", "unknown"]
    switch = next(row for row in rows if row[0] == "a switch caused by I/O, us")
    assert switch[1:] == ["unknown"] * 3
    assert "unknown: with switches no more CPU time was measured than without them" in text
    assert not re.search(r"(^|[\s\[])-\d", text)


def test_memory_and_most_tasks_are_in_the_table() -> None:
    text = report.render(planted(), 12)
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert ["memory per idle task", "0.4 KiB", "9.6 + 0.4 KiB kernel"] in rows
    assert ["", "(0.4 KiB)", "(9.5 + 10 KiB kernel)"] in rows
    assert ["most tasks that could be run", "250k", "32,000"] in rows
    assert ["", "(250,000)", "(80,000)"] in rows


def test_every_question_is_answered_from_the_numbers() -> None:
    # the last: 0.5 us on a CPU for each of 1 empty receive per hop, and 0.1 us of epoll_wait
    assert [(answer.question, answer.text) for answer in planted().answers] == [
        (
            "Does pinning to one CPU change the threads?",
            "yes: free to move they are slower than pinned (2.00x [2.00, 2.00], 12 rounds).",
        ),
        (
            "Does pinning change async?",
            "no difference was seen between free to move and pinned (1.00x [1.00, 1.00], 12"
            " rounds).",
        ),
        (
            "Does the single-threaded executor change async?",
            "yes: worker threads are slower than the single-threaded one (1.25x [1.25, 1.25], 12"
            " rounds).",
        ),
        (
            "Does io_uring change the result?",
            "one ring and one thread, a call per hop, on one CPU: 0.30x [0.30, 0.30] the time of"
            " pinned threads and 0.60x [0.60, 0.60] the time of async.",
        ),
        (
            "Do a block, a wake and a switch cost more than a receive that finds nothing and its"
            " share of epoll_wait?",
            "yes, 13.5 times: block, wake and switch 8.08 us [8.01 us, 8.14 us] per hop (CPU"
            " time of threads less the I/O floor, one CPU, untraced); a receive that finds"
            " nothing and the share of epoll_wait 600 ns (async, one CPU, traced: with the probes'"
            " own cost).",
        ),
    ]


@pytest.mark.parametrize("rounds", [2, 5, 6])
def test_from_few_rounds_no_question_is_answered_with_yes(rounds: int) -> None:
    texts = [answer.text for answer in planted(rounds).answers]
    assert any("seen once, no verdict: " in text for text in texts) is (rounds < 6)
    assert any(text.startswith("yes") for text in texts) is (rounds == 6)
    if rounds == 2:
        assert texts[0] == (
            "seen once, no verdict: free to move they are slower than pinned (2.00x [2.00, 2.00],"
            " 2 rounds)."
        )


def test_what_was_left_out_is_named_wherever_it_is_missing() -> None:
    brigades = planted(without=("uring-brigade", "uring-brigade pinned", "thread-mem-brigade"))
    assert brigades.answers[3].text == "not measured in this run."
    memory = {line.what: line.cells for line in brigades.table}["a switch alone, in memory, us"]
    assert [cell.why for cell in memory if cell] == ["", "left out, see above", ""]
    text = report.render(brigades, 12)
    assert "left out: uring-brigade (io_uring is forbidden here)\n" in text
    assert "left out, see above" in text


def test_the_report_fits_and_is_plain_json_too(validate_document) -> None:  # type: ignore[no-untyped-def]
    text = report.render(planted(), 12)
    assert max(map(len, text.splitlines())) <= 100
    assert "(no room for" not in text
    document = json.loads(json.dumps(report.document(planted(), 12, {})))
    assert document["schema"] == "tracer.brigades/1"
    assert [row["label"] for row in document["brigades"]] == list(ALL)
    validate_document(document)
    left_out = planted(without=("uring-brigade", "uring-brigade pinned", "thread-mem-brigade"))
    validate_document(json.loads(json.dumps(report.document(left_out, 12, {}))))


def test_a_chart_is_drawn_or_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TracerError, match="a chart is PNG or SVG"):
        chart.format_of("a.gif")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(TracerError, match="needs matplotlib") as refusal:
        chart.format_of("a.png")
    assert "pip install" in refusal.value.hint
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    data = brigades_chart.draw(planted().rows, 12, "png")
    assert data.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("rounds", "name", "heading"),
    [(4, "minimum to maximum", "min to max"), (5, "95 % interval", "95 %  ")],
)
def test_the_interval_is_called_what_it_is(rounds: int, name: str, heading: str) -> None:
    text = report.render(planted(rounds), rounds)
    assert f"with their {name}" in text and heading in text
    assert ("95 %" in text) == (rounds == 5)
