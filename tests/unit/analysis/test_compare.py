"""Comparisons of hand-written outcomes: drift, lines that sum to the gap, words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from tracer.analysis.compare import Comparison, compare, compare_documents
from tracer.analysis.statistics.modes import Modes
from tracer.analysis.statistics.wording import ratio_text
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.model.words import LINES
from tracer.report import compare as report

QUIET = Surroundings(10_000_000, 10_050_000, 1_000_000_000, 0, 1_000_000, cpus=2)
PARTS = ("user", "syscall:io", "wakeup:idle", "wakeup:queued", "preempted", "sleep", "external")


def document(idle_ns: int, io_ns: int, units: int = 100) -> dict[str, Any]:
    """A report whose critical path has these two parts per unit, and 100 ns of user code."""
    parts = dict.fromkeys(PARTS, 0)
    parts.update({"user": 100 * units, "syscall:io": io_ns * units, "wakeup:idle": idle_ns * units})
    total = sum(parts.values())
    return {
        "schema": "tracer.run/2",
        "host": {"steal_ns": 0, "fingerprint": {"kernel": "6.1"}},
        "result": {"units": units, "unit": "hop"},
        "rusage": {"voluntary": 150, "involuntary": 50},
        "window_ns": total,
        "partial": False,
        "sched": {
            "switches": {"voluntary": 150, "involuntary": 50, "per_unit": 2.0},
            "wakeups": {"same_cpu": 60, "cross_cpu_idle": 40, "cross_cpu_busy": 0},
            "migrations": 3,
        },
        "syscalls": [
            {"name": "recvfrom", "calls": 200, "per_unit": 2.0, "errors": {"EAGAIN": 100}}
        ],
        "ledgers": {
            "wall": {"total_ns": total, "parts": parts, "residual_ns": 0},
            "cpu": {"total_ns": 2 * total, "parts": {"other": 0}},
        },
        "headline": {
            "io": io_ns * units / total,
            "switching": idle_ns * units / total,
            "user": 100 * units / total,
            "system": 0.0,
            "waiting": 0.0,
        },
    }


def outcomes(
    a: list[float], b: list[float], around: dict[int, Surroundings] | None = None
) -> list[Outcome]:
    """Blocks with these times; the twin of A repeats it; traced: 3000 + 1000 against 0 + 1000."""
    outcomes = []
    for block, (x, y) in enumerate(zip(a, b, strict=True)):
        where = (around or {}).get(block, QUIET)
        outcomes += [
            Outcome(Trial("A", False, block), {"ns_per_unit": x}, where),
            Outcome(Trial("B", False, block), {"ns_per_unit": y}, where),
            Outcome(Trial("A", False, block, twin=True), {"ns_per_unit": x * 1.01}, where),
            Outcome(Trial("A", True, block), {"ns_per_unit": x}, where, document(3000, 1000)),
            Outcome(Trial("B", True, block), {"ns_per_unit": y}, where, document(0, 1000)),
        ]
    return outcomes


def compared(*args: Any) -> Comparison:
    comparison = compare(outcomes(*args), "A", "B", "hop")
    assert comparison is not None
    return comparison


SLOW = [4000.0 + 10 * n for n in range(12)]
FAST = [1000.0 + 7 * n for n in range(12)]


def test_a_clear_difference_and_its_reason() -> None:
    c = compared(SLOW, FAST)
    assert c.differs and c.ratio.slower == 12 and c.ratio.p == 2 / 4096
    assert c.lines[0].name == "wakeup:idle"
    assert c.lines[0].share == pytest.approx(1.0)
    assert sum(line.share or 0 for line in c.lines) == pytest.approx(1.0)
    assert sum(line.a_ns for line in c.lines) == pytest.approx(4100)
    assert sum(line.difference.median for line in c.lines) == pytest.approx(3000)
    assert report.in_words(c) == (
        "A takes 3.90 times as long as B; 100 % of the gap is: woken, but the CPU was asleep."
    )


def test_the_line_has_all_its_parts() -> None:
    line = report.ratio_line(compared(SLOW, FAST), ("unpinned", "pinned"))
    assert line == (
        "unpinned / pinned = 3.90x [3.86, 3.96]  12 blocks, 12 slower, p 0.00049,"
        " A/A 0.99 [0.99, 0.99], drift 0 %, steal 0.0 %"
    )


def test_the_slower_one_is_named_whichever_it_is() -> None:
    words = report.in_words(compared(FAST, SLOW))
    assert words.startswith("B takes 3.90 times as long as A; ")


def test_equals_show_no_difference() -> None:
    c = compared(FAST, [x * (1.02 if n % 2 else 0.98) for n, x in enumerate(FAST)])
    assert not c.differs
    assert report.in_words(c) == "no difference beyond noise: 1.00x [0.98, 1.02]."


def test_a_difference_within_the_noise_floor_is_none() -> None:
    """0.5 % in every block, where A against itself moves by 1 %."""
    c = compared(FAST, [x * 1.005 for x in FAST])
    assert c.ratio.differs and not c.differs


def test_few_blocks_make_no_claim() -> None:
    c = compared(SLOW[:5], FAST[:5])
    assert not c.differs
    assert report.in_words(c) == "not enough runs to tell: 5 blocks, 12 would do (--rounds)."


def test_drifted_blocks_are_found_and_left_out_once() -> None:
    moved = Surroundings(10_000_000, 10_600_000, 1_000_000_000, 0, 0)
    a = [*SLOW[:10], 40000.0, 40000.0]
    c = compared(a, FAST, {10: moved, 11: moved})
    assert list(c.drifted) == [10, 11]
    assert c.drift == pytest.approx(0.06)
    assert c.clean is not None and c.clean.blocks == 10
    assert (
        "drifted: block 11, 12 (the time of a fixed piece of work varied by over 5 %); without them"
        f" {ratio_text(c.clean)}, 10 blocks "
    ) in " ".join(report.render(c, ("x", "y")).split())


def test_two_modes_are_named() -> None:
    c = compared([1000.0 + n if n % 2 else 2000.0 + n for n in range(12)], FAST)
    assert c.modes == {"A": Modes(1006.0, 6, 2005.0, 6)}
    assert (
        "A has two modes: 6 runs about 1.01 us and 6 about 2.00 us per hop; the median hides them\n"
    ) in report.render(c, ("x", "y"))


@pytest.mark.parametrize("width", [60, 100])
def test_the_report_fits(width: int) -> None:
    text = report.render(compared(SLOW, FAST), ("thread-brigade", "x"), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_the_table_of_lines_shows_both_sides_and_the_share_of_each() -> None:
    table = report.render(compared(SLOW, FAST), ("x", "y")).split("\n\n")[2].splitlines()
    assert table[0] == (
        "Where the time went (means of the traced runs, A / B = 3.90x [3.86, 3.96] there)"
    )
    rows = [re.split(r"  +", line) for line in table[1:]]
    assert rows[0] == ["us per hop", "A", "B", "A - B", "95 % interval", "of the gap"]
    assert rows[2] == [LINES["wakeup:idle"], "3.00", "0.00", "3.00", "[3.00, 3.00]", "100 %"]
    assert rows[-1] == ["sum", "4.10", "1.10", "3.00"]


def test_counts_are_per_unit() -> None:
    counts = {row.name: (row.a, row.b) for row in compared(SLOW, FAST).counts}
    assert counts["context switches"] == (2.0, 2.0)
    assert counts["wake-ups to another CPU, idle"] == (0.4, 0.4)
    assert counts["EAGAIN"] == (1.0, 1.0)
    assert "interrupts between CPUs" not in counts, "the probe idle was off"


def test_saved_reports_make_no_claim_but_show_both_ledgers() -> None:
    c = compare_documents(document(3000, 1000), document(0, 1000), ("A", "B"))
    assert not c.differs
    assert c.lines[0].name == "wakeup:idle" and c.lines[0].share == pytest.approx(1.0)
    answer = report.render(c, ("a.json", "b.json"), ["Warning: x"]).split("\n\n")[1]
    assert answer.splitlines() == [
        "In words: not enough runs to tell: 1 block, 12 would do (--rounds).",
        "A / B = 3.73x  1 block",
        "Warning: x",
    ]


@pytest.mark.parametrize("unsplit", [{"light": True}, {"sampled": {"one_in": 8}}])
def test_where_one_side_is_not_split_time_on_a_cpu_is_one_line(
    unsplit: dict[str, Any],
    validate_document,  # type: ignore[no-untyped-def]
) -> None:
    """Own code and calls of that side are not known: they are no 0."""
    a, b = document(3000, 1000), document(0, 1000)
    a["headline"] |= dict.fromkeys(("io", "user", "system"))
    for c in (
        compare_documents(a | unsplit, b, ("A", "B")),
        compare_documents(b, a | unsplit, ("A", "B")),
    ):
        by_name = {line.name: (line.a_ns, line.b_ns) for line in c.lines}
        assert by_name["on_cpu"] == pytest.approx((1100, 1100))
        assert not {"io", "user", "system"} & set(by_name)
        assert [sum(side) for side in zip(*by_name.values(), strict=True)] == pytest.approx(
            [c.a_ns, c.b_ns]
        )
        assert "on a CPU (own code and calls, not split)" in report.render(c, ("x", "y"))
        validate_document(json.loads(json.dumps(report.document(c, ("x", "y"), {}))))


def test_json_is_plain_data(validate_document) -> None:  # type: ignore[no-untyped-def]
    c = compared(SLOW, FAST)
    again = json.loads(json.dumps(report.document(c, ("x", "y"), {"kernel": "6.1"})))
    assert again["schema"] == "tracer.compare/1"
    assert again["ratio"]["blocks"] == 12
    assert sum(line["a_ns"] for line in again["lines"]) == 4100
    validate_document(again)
    saved = compare_documents(document(3000, 1000), document(0, 1000), ("A", "B"))
    validate_document(json.loads(json.dumps(report.document(saved, ("x", "y"), {}))))


def test_outcomes_survive_a_file() -> None:
    for outcome in outcomes(SLOW[:1], FAST[:1]):
        assert Outcome.from_plain(json.loads(json.dumps(outcome.plain()))) == outcome


def test_what_else_ran_is_a_share_of_all_cpu_time() -> None:
    busy = Surroundings(10_000_000, 10_000_000, 1_000_000_000, 100_000_000, 300_000_000, cpus=2)
    c = compared(SLOW, FAST, dict.fromkeys(range(12), busy))
    assert (c.steal, c.others) == (pytest.approx(0.05), pytest.approx(0.15))
    text = " ".join(report.render(c, ("x", "y")).split())
    assert "other processes used 15.0 % of the CPUs, the host took 5.0 % (steal)" in text


def test_nothing_to_compare_before_a_block_has_both() -> None:
    assert compare(outcomes(SLOW[:1], FAST[:1])[:1], "A", "B", "hop") is None


@pytest.mark.parametrize(("blocks", "name"), [(4, "minimum to maximum"), (5, "95 % interval")])
def test_the_interval_is_called_what_it_is(blocks: int, name: str) -> None:
    c = compared(SLOW[:blocks], FAST[:blocks])
    heading = next(x for x in report.render(c, ("x", "y")).splitlines() if "A - B" in x)
    assert name in heading


def test_time_that_was_counted_twice_is_no_negative_time() -> None:
    pair = [document(3000, 1000), document(0, 1000)]
    wall = pair[1]["ledgers"]["wall"]
    wall["residual_ns"] = -2000
    text = report.render(compare_documents(pair[0], pair[1], ("A", "B")), ("x", "y"))
    assert re.search(r"without a name +0\.00 +0\.02 twice +0\.02", text)


def profiled(idle_ns: int, io_ns: int, **functions: int) -> dict[str, Any]:
    """A report whose path was in these functions for so many ns per unit."""
    report_ = document(idle_ns, io_ns)
    places = [{"function": name, "time_ns": 100 * ns} for name, ns in functions.items()]
    return {**report_, "where": {"places": places}}


def test_differences_by_function_sum_to_that_of_the_ledgers() -> None:
    a = profiled(3000, 1000, read=2500, serve=1500, start=100)
    b = profiled(0, 1000, read=900, start=150, new=50)
    c = compare_documents(a, b, ("A", "B"))
    changes = [(line.name, line.difference.median) for line in c.functions]
    assert changes == [("read", 1600), ("serve", 1500), ("start", -50), ("new", -50)]
    assert sum(ns for _name, ns in changes) == sum(line.difference.median for line in c.lines)
    assert sum(line.share or 0 for line in c.functions) == pytest.approx(1)
    table = report.render(c, ("x", "y")).split("\n\n")[3].splitlines()
    assert table[0] == "Where in the program that was"
    assert re.split(r"  +", table[3]) == ["read", "2.50", "0.90", "1.60", "53 %"]
    assert re.split(r"  +", table[-1]) == ["sum", "4.10", "1.10", "3.00"]


def test_places_of_one_function_are_one() -> None:
    a, b = profiled(0, 1000, read=600), profiled(0, 1000, read=1100)
    a["where"]["places"].append({"function": "read", "time_ns": 50_000})
    (line,) = compare_documents(a, b, ("A", "B")).functions
    assert (line.a_ns, line.b_ns) == (1100, 1100)


def test_no_functions_where_only_one_run_has_them() -> None:
    c = compare_documents(profiled(0, 900, read=1000), document(0, 1000), ("A", "B"))
    assert c.functions == []
    assert "Where in the program" not in report.render(c, ("x", "y"))


def test_many_functions_are_cut_to_the_largest(validate_document) -> None:  # type: ignore[no-untyped-def]
    names = {f"{'x' * 90}\x1b{n:02}": 100 * n for n in range(1, 15)}
    c = compare_documents(profiled(9500, 900, **names), profiled(0, 0, start=100), ("A", "B"))
    text = report.render(c, ("x", "y"), width=100)
    block = next(b for b in text.split("\n\n") if b.startswith("Where in the program")).splitlines()
    assert len(block) == 3 + 10 + 2 and re.split(r"  +", block[-2])[0] == "5 others"
    assert re.split(r"  +", block[-2])[1:4] == ["1.00", "0.10", "0.90"]  # 400+300+200+100 and start
    assert max(map(len, text.splitlines())) <= 100 and text.replace("\n", "").isprintable()
    validate_document(json.loads(json.dumps(report.document(c, ("x", "y"), {}))))


def test_long_times_are_not_in_us() -> None:
    c = compared(SLOW, FAST)
    long = [replace(line, a_ns=30_000 * line.a_ns, b_ns=30_000 * line.b_ns) for line in c.lines]
    text = report.render(replace(c, lines=tuple(long)), ("x", "y"))
    assert "us per hop" in report.render(c, ("x", "y")) and "ms per hop" in text
    assert not re.search(r"\d{4,}\.?\d* +\d", text.split("\n\n")[2]), "three figures"
