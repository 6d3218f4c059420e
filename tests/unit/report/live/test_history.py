"""What the live view remembers: the ledger's shares, and findings that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.summarized import planted_summaries

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.summary import Summary
from tracer.report.live.history import History
from tracer.report.live.upper import since, sparkline
from tracer.report.run.path import path_rows

RUN = planted_summaries()["attach"]


def window(**parts: int) -> Summary:
    """A window of 1000 ns with these parts on its path."""
    every = {
        **dict.fromkeys(RUN.wall.parts, 0),
        **{n.replace("__", ":"): v for n, v in parts.items()},
    }
    return replace(RUN, window_ns=1000, wall=Ledger(1000, every))


def findings(*ids: str) -> dict[str, Any]:
    return {
        "findings": [
            {"id": name, "share": 0.5, "sentence": name, "evidence": "", "next": ""} for name in ids
        ]
    }


def test_shares_of_a_line_in_the_order_of_the_windows() -> None:
    history = History()
    for ns in (100, 0, 400):
        history.add(findings(), window(wakeup__queued=ns))
    key = "woken, the CPU was busy or held"
    assert history.series(key, 99) == [0.1, 0.0, 0.4]
    assert history.series(key, 2) == [0.0, 0.4]
    assert history.peak(key, 2) == 0.4 and history.peak(key, 0) == 0.0
    assert history.series("a line that no window had", 2) == [0.0, 0.0]


def test_a_key_does_not_change_with_the_names_in_its_line() -> None:
    for run in planted_summaries().values():
        for row in path_rows(run, 100):
            assert row.strip().startswith(row.key[:20])
            assert not any(name.name in row.key for name in run.others)


def test_findings_come_stand_and_go() -> None:
    history = History()
    history.add(findings("a"), RUN)
    history.add(findings("a", "b"), RUN)
    assert [since(k, history.number) for k in history.findings()] == ["", "[new] "]
    history.add(findings("b"), RUN)
    b, a = history.findings()
    assert (b.finding["id"], since(b, 3)) == ("b", "")
    assert (a.finding["id"], since(a, 3)) == ("a", "[gone, stood for 2] ")
    for _ in range(4):
        history.add(findings("b"), RUN)
    assert len(history.findings()) == 2
    history.add(findings("b"), RUN)
    assert [k.finding["id"] for k in history.findings()] == ["b"]
    history.add(findings("a", "b"), RUN)
    assert [since(k, history.number) for k in history.findings()] == ["[new] ", ""]


def test_bars() -> None:
    assert sparkline([0, 0.0001, 0.1, 0.25, 0.5, 1], 1) == "··▁▃▅█"
    assert sparkline([0.5, 0.25], 0.5) == "█▅"
    assert sparkline([0, 0], 0) == "··"
