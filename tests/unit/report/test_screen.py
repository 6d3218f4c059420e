"""The first screen: 24 lines of 80 columns, the answer before the ledger."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Any

import pytest
from harness.summarized import planted_host, planted_summaries, planted_summary, planted_target

from tracer.analysis.findings import Finding
from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.summary import CommandLine, Summary
from tracer.model.recording import HostLoad, PathThread, Process
from tracer.report.run import screen as screens
from tracer.report.run.findings import findings
from tracer.report.run.head import what_ran
from tracer.report.run.next_step import next_step
from tracer.report.run.screen import LINES, SHORT
from tracer.report.run.text import Shown, render

SUMMARIES = planted_summaries()
MANY = [
    Finding(name, 0.5 - 0.1 * n, f"{name} " * 25, "evidence " * 8, f"tracer {name}", "d")
    for n, name in enumerate(("first", "other", "third", "fourth"))
]


@pytest.fixture
def many_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "found", lambda _document: MANY)


def shown(run: Summary, width: int = 80, lines: int = LINES) -> list[str]:
    return render(run, width, Shown(brief=True, lines=lines)).splitlines()


# ---- how much of it ----


@pytest.mark.usefixtures("many_findings")
@pytest.mark.parametrize("lines", [LINES, SHORT])
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("kind", SUMMARIES)
def test_it_fits(kind: str, width: int, lines: int) -> None:
    text = shown(SUMMARIES[kind], width, lines)
    is_whole = lines == LINES or kind == "attach"  # intervals are of attach alone
    assert len(text) <= (lines if is_whole else LINES) and max(map(len, text)) <= width
    assert sum(line.startswith("accounted ") for line in text) == 1
    assert "1. first" in "\n".join(text), "the first finding always stands"


@pytest.mark.usefixtures("many_findings")
def test_what_ran_the_answer_the_findings_the_ledger_and_the_next_command() -> None:
    text = shown(closed(), 100)
    starts = ["thread-brigade  3 tasks", "100 ns, 16.7 ns per hop, 9 % CPU. For 30 % of the time",
              "1. first", "2. other", "3. third", "Where the time went (critical path)",
              "accounted ", "Try: tracer first"]  # fmt: skip
    at = [next(n for n, x in enumerate(text) if x.startswith(start)) for start in starts]
    assert at == sorted(at) and at[0] == 0 and at[-1] == len(text) - 1
    assert not any("fourth" in line for line in text)


def closed(**changes: Any) -> Summary:
    """A run of which nothing is in doubt."""
    full = dict.fromkeys(SUMMARIES["all"].threads.parts, 0) | {"user": 9, "blocked:io": 91}
    wall = {**SUMMARIES["all"].wall.parts, "sleep": 20}
    books = {
        "wall": Ledger(100, wall),
        "threads": Ledger(100, full),
        "cpu": Ledger(200, {"target_user": 100, "other": 0, "idle": 100}),
    }
    return planted_summary(**{**books, **changes})


def test_evidence_goes_before_the_findings_and_the_first_one_stays() -> None:
    def kept(most: int) -> list[str]:
        lines = findings(MANY, 80, most)
        assert len(lines) <= most or most < 2
        return [line.split()[0] for line in lines if not line.startswith("  ") or "evid" in line]

    assert kept(100) == kept(9) == ["1.", "evidence", "2.", "evidence", "3.", "evidence"]
    assert kept(8) == ["1.", "evidence", "2.", "evidence", "3."]
    assert kept(7) == ["1.", "evidence", "2.", "3."]
    assert kept(6) == kept(5) == ["1.", "evidence", "2."]
    assert kept(3) == ["1.", "evidence"]
    assert kept(2) == kept(1) == ["1."]
    assert findings([], 80) == []


def test_brief_is_the_first_screen_and_details_follow_it() -> None:
    brief, whole = render(closed(), 80, Shown(brief=True)), render(closed(), 80)
    assert whole.startswith(brief + "\n")
    assert "Context switches" in whole and "Context switches" not in brief


# ---- what ran ----


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (100, "thread-brigade  3 tasks x 2 iterations, socketpair, CPUs 0-1 (free to move),"
              " Linux 6.18"),
        (80, "thread-brigade  3 tasks x 2 iterations  CPUs 0-1 (free to move), Linux 6.18"),
        (64, "thread-brigade  3 tasks x 2 iterations  CPUs 0-1 (free to move)"),
    ],
)  # fmt: skip
def test_one_line_says_what_ran(width: int, text: str) -> None:
    assert what_ran(planted_summary(), width) == text


def test_a_long_command_line_and_many_processes_fit_the_line() -> None:
    run = SUMMARIES["command"]
    long = replace(run, target=replace(run.target, name="./a " + "x" * 200))
    line = what_ran(long, 80)
    assert len(line) <= 80 and line.endswith("...  CPUs 0-1 (free to move), Linux 6.18")
    processes = tuple(Process(n, n, "a\x1b" * 4) for n in range(6))
    many = replace(SUMMARIES["attach"], target=replace(run.target, kind="attach",
                                                      processes=processes))  # fmt: skip
    assert what_ran(many, 60).startswith(r"process 0 (a\x1ba\x1ba\x1ba\x1b) and 5 more")
    narrowed = Allowed((0, 1), (0,), 5, 5, (0,), 1200)
    assert "narrowed" not in what_ran(replace(run, allowed=narrowed), 80)
    assert "narrowed" in render(replace(run, allowed=narrowed), 80), "the details have it"


# ---- doubts ----


def test_what_puts_the_answer_in_doubt_stands_before_it() -> None:
    assert shown(SUMMARIES["all"])[0].startswith("NOT TO BE TRUSTED: ")
    partial = shown(SUMMARIES["partial"])
    at = next(n for n, line in enumerate(partial) if line.startswith("PARTIAL: "))
    assert partial[at - 1].startswith("thread-brigade  --tasks 3, socketpair, CPUs 0-1")


@pytest.mark.parametrize(
    ("other", "behind", "steal_ns", "text"),
    [
        (30, 5, 0, "Busy host: other programs used 15.0 % of the CPUs, and the path waited 5 ns"
                   " behind them"),
        (30, 0, 0, None),
        (10, 5, 0, None),
        (0, 0, 30, "Busy host: the host took 15.0 % of the CPUs' time (steal)"),
    ],
)  # fmt: skip
def test_a_busy_host(other: int, behind: int, steal_ns: int, text: str | None) -> None:
    run = closed(
        cpu=Ledger(200, {"target_user": 200 - other, "other": other}),
        behind={"own": 0, "other": behind, "throttled": 0, "held": 0},
        host=planted_host(load=HostLoad(steal_ns, 0)),
    )
    found = [line for line in shown(run, 100) if line.startswith("Busy host")]
    assert found == ([] if text is None else [text])


# ---- the next command ----


def test_the_first_findings_next_step_is_the_one_to_try() -> None:
    faults = KernelTime(30, 4, 25, 9000, 1)
    wall = Ledger(100, {**SUMMARIES["all"].wall.parts, "user": 40})
    line = CommandLine("sudo tracer run", "-- ./frames", ("--top 5",))
    run = closed(kernel_time=faults, wall=wall, target=planted_target(command_line=line))
    assert shown(run, 100)[-1] == (
        "Try: sudo tracer run --top 5 --probe sched,syscalls,stacks -- ./frames"
    )


def test_a_long_command_is_wrapped_so_that_it_can_be_pasted() -> None:
    argv = ["java", "-cp", "a b.jar", *(f"-Dproperty.{n}=value" for n in range(7)), "Main"]
    following = f"sudo tracer explain -- {shlex.join(argv)}"
    lines = next_step(following, 80)
    assert 1 < len(lines) <= 3 and max(map(len, lines)) <= 80
    assert all(line.endswith(" \\") for line in lines[:-1])
    pasted = "\n".join(lines).removeprefix("Try: ").replace("\\\n", "")
    assert shlex.split(pasted) == ["sudo", "tracer", "explain", "--", *argv]


def test_a_command_of_many_lines_loses_its_middle() -> None:
    words = [f"--word-{n}" for n in range(200)]
    lines = next_step(f"tracer run --probe +stacks -- ./server {' '.join(words)}", 80)
    text = " ".join(lines)
    assert len(lines) <= 3 and max(map(len, lines)) <= 80
    assert text.startswith("Try: tracer run --probe +stacks -- ./server --word-0 ")
    assert " ... " in text and text.endswith("--word-199") and "COMMAND" not in text
    script = next_step(f"tracer run --probe +stacks -- python3 -c '{'x = 1; ' * 99}print(x)'", 80)
    assert len(script) <= 3 and script[-1].endswith("print(x)'")
    assert "python3 -c 'x = 1" in script[0] + script[-1] or "python3 -c" in script[0]


def test_a_next_step_in_words_is_wrapped_as_prose() -> None:
    assert next_step("", 80) == []
    assert next_step("raise cpu.max " + 20 * "again ", 80)[0].endswith("again")


def test_without_a_finding_it_follows_from_the_ledger() -> None:
    assert shown(closed())[-1] == "Try: tracer explain pinning"
    light = closed(light=True, target=planted_target(
        command_line=CommandLine("tracer attach 7", "", ("--light", "--top 5"))))  # fmt: skip
    assert shown(light)[-1] == "Try: tracer attach 7 --top 5"
    target = SUMMARIES["attach"].target
    assert shown(closed(target=target))[-1].endswith(",stacks")
    profiled = closed(target=target, where=SUMMARIES["profiled"].where)
    assert not any(line.startswith("Try: ") for line in shown(profiled))


def test_a_hostile_name_adds_no_line() -> None:
    evil = "x\n1. forged\x1b[2J"
    target = replace(
        SUMMARIES["attach"].target,
        name=evil,
        processes=(Process(7, 7, evil),),
        path_thread=PathThread(7, evil, 0),
    )
    for width in (60, 80, 100):
        text = render(replace(SUMMARIES["attach"], target=target), width)
        assert text.replace("\n", "").isprintable()
        assert not re.search(r"^1\. forged", text, re.M)


# ---- on a terminal ----


def test_bars_and_colour_on_request_only() -> None:
    plain = render(closed(), 100, Shown(brief=True))
    assert "\x1b" not in plain and "█" not in plain
    colour = render(closed(), 100, Shown(brief=True, colour=True))
    bare = re.sub(r"\x1b\[[\d;]*m", "", colour)
    assert max(map(len, bare.splitlines())) <= 100
    assert [line.rstrip(" █▏▎▍▌▋▊▉") for line in bare.splitlines()] == plain.splitlines()
    own = next(line for line in bare.splitlines() if line.startswith("the program's own code"))
    assert own.endswith(" " + 8 * "█" + "▍"), "30 % of 28 columns are 8.4"
    assert "\x1b[1mWhere the time went" in colour and "\x1b[32mTry: " in colour


def test_there_is_no_bar_without_room() -> None:
    assert "█" not in render(closed(), 72, Shown(brief=True, colour=True))
