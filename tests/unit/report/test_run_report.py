"""The report of a run for people, block by block, on made-up summaries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.summarized import (
    histogram,
    planted_host,
    planted_result,
    planted_summaries,
    planted_summary,
)

from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.awaited import OutsideWait, Waker
from tracer.analysis.run.bounds import WhatIf
from tracer.analysis.run.counts import GroupRow, OtherProgram, Switches
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.observer import Pair, observe
from tracer.analysis.run.summary import Summary
from tracer.model import states
from tracer.model.recording import HostLoad, PathThread, Process, Quota
from tracer.model.section import Section, Table, Time, Total
from tracer.model.words import BEHIND_LINES, KERNEL_LINE, LINES, WAITING_LINES
from tracer.probes.syscalls import CallRecord
from tracer.report.run import advice
from tracer.report.run.activity import calls, scheduler
from tracer.report.run.head import head, length, partial, path_title
from tracer.report.run.path import path, remarks
from tracer.report.run.place import place
from tracer.report.run.text import Shown, render
from tracer.report.run.threads import groups, threads
from tracer.report.run.trust import trust, warning

SUMMARIES = planted_summaries()
UNKNOWN = "~ kernel time outside calls: unknown (less than 10 clock ticks)"
WIDTH = 100


def cells(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


# ---- the whole ----


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_report_fits_and_shows_no_control_character(kind: str, width: int) -> None:
    text = render(SUMMARIES[kind], width)
    assert max(map(len, text.splitlines())) <= width
    assert text.endswith("\n") and "\n\n\n" not in text
    assert text.replace("\n", "").isprintable()


def test_a_table_without_news_and_a_column_that_repeats_are_left_out() -> None:
    zeros = Table(["x", "n", "t"], [["1", "0", "0 ns"], ["2", "0", "-"]])
    counts = Table(["x", "calls", "per run"], [["1", "2", "2.00"]])
    section = Section("Title", ["a sentence", zeros, counts], {})
    text = render(planted_summary(sections=(("probe", section),)))
    assert "Title\na sentence\nx  calls\n-  -----\n1      2\n" in text


def test_the_times_of_a_table_have_one_unit_and_so_have_its_sums() -> None:
    rows = [
        ["a", Total(31e9), Time(2_500_000), Time(31_200), None],
        ["b", Total(4e9), Time(8_500), Time(900), "none"],
    ]
    section = Section("Title", [Table(["x", "asleep", "p50", "p90", "p99"], rows)], {})
    text = render(planted_summary(sections=(("probe", section),)))
    assert "x  asleep, s  p50, us  p90, us  p99, us\n" in text
    assert "a         31    2,500     31.2        -\n" in text
    assert "b          4     8.50    0.900     none\n" in text


def test_a_probe_that_saw_nothing_says_so_only_if_it_was_asked_for() -> None:
    run = planted_summary(sections=(("futex", Section("Futexes", ["no call"], {})),))
    assert "Futexes" not in render(run)
    assert "Futexes\nno call\n" in render(run, shown=Shown(asked=("epoll", "futex")))


def test_a_probes_section_stands_before_the_trust() -> None:
    section = Section("Title", ["a sentence", Table(["x", "y"], [["1", "2"]])], {})
    blocks = render(planted_summary(sections=(("probe", section),))).split("\n\n")
    assert blocks[-2] == "Title\na sentence\nx  y\n-  -\n1  2"
    assert blocks[-1].startswith("Observer effect")


# ---- what ran ----


def test_head_of_a_workload() -> None:
    assert head(planted_summary()) == [
        "thread-brigade  3 tasks x 2 iterations, socketpair, CPUs 0-1 (free to move), Linux 6.18",
        "one trip 49.5 ns (sd 0.40 ns), 16.7 ns per hop   user 1 ns, system 1 ns, 2 % CPU",
        "trips: fastest 49 ns, p50 49 ns, p99 50 ns, slowest 50 ns; 1 byte resident, 2 page faults",
        UNKNOWN,
    ]


def test_one_of_something_is_singular() -> None:
    result = planted_result()
    result |= {"tasks": 1, "iterations": 1, "rusage": {**result["rusage"], "minor_faults": 0}}
    lines = head(planted_summary(result=result))
    assert lines[0].startswith("thread-brigade  1 task x 1 iteration, ")
    assert lines[2].endswith(", 1 page fault")


def test_figures_of_the_workloads_own() -> None:
    result = {**planted_result(), "extra": {"work_ns": 53.1, "tokens_per\x1b_hop": 4}}
    assert head(planted_summary(result=result))[3] == r"also: work 53.1 ns, tokens per\x1b hop 4"


def test_head_of_a_workload_that_was_ended_early() -> None:
    assert head(SUMMARIES["partial"]) == [
        "thread-brigade  --tasks 3, socketpair, CPUs 0-1 (free to move), Linux 6.18",
        UNKNOWN,
    ]
    assert partial(SUMMARIES["partial"]) == [
        "PARTIAL: ended by SIGINT after 100 ns; totals until then, not per hop"
    ]


def command(**changes: Any) -> Summary:
    return replace(SUMMARIES["command"], **changes)


@pytest.mark.parametrize(
    ("status", "text"),
    [(None, "still running"), (0, "exit status 0"), (3, "exit status 3"),
     (-9, "killed by SIGKILL"), (-99, "killed by signal 99")],
)  # fmt: skip
def test_head_of_a_command(status: int | None, text: str) -> None:
    parts = {**SUMMARIES["command"].threads.parts, "user": 40, "syscall:io": 12}
    run = command(exit_status=status, threads=Ledger(100, parts))
    own = "own code 40 ns, system calls 19 ns, kernel workers 1 ns"  # others: 1 ns
    assert head(run) == [
        "make -j2  CPUs 0-1 (free to move), Linux 6.18",
        f"{own}; 2 page faults, 1 byte resident",
        UNKNOWN,
    ]
    assert length(run) == f"100 ns, {text}, 60 % CPU"
    assert head(replace(run, light=True))[1].startswith("60 ns on CPUs;")


def test_a_part_of_a_command_has_no_usage_of_the_whole() -> None:
    target = replace(SUMMARIES["command"].target, path_thread=PathThread(7, "a", 0), cpus=(1,))
    run = command(target=target, units=4, unit="unit", interrupted=15)
    lines = head(run)
    assert lines[0] == "make -j2  pinned to CPU 1, Linux 6.18"
    assert lines[1] == "own code 1 ns, system calls 8 ns, kernel workers 1 ns"
    assert partial(run) == [
        "PARTIAL: tracer was ended by SIGTERM after 100 ns, and ended the command"
    ]
    assert length(run) == "100 ns of it measured, 25 ns per unit, exit status 0, 10 % CPU"


def test_a_long_command_is_cut() -> None:
    target = replace(SUMMARIES["command"].target, name="x" * 151)
    assert head(command(target=target))[0] == f"{'x' * 147}...  CPUs 0-1 (free to move), Linux 6.18"


def test_head_of_an_attach() -> None:
    run = SUMMARIES["attach"]
    first, second, _kernel = head(run)
    assert first == "process 7 (a, 3 in its container), CPUs 0-1 (free to move), Linux 6.18"
    assert second == "own code 1 ns, system calls 8 ns, kernel workers 1 ns"
    assert length(run) == "watched for 100 ns, 10 % CPU"
    processes = tuple(Process(n, n, f"p{n}") for n in range(6))
    many = replace(run, target=replace(run.target, processes=processes), interrupted=2)
    first, second, _kernel = head(many)
    assert first.startswith("processes 0 (p0), 1 (p1), 2 (p2), 3 (p3) and 2 more, CPUs")
    assert second.endswith(" 1 ns; ended by SIGINT")
    assert partial(many) == []


def test_kernel_time_outside_calls() -> None:
    def line(**found: Any) -> str:
        known = KernelTime(**{"outside_ns": 30, "error_ns": 4, "on_path_ns": 25,
                              "minor_faults": 7, "major_faults": 1, **found})  # fmt: skip
        return head(command(kernel_time=known, threads=Ledger(100, parts)))[2]

    parts = {**SUMMARIES["command"].threads.parts, "user": 40}
    assert line() == (
        "~ kernel time outside calls: 30 ns of the own code's 40 ns: 8 page faults, entry and exit"
        " of calls, tracing"
    )
    assert line(error_ns=31) == "~ kernel time outside calls: <31 ns of 40 ns; 8 page faults"
    assert len(head(SUMMARIES["light"])) == 3, "all time on a CPU is one"


def test_the_kernels_part_of_the_path() -> None:
    known = KernelTime(30, 4, 25, 7, 1)
    wall = Ledger(100, {**SUMMARIES["command"].wall.parts, "user": 40})
    share = replace(SUMMARIES["command"].headline, user=0.4)
    run = command(kernel_time=known, wall=wall, headline=share)
    lines = path(run, WIDTH)
    at = next(n for n, text in enumerate(lines) if LINES["user"] in text)
    assert cells(lines[at + 1]) == [KERNEL_LINE, "25 ns", "25.0 %"]
    assert advice.in_words(run) == (
        "For 40 % of the time the program was outside calls, ~62 % of that in the kernel:"
        " 8 page faults, entry and exit of calls, tracing."
    )
    for unsure in ({"on_path_ns": None}, {"error_ns": 30}, {"on_path_ns": 0}):
        other = replace(run, kernel_time=replace(known, **unsure))  # type: ignore[arg-type]
        assert KERNEL_LINE not in "".join(path(other, WIDTH))
        assert "computing in its own code" in advice.in_words(other)


@pytest.mark.parametrize(
    ("pinned", "allowed", "text"),
    [
        ((), Allowed((0, 1), (0, 1), 3), "CPUs 0-1 (free to move), Linux 6.18"),
        ((), Allowed((0, 1), (), 3), "CPUs 0-1 (free to move), Linux 6.18"),
        ((), Allowed((1,), (1,), 3), "CPU 1 (it was allowed no others), Linux 6.18"),
        ((1,), Allowed((1,), (1,), 3), "pinned to CPU 1, Linux 6.18"),
        ((), Allowed((0, 1), (1,), 3), "CPUs 0-1 (free to move), Linux 6.18; CPU 1 at the end"),
        (
            (),
            Allowed((0, 1), (0,), 5, 5, (0,), 1200),
            "CPUs 0-1 (free to move), Linux 6.18; 5 of 5 threads narrowed to CPU 0 by"
            " sched_setaffinity, the first one 1.20 us after the start",
        ),
        (
            (0, 1),
            Allowed((0, 1), (0, 1), 1, 1, (0,), 0),
            "pinned to CPUs 0-1, Linux 6.18; 1 of 1 thread narrowed to CPU 0 by sched_setaffinity,"
            " before the measured part",
        ),
    ],
)
def test_the_cpus_it_was_allowed(pinned: tuple[int, ...], allowed: Allowed, text: str) -> None:
    run = SUMMARIES["command"]
    assert place(replace(run, allowed=allowed, target=replace(run.target, cpus=pinned))) == text


def test_whose_path_it_is() -> None:
    assert path_title(SUMMARIES["all"]) == (
        "The critical path: the chain of events that decided when the run ended"
    )
    assert path_title(SUMMARIES["command"]).endswith("when the command ended")
    assert path_title(SUMMARIES["attach"]) == (
        "The path: the chain of events that led to what thread 7 (a) did at the end"
    )


# ---- where the time went ----


def test_the_path_line_by_line() -> None:
    wall = {**dict.fromkeys(states.PATH_PARTS, 0), "wakeup:idle": 12_000, "wakeup:queued": 3000,
            "preempted": 30, "user": 40_000, "sleep": 4000}  # fmt: skip
    del wall["unknown"]
    run = planted_summary(
        window_ns=60_000,
        units=6,
        wall=Ledger(60_000, wall),
        headline=Headline(0.05, 0.26, 0.6, 0.006, 0.07, 0.01, 0.65, 570),
        host=planted_host(switch_cost_ns=100),
        idle_path={"delivery": 9000, "leaving_idle": 2000, "switch_in": 1000},
        behind={"own": 2000, "other": 0, "throttled": 0, "held": 600},
        awaited={**dict.fromkeys(states.AWAITED, 0), "timer": 4000},
    )
    lines = path(run, WIDTH)
    assert [cells(line) for line in lines[:16]] == [
        ["Where the time went (critical path)", "us/hop", "share"],
        ["switching", "2.6", "26.0 %"],
        [LINES["wakeup:idle"], "2.0", "20.0 %"],
        ["until that CPU had the thread on its queue", "1.5", "15.0 %"],
        ["that CPU leaving its idle state", "0.3", "3.3 %"],
        ["switching the thread in", "0.2", "1.7 %"],
        [LINES["wakeup:queued"], "0.5", "5.0 %"],
        [LINES["preempted"], "<0.1", "0.1 %"],
        [BEHIND_LINES["own"], "0.3", "3.3 %"],
        [BEHIND_LINES["held"], "0.1", "1.0 %"],
        [LINES["switch"], "0.1", "0.9 %"],
        [LINES["io"], "0.5", "5.0 %"],
        [LINES["user"], "6.0", "60.0 %"],
        [LINES["system"], "0.1", "0.6 %"],
        [LINES["waiting"], "0.7", "7.0 %"],
        [WAITING_LINES["timer"], "0.7", "6.7 %"],
    ]
    indents = [len(line) - len(line.lstrip()) for line in lines[1:11]]
    assert indents == [0, 2, 4, 4, 4, 2, 2, 2, 2, 2]
    assert lines[16].startswith("accounted 9.8 of 10.0 us (residual 1.6 %; all threads ")
    assert len(lines) == 17


def test_the_smallest_lines_go_first_and_those_without_time_always() -> None:
    wall = {**dict.fromkeys(states.PATH_PARTS, 0), "wakeup:idle": 200, "preempted": 40,
            "user": 700, "sleep": 60}  # fmt: skip
    run = planted_summary(
        window_ns=1000,
        units=None,
        wall=Ledger(1000, wall),
        headline=Headline(0, 0.24, 0.7, 0, 0.06, 0, 0.7, 0),
        behind=dict.fromkeys(states.BEHIND, 0),
        awaited={**dict.fromkeys(states.AWAITED, 0), "timer": 60},
    )

    def labels(most: int) -> list[str]:
        return [cells(line)[0] for line in path(run, WIDTH, most)[1:-1]]

    every = ["switching", LINES["wakeup:idle"], LINES["preempted"], LINES["user"],
             LINES["waiting"], WAITING_LINES["timer"]]  # fmt: skip
    assert labels(100) == labels(8) == every
    assert labels(7) == [label for label in every if label != LINES["preempted"]]
    assert labels(5) == ["switching", LINES["user"], LINES["waiting"]]
    assert labels(4) == ["switching", LINES["user"]]
    assert labels(0) == [LINES["user"]]


def test_other_programs_that_were_waited_for_are_named() -> None:
    others = (OtherProgram(8, "cc1", 50), OtherProgram(9, "m\x1b", 40), OtherProgram(7, "cc1", 10))
    run = planted_summary(others=others, behind={"own": 0, "other": 5, "throttled": 0, "held": 0})
    assert any(BEHIND_LINES["other"] + r": cc1, m\x1b" in line for line in path(run, WIDTH))


def test_a_short_unit_of_work_is_shown_in_ns() -> None:
    lines = path(planted_summary(), WIDTH)
    assert cells(lines[0])[1:] == ["ns/hop", "share"]
    assert cells(lines[1]) == ["switching", "3.3", "20.0 %"]
    assert "accounted 14.2 of 16.7 ns (residual 15.0 %; all" in "\n".join(lines)


@pytest.mark.parametrize(
    ("window_ns", "unit", "amount"),
    [(60_000_000, "ms/hop", "10.0 ms"), (6_000_000_000, "s/hop", "1.0 s"),
     (3_000_000_000, "ms/hop", "500 ms"), (60_000, "us/hop", "10.0 us")],
)  # fmt: skip
def test_a_unit_of_work_has_at_most_three_figures(window_ns: int, unit: str, amount: str) -> None:
    run = planted_summary(window_ns=window_ns, wall=Ledger(window_ns, {"user": window_ns}),
                          headline=headline(user=1.0).headline)  # fmt: skip
    run = replace(run, wall=Ledger(window_ns, {**dict.fromkeys(states.PATH_PARTS, 0),
                                               "user": window_ns}))  # fmt: skip
    lines = path(run, WIDTH)
    assert cells(lines[0])[1] == unit
    assert lines[-1].startswith(f"accounted {amount.split()[0]} of {amount} (residual")


def test_without_units_the_amounts_are_times() -> None:
    lines = path(SUMMARIES["command"], WIDTH)
    assert cells(lines[0])[1:] == ["time", "share"]
    assert cells(lines[1]) == ["switching", "20 ns", "20.0 %"]
    assert "accounted 85 ns of 100 ns (residual 15.0 %; all" in "\n".join(lines)


def test_a_light_run_is_not_split() -> None:
    labels = [cells(line)[0] for line in path(SUMMARIES["light"], WIDTH)]
    assert "on a CPU (not split: run without --light)" in labels
    assert not {LINES["io"], LINES["user"], LINES["system"]} & set(labels)


def test_what_the_path_cannot_show_is_said() -> None:
    cost = (
        "The direct cost of a switch cannot be measured on this kernel (no sched_exit_tp): it is in"
        " the calls."
    )
    asleep = "That thread was asleep for the last 5 ns; what will wake it is not known"
    assert remarks(SUMMARIES["attach"]) == [cost, asleep]
    assert remarks(planted_summary(switches=Switches(0, 0, 0))) == []
    assert remarks(SUMMARIES["pinned"]) == []


# ---- in words, and the next command ----


def headline(**shares: float) -> Summary:
    names = ("io", "switching", "user", "system", "waiting", "unknown", "on_cpu")
    values: dict[str, Any] = {**dict.fromkeys(names, 0.0), "switch_cost_ns": 0, **shares}
    return planted_summary(headline=Headline(**values))


@pytest.mark.parametrize(
    ("largest", "text"),
    [
        ("io", "a thread was moving data: inside read, write and poll calls."),
        ("user", "the program was computing in its own code."),
        ("system", "a thread was inside system calls other than I/O."),
        ("waiting", "the path waited, mostly for a timer that it had set."),
        ("unknown", "it is not known what the path did or waited for."),
    ],
)
def test_the_largest_share_in_words(largest: str, text: str) -> None:
    run = headline(**{largest: 0.567})
    assert advice.in_words(run) == f"For 57 % of the time {text}"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("wakeup:idle", "mostly while a sleeping CPU woke up."),
        ("wakeup:queued", "mostly in the queue of its CPU, behind other programs."),
        ("preempted", "mostly pushed off its CPU, behind other programs."),
        ("yielded", "mostly having given its CPU up by sched_yield, behind other programs."),
    ],
)
def test_the_largest_part_of_switching_in_words(part: str, text: str) -> None:
    run = headline(switching=0.4)
    behind = {"own": 1, "other": 19, "throttled": 0, "held": 0}
    run = replace(run, wall=Ledger(100, {**run.wall.parts, part: 20}), behind=behind)
    assert advice.in_words(run) == (
        f"For 40 % of the time the next thread was ready but not yet running, {text}"
    )


@pytest.mark.parametrize(
    ("awaited", "text"),
    [
        ("timed_wait", "a lock or an event until a time-out"),
        ("disk", "the disk (fdatasync)"),
        ("network", "the network: redis\\x1b (recvfrom)"),
        ("process", "another process"),
        ("other", "something outside the program"),
        ("kernel_workers", "the kernel's workers (io_uring)"),
    ],
)
def test_what_the_path_waited_for_in_words(awaited: str, text: str) -> None:
    run = headline(waiting=0.4)
    other = Waker(8, "redis\x1b")
    run = replace(
        run,
        wall=Ledger(100, {**run.wall.parts, "kernel_workers": 20 * (awaited == "kernel_workers")}),
        awaited={**run.awaited, awaited: 20},
        outside_waits=(
            OutsideWait("disk", "fdatasync", Waker(9, "jbd2"), 3, 60),
            OutsideWait("disk", "fsync", None, 1, 10),
            OutsideWait("network", "recvfrom", other, 3, 60),
            OutsideWait("process", "read", other, 3, 40),
            OutsideWait("process", "read", Waker(9, "b"), 3, 40),
            OutsideWait("process", "read", Waker(10, "c"), 3, 30),
        ),
    )
    assert advice.in_words(run).endswith(f"the path waited, mostly for {text}.")
    assert WAITING_LINES[awaited] in "\n".join(path(run, WIDTH))


def test_the_peer_of_a_wait_for_the_network_is_named() -> None:
    run = headline(waiting=0.4)
    peer = "10.0.0.5:5432"
    slept = (
        OutsideWait("network", "recvfrom", None, 3, 60, peer),
        OutsideWait("network", "recvfrom", Waker(8, "redis"), 1, 40),
    )
    run = replace(run, awaited={**run.awaited, "network": 20}, outside_waits=slept)
    assert advice.in_words(run).endswith(f"mostly for the network: {peer} (recvfrom).")
    assert any(f"for the network: {peer} (recvfrom) " in line for line in path(run, WIDTH))


def test_behind_nobody_is_split_by_what_held_the_path_back() -> None:
    quotas = (Quota(Path("/a"), 2, 9, 1, 5), Quota(Path("/a/b"), 0.3, 9, 7, 800, 100))
    behind = {"own": 6, "other": 0, "throttled": 9, "held": 3}
    run = planted_summary(host=planted_host(quotas=quotas), behind=behind, not_allowed_ns=4)
    lines = [cells(line)[0] for line in path(run, WIDTH)]
    assert [line for line in lines if line.startswith("of these: ")] == [
        BEHIND_LINES["own"],
        f"{BEHIND_LINES['throttled']} of 0.3 CPUs",
        BEHIND_LINES["held"],
        BEHIND_LINES["not_allowed"],
    ]


def test_the_switches_themselves_in_words() -> None:
    run = headline(switching=0.4, switch_cost_ns=7)
    assert advice.in_words(run) == (
        "For 40 % of the time a CPU was busy switching between threads."
    )


def test_threads_of_a_light_run_are_not_split() -> None:
    split = [cells(line) for line in groups(SUMMARIES["command"], WIDTH)]
    light = [cells(line) for line in groups(command(light=True), WIDTH)]
    assert split[1][3:6] == ["user, ns", "calls, ns", "asleep, ns"]
    assert light[1][3:5] == ["on CPU, ns", "asleep, ns"]
    assert len(light[3]) == len(split[3]) - 1


def test_a_light_run_in_words() -> None:
    assert advice.in_words(SUMMARIES["light"]) == (
        "For 60 % of the time a thread was running; --light does not separate code"
        " from system calls."
    )


# ---- switches, wake-ups, calls ----


def test_context_switches_and_latencies() -> None:
    lines = scheduler(planted_summary(outside_wakers={"timer": 2, "hard_irq": 0}), WIDTH)
    assert lines[0] == (
        "Context switches  3 (0.50 per hop): 1 voluntary, 2 involuntary; 3 migrations"
    )
    assert [cells(line) for line in (lines[2], *lines[4:8])] == [
        ["threads", "times", "per hop", "p50, ns", "p90, ns", "p99, ns", "max, ns"],
        ["woken to another CPU, idle", "1", "0.17", "7", "7", "7", "7"],
        ["woken to another CPU, busy", "2", "0.33", "7", "7", "7", "7"],
        ["woken by an interrupt or timer", "3", "0.50", "7", "7", "7", "7"],
        ["kept its CPU for", "2", "0.33", "7", "7", "7", "7"],
    ]
    assert lines[8:] == [
        "woken and not yet running at the end: 1",
        "Wake-ups from outside the program: 2 by timer",
    ]


def test_without_the_probe_there_are_switches_and_no_latencies() -> None:
    assert scheduler(SUMMARIES["no probes"], WIDTH) == [
        "Context switches  3 (0.50 per hop): 1 voluntary, 2 involuntary; 3 migrations"
    ]
    assert calls(SUMMARIES["no probes"], WIDTH) == []


def test_without_units_there_is_no_column_of_rates() -> None:
    lines = scheduler(SUMMARIES["command"], WIDTH)
    assert lines[0] == "Context switches  3: 1 voluntary, 2 involuntary; 3 migrations"
    yielded = replace(SUMMARIES["command"], switches=Switches(1, 5, 3, 2))
    assert "5 involuntary (2 yielded, 3 pushed off);" in scheduler(yielded, WIDTH)[0]
    assert cells(lines[2])[:3] == ["threads", "times", "p50, ns"]


def test_a_long_name_of_the_unit_is_not_in_the_head_of_a_column() -> None:
    lines = scheduler(planted_summary(unit="thread created"), WIDTH)
    assert "(0.50 per thread created)" in lines[0]
    assert cells(lines[2])[2] == "per unit"


def test_system_calls() -> None:
    title, columns, _rule, row, errors, still_open = calls(planted_summary(), WIDTH)
    assert title == "System calls (all threads; total includes sleeping in the call)"
    assert cells(columns) == [
        "call", "calls", "per hop", "total, ns", "on CPU, ns", "p50, ns", "p99, ns", "max, ns"
    ]  # fmt: skip
    assert cells(row) == ["read", "3", "0.50", "21", "16", "7", "7", "7"]
    assert errors == "errors: read 1 EAGAIN"
    assert still_open == "still open at the end: 2 read"
    assert calls(planted_summary(syscalls=()), WIDTH) == []


def test_small_calls_are_summed_and_errors_have_a_line() -> None:
    kinds = ("EAGAIN", "ERESTARTSYS", *(f"E{n}" for n in range(10)))
    errors = {kind: 20 - n for n, kind in enumerate(kinds)}
    big = CallRecord("futex", "futex", errors, 0, replace(histogram(300_000), max_ns=2_000_000))
    small = [CallRecord(f"s{n}", "other", {}, 0, histogram(n)) for n in (1, 2, 3)]
    run = planted_summary(window_ns=1_000_000_000, syscalls=(big, *small), open_calls={})
    lines = calls(run, WIDTH)
    assert cells(lines[1])[-5:] == ["total, ms", "on CPU, ms", "p50, ns", "p99, ns", "max, ns"]
    assert cells(lines[3])[-5:] == ["2.10", "2.10", "7", "7", "2,000,000"]
    assert lines[4] == "3 more calls, 42 ns in all (--all-rows)"
    assert lines[5].startswith("errors: futex 20 EAGAIN, futex 19 interrupted, restarted, futex 18")
    assert lines[5].endswith("futex 11 E7, and 2 more kinds (--json has them)")
    every = calls(run, WIDTH, all_rows=True)
    assert [cells(line)[0] for line in every[3:7]] == ["futex", "s1", "s2", "s3"]
    narrow = calls(run, 40)
    assert cells(narrow[1]) == ["call", "calls", "total, ms", "on CPU, ms"], "the answer stays"


# ---- threads ----


def test_the_busiest_threads_and_the_rest() -> None:
    lines = threads(planted_summary(), WIDTH)
    times = ["user, ns", "calls, ns", "asleep, ns", "ready, ns"]
    heads = [*times, "own/others/held", "vol", "invol"]
    assert lines[0].startswith(
        "The busiest threads (own time, sleep included; ready to run: behind"
    )
    assert cells(lines[1]) == ["tid", "thread", *heads]
    ns = ["1", "9", "9", "4", "25/25/50"]
    assert cells(lines[3]) == ["12", r"a\x1b", *ns, "1", "2"]
    assert cells(lines[4])[0] == "2 others"
    assert threads(SUMMARIES["no probes"], WIDTH) == []
    none = replace(planted_summary().rest, name="0 others")  # type: ignore[type-var]
    assert "0 others" not in "\n".join(threads(planted_summary(rest=none), WIDTH))
    blank = replace(planted_summary().top[0], name=" ")
    assert cells(threads(planted_summary(top=(blank,)), WIDTH)[3])[1] == "(no name)"


def test_threads_by_name() -> None:
    lines = groups(SUMMARIES["command"], WIDTH)
    assert cells(lines[3])[:4] == ["w-*", "3", "1", "1"]
    parts = dict.fromkeys(states.OWN_PARTS, 1)
    behind = dict.fromkeys(states.BEHIND, 0)
    many = tuple(GroupRow(f"{n:030}", 1, 0, 0, parts, behind, 0, 0, 0) for n in range(14))
    lines = groups(planted_summary(groups=many), WIDTH)
    assert sum(line.startswith("0") for line in lines) == 12
    assert lines[3].startswith("0" * 21 + "...  ")
    assert lines[-1] == "2 more names, 28 ns on CPUs or ready in all (--all-rows)"
    every = groups(planted_summary(groups=many), WIDTH, all_rows=True)
    assert sum(line.startswith("0") for line in every) == 14
    assert "never ran" not in lines[1]
    assert groups(planted_summary(groups=many[:1]), WIDTH) == [], "a single thread needs no table"


# ---- trust ----


def test_a_quiet_run_with_nothing_lost() -> None:
    assert trust(planted_summary(wall=Ledger(100, {"user": 100}),
                                 threads=Ledger(100, {"user": 99}),
                                 cpu=Ledger(100, {"target_user": 96, "other": 4}))) == [
        "Observer effect  not measured (--no-baseline)",
        "Losses  none",
        "Meanwhile  other tasks used 4.0 % of the CPUs, the host took 0.0 % (steal)",
        "Not on this kernel: sched_exit_tp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "steal_ns", "end"),
    [
        (50, 0, ["the host took 0.0 % (steal)"]),
        (51, 0, ["the host took 0.0 % (steal); do not trust fine differences"]),
        (0, 100, ["the host took 10.0 % (steal); do not trust fine differences"]),
        (0, 101, ["the host took 10.1 % (steal)",
                  "Warning: steal counts as time on a CPU in all of the above, which is too long by"
                  " about as much; repeat this on a quieter machine"]),
    ],
)  # fmt: skip
def test_what_else_ran_meanwhile(other: int, steal_ns: int, end: list[str]) -> None:
    cpu = Ledger(1000, {"target_user": 1000 - other, "other": other})
    run = planted_summary(cpu=cpu, host=planted_host(load=HostLoad(steal_ns, 0)))
    lines = trust(run)
    assert lines[2] == f"Meanwhile  other tasks used {other / 10:.1f} % of the CPUs, {end[0]}"
    assert lines[3:-1] == end[1:]  # then comes a tracepoint


def test_the_observer_effect() -> None:
    pairs = [Pair(110, 100, 2, 1), Pair(120, 100, 2, 1), Pair(130, 100, 2, 1)]
    assert trust(planted_summary(observer=observe(pairs)))[:2] == [
        "Observer effect  1.20x [1.10, 1.30], minimum to maximum of 3 pairs",
        "  median 100 ns per hop untraced, 120 ns traced; switches per hop 1.00 untraced, 2.00"
        " traced",
    ]
    noise = observe([Pair(90, 100, 1, 1), Pair(120, 100, 1, 1)] * 3)
    line = trust(planted_summary(observer=noise))[0]
    assert re.fullmatch(
        r"Observer effect  1\.05x \[0\.\d\d, 1\.\d\d\], 95 % interval of 6 pairs: no difference"
        r" seen", line
    )  # fmt: skip
    assert trust(planted_summary(observer=observe(pairs[:1])))[0].endswith("of 1 pair")


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (
            Estimate(10, 100, 10, 20, 3),
            "~11.1 to 25.0 % more CPU time than untraced, an estimate: 10 events of ~2 ns each,"
            " timed in 3 samples of the run",
        ),
        (
            Estimate(2, 10_000, 4, 6, 0),
            "<0.1 % more CPU time than untraced, an estimate: 2 events of ~2 ns each, calibrated"
            " on this host",
        ),
        (
            Estimate(1, 10_000, 8, 20, 1),
            "up to ~0.2 % more CPU time than untraced, an estimate: 1 event of ~14 ns each,"
            " timed in 1 sample of the run",
        ),
        (
            Estimate(10, 10_000, 20.0, 20.4, 0),
            "~0.2 % more CPU time than untraced, an estimate: 10 events of ~2 ns each, calibrated"
            " on this host",
        ),
    ],
)  # fmt: skip
def test_the_observer_effect_as_an_estimate(estimate: Estimate, text: str) -> None:
    attach = replace(SUMMARIES["attach"], estimate=estimate)
    assert trust(attach)[0] == f"Observer effect  {text}"
    assert trust(command(estimate=estimate))[0] == (
        f"Observer effect  {text}; --baseline measures it"
    )


def test_no_estimate_for_a_target_that_hardly_ran() -> None:
    for on_cpu_ns in (0, 900):
        attach = replace(SUMMARIES["attach"], estimate=Estimate(0, on_cpu_ns, 900, 2000, 3))
        assert trust(attach)[0] == (
            f"Observer effect  not estimated: the target was on CPUs for {on_cpu_ns} ns, which"
            " cannot be told from the cost of tracing"
        )


def test_many_survivors_are_counted() -> None:
    survivors = tuple(Process(n, n, "p") for n in range(1, 11))
    target = replace(SUMMARIES["command"].target, survivors=survivors)
    line = next(line for line in trust(command(target=target)) if line.startswith("Still running"))
    assert line.endswith(
        " then on: 1 (p), 2 (p), 3 (p), 4 (p), 5 (p), 6 (p), 7 (p), 8 (p) and 2"
        " more (--json has them)"
    )


def test_no_pair_was_complete() -> None:
    assert trust(SUMMARIES["partial"])[0] == "Observer effect  not measured (no pair was complete)"


def test_a_quota_that_held_the_program_back() -> None:
    quota = Quota(Path("/sys/fs/cgroup/batch"), 0.3, 10, 7, 450_000_000)
    assert (
        "Held back by a quota of 0.3 CPUs, of the control group batch: 450 ms over all CPUs, in 7"
        " of 10 periods"
    ) in trust(planted_summary(host=planted_host(quotas=(quota,))))


def test_every_reason_for_doubt_has_its_line() -> None:
    losses = {**SUMMARIES["all"].losses, "thread_table_full": 3, "recursion": 1}
    run = command(
        losses=losses,
        repairs={**SUMMARIES["all"].repairs, "switch_not_seen": 1, "switched_in_while_blocked": 2},
        unnamed_ns={"switch_not_seen": 41, "switched_in_while_blocked": 60},
        closed_late=True,
        wall=Ledger(1000, {"user": 900}),
        threads=Ledger(1000, {"user": 1020}),
        cpu=Ledger(1000, {"other": 0, "idle": 1000}),
    )
    assert not run.is_trusted
    assert warning(run) == [
        "NOT TO BE TRUSTED: the ledger of the path is open, 10.0 % of it has no name"
        " (41 ns before 1 context switch, 60 ns before 2 wake-ups that the kernel did not report);"
        " the ledger of threads is open, 2.0 % of it is counted twice; 4 events lost (3 thread"
        " table full, 1 recursion); the end of the window was not seen in the kernel"
    ]
    assert trust(run)[1:] == [
        "Losses  3 thread table full, 1 recursion: the numbers above are too small",
        "Meanwhile  other tasks used 0.0 % of the CPUs, the host took 0.0 % (steal)",
        "Without a kernel event, inferred from the next one: 1 context switch, 2 wake-ups",
        r"Still running after the command's end, and not in this report from then on: 7 (a\x1b, a"
        " session of its own)",
        "Not on this kernel: sched_exit_tp",
    ]


def test_an_open_path_whose_thread_sleeps_says_for_how_long() -> None:
    run = replace(SUMMARIES["attach"], wall=Ledger(1000, {"user": 900}), unnamed_ns={})
    assert (
        "10.0 % of it has no name (5 ns asleep at its end, until an unknown event)"
        in (warning(run)[0])
    )


# ---- what if ----


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        (WhatIf(2.777, 1.94), "What if (bounds): without any switching at most 2.8x, with wake-ups"
         " to other CPUs as short as on the same CPU about 1.9x"),
        (WhatIf(12.3, None), "What if (bounds): without any switching at most 12x"),
        (WhatIf(1.3, 1.09), "What if (bounds): without any switching at most 1.3x"),
    ],
)  # fmt: skip
def test_what_could_be_gained(bounds: WhatIf, text: str) -> None:
    run = planted_summary(what_if=bounds)
    assert advice.what_if(run) == [text]
    assert text in render(run, 200).splitlines()


@pytest.mark.parametrize("bounds", [WhatIf(), WhatIf(1.0, 1.0), WhatIf(1.09, None)])
def test_a_small_gain_is_not_worth_a_line(bounds: WhatIf) -> None:
    run = planted_summary(what_if=bounds)
    assert advice.what_if(run) == []
    assert "What if" not in render(run)


@pytest.mark.parametrize(
    ("losses", "is_trusted"),
    [
        ({"recursion": 2}, True),
        ({"recursion": 3}, False),
        ({"recursion": 1, "state_race": 1}, False),
        ({"state_race": 1}, False),
    ],
)
def test_a_loss_too_small_to_change_a_figure_is_told_and_trusted(
    losses: dict[str, int], is_trusted: bool
) -> None:
    call = replace(SUMMARIES["all"].syscalls[0], times=histogram(9_000))
    run = command(
        losses={**SUMMARIES["all"].losses, **losses},
        syscalls=(call,),
        switches=Switches(1_500, 500, 0, 0),
        wakeups={"total": 3_000},
        **dict.fromkeys(("wall", "threads"), Ledger(1000, {"user": 1000})),
        cpu=Ledger(1000, {"other": 0, "idle": 1000}),
    )
    assert run.is_trusted is is_trusted
    assert bool(warning(run)) is not is_trusted
    (told,) = [line for line in trust(run) if line.startswith("Losses")]
    assert all(f"{n} {kind.replace('_', ' ')}" in told for kind, n in losses.items())
